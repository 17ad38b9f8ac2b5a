"""The View: everything a node decides by, as one immutable value that is swapped whole (design.md section 3).

A View is a packed base of cards (sorted fingerprints and fixed-width rows: about 40 bytes a card) plus a small overlay
of cards changed since; the other rows are few and kept as they are. ``apply`` makes the next View and never touches
this one, so that every decision uses rows of one recorded set of revisions (I6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import merge
from types import MappingProxyType
from typing import Any, Final

import msgspec

from protocol.card_layout.door_keys import NO_DOOR_KEYS, DoorKeys, ReadKey, door_keys, zone_and_version
from protocol.errors import UnknownRecordError
from protocol.ids import CardKey, Stream, SubSystem, Tier
from protocol.packed_cards import Cards, PackedCards, fingerprint_of
from protocol.records import (
    OPTIONAL_KIND_MIN,
    STREAM_OF,
    AreaRow,
    BalanceRow,
    CardRow,
    Change,
    CheckpointRow,
    ClockPolicy,
    DeskRow,
    DoorRow,
    DoorRulesRow,
    EventCardRow,
    GuardRow,
    IssuerKeyRow,
    Kind,
    LevelRow,
    Mode,
    PinRow,
    PlaceRow,
    PointRow,
    PresenceRow,
    ReadKeyRow,
    RestrictionRow,
    Revisions,
    Row,
    ScheduleRow,
    SiteRow,
    SpecialDayRow,
    TillRow,
    TimeClockRow,
    UsesRow,
    decode_row,
)
from protocol.rules.doors import DoorRules, rules_at
from protocol.rules.parts import Parts
from protocol.schedule import ALWAYS, Calendar, Schedule, zone_of

_NONE: Final[tuple[int, ...]] = ()
_NO_REVISIONS: Final = Revisions()
_BY_CARD: Final = frozenset(
    {Kind.CARD, Kind.RESTRICTION, Kind.STALE_RIGHTS, Kind.USES, Kind.HOURS, Kind.PIN, Kind.BALANCE}
)
"""Kinds known by a card's key that are kept by themselves."""
_OF_PATROL: Final = (Kind.GUARD, Kind.PLACE, Kind.EVENT_CARD)
OVERLAY_MAX: Final = 4_096
"""Changed cards kept beside the packed base before ``compacted`` is worth its time."""


class AccessPoint(msgspec.Struct, frozen=True):
    """A reader with the door it serves, or with the terminal that it is (a time clock), as ``decide`` wants it."""

    point: int
    door: int
    leaving: bool
    tier_min: Tier
    release_ms: int
    extended_release_ms: int
    clock_policy: ClockPolicy
    mode: Mode
    sub_system: SubSystem = SubSystem.ACCESS
    rules: DoorRules | None = None
    """Rules of the door beyond whose card it is; nearly always none."""


class _Site:
    """What follows from the rows known by a number: zone and special days, schedules, grants, points. Built once, shared."""

    __slots__ = (
        "access_points",
        "calendar",
        "door_keys",
        "grants",
        "last_reset",
        "rows",
        "schedules",
        "terminals",
        "zones_read",
    )

    def __init__(self, rows: Mapping[tuple[Kind, int], Row]) -> None:
        self.rows = rows
        site = rows.get((Kind.SITE, 0))
        special: dict[int, int] = {}
        doors: dict[int, DoorRow] = {}
        points: dict[int, PointRow] = {}
        read_keys: list[ReadKey] = []
        public_keys: dict[int, bytes] = {}
        self.schedules: dict[int, Schedule] = {}
        self.grants: dict[tuple[int, int], tuple[int, ...]] = {}
        self.access_points: dict[int, AccessPoint] = {}
        self.terminals: dict[int, AccessPoint] = {}
        terminals: dict[int, SubSystem] = {}
        door_rules: dict[int, DoorRulesRow] = {}
        areas: dict[int, AreaRow] = {}
        for (_, number), row in rows.items():
            match row:
                case SpecialDayRow():
                    special[number] = row.group
                case ScheduleRow():
                    self.schedules[number] = Schedule(row)
                case LevelRow():
                    for point, schedule in row.entries:
                        self.grants[number, point] = (*self.grants.get((number, point), _NONE), schedule)
                case DoorRow():
                    doors[number] = row
                case PointRow():
                    points[number] = row
                case DoorRulesRow():
                    door_rules[number] = row
                case AreaRow():
                    areas[number] = row
                case TimeClockRow():
                    terminals[number] = SubSystem.ATTENDANCE
                case TillRow():
                    terminals[number] = SubSystem.PURSE
                case ReadKeyRow():
                    read_keys.append(ReadKey(*zone_and_version(number), row.key))
                case IssuerKeyRow():
                    public_keys[number] = row.public_key
                case _:
                    pass
        self.door_keys = door_keys(read_keys, public_keys) if read_keys or public_keys else NO_DOOR_KEYS
        self.zones_read = sum(1 << zone for zone in self.door_keys.zones) if self.door_keys.usable else 0
        self.last_reset = max((area.reset_no for area in areas.values()), default=0)
        self.calendar = Calendar(zone_of(site.zone if isinstance(site, SiteRow) else "UTC"), special)
        for number, point_row in points.items():
            door = doors.get(point_row.door)
            if door is not None:
                rules = door_rules.get(point_row.door)
                self.access_points[number] = AccessPoint(
                    number,
                    point_row.door,
                    point_row.leaving,
                    point_row.tier_min,
                    door.release_ms,
                    door.extended_release_ms,
                    door.clock_policy,
                    door.mode,
                    rules=None if rules is None else rules_at(rules, areas, point_row.leaving),
                )
            elif number in terminals:
                self.terminals[number] = AccessPoint(
                    number,
                    0,
                    point_row.leaving,
                    point_row.tier_min,
                    0,
                    0,
                    ClockPolicy.HOME,
                    Mode.NORMAL,
                    terminals[number],
                )


_NO_ROWS: Final[Mapping[bytes, CardRow | None]] = MappingProxyType({})
_NO_RESTRICTIONS: Final[Mapping[bytes, RestrictionRow]] = MappingProxyType({})
_NO_USES: Final[Mapping[bytes, UsesRow]] = MappingProxyType({})
_NO_HOURS: Final[Mapping[bytes, Schedule]] = MappingProxyType({})
_NO_PINS: Final[Mapping[bytes, PinRow]] = MappingProxyType({})
_NO_PATROL: Final[Mapping[tuple[Kind, bytes], GuardRow | PlaceRow | EventCardRow]] = MappingProxyType({})
_NO_BALANCES: Final[Mapping[bytes, BalanceRow]] = MappingProxyType({})
_NO_PRESENCE: Final = Parts[PresenceRow]()
_NO_STALE: Final[Mapping[bytes, int]] = MappingProxyType({})
_NO_CARDS: Final = PackedCards()
_NO_SITE: Final = _Site({})


class View:
    """One consistent configuration. ``View()`` is empty and denies everything; ``apply`` makes the next one."""

    __slots__ = (
        "_balances",
        "_base",
        "_hours",
        "_overlay",
        "_patrol",
        "_pins",
        "_presence",
        "_restrictions",
        "_site",
        "_stale",
        "_uses",
        "revisions",
    )

    def __init__(
        self,
        revisions: Revisions = _NO_REVISIONS,
        *,
        base: Cards = _NO_CARDS,
        overlay: Mapping[bytes, CardRow | None] = _NO_ROWS,
        restrictions: Mapping[bytes, RestrictionRow] = _NO_RESTRICTIONS,
        stale: Mapping[bytes, int] = _NO_STALE,
        uses: Mapping[bytes, UsesRow] = _NO_USES,
        hours: Mapping[bytes, Schedule] = _NO_HOURS,
        pins: Mapping[bytes, PinRow] = _NO_PINS,
        patrol: Mapping[tuple[Kind, bytes], GuardRow | PlaceRow | EventCardRow] = _NO_PATROL,
        balances: Mapping[bytes, BalanceRow] = _NO_BALANCES,
        presence: Parts[PresenceRow] = _NO_PRESENCE,
        site: _Site = _NO_SITE,
    ) -> None:
        """Take over parts that are never changed afterwards."""
        self.revisions = revisions
        self._base = base
        self._overlay = overlay
        self._restrictions = restrictions
        self._stale = stale
        self._uses = uses
        self._hours = hours
        self._pins = pins
        self._patrol = patrol
        self._balances = balances
        self._presence = presence
        self._site = site

    @property
    def calendar(self) -> Calendar:
        """The site's zone and special days."""
        return self._site.calendar

    @property
    def access_points(self) -> Mapping[int, AccessPoint]:
        """Every reader of this node that has a door, by point number."""
        return self._site.access_points

    @property
    def terminals(self) -> Mapping[int, AccessPoint]:
        """Every reader of this node that is a terminal of another sub-system than access control, by point number."""
        return self._site.terminals

    @property
    def door_keys(self) -> DoorKeys:
        """What this node checks credentials by."""
        return self._site.door_keys

    @property
    def zones_read(self) -> int:
        """Bit z is set when credentials of zone z can be read here."""
        return self._site.zones_read

    # -- what decide asks ---------------------------------------------------------------------------------------

    def card(self, key: bytes) -> CardRow | None:
        """The access row of a card, or None when it is not known at this node."""
        overlay = self._overlay
        if overlay and key in overlay:
            return overlay[key]
        return self._base.get(key)

    def restriction(self, key: bytes) -> RestrictionRow | None:
        """The hotlist row of a card, or None."""
        return self._restrictions.get(key)

    def rights_changing(self, key: bytes) -> bool:
        """True while a right of this card was taken away but the access stream here is older than that."""
        return self._stale.get(key, 0) > self.revisions.access

    def uses(self, key: bytes) -> UsesRow | None:
        """How often a card may be used, None for no limit."""
        return self._uses.get(key)

    def in_hours(self, key: bytes, utc_ms: int) -> bool | None:
        """Whether the instant is inside the card's own hours; None for a card without any."""
        hours = self._hours.get(key)
        return None if hours is None else hours.holds(utc_ms, self._site.calendar)

    def pin(self, key: bytes) -> PinRow | None:
        """The PIN of a card, None for a card without one (or a device that asks for none)."""
        return self._pins.get(key)

    def schedules_at(self, levels: tuple[int, ...], point: int) -> tuple[int, ...]:
        """Numbers of the schedules by which these access levels open this point; empty for no right here."""
        grants = self._site.grants
        if len(levels) == 1:
            return grants.get((levels[0], point), _NONE)
        return tuple(schedule for level in levels for schedule in grants.get((level, point), _NONE))

    def holds(self, schedule: int, utc_ms: int) -> bool:
        """True when the schedule holds at the instant; a schedule that is not here never does."""
        if schedule == ALWAYS:
            return True
        site = self._site
        found = site.schedules.get(schedule)
        return found is not None and found.holds(utc_ms, site.calendar)

    # -- what the rest of the node asks -------------------------------------------------------------------------

    def row(self, kind: Kind, number: int) -> Row | None:
        """A row known by a number (point, door, schedule, level, site, special day), or None."""
        return self._site.rows.get((kind, number))

    def doors(self) -> dict[int, DoorRow]:
        """Every door of this node by number."""
        return {number: row for (_, number), row in self._site.rows.items() if isinstance(row, DoorRow)}

    def desk(self) -> DeskRow | None:
        """How the issuer on this computer is set up, if the centre says so."""
        row = self._site.rows.get((Kind.DESK, 0))
        return row if isinstance(row, DeskRow) else None

    def levels(self) -> dict[int, LevelRow]:
        """Every access level of this node by number."""
        return {number: row for (_, number), row in self._site.rows.items() if isinstance(row, LevelRow)}

    def points(self) -> dict[int, PointRow]:
        """Every reader of this node by point number."""
        return {number: row for (_, number), row in self._site.rows.items() if isinstance(row, PointRow)}

    @property
    def last_reset(self) -> int:
        """The number of the last reset of places that this node knows of, 0 for none."""
        return self._site.last_reset

    def door_rules(self, door: int) -> DoorRulesRow | None:
        """The rules of a door of this node beyond whose card it is, None for none."""
        row = self._site.rows.get((Kind.DOOR_RULES, door))
        return row if isinstance(row, DoorRulesRow) else None

    def checkpoint(self, point: int) -> CheckpointRow | None:
        """How a point is a patrol point, None for one that is none."""
        row = self._site.rows.get((Kind.CHECKPOINT, point))
        return row if isinstance(row, CheckpointRow) else None

    def time_clock(self, point: int) -> TimeClockRow | None:
        """How a point is a time clock, None for one that is none."""
        row = self._site.rows.get((Kind.TIME_CLOCK, point))
        return row if isinstance(row, TimeClockRow) else None

    def till(self, point: int) -> TillRow | None:
        """How a point sells, None for one that is no till."""
        row = self._site.rows.get((Kind.TILL, point))
        return row if isinstance(row, TillRow) else None

    def balance(self, key: bytes) -> BalanceRow | None:
        """What lies on a card, as far as the centre had heard; None: nobody has said."""
        return self._balances.get(key)

    def balances(self) -> Mapping[bytes, BalanceRow]:
        """What lies on every card that this node was told of."""
        return self._balances

    def presence(self, holder: int) -> PresenceRow | None:
        """Where the holder with this number went last by what other devices have told, as far as the centre has sent it."""
        return self._presence.get(holder)

    def presences(self) -> Iterable[tuple[int, PresenceRow]]:
        """Where holders went last by what other devices have told, in no order."""
        return self._presence.items()

    def guard(self, key: bytes) -> GuardRow | None:
        """The planned visits of a guard's card, None for a card of nobody who walks rounds."""
        row = self._patrol.get((Kind.GUARD, key))
        return row if isinstance(row, GuardRow) else None

    def place(self, key: bytes) -> PlaceRow | None:
        """The checkpoint at which a location card hangs."""
        row = self._patrol.get((Kind.PLACE, key))
        return row if isinstance(row, PlaceRow) else None

    def event_card(self, key: bytes) -> EventCardRow | None:
        """What an event card says, None for any other card."""
        row = self._patrol.get((Kind.EVENT_CARD, key))
        return row if isinstance(row, EventCardRow) else None

    def limited(self) -> Mapping[bytes, UsesRow]:
        """Every card whose uses are counted."""
        return self._uses

    def restricted(self) -> Mapping[bytes, RestrictionRow]:
        """The whole hotlist."""
        return MappingProxyType(dict(self._restrictions))

    def card_count(self) -> int:
        """How many cards this View knows."""
        count = len(self._base)
        for key, row in self._overlay.items():
            count += (row is not None) - (self._base.get(key) is not None)
        return count

    @property
    def overlay_count(self) -> int:
        """Cards kept beside the packed base."""
        return len(self._overlay)

    # -- making the next View -----------------------------------------------------------------------------------

    def apply(self, changes: Iterable[Change], revisions: Revisions) -> View:
        """The View after these changes. This one stays as it is.

        :raises UnknownRecordError: a kind that must be understood is not; no change is applied.
        :raises ProtocolError: a row is malformed, over a limit, or an impossible schedule.
        """
        return self._with(changes, revisions, replace=None)

    def replaced(self, stream: Stream, changes: Iterable[Change], revisions: Revisions) -> View:
        """The View in which one stream consists of exactly these rows (a snapshot); the others stay."""
        return self._with(changes, revisions, replace=stream)

    def _with(self, changes: Iterable[Change], revisions: Revisions, replace: Stream | None) -> View:
        news: dict[Kind, dict[Any, Any]] = {}
        """What changed by kind; None: the row is taken away."""
        for change in changes:
            if change.kind >= OPTIONAL_KIND_MIN:
                continue
            row: Any = None if change.deleted else decode_row(change)
            try:
                kind = Kind(change.kind)
            except ValueError:
                raise UnknownRecordError(f"row kind {change.kind} is not known here") from None
            key: Any = change.key
            if kind is Kind.STALE_RIGHTS and row is not None:
                row = row.access_revision
            elif kind is Kind.HOURS and row is not None:
                row = Schedule(ScheduleRow(row.periods))
            elif kind is Kind.PRESENCE:
                key = int.from_bytes(key, "big")
            elif kind in _OF_PATROL:
                kind, key = Kind.GUARD, (kind, key)
            elif kind not in _BY_CARD:
                kind, key = Kind.SITE, (kind, int.from_bytes(key, "big"))
            news.setdefault(kind, {})[key] = row
        cards: dict[bytes, CardRow | None] = news.get(Kind.CARD, {})
        if replace is Stream.ACCESS:
            base: Cards = PackedCards((CardKey(key), row) for key, row in cards.items() if row is not None)
            overlay: Mapping[bytes, CardRow | None] = {}
        else:
            base = self._base
            overlay = {**self._overlay, **cards} if cards else self._overlay

        def after(kind: Kind, before: Mapping[Any, Any]) -> Mapping[Any, Any]:
            is_whole = replace is STREAM_OF[kind]
            if not is_whole and kind not in news:
                return before
            both = {**({} if is_whole else before), **news.get(kind, {})}
            return {key: row for key, row in both.items() if row is not None}

        site_rows = after(Kind.SITE, self._site.rows)
        presence = _NO_PRESENCE if replace is Stream.BALANCES else self._presence
        return View(
            revisions,
            base=base,
            overlay=overlay,
            restrictions=after(Kind.RESTRICTION, self._restrictions),
            stale=after(Kind.STALE_RIGHTS, self._stale),
            uses=after(Kind.USES, self._uses),
            hours=after(Kind.HOURS, self._hours),
            pins=after(Kind.PIN, self._pins),
            patrol=after(Kind.GUARD, self._patrol),
            balances=after(Kind.BALANCE, self._balances),
            presence=presence.with_all(news.get(Kind.PRESENCE, {})),
            site=self._site if site_rows is self._site.rows else _Site(site_rows),
        )

    def rebased(self, cards: Cards) -> View:
        """The same View with these cards and no others, for whoever keeps the rows and reads them in order."""
        return View(
            self.revisions,
            base=cards,
            restrictions=self._restrictions,
            stale=self._stale,
            uses=self._uses,
            hours=self._hours,
            pins=self._pins,
            patrol=self._patrol,
            balances=self._balances,
            presence=self._presence,
            site=self._site,
        )

    def compacted(self) -> View:
        """The same View with its overlay packed into the base: for the background, when ``overlay_count`` is large."""
        overlay = self._overlay
        kept = ((key, row) for key, row in self._base.items() if key not in overlay)
        fresh = sorted((fingerprint_of(key), CardKey(key)) for key, row in overlay.items() if row is not None)
        changed = ((key, row) for _, key in fresh if (row := overlay[key]) is not None)
        return self.rebased(
            PackedCards.of_sorted(merge(kept, changed, key=lambda card: fingerprint_of(card[0])))
        )
