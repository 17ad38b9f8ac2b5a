"""Rows that the centre sends down: what a node must know to decide alone. No row carries a person's name (I15).

On the wire a row is ``(kind, key, body)``: ``body`` is the msgpack array of the fields below, and empty when the row is
deleted. Rows are values; a changed row replaces the whole row of the same kind and key. Fields are only ever appended,
with a default, so that an older node reads what it knows.

Times are whole seconds since 1970-01-01 UTC; ``valid_from`` is inclusive, ``valid_until`` exclusive; 0 means "none".
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final, TypeAlias

import msgspec

from protocol.door_rows import AreaRow as AreaRow
from protocol.door_rows import DoorRulesRow as DoorRulesRow
from protocol.door_rows import PinRow as PinRow
from protocol.door_rows import PresenceRow as PresenceRow
from protocol.door_rows import check_rule_row
from protocol.errors import LimitError, MalformedError, UnknownRecordError
from protocol.ids import CardKey, Stream, SubSystem, Tier
from protocol.limits import (
    DURATION_MAX_MS,
    ENTRIES_PER_LEVEL_MAX,
    LEVELS_PER_CARD_MAX,
    PERIODS_PER_SCHEDULE_MAX,
    PUBLIC_KEY_LENGTH,
    READ_KEY_LENGTH,
    ROW_BYTES_MAX,
    TEXT_MAX_CHARS,
    USES_MAX,
    USES_POINTS_MAX,
    VISITS_PER_GUARD_MAX,
    ZONES_MAX,
)
from protocol.point_rows import CheckpointRow as CheckpointRow
from protocol.point_rows import EventCardRow as EventCardRow
from protocol.point_rows import GuardRow as GuardRow
from protocol.point_rows import PatrolEvent as PatrolEvent
from protocol.point_rows import PlaceRow as PlaceRow
from protocol.point_rows import PunchStatus as PunchStatus
from protocol.point_rows import TimeClockRow as TimeClockRow
from protocol.reasons import DISABLING, Reason
from protocol.row_digest import Digest as Digest
from protocol.row_digest import row_hash as row_hash
from protocol.till_rows import BalanceRow as BalanceRow
from protocol.till_rows import TillRow as TillRow
from protocol.till_rows import check_money_row


class CardFlag(IntFlag):
    """What holds for a card at every point. A sub-system is open unless its flag says that it is closed (38).

    A device that does not know a flag keeps its old View: what it would ignore may be that the card is closed.
    """

    NONE = 0
    EXTENDED_OPEN = 1
    """The door stays released for the extended time (wheelchair, trolley)."""
    ACCESS_CLOSED = 2
    PATROL_CLOSED = 4
    ATTENDANCE_CLOSED = 8
    PURSE_CLOSED = 16
    PARKING_CLOSED = 32
    DURESS = 64
    """Its holder shows it when he is forced to: the door opens as ever, and a silent alarm goes up."""
    NEEDS_ESCORT = 128
    """It opens doors inwards only beside the card of somebody who may escort."""
    MAY_ESCORT = 256


CLOSED: Final[dict[SubSystem, CardFlag]] = {
    SubSystem.ACCESS: CardFlag.ACCESS_CLOSED,
    SubSystem.PATROL: CardFlag.PATROL_CLOSED,
    SubSystem.ATTENDANCE: CardFlag.ATTENDANCE_CLOSED,
    SubSystem.PURSE: CardFlag.PURSE_CLOSED,
    SubSystem.PARKING: CardFlag.PARKING_CLOSED,
}
"""The flag by which a card is refused at every point of a sub-system."""
_KNOWN_FLAGS: Final = sum(flag for flag in CardFlag)
ALL_CLOSED: Final = CardFlag(sum(CLOSED.values()))


class Mode(IntEnum):
    """Door mode. Nothing here ever disables the exit button."""

    NORMAL = 0
    UNLOCKED = 1
    LOCKED = 2
    """Cards with a right still open; nothing holds the door open."""
    BLOCKED = 3
    """No card opens; the exit button does."""
    LOCKED_DOWN = 4
    """As blocked, raised by an operator for a whole area; remote opening is refused too."""


class StoragePolicy(IntEnum):
    """What a door does while storage is unusable (I8)."""

    DENY = 0
    GRANT_FROM_MEMORY = 1


class ClockPolicy(IntEnum):
    """What a door does while the time is not trusted (reliability.md section 3)."""

    SECURE = 0
    HOME = 1


class RestrictionRow(msgspec.Struct, frozen=True, array_like=True):
    """A dead card: it opens nothing at any point of the site, whatever the access stream says (I7).

    ``issue_no_max``: the restriction holds for issues up to and including this one.
    """

    reason: Reason
    issue_no_max: int
    since_s: int


class StaleRightsRow(msgspec.Struct, frozen=True, array_like=True):
    """Rights of this card shrank: its access row is void until the node holds this revision of the access stream."""

    access_revision: int


class CardRow(msgspec.Struct, frozen=True, array_like=True):
    """What one card may do. ``holder`` is a number without meaning outside the centre (for anti-passback).

    ``zones``: bit z is set when the card carries a credential that is read in zone z (0 to 15): where a node reads that zone,
    the card's UID alone opens nothing.
    """

    holder: int
    valid_from_s: int
    valid_until_s: int
    issue_no: int
    levels: tuple[int, ...]
    flags: CardFlag = CardFlag.NONE
    zones: int = 0


class UsesRow(msgspec.Struct, frozen=True, array_like=True):
    """How often a card may be used, and how often it was, as far as the centre has heard. Cards without it: no limit.

    ``card``: a number without meaning outside the centre, the same under each key of the card. ``used``: (point, count) for
    the points at which this issue was used; a device takes its own count where that is higher.
    """

    card: int
    issue_no: int
    uses_max: int
    used: tuple[tuple[int, int], ...] = ()


class HoursRow(msgspec.Struct, frozen=True, array_like=True):
    """Times of the week outside which a card opens nothing, whatever its levels say (the hours of a permit). Cards without
    it: whenever their levels do. ``periods``: as in :class:`ScheduleRow`.
    """

    periods: tuple[tuple[int, int, int], ...]


class LevelRow(msgspec.Struct, frozen=True, array_like=True):
    """An access level: points, each with the schedule in which it opens. ``entries``: (point, schedule) pairs."""

    entries: tuple[tuple[int, int], ...]


class ScheduleRow(msgspec.Struct, frozen=True, array_like=True):
    """Times of the week in the site's zone; see ``protocol.schedule`` for the meaning of a period.

    ``periods``: (days, start_minute, end_minute); ``days`` has bit 0 for Monday .. bit 6 for Sunday and
    bit 7 + n for special days of group n + 1.
    """

    periods: tuple[tuple[int, int, int], ...]


class SpecialDayRow(msgspec.Struct, frozen=True, array_like=True):
    """A date (the key is its proleptic ordinal) that is not an ordinary weekday: group 1..8."""

    group: int


class PointRow(msgspec.Struct, frozen=True, array_like=True):
    """One reader of this node: which door it serves and what card it asks for."""

    label: str
    reader: int
    door: int
    leaving: bool = False
    tier_min: Tier = Tier.UID_ONLY


class DoorRow(msgspec.Struct, frozen=True, array_like=True):
    """One door of this node. Durations in milliseconds.

    ``unit``: the number of its lock output on the node's board, from 1; its contact and exit button have the same one. 0: the
    node takes one that no other door names, in the order of the doors' lowest readers. A door whose unit another door (of a
    lower number) names too, or that the board does not have, is none of the node's: nothing opens it.
    ``unlock_schedule``, ``lock_schedule``, ``block_schedule``: when it is so, 0 for never (``protocol.rules.door_modes``).
    """

    label: str
    mode: Mode = Mode.NORMAL
    unlock_schedule: int = 0
    release_ms: int = 5_000
    extended_release_ms: int = 15_000
    held_open_ms: int = 30_000
    pre_alarm_ms: int = 10_000
    storage_policy: StoragePolicy = StoragePolicy.DENY
    clock_policy: ClockPolicy = ClockPolicy.SECURE
    contact_fitted: bool = True
    unit: int = 0
    lock_schedule: int = 0
    block_schedule: int = 0


class SiteRow(msgspec.Struct, frozen=True, array_like=True):
    """The estate this node stands in. ``zone`` is an IANA name."""

    zone: str
    label: str


class ReadKeyRow(msgspec.Struct, frozen=True, array_like=True):
    """The key of a zone from which its doors get the reading key of each card; known by ``zone * 256 + version``.

    Only devices with readers in that zone get it. It lets nobody make a card: that takes the issuer's private key.
    """

    key: bytes


class IssuerKeyRow(msgspec.Struct, frozen=True, array_like=True):
    """The issuer's public key (Ed25519) by which credentials are checked; known by its generation."""

    public_key: bytes


class DeskRow(msgspec.Struct, frozen=True, array_like=True):
    """How an issuer on a clerk's own computer is set up (50): its serial port, and what organisation it stands in."""

    port: str
    speed_baud: int
    organisation: str


Row: TypeAlias = (
    RestrictionRow
    | StaleRightsRow
    | CardRow
    | UsesRow
    | HoursRow
    | LevelRow
    | ScheduleRow
    | SpecialDayRow
    | PointRow
    | DoorRow
    | SiteRow
    | ReadKeyRow
    | IssuerKeyRow
    | DeskRow
    | CheckpointRow
    | GuardRow
    | PlaceRow
    | EventCardRow
    | TimeClockRow
    | TillRow
    | BalanceRow
    | DoorRulesRow
    | AreaRow
    | PinRow
    | PresenceRow
)


class Kind(IntEnum):
    """Row kinds on the wire. 1-63 must be understood; a node may pass over kinds from 64 on."""

    RESTRICTION = 1
    STALE_RIGHTS = 2
    CARD = 10
    LEVEL = 11
    SCHEDULE = 12
    SPECIAL_DAY = 13
    POINT = 14
    DOOR = 15
    SITE = 16
    READ_KEY = 17
    ISSUER_KEY = 18
    USES = 19
    DESK = 20
    CHECKPOINT = 21
    GUARD = 22
    PLACE = 23
    EVENT_CARD = 24
    TIME_CLOCK = 25
    TILL = 26
    HOURS = 30
    BALANCE = 40
    PRESENCE = 41
    DOOR_RULES = 31
    AREA = 32
    PIN = 33


OPTIONAL_KIND_MIN: Final = 64

ROW_TYPE: Final[dict[Kind, type[Row]]] = {
    Kind.RESTRICTION: RestrictionRow,
    Kind.STALE_RIGHTS: StaleRightsRow,
    Kind.CARD: CardRow,
    Kind.LEVEL: LevelRow,
    Kind.SCHEDULE: ScheduleRow,
    Kind.SPECIAL_DAY: SpecialDayRow,
    Kind.POINT: PointRow,
    Kind.DOOR: DoorRow,
    Kind.SITE: SiteRow,
    Kind.READ_KEY: ReadKeyRow,
    Kind.ISSUER_KEY: IssuerKeyRow,
    Kind.USES: UsesRow,
    Kind.HOURS: HoursRow,
    Kind.DESK: DeskRow,
    Kind.CHECKPOINT: CheckpointRow,
    Kind.GUARD: GuardRow,
    Kind.PLACE: PlaceRow,
    Kind.EVENT_CARD: EventCardRow,
    Kind.TIME_CLOCK: TimeClockRow,
    Kind.TILL: TillRow,
    Kind.BALANCE: BalanceRow,
    Kind.DOOR_RULES: DoorRulesRow,
    Kind.AREA: AreaRow,
    Kind.PIN: PinRow,
    Kind.PRESENCE: PresenceRow,
}
KIND_OF: Final[dict[type[Row], Kind]] = {row_type: kind for kind, row_type in ROW_TYPE.items()}

STREAM_OF: Final[dict[Kind, Stream]] = {
    Kind.RESTRICTION: Stream.RESTRICTIONS,
    Kind.STALE_RIGHTS: Stream.RESTRICTIONS,
    Kind.CARD: Stream.ACCESS,
    Kind.LEVEL: Stream.ACCESS,
    Kind.SCHEDULE: Stream.ACCESS,
    Kind.SPECIAL_DAY: Stream.ACCESS,
    Kind.POINT: Stream.ACCESS,
    Kind.DOOR: Stream.ACCESS,
    Kind.SITE: Stream.ACCESS,
    Kind.READ_KEY: Stream.ACCESS,
    Kind.ISSUER_KEY: Stream.ACCESS,
    Kind.USES: Stream.ACCESS,
    Kind.HOURS: Stream.ACCESS,
    Kind.DESK: Stream.ACCESS,
    Kind.CHECKPOINT: Stream.ACCESS,
    Kind.GUARD: Stream.ACCESS,
    Kind.PLACE: Stream.ACCESS,
    Kind.EVENT_CARD: Stream.ACCESS,
    Kind.TIME_CLOCK: Stream.ACCESS,
    Kind.TILL: Stream.ACCESS,
    Kind.BALANCE: Stream.BALANCES,
    Kind.PRESENCE: Stream.BALANCES,
    Kind.DOOR_RULES: Stream.ACCESS,
    Kind.AREA: Stream.ACCESS,
    Kind.PIN: Stream.ACCESS,
}

SPECIAL_GROUPS: Final = 8
"""Groups of special days that a schedule can tell apart."""

_CARD_KEYED: Final = frozenset(
    {
        Kind.RESTRICTION,
        Kind.STALE_RIGHTS,
        Kind.CARD,
        Kind.USES,
        Kind.HOURS,
        Kind.PIN,
        Kind.GUARD,
        Kind.PLACE,
        Kind.EVENT_CARD,
        Kind.BALANCE,
    }
)
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(row_type) for kind, row_type in ROW_TYPE.items()}


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One row as it travels and as it is stored: put when ``body`` is not empty, else deleted."""

    kind: int
    key: bytes
    body: bytes

    @property
    def deleted(self) -> bool:
        """True when the row is taken away."""
        return not self.body


def number_key(number: int) -> bytes:
    """The key of a row that is known by a number: four bytes, big-endian, so that bytes sort as numbers do."""
    return number.to_bytes(4, "big")


def put(key: CardKey | int, row: Row) -> Change:
    """The change that sets ``row`` under ``key`` (a card key, or a number for every other kind).

    :raises LimitError: when the row is longer than ``ROW_BYTES_MAX``.
    """
    kind = KIND_OF[type(row)]
    body = _ENCODER.encode(row)
    if len(body) > ROW_BYTES_MAX:
        raise LimitError(f"a row of kind {kind.name} has {len(body)} bytes, more than {ROW_BYTES_MAX}")
    return Change(kind, _key_bytes(kind, key), body)


def delete(kind: Kind, key: CardKey | int) -> Change:
    """The change that takes the row of this kind and key away."""
    return Change(kind, _key_bytes(kind, key), b"")


def _key_bytes(kind: Kind, key: CardKey | int) -> bytes:
    if kind in _CARD_KEYED:
        assert isinstance(key, bytes), "this kind is known by a card key"
        return key
    assert isinstance(key, int), "this kind is known by a number"
    return number_key(key)


_AFTER_NUMBER: Final = {0xCC: 3, 0xCD: 4, 0xCE: 6, 0xCF: 10}
"""Where the second number of an array begins, by the head of the first (msgpack: uint 8, 16, 32, 64)."""


def decode_row(change: Change) -> Row:
    """The row of a put change, checked.

    :raises UnknownRecordError: a kind that must be understood is not.
    :raises MalformedError: the body is not a row of its kind.
    :raises LimitError: a count or a text is over its limit.
    """
    try:
        kind = Kind(change.kind)
    except ValueError:
        raise UnknownRecordError(f"row kind {change.kind} is not known here") from None
    try:
        row = _DECODERS[kind].decode(change.body)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedError(f"a row of kind {kind.name}: {error}") from None
    check_row(kind, change.key, row)
    return row


def without_holder(body: bytes) -> bytes:
    """The body of a :class:`CardRow` as ``put`` makes it, without its holder: the same for cards that may do the same."""
    first = body[1]  # numbers below 128 have one byte, others a head of their own
    return body[:1] + body[2 if first < 0x80 else _AFTER_NUMBER[first] :]


def check_row(kind: Kind, key: bytes, row: Row) -> None:
    """Raise when a row of the right shape has an impossible content (limits, key form, reason, a flag of a newer version)."""
    if kind in _CARD_KEYED:
        if not ((key[:1] == b"U" and len(key) in (5, 8, 11)) or (key[:1] == b"C" and len(key) == 9)):
            raise MalformedError("a card key is U + UID or C + credential id")
    elif len(key) != 4:
        raise MalformedError(f"the key of kind {kind.name} has four bytes")
    match row:
        case RestrictionRow() if row.reason not in DISABLING:
            raise MalformedError(f"{row.reason!r} is no reason for a restriction")
        case CardRow() if len(row.levels) > LEVELS_PER_CARD_MAX:
            raise LimitError(f"a card with {len(row.levels)} access levels")
        case CardRow() if not (
            0 <= row.holder < 2**32
            and 0 <= row.valid_from_s < 2**32
            and 0 <= row.valid_until_s < 2**32
            and 0 <= row.issue_no < 2**16
            and 0 <= row.zones < 1 << ZONES_MAX
        ):
            raise MalformedError("a number of a card row is out of range")
        case CardRow() if row.flags & ~_KNOWN_FLAGS:
            raise UnknownRecordError(f"card flags {row.flags:#x} are not all known here")
        case UsesRow() if len(row.used) > USES_POINTS_MAX or row.uses_max > USES_MAX:
            raise LimitError("too many uses, or at too many points")
        case UsesRow() if not (
            0 < row.card < 2**32
            and 0 <= row.issue_no < 2**16
            and row.uses_max > 0
            and all(0 <= point < 2**32 and 0 <= count < 2**32 for point, count in row.used)
        ):
            raise MalformedError("a number of a row of uses is out of range")
        case LevelRow() if len(row.entries) > ENTRIES_PER_LEVEL_MAX:
            raise LimitError(f"an access level with {len(row.entries)} entries")
        case ScheduleRow() | HoursRow() if len(row.periods) > PERIODS_PER_SCHEDULE_MAX:
            raise LimitError(f"a schedule with {len(row.periods)} periods")
        case SpecialDayRow() if not 1 <= row.group <= SPECIAL_GROUPS:
            raise MalformedError(f"special days have groups 1 to {SPECIAL_GROUPS}, not {row.group}")
        case DoorRow() if not all(
            0 <= duration <= DURATION_MAX_MS
            for duration in (row.release_ms, row.extended_release_ms, row.held_open_ms, row.pre_alarm_ms)
        ):
            raise LimitError("a duration of a door is out of range")
        case DoorRulesRow() | AreaRow() | PinRow() | PresenceRow():
            check_rule_row(row)
        case ReadKeyRow() if len(row.key) != READ_KEY_LENGTH or int.from_bytes(key, "big") >= ZONES_MAX << 8:
            raise MalformedError("a read key has 16 bytes, and a zone from 0 to 15")
        case IssuerKeyRow() if len(row.public_key) != PUBLIC_KEY_LENGTH or int.from_bytes(key, "big") > 0xFF:
            raise MalformedError("a public key has 32 bytes, and a generation from 0 to 255")
        case TillRow() | BalanceRow():
            check_money_row(row)
        case GuardRow() if len(row.visits) > VISITS_PER_GUARD_MAX:
            raise LimitError(f"a guard with {len(row.visits)} visits")
        case DeskRow() if max(len(row.port), len(row.organisation)) > TEXT_MAX_CHARS:
            raise LimitError("a port or a name is too long")
        case PointRow() | DoorRow() | SiteRow() if len(row.label) > TEXT_MAX_CHARS:
            raise LimitError("a label is too long")
        case _:
            pass


class Revisions(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Which configuration a View is: the centre's epoch and the revision of each stream. Every fact records it."""

    config_epoch: int = 0
    restrictions: int = 0
    access: int = 0
    balances: int = 0

    def of(self, stream: Stream) -> int:
        """The revision of one stream."""
        return (self.restrictions, self.access, self.balances)[stream - 1]

    def with_(self, stream: Stream, revision: int) -> Revisions:
        """The same triple with one stream at another revision."""
        streams = [self.restrictions, self.access, self.balances]
        streams[stream - 1] = revision
        return Revisions(self.config_epoch, *streams)
