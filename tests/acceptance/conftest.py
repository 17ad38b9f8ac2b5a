"""Fixtures of this folder: one node by itself, and a whole site of real processes for the tests of one file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from provisioning.demo.browser import Browser
from provisioning.demo.demo import Demo
from provisioning.demo.processes import free_port
from tests.support.node_fixtures import make_node, node
from tests.support.site import Site

__all__ = ["make_node", "node", "site"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Centre, two doors and an issuer, joined; an administrator signed in, pages in English.

    A file may say ``BUSES``: the wires (spi, uart) between its devices and their chips.
    """
    demo = Demo(tmp_path_factory.mktemp("site") / "site")
    demo.buses = getattr(request.module, "BUSES", {})
    demo.centre_port, demo.taps_port, demo.nodes_port = (free_port(0) for _ in range(3))
    try:
        await demo.start()
        async with Browser(demo.centre_url, "en") as browser:
            assert demo.site is not None
            await browser.sign_in_by_link(demo.site.login_path)
            running = Site(demo, browser)
            await running.until_joined()
            yield running
    finally:
        await demo.stop()
