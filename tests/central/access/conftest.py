"""The estate that the tests of doors work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.estate import Estate


@pytest.fixture
def estate(tmp_path: Path, database_url: str) -> Iterator[Estate]:
    made = Estate(tmp_path, database_url)
    yield made
    made.close()
