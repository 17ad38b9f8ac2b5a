"""The estate that these tests work on: on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.estate import Estate


@pytest.fixture
def estate(database_url: str, tmp_path: Path) -> Iterator[Estate]:
    made = Estate(tmp_path, database_url)
    yield made
    made.close()
