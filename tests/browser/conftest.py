"""Browser tests share one Chromium and one event loop per test process."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.browser import running_chromium
from tests.support.demo_site import DemoSite, running_demo
from tests.support.night import sleep_over_midnight
from tests.support.put_right import put_right


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.browser)
            if inspect.iscoroutinefunction(getattr(item, "obj", None)):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Any]:
    """One Chromium for all tests of this process; ``open_page(browser)`` gives a tab in a fresh profile."""
    async with running_chromium() as chromium:
        yield chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def demo_site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DemoSite]:
    """The whole demo as real processes, once for all tests that stand in the group ``site``."""
    async with running_demo(tmp_path_factory.mktemp("site") / "demo", browser) as site:
        yield site


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def right_site(request: pytest.FixtureRequest) -> None:
    """Each test finds the demo as it is when nobody does anything, however the one before has ended."""
    if "demo_site" in request.fixturenames:
        await sleep_over_midnight()
        await put_right(request.getfixturevalue("demo_site").tester)
