"""A centre on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.centre import RunningCentre, run_centre


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def running_centre(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningCentre]:
    """In place of the one of all tests, which runs on SQLite."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    async with run_centre(tmp_path / "centre", **({} if url is None else {"database_url": url})) as running:
        yield running
