"""What a decision used that no row says, as its fact carries it: with the rows of then it can be taken once more (B6). Pure.

``basis_of`` is written down by the node that decides, ``again`` undoes it at the centre. Both stand here, so that a state field
that a check begins to use is added to both. Nobody but the holder of the card is named: of others it is noted that somebody
waits, or how many are inside, since a fact is kept when its personal part has been dropped (I15).
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final

import msgspec

from protocol.decide import (
    Decision,
    Instant,
    PointState,
    Presentation,
    Trust,
    home_grace,
    place_of,
)
from protocol.door_rows import OCCUPANCY_MAX, PROOF_LENGTH, SALT_LENGTH, PinRow
from protocol.ids import Tier
from protocol.pin import COST, PinCheck
from protocol.records import Mode, UsesRow
from protocol.rules.doors import RuleState
from protocol.rules.passback import UNKNOWN, Place, Places
from protocol.view import AccessPoint, View


class Used(IntFlag):
    """What was so when the card was shown."""

    NOTHING = 0
    SEVERAL = 1
    COPY = 2
    CREDENTIAL = 4
    """A verified credential was read, also where the card was found by its UID."""
    HOME_GRACE = 8
    """The clock was without trust for less time than a home door bears (``home_grace``)."""
    INTERLOCKED = 16
    PIN_BLOCKED = 32
    CUT_OFF = 64
    WAITING = 128
    """Another holder had shown his card and waited for a second person."""
    ESCORT = 256
    """Another holder, who may escort, had been let in just now."""
    INSIDE = 512
    """The holder was in the limited area that it leads into."""
    NO_LOCK = 1024
    """The board has no lock for the door of this reader."""
    ALONG = 2048
    """Somebody who waited, and was not in the limited area, would have gone in with the holder."""


class Basis(msgspec.Struct, frozen=True, array_like=True):
    """``pin``: what became of the question for it. ``others``: holders in the limited area, and who would go in too, but for this one.
    ``place_at_ms``, ``place_reset_no``: of the place that the fact names. ``ago_ms``: so long before the fact's time the decision
    was taken (a PIN was waited for).
    """

    used: Used = Used.NOTHING
    pin: PinCheck = PinCheck.NOT_ASKED
    others: int = 0
    place_at_ms: int = 0
    place_reset_no: int = 0
    ago_ms: int = 0


PIN_STAND_IN: Final = PinRow(bytes([1]) * PROOF_LENGTH + bytes([2]) * PROOF_LENGTH, bytes(SALT_LENGTH), COST)
"""Stands in a View of then for the PIN of a card, whose proofs nobody keeps."""
_PROOF: Final = {
    PinCheck.RIGHT: bytes([1]) * PROOF_LENGTH,
    PinCheck.DURESS: bytes([2]) * PROOF_LENGTH,
    PinCheck.WRONG: bytes([3]) * PROOF_LENGTH,
}
_SOMEBODY: Final = -1
"""No holder has such a number."""
_SOMEBODY_INSIDE: Final = -2
"""The first of those that stand for whoever is in the area."""
_CREDENTIAL: Final = bytes(8)
"""Stands for a credential that nobody knows here."""


def basis_of(
    shown: Presentation, view: View, point: AccessPoint, state: PointState, now: Instant, decision: Decision
) -> Basis:
    """What the decision used beside rows and what its fact says already."""
    rules, holder = state.rules, decision.holder
    flags = _of_card(shown)
    if not now.trusted and home_grace(now):
        flags.append(Used.HOME_GRACE)
    if state.escort not in (0, holder):
        flags.append(Used.ESCORT)
    if point.rules is None:
        return Basis(_sum(flags)) if flags else _PLAIN
    coming = rules.coming(holder)
    for flag, is_so in (
        (Used.INTERLOCKED, rules.interlocked),
        (Used.PIN_BLOCKED, rules.pin_blocked),
        (Used.CUT_OFF, rules.cut_off),
        (Used.WAITING, rules.first_holder not in (0, holder)),
        (Used.INSIDE, holder in rules.inside),
        (Used.ALONG, coming - rules.inside - {holder}),
    ):
        if is_so:
            flags.append(flag)
    place = place_of(holder, view, state) if decision.place != UNKNOWN else None
    return Basis(
        _sum(flags),
        decision.pin,
        len((rules.inside | coming) - {holder}),
        0 if place is None else place.at_ms,
        0 if place is None else place.reset_no,
    )


_PLAIN: Final = Basis()


def without_lock(shown: Presentation) -> Basis:
    """Of a card at a reader whose door has no lock on this board."""
    return Basis(_sum([*_of_card(shown), Used.NO_LOCK]))


def _of_card(shown: Presentation) -> list[Used]:
    flags: list[Used] = []
    if shown.several:
        flags.append(Used.SEVERAL)
    if shown.clone_suspected:
        flags.append(Used.COPY)
    if shown.credential_id:
        flags.append(Used.CREDENTIAL)
    return flags


def _sum(flags: list[Used]) -> Used:
    return Used(sum(flags))


def presentation_again(key: bytes, tier: Tier, issue_no: int, basis: Basis) -> Presentation:
    """What the reader found, as far as the decision used it. ``key``: the one that the fact names, empty for none."""
    is_credential = key[:1] == b"C"
    return Presentation(
        uid=b"" if is_credential else key[1:],
        credential_id=key[1:] if is_credential else _CREDENTIAL if basis.used & Used.CREDENTIAL else b"",
        issue_no=issue_no,
        tier=tier,
        several=bool(basis.used & Used.SEVERAL),
        clone_suspected=bool(basis.used & Used.COPY),
        pin=_PROOF.get(basis.pin, b""),
    )


def state_again(
    basis: Basis,
    holder: int,
    mode: Mode,
    place: int,
    used: int,
    uses: UsesRow | None,
    *,
    ignoring: bool,
    schedule: int,
) -> PointState:
    """What the point remembered.

    :param holder: of the card's row of then, 0 for none. :param place: where he was, by the fact. :param used: how often the card was
        used, by the fact. :param uses: its row of then. :param schedule: that the fact names; at a blocked door the one that blocks it.
    """
    is_waiting, goes_along = bool(basis.used & Used.WAITING), bool(basis.used & Used.ALONG)
    inside = set(range(-2, -2 - (min(basis.others, OCCUPANCY_MAX + 1) - goes_along), -1))
    places = Places()
    if place != UNKNOWN:
        places = places.with_(holder, Place(place, basis.place_at_ms, basis.place_reset_no))
    return PointState(
        mode,
        ignoring,
        {} if uses is None else _used_so_often(uses, used),
        RuleState(
            places,
            bool(basis.used & Used.INTERLOCKED),
            frozenset(inside | ({holder} if basis.used & Used.INSIDE else set())),
            bool(basis.used & Used.PIN_BLOCKED),
            (_SOMEBODY if goes_along else _SOMEBODY_INSIDE) if is_waiting else 0,
            bool(basis.used & Used.CUT_OFF),
            frozenset({_SOMEBODY} if goes_along else ()),
        ),
        _SOMEBODY if basis.used & Used.ESCORT else 0,
        schedule if mode is Mode.BLOCKED else 0,
    )


def _used_so_often(row: UsesRow, used: int) -> dict[tuple[int, int], dict[int, int]]:
    """The device's own count, so that together with the row it had counted so many."""
    told = dict(row.used)
    point = next(iter(told), 0)
    return {(row.card, row.issue_no): {point: told.get(point, 0) + max(0, used - sum(told.values()))}}


def instant_again(wall_ms: int, trust: Trust, floor_s: int, basis: Basis) -> Instant:
    """The time as the node knew it."""
    return Instant(
        wall_ms - basis.ago_ms, trust, floor_s * 1_000, floor_is_recent=bool(basis.used & Used.HOME_GRACE)
    )
