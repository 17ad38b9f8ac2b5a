"""Histories of an area with doors of three devices; and planted bugs that must be found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from central.access.then import Verdict
from central.sync import publish
from edge.roles import door_places
from protocol.abreast import Abreast
from protocol.basis import Basis
from tests.sim.area_world import AreaWorld
from tests.sim.world import is_found, play

HISTORIES = 6
STEPS = 70
BATCH = 3
PLANTED_HISTORIES = 11
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("first", range(1, HISTORIES + 1, BATCH))
def test_no_history_locks_anybody_in_or_out_of_an_area_of_several_devices(tmp_path: Path, first: int) -> None:
    """Seen when: over slow and cut lines, power cuts, clocks that are not known, restarts and restores of the centre and resets by
    an operator, nobody is refused who came out more than 15 seconds ago, the way out always opens, a second entry is
    refused everywhere once lines are whole, and all devices end with the same places; and every record comes out once more by the
    settings of its moment.

    Planted breaks that turn it red: those below.
    """
    seen = {"refused": 0, "soft": 0, "explained": 0}
    for seed in range(first, first + BATCH):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = asyncio.run(play(folder, seed, STEPS, make=AreaWorld))
        assert isinstance(world, AreaWorld)
        world.counts["explained"] = world.verdicts[Verdict.SAME]
        for name in seen:
            seen[name] += world.counts[name]
    assert all(seen.values()), f"these histories prove little: {seen}"


def a_device_that_never_is_cut_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_places, "cut_off", lambda _turn: False)


def knowledge_as_young_as_the_answer(patch: pytest.MonkeyPatch) -> None:
    """Who answers is taken to know the others until now."""
    real = Abreast.pong

    def pong(self: Abreast, answer: Any, heads: Any, now_ms: int) -> None:
        real(self, answer, heads, now_ms)
        self._others = now_ms, heads

    patch.setattr(Abreast, "pong", pong)


def places_told_to_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(publish, "place_changed", lambda *_given: None)


def a_record_that_does_not_say_what_it_used(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("edge.roles.door.basis_of", lambda *_given: Basis())


@pytest.mark.parametrize(
    "plant",
    [
        a_record_that_does_not_say_what_it_used,
        a_device_that_never_is_cut_off,
        knowledge_as_young_as_the_answer,
        places_told_to_nobody,
    ],
    ids=lambda one: one.__name__,
)
def test_a_planted_bug_is_found(
    tmp_path: Path, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert is_found(tmp_path, PLANTED_HISTORIES, STEPS, AreaWorld)
