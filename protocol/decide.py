"""The decision: may this presentation open this point now? The same function runs at the node and explains at the centre.

Order of the checks (the first that fails gives the reason; everything unknown is denied):

1.  Several cards in the field, a card that has no fixed number (as in 4), or one that answered as a copy does: denied.
2.  The hotlist: the card, under either of its keys, is on it for this issue. Always applies, whatever the clock or mode.
3.  The door is locked down or blocked. Where its schedule blocks it the reason says so, and that the time is unknown where that
    is why (``rules.door_modes``).
4.  The card is not known here: denied (as "ignored for a while" when the wrong-try rule is in force).
5.  It is an older issue than the one known here.
6.  Rights of this card were taken away and the access stream here is older than that.
7.  It carries a credential that can be read here, and showed its UID alone: a copy, or a damaged card.
8.  It proves less than the point's minimum tier.
9.  The sub-system of this point (access control, attendance, purse ...) is not opened for the card. Without a clock.
10. Validity: from inclusive, until exclusive; on an untrusted clock by the floor and the door's clock policy.
11. No access level of the card has this point.
12. None of the schedules of those levels holds; on an untrusted clock by the door's clock policy.
13. The card has hours of its own and it is outside them; on an untrusted clock by the door's clock policy.
14. The card may be used a limited number of times at doors and was, at any point (``uses_known``). Readers that lead out
    ask neither for its hours nor for its uses, and count none: nobody is locked in.
15. The rules of the door, where it has any (``rules.doors``): anti-passback, interlock, limit of the area, PIN, two persons.
16. The card needs an escort, and nobody who may escort has shown a card here just now. Not asked on the way out.
17. Granted. With a duress card or PIN the reason says so, and whatever came out, the decision does (``Decision.duress``).

A point is a door's reader (``View.access_points``) or a terminal of another sub-system (``View.terminals``: a time clock). A
terminal has no door mode and the clock policy of a home door; the same access levels give rights to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from protocol.ids import SubSystem, Tier, credential_key, is_random_uid, uid_key
from protocol.pin import PinCheck, checked
from protocol.reasons import Reason, is_granted
from protocol.records import CLOSED, CardFlag, CardRow, ClockPolicy, Kind, Mode, Revisions, UsesRow
from protocol.rules.doors import NO_RULE_STATE, RuleState, judge
from protocol.rules.passback import UNKNOWN as PLACE_UNKNOWN
from protocol.rules.passback import Place
from protocol.rules.places import here
from protocol.schedule import ALWAYS
from protocol.view import AccessPoint, View

HOME_WINDOW_GRACE_MS: Final = 72 * 3_600_000
"""How long after start a home door ignores time windows on an untrusted clock (reliability.md section 3)."""
HOME_FLOOR_AGE_MAX_MS: Final = 7 * 24 * 3_600_000
"""... if the floor was at most this old when the node started; how old is judged by the last trusted time kept."""


_NO_REVISIONS: Final = Revisions()


class Trust(IntEnum):
    """How far the time is to be believed (reliability.md section 3)."""

    NONE = 0
    FLOOR_ONLY = 1
    HOLDOVER = 2
    TRUSTED = 3


class Instant(msgspec.Struct, frozen=True):
    """The time, as far as a node knows it.

    ``utc_ms``: best estimate. ``floor_ms``: a time that has certainly passed (build, newest verified bundle, last
    trusted time on disk); 0 when unknown. ``untrusted_for_ms``: since when, in boot time, the clock has been without
    trust; 0 while it is trusted. ``floor_is_recent``: the floor was less than a week old at start, as far as can be told.
    """

    utc_ms: int
    trust: Trust = Trust.TRUSTED
    floor_ms: int = 0
    untrusted_for_ms: int = 0
    floor_is_recent: bool = False

    @property
    def trusted(self) -> bool:
        """True when time limits can be judged."""
        return self.trust >= Trust.HOLDOVER


class Presentation(msgspec.Struct, frozen=True):
    """What the reader found. ``credential_id`` only after it has been verified with the card's key."""

    uid: bytes
    credential_id: bytes = b""
    issue_no: int = 0
    tier: Tier = Tier.UID_ONLY
    several: bool = False
    clone_suspected: bool = False
    pin: bytes = b""
    """The proof of the PIN that was entered with it; empty: none was."""

    def keys(self) -> tuple[bytes, ...]:
        """Keys to look up, the most telling first."""
        by_uid = (uid_key(self.uid),) if self.uid and not is_random_uid(self.uid) else ()
        if not self.credential_id:
            return by_uid
        return (credential_key(self.credential_id), *by_uid)


OwnUses: TypeAlias = Mapping[tuple[int, int], Mapping[int, int]]
"""What a node has counted itself: by card and issue the number of uses at each of its points."""
_NO_USES: Final[OwnUses] = MappingProxyType({})


class PointState(msgspec.Struct, frozen=True):
    """What the point remembers and a decision depends on. ``mode`` is the one in force (row, schedule or by hand)."""

    mode: Mode = Mode.NORMAL
    unknown_ignored: bool = False
    own_uses: OwnUses = _NO_USES
    rules: RuleState = NO_RULE_STATE
    escort: int = 0
    """Who may escort and was let in at this reader just now; 0 for nobody."""
    mode_schedule: int = 0
    """The schedule by which that mode is in force; 0: by hand, or by the settings of the door."""


class Decision(msgspec.Struct, frozen=True):
    """What came out, with what it was taken by: enough to explain it later (B6)."""

    reason: Reason
    key: bytes = b""
    holder: int = 0
    release_ms: int = 0
    schedule: int = 0
    revisions: Revisions = _NO_REVISIONS
    uses: UsesRow | None = None
    """Set when this presentation is one of a limited number."""
    used: int = 0
    """How many uses were known before."""
    duress: bool = False
    """The duress card of a known holder was shown at a door, or his duress PIN entered."""
    place: int = PLACE_UNKNOWN
    """The area where the holder was, at a door that asks for it and as far as known."""
    may_escort: bool = False
    """The holder may take in people whose cards need an escort."""
    pin: PinCheck = PinCheck.NOT_ASKED
    """What became of the question for a PIN, where it was come to."""

    @property
    def granted(self) -> bool:
        """True when the point is to be released."""
        return is_granted(self.reason)


def decide(shown: Presentation, view: View, point: AccessPoint, state: PointState, now: Instant) -> Decision:
    """Decide one presentation; pure, and total: every input gives a decision. See the module for the order."""
    revisions = view.revisions
    if shown.several:
        return Decision(Reason.SEVERAL_CARDS, revisions=revisions)
    keys = shown.keys()
    if not keys:
        reason = Reason.WRONG_TRIES if state.unknown_ignored else Reason.RANDOM_UID
        return Decision(reason, revisions=revisions)
    if shown.clone_suspected:
        return Decision(Reason.CLONE_SUSPECTED, keys[0], revisions=revisions)
    dead = restriction_of(shown, view, keys)
    if dead is not None:
        return Decision(dead[0], dead[1], revisions=revisions)
    if state.mode >= Mode.BLOCKED:
        return _shut_to_all(keys[0], state, revisions, now)
    card, key = None, keys[0]
    for candidate in keys:
        card = view.card(candidate)
        if card is not None:
            key = candidate
            break
    if card is None:
        reason = Reason.WRONG_TRIES if state.unknown_ignored else Reason.UNKNOWN_CARD
        return Decision(reason, key, revisions=revisions)
    reason, schedule = _judge(shown, card, key, view, point, now)
    if is_granted(reason) and not point.leaving:
        reason = _in_own_hours(reason, key, view, point, now)
    if reason is Reason.GRANTED or reason is Reason.GRANTED_TIME_NOT_CHECKED:
        extended = card.flags is not CardFlag.NONE and card.flags & CardFlag.EXTENDED_OPEN
        release_ms = point.extended_release_ms if extended else point.release_ms
        is_counted = not point.leaving and point.sub_system is SubSystem.ACCESS
        uses = view.uses(key) if is_counted else None
        decision = Decision(reason, key, card.holder, release_ms, schedule, revisions)
        if uses is not None or point.rules is not None:
            decision = _limited(shown, decision, uses, view, point, state, now)
    else:
        decision = Decision(reason, key, card.holder, 0, schedule, revisions)
    if card.flags is not CardFlag.NONE:
        decision = _flagged(decision, card.flags, point, state)
    return decision


def _shut_to_all(key: bytes, state: PointState, revisions: Revisions, now: Instant) -> Decision:
    """The mode of the door refuses every card (3)."""
    schedule = state.mode_schedule if state.mode is Mode.BLOCKED else 0
    reason = Reason.DOOR_BLOCKED if state.mode is Mode.BLOCKED else Reason.LOCKED_DOWN
    if schedule:
        is_known = now.trusted or schedule == ALWAYS
        reason = Reason.BLOCKED_BY_SCHEDULE if is_known else Reason.TIME_UNKNOWN
    return Decision(reason, key, schedule=schedule, revisions=revisions)


def _flagged(decision: Decision, flags: CardFlag, point: AccessPoint, state: PointState) -> Decision:
    """What the class of the card makes of it (16, 17)."""
    is_asked = point.sub_system is SubSystem.ACCESS and not point.leaving and state.mode is not Mode.UNLOCKED
    is_alone = state.escort in (0, decision.holder)
    if flags & CardFlag.MAY_ESCORT:
        decision = msgspec.structs.replace(decision, may_escort=True)
    elif flags & CardFlag.NEEDS_ESCORT and decision.granted and is_asked and is_alone:
        decision = msgspec.structs.replace(decision, reason=Reason.ESCORT, release_ms=0)
    return _under_duress(decision, point) if flags & CardFlag.DURESS else decision


def _limited(
    shown: Presentation,
    decision: Decision,
    uses: UsesRow | None,
    view: View,
    point: AccessPoint,
    state: PointState,
    now: Instant,
) -> Decision:
    """What becomes of a grant by the number of uses of the card and by the rules of the door (14, 15)."""
    if uses is not None:
        used = uses_known(uses, state.own_uses)
        decision = msgspec.structs.replace(decision, uses=uses, used=used)
        if used >= uses.uses_max:
            return msgspec.structs.replace(decision, reason=Reason.USES_EXHAUSTED, release_ms=0)
    if point.rules is None:
        return decision
    pin = _pin(shown, decision.key, view, point, state, now)
    judged = judge(
        decision.reason,
        decision.holder,
        place_of(decision.holder, view, state),
        point.rules,
        state.rules,
        now.utc_ms,
        view.calendar,
        trusted=now.trusted,
        pin=pin,
    )
    release_ms = decision.release_ms if is_granted(judged.reason) else 0
    decision = msgspec.structs.replace(
        decision, reason=judged.reason, release_ms=release_ms, place=judged.place, pin=pin
    )
    return _under_duress(decision, point) if pin is PinCheck.DURESS else decision


def _pin(
    shown: Presentation, key: bytes, view: View, point: AccessPoint, state: PointState, now: Instant
) -> PinCheck:
    """What becomes of the question for a PIN. A schedule that is not here asks always; without the time a home door never does."""
    rules = point.rules
    if rules is None or not rules.row.pin_schedule or rules.leaving or state.mode is Mode.UNLOCKED:
        return PinCheck.NOT_ASKED
    schedule = rules.row.pin_schedule
    if schedule != ALWAYS and view.row(Kind.SCHEDULE, schedule) is not None:
        if not now.trusted and point.clock_policy is ClockPolicy.HOME:
            return PinCheck.NOT_ASKED
        if now.trusted and not view.holds(schedule, now.utc_ms):
            return PinCheck.NOT_ASKED
    row = view.pin(key)
    if row is None:
        return PinCheck.NOT_SET
    if state.rules.pin_blocked:
        return PinCheck.BLOCKED
    if not shown.pin:
        return PinCheck.WANTED
    return checked(row, shown.pin, with_duress=rules.row.duress_pin)


def place_of(holder: int, view: View, state: PointState) -> Place | None:
    """Where the holder is, by this device and by what it was told of the others."""
    told = view.presence(holder)
    is_echo = told is not None and told.point in view.access_points
    return here(state.rules.places.get(holder), told, is_echo=is_echo)


def _under_duress(decision: Decision, point: AccessPoint) -> Decision:
    if point.sub_system is not SubSystem.ACCESS:
        return decision
    reason = Reason.GRANTED_UNDER_DURESS if decision.granted else decision.reason
    return msgspec.structs.replace(decision, reason=reason, duress=True)


def restriction_of(shown: Presentation, view: View, keys: tuple[bytes, ...]) -> tuple[Reason, bytes] | None:
    """Why this issue of the card is dead, and the key under which it is on the hotlist; None while it is not."""
    for key in keys:
        row = view.restriction(key)
        if row is not None and _issue_no(shown, view.card(key)) <= row.issue_no_max:
            return row.reason, key
    return None


def uses_known(row: UsesRow, own: OwnUses) -> int:
    """How often this issue of a card was used as far as is known: per point the higher of both counts, added up.

    Counts only rise, so nothing is counted twice and nothing is given back, whichever of the two ends heard of it first.
    """
    counts = dict(row.used)
    for point, count in own.get((row.card, row.issue_no), {}).items():
        counts[point] = max(count, counts.get(point, 0))
    return sum(counts.values())


def _issue_no(shown: Presentation, card: CardRow | None) -> int:
    """The issue that a hotlist row is compared with: what the card says, else what the access row says, else the first."""
    if shown.credential_id:
        return shown.issue_no
    return card.issue_no if card is not None else 0


def _judge(
    shown: Presentation, card: CardRow, key: bytes, view: View, point: AccessPoint, now: Instant
) -> tuple[Reason, int]:
    if shown.credential_id and shown.issue_no < card.issue_no:
        return Reason.SUPERSEDED_ISSUE, 0
    if view.rights_changing(key):
        return Reason.RIGHTS_CHANGING, 0
    if card.zones and not shown.credential_id and card.zones & view.zones_read:
        return Reason.CREDENTIAL_MISSING, 0
    if shown.tier < point.tier_min:
        return Reason.TIER_TOO_LOW, 0
    if card.flags is not CardFlag.NONE and card.flags & CLOSED[point.sub_system]:
        return Reason.SUB_SYSTEM_CLOSED, 0
    checked = True
    if card.valid_from_s or card.valid_until_s:
        validity, checked = _validity(card, point, now)
        if validity is not None:
            return validity, 0
    schedules = view.schedules_at(card.levels, point.point)
    if not schedules:
        return Reason.NO_ACCESS_HERE, 0
    granted = Reason.GRANTED if checked else Reason.GRANTED_TIME_NOT_CHECKED
    for schedule in schedules:
        if schedule == ALWAYS:
            return granted, schedule
    if not now.trusted:
        if point.clock_policy is ClockPolicy.HOME and home_grace(now):
            return Reason.GRANTED_TIME_NOT_CHECKED, schedules[0]
        return Reason.TIME_UNKNOWN, schedules[0]
    for schedule in schedules:
        if view.holds(schedule, now.utc_ms):
            return granted, schedule
    return Reason.OUTSIDE_SCHEDULE, schedules[0]


def _validity(card: CardRow, point: AccessPoint, now: Instant) -> tuple[Reason | None, bool]:
    """(reason to deny or None, whether the time could be checked)."""
    if now.trusted:
        second = now.utc_ms // 1_000
        if second < card.valid_from_s:
            return Reason.NOT_YET_VALID, True
        if card.valid_until_s and second >= card.valid_until_s:
            return Reason.EXPIRED, True
        return None, True
    floor = now.floor_ms // 1_000
    if card.valid_until_s and floor >= card.valid_until_s:
        return Reason.EXPIRED, True
    if floor >= card.valid_from_s and not card.valid_until_s:
        return None, True
    if point.clock_policy is ClockPolicy.HOME:
        return None, False
    return Reason.TIME_UNKNOWN, False


def _in_own_hours(reason: Reason, key: bytes, view: View, point: AccessPoint, now: Instant) -> Reason:
    """What becomes of a grant by the card's own hours."""
    is_inside = view.in_hours(key, now.utc_ms)
    if is_inside is None:
        return reason
    if not now.trusted:
        is_home = point.clock_policy is ClockPolicy.HOME and home_grace(now)
        return Reason.GRANTED_TIME_NOT_CHECKED if is_home else Reason.TIME_UNKNOWN
    return reason if is_inside else Reason.OUTSIDE_SCHEDULE


def home_grace(now: Instant) -> bool:
    """Whether a home door still passes over time windows on a clock that is not trusted."""
    return now.floor_is_recent and now.untrusted_for_ms < HOME_WINDOW_GRACE_MS
