"""A card with hours of its own at the doors of one node, without any centre (the working hours of a permit)."""

from __future__ import annotations

import pytest

from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import HoursRow, Kind, delete, put
from tests.support.door_node import GOOD, DoorNode, bodies, make, released, rows

KEY = uid_key(GOOD.uid)
EVERY_DAY = (1 << 15) - 1
HOUR_MS = 3_600_000
MORNING_AND_AFTERNOON = HoursRow(((EVERY_DAY, 9 * 60, 12 * 60), (EVERY_DAY, 14 * 60, 18 * 60)))


@pytest.fixture
def node() -> DoorNode:
    """It is Monday noon."""
    return make([*rows(), put(KEY, MORNING_AND_AFTERNOON)])


def reasons(actions: list[object]) -> list[Reason]:
    return [fact.reason for fact in bodies(actions, AccessFact)]  # type: ignore[attr-defined, arg-type]


def test_the_break_is_refused_at_every_door_and_the_afternoon_opens(node: DoorNode) -> None:
    """Planted break: leave ``HOURS`` out of ``View._with``."""
    for reader in (1, 3):
        refused = node.swipe(GOOD, reader=reader)
        assert (reasons(refused), released(refused)) == ([Reason.OUTSIDE_SCHEDULE], [])
    node.wait(2 * HOUR_MS)
    opened = node.swipe(GOOD)
    assert reasons(opened) == [Reason.GRANTED]
    assert released(opened)
    node.wait(4 * HOUR_MS)
    assert reasons(node.swipe(GOOD)) == [Reason.OUTSIDE_SCHEDULE]


def test_whoever_is_inside_gets_out(node: DoorNode) -> None:
    assert released(node.swipe(GOOD, reader=2))


def test_without_its_hours_the_card_opens_as_its_levels_say(node: DoorNode) -> None:
    node.change(delete(Kind.HOURS, KEY))
    assert reasons(node.swipe(GOOD)) == [Reason.GRANTED]
