"""The migrations make exactly the tables that the models have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from central import schema
from central.db import Database
from central.migrate import DIRECTORY


def names(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).strip().rstrip(";")


def test_a_new_database_has_the_tables_of_the_models(tmp_path: Path) -> None:
    """Planted break: add a field to a model without a migration."""
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    database.call_upgrade()

    def found() -> set[str]:
        from central.settings import Setting

        rows = Setting._meta.database.execute_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {names(sql) for (sql,) in rows if "schema_migration" not in sql}

    assert database.call_read(found) == {names(sql) for sql in schema.statements("sqlite")}
    database.call_close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_frozen_statements_are_those_of_the_models(kind: str) -> None:
    frozen = (DIRECTORY / f"0001_initial.{kind}.sql").read_text(encoding="utf-8")
    assert {names(part) for part in frozen.split(";\n") if part.strip()} == {
        names(sql) for sql in schema.statements(kind)
    }


def test_an_upgrade_of_an_upgraded_database_does_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    database.call_upgrade()
    database.call_upgrade()
    database.call_close()
