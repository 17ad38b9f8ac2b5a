"""What the histories of this folder share."""

from __future__ import annotations

import pytest

from tests.sim.world import furnished


@pytest.fixture(scope="session", autouse=True)
def _furnished() -> None:
    """Made before a bug is planted in what makes it."""
    furnished()
