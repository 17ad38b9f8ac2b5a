"""Fixtures of this folder: one node by itself, and a whole site of real processes for the tests of one file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.node_fixtures import make_node, node
from tests.support.site import Site, running_site

__all__ = ["make_node", "node", "site"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Centre, two doors and an issuer, joined; an administrator signed in, pages in English.

    A file may say ``BUSES``: the wires (spi, uart) between its devices and their chips.
    """
    async with running_site(tmp_path_factory.mktemp("site"), getattr(request.module, "BUSES", {})) as running:
        yield running
