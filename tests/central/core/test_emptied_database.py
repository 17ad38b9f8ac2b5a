"""A PostgreSQL database that a test gets after another one is as if it were new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.estate import Estate
from tests.support.postgres import Cluster

pytestmark = pytest.mark.postgres
TABLES = (
    "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
)
COUNTERS = "SELECT seqrelid::regclass::text, pg_sequence_last_value(seqrelid) FROM pg_sequence"


def everything(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url) as connection:
        tables = [name for (name,) in connection.execute(TABLES)]
        found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
        return {**found, "counters": connection.execute(COUNTERS).fetchall()}


def test_what_a_test_entered_is_gone_before_the_next(postgres_cluster: Cluster, tmp_path: Path) -> None:
    """Planted breaks: leave out the deleting; leave out the counters; leave out what the migrations entered."""
    with postgres_cluster.ready_database() as first:
        fresh = everything(first)
        Estate(tmp_path, first).close()
        assert everything(first) != fresh
    with postgres_cluster.ready_database() as second:
        assert second == first
        assert everything(second) == fresh


@pytest.mark.parametrize("change", ["DROP COLUMN name", "ADD COLUMN more int"])
def test_a_database_with_other_tables_is_given_to_nobody(postgres_cluster: Cluster, change: str) -> None:
    """Planted break: do not compare the tables."""
    with postgres_cluster.ready_database() as first, psycopg.connect(first) as connection:
        connection.execute(f"ALTER TABLE person {change}")
    with postgres_cluster.ready_database() as second:
        assert second != first
