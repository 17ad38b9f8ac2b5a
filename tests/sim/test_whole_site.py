"""Histories of a whole site; every invariant at every step, and planted bugs that must be found."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.cache.errors import CacheError
from tests.sim.plants import PLANTS, Plant
from tests.sim.world import Bugs, Violation, is_found, play

HISTORIES = 300
STEPS = 40
BATCH = 10
PLANTED_HISTORIES = 59
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@pytest.mark.parametrize("first", range(1, HISTORIES + 1, BATCH))
def test_no_history_breaks_a_promise(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + BATCH):
        folder = tmp_path / str(seed)
        folder.mkdir()
        asyncio.run(play(folder, seed, STEPS))


@pytest.mark.parametrize(
    "bug",
    [
        Bugs(ack_before_commit=True),
        Bugs(purge_before_backup=True),
        Bugs(open_before_record=True),
        Bugs(forget_restrictions=True),
        Bugs(disk_lies=True),
    ],
    ids=lambda bug: next(name for name, value in vars(bug).items() if value),
)
def test_a_planted_bug_is_found(tmp_path: Path, bug: Bugs) -> None:
    for seed in range(1, 40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            asyncio.run(play(folder, seed, STEPS, bug))
        except Violation:
            return
        except CacheError:
            if bug.disk_lies:  # a disk that forgets may also leave files that cannot be opened
                return
            raise
    pytest.fail("not found in 39 histories")


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_bug_planted_in_the_product_is_found(
    tmp_path: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert is_found(tmp_path, PLANTED_HISTORIES, STEPS)
