"""Histories of a site with a patrol: what a guard heard is never lost; and planted bugs that must be found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from central.rounds import projection
from central.sync import publish
from edge.core.stimuli import Committed
from edge.roles import patrol
from tests.sim.patrol_world import PatrolWorld
from tests.sim.world import is_found, play

HISTORIES = 20
STEPS = 40
BATCH = 10
PLANTED_HISTORIES = 29
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@pytest.mark.parametrize("first", range(1, HISTORIES + 1, BATCH))
def test_no_scan_that_was_heard_is_lost(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + BATCH):
        folder = tmp_path / str(seed)
        folder.mkdir()
        asyncio.run(play(folder, seed, STEPS, make=PatrolWorld))


def heard_although_not_recorded(patch: pytest.MonkeyPatch) -> None:
    """The guard hears that all is well when the medium has refused the scan."""
    real = patrol._committed

    def committed(turn: Any, answer: Committed) -> None:
        real(turn, msgspec.structs.replace(answer, ok=True, seq=answer.seq or 1 << 40))

    patch.setattr(patrol, "_committed", committed)


def a_scan_left_out(patch: pytest.MonkeyPatch) -> None:
    """The centre passes every third scan by."""
    real = projection._put

    def put(rows: Sequence[dict[str, Any]]) -> None:
        real([row for row in rows if row["seq"] % 3])

    patch.setattr(projection, "_put", put)


def cards_not_followed(patch: pytest.MonkeyPatch) -> None:
    """A card that is lost or issued changes nothing at the patrol points."""
    patch.setattr(publish, "card_followers", [])


@pytest.mark.parametrize(
    "plant", [heard_although_not_recorded, a_scan_left_out, cards_not_followed], ids=lambda one: one.__name__
)
def test_a_planted_bug_is_found(
    tmp_path: Path, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert is_found(tmp_path, PLANTED_HISTORIES, STEPS, PatrolWorld)
