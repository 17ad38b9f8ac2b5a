"""Rows of points that are no doors: patrol points and terminals. They are sent as all rows are, see ``protocol.records``.

Each stands under the number of its point, beside the ``PointRow``; what concerns a card stands under the card's key.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class CheckpointRow(msgspec.Struct, frozen=True, array_like=True):
    """A reader of this node is a patrol point (巡更點); known by the number of the point.

    ``checkpoint``: its number in the plans. ``plan_until_s``: visits planned before this instant are here; 0: none are.
    ``carried``: no fixed place but a unit that guards carry (巡更棒): a guard's card opens the round, location cards are
    scanned, and it ends by the guard's card again or ``round_idle_s`` after the last scan.
    """

    checkpoint: int
    plan_until_s: int = 0
    carried: bool = False
    round_idle_s: int = 7_200


class GuardRow(msgspec.Struct, frozen=True, array_like=True):
    """A card of somebody who walks rounds, with the visits that are planned for him at checkpoints of this node.

    ``visits``: (checkpoint, planned second, early_s, late_s, outer_early_s, outer_late_s), see ``rules.patrol.plan``.
    ``closed``: the patrol is not opened for this card (38): it is recorded, and no guard's.
    """

    visits: tuple[tuple[int, int, int, int, int, int], ...] = ()
    closed: bool = False


class PlaceRow(msgspec.Struct, frozen=True, array_like=True):
    """A location card (地點卡): it hangs at a checkpoint and is scanned there with a carried unit."""

    checkpoint: int


class PatrolEvent(IntEnum):
    """What a guard says beside being there, by a button of the point or an event card."""

    NONE = 0
    ALL_WELL = 1
    FAULT = 2
    HELP = 3


class EventCardRow(msgspec.Struct, frozen=True, array_like=True):
    """An event card (事件卡): shown at a patrol point, it says something of the guard who was scanned there last."""

    event: PatrolEvent


class PunchStatus(IntEnum):
    """What a punch says of itself, by the reader or by the key that was pressed before it. NONE: nothing."""

    NONE = 0
    IN = 1
    OUT = 2


class TimeClockRow(msgspec.Struct, frozen=True, array_like=True):
    """A reader of this node is a time clock (考勤機); known by the number of the point. Access levels say whose cards it takes.

    ``status``: what a card says by being shown here; NONE: what the key says that was pressed before, if one was.
    """

    status: PunchStatus = PunchStatus.NONE
