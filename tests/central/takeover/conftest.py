"""A running centre with a small estate, for the tests of the take-over."""

from __future__ import annotations

import pytest

from tests.support.centre import RunningCentre
from tests.support.estate_pages import Estate


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)
