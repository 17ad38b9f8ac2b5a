"""Fixtures of this folder: one node by itself, and whole sites of real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.night import sleep_over_midnight
from tests.support.node_fixtures import make_node, node
from tests.support.put_right import put_right
from tests.support.site import Site, running_site

__all__ = ["make_node", "node", "site"]


TIMEOUT_S = 400
"""A test of a whole site: its waits end when it is so, and are bounded for a machine with much else to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Site:
    """Centre, two doors and an issuer, joined; an administrator signed in, pages in English.

    Files share one, as people of one site do: each test enters people, cards and whatever it counts for itself. A file that says
    ``OWN_SITE = True`` has one to itself, because it counts everything or takes something apart; so has one that says
    ``BUSES``: the wires (spi, uart) between its devices and their chips.
    """
    is_own = hasattr(request.module, "BUSES") or getattr(request.module, "OWN_SITE", False)
    found: Site = request.getfixturevalue("own_site" if is_own else "shared_site")
    return found


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def right_site(request: pytest.FixtureRequest) -> None:
    """Each test finds its site as it is when nobody does anything, however the one before has ended."""
    if "site" in request.fixturenames:
        await sleep_over_midnight()
        await put_right(request.getfixturevalue("site"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """For the tests of one file."""
    async with running_site(tmp_path_factory.mktemp("site"), getattr(request.module, "BUSES", {})) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shared_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """For the files of this folder that follow one another in one process of the run."""
    async with running_site(tmp_path_factory.mktemp("site"), {}) as running:
        yield running
