"""Histories of an area with doors of three devices; and planted bugs that must be found."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.sim.area_world import AreaWorld
from tests.sim.world import play

HISTORIES = 6
STEPS = 70
BATCH = 3
PLANTED_HISTORIES = 40
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("first", range(1, HISTORIES + 1, BATCH))
def test_no_history_locks_anybody_in_or_out_of_an_area_of_several_devices(tmp_path: Path, first: int) -> None:
    """Seen when: over slow and cut lines, power cuts, clocks that are not known, restarts and restores of the centre and resets by
    an operator, nobody is refused who came out more than 15 seconds ago, the way out always opens, a second entry is
    refused everywhere once lines are whole, and all devices end with the same places.

    Planted breaks that turn it red: those below.
    """
    seen = {"refused": 0, "soft": 0}
    for seed in range(first, first + BATCH):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = asyncio.run(play(folder, seed, STEPS, make=AreaWorld))
        assert isinstance(world, AreaWorld)
        for name in seen:
            seen[name] += world.counts[name]
    assert all(seen.values()), f"these histories prove little: {seen}"
