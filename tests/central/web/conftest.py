"""The pages in a small real application; a test file adds routes by overriding ``extra_routes``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.routes import Route
from tests.support.pages import Site, serve_pages


@pytest.fixture
def extra_routes() -> list[Route]:
    """Routes that a test file adds."""
    return []


@pytest.fixture
async def site(tmp_path: Path, extra_routes: list[Route]) -> AsyncIterator[Site]:
    async with serve_pages(tmp_path, extra_routes) as running:
        yield running
