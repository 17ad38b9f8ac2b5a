"""Histories of an area with a limit, escorts and limited uses over three devices; and planted bugs that must be found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from central.access.projection import places
from central.sync import publish
from edge.core.actions import Record
from edge.roles import door, door_places, door_rules, door_uses
from protocol.reasons import Reason
from protocol.rules.doors import RuleState
from tests.sim.limit_world import LimitWorld
from tests.sim.world import is_found, play
from tests.support.thorough import THOROUGH

HISTORIES = 36 if THOROUGH else 4
STEPS = 70
PLANTED_HISTORIES = 11
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@pytest.mark.requirement("B3")
def test_no_history_exceeds_the_limit_of_an_area_by_more_than_its_bound(tmp_path: Path) -> None:
    """Seen when: over slow and cut lines, power cuts, clocks that are not known, restarts and restores of the centre, no device
    lets in more than the limit by what it must know, nobody new is let in where it is cut off, nobody is refused for that or
    for want of room without reason, guests go in beside an escort alone, both of a pair are inside everywhere, and each use
    is counted once.

    Planted breaks that turn it red: those below.
    """
    seen = {"full": 0, "cut off": 0, "along": 0}
    for seed in range(1, HISTORIES + 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = asyncio.run(play(folder, seed, STEPS, make=LimitWorld))
        assert isinstance(world, LimitWorld)
        for name in seen:
            seen[name] += world.counts[name]
    assert all(seen.values()), f"these histories prove little: {seen}"


def a_device_that_never_is_cut_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_places, "cut_off", lambda _turn: False)


def places_told_to_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(publish, "place_changed", lambda *_given: None)


def of_two_the_centre_hears_of_one(patch: pytest.MonkeyPatch) -> None:
    real = places.let_in
    patch.setattr(places, "let_in", lambda *given: real(*given)[:1])


def a_pair_that_takes_one_place(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RuleState, "coming", lambda _self, holder: frozenset({holder}))


def guests_without_an_escort(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_rules, "escort_at", lambda _turn, _reader: 1 << 30)


def a_guest_that_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_rules, "waiting", lambda *_given: ())


def a_guest_that_uses_nothing(patch: pytest.MonkeyPatch) -> None:
    def goes_along(_turn: Any, fact: Any, decision: Any) -> Record:
        return Record(replace(fact, reason=Reason.GRANTED_ALONG, release_ms=0), decision.key)

    patch.setattr(door, "_goes_along", goes_along)


def uses_forgotten_at_a_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_uses, "remember", lambda *_given: None)


PLANTS = [
    a_device_that_never_is_cut_off,
    places_told_to_nobody,
    of_two_the_centre_hears_of_one,
    a_pair_that_takes_one_place,
    guests_without_an_escort,
    a_guest_that_is_forgotten,
    a_guest_that_uses_nothing,
    uses_forgotten_at_a_start,
]


@pytest.mark.parametrize("plant", PLANTS[:: 1 if THOROUGH else 4], ids=lambda one: one.__name__)
def test_a_planted_bug_is_found(
    tmp_path: Path, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert is_found(tmp_path, PLANTED_HISTORIES, STEPS, LimitWorld)
