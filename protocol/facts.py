"""Facts that a node records and sends up: what happened, in order, once, provable (B1, I1-I4).

A fact is numbered ``seq`` = 1, 2, ... within its (node, node_epoch) and chained:
``hash_i = BLAKE2b-128(hash_{i-1} + canonical_i)``, with ``hash_0`` sixteen zero bytes. ``canonical`` is the msgpack array
``[1, seq, kind, boot, boottime_ms, wall_ms, clock, body, commitment]``.

The personal part (the card key) stands outside: the chain holds only its commitment, a keyed hash with a salt that
differs for every fact. So the personal part can be dropped when its time is over and the chain still verifies (I15).
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from protocol.basis import Basis
from protocol.decide import Trust
from protocol.errors import LimitError, MalformedError
from protocol.ids import HASH_LENGTH, Tier
from protocol.limits import FACT_BYTES_MAX
from protocol.reasons import Reason
from protocol.records import Mode, Revisions
from protocol.records import PatrolEvent as PatrolEvent
from protocol.rules.passback import UNKNOWN as PLACE_UNKNOWN
from protocol.terminal_facts import PunchFact as PunchFact
from protocol.terminal_facts import PurchaseFact as PurchaseFact

CANONICAL_VERSION: Final = 1
CHAIN_START: Final = bytes(HASH_LENGTH)
SALT_LENGTH: Final = 16


class Outcome(IntEnum):
    """What became of an intent. An intent without an outcome after a restart is UNKNOWN, never "opened"."""

    RELEASED = 1
    LATE_COMMIT = 2
    """The record was committed only after the door's storage policy had answered; the door was not driven by it."""
    ENTERED = 3
    NOT_ENTERED = 4
    UNKNOWN = 5
    RELEASED_FROM_MEMORY = 6


class DoorEvent(IntEnum):
    """What the contact, the lock and the rule of a door did."""

    OPENED = 1
    CLOSED = 2
    UNLOCKED = 3
    LOCKED = 4
    MODE_CHANGED = 5


class Alarm(IntEnum):
    """What can be wrong. Raised and cleared by facts; severity and text are the centre's."""

    FORCED_OPEN = 1
    HELD_OPEN_SOON = 2
    HELD_OPEN = 3
    WRONG_TRIES = 4
    READER_FAULT = 5
    TAMPER = 6
    FIRE = 7
    STORAGE_UNUSABLE = 8
    STORAGE_LOW = 9
    CLOCK_UNTRUSTED = 10
    CLOCK_JUMPED = 11
    CLONE_SUSPECTED = 12
    TEMPERATURE = 13
    DEAD_CARD_USED = 14
    HELP_WANTED = 15
    """A guard pressed the help button of a patrol point."""
    DURESS = 16
    """A duress card was shown at a door, or a duress PIN entered: nothing is heard or seen there."""
    PIN_BLOCKED = 17
    """Too many wrong PINs with one card: its PIN is not looked at for a while, at this device."""
    EXIT_STUCK = 18
    """An exit button has been held down for a long time: the door stays released, whoever holds it."""


class CommandResult(IntEnum):
    """What became of a command of the centre."""

    DONE = 1
    TOO_OLD = 2
    UNKNOWN_NONCE = 3
    USED_NONCE = 4
    WRONG_DOOR = 5
    REFUSED_BY_MODE = 6
    BAD_SIGNATURE = 7
    STORAGE_UNUSABLE = 8
    NOT_CONFIRMED = 9
    """The device holds no signed word of the centre that these records are in its backup: nothing was erased (I1)."""
    OTHER_RECORDS = 10
    """The device's records are not those that the centre confirmed: number or hash differ."""
    REFUSED_BY_INTERLOCK = 11


class Content(IntEnum):
    """What a card on an issuer carries for us."""

    NONE = 1
    """It has a UID and nothing that we could write to."""
    BLANK = 2
    CREDENTIAL = 3
    LOCKED = 4
    """Neither our credential nor the keys of a new card: somebody else's, or damaged."""
    UNREAD = 5
    """It could not be read, several times in a row."""
    ERASED = 6
    """It has our keys, and no credential."""


class WriteResult(IntEnum):
    """How a write order stands. The first ends it; the last four do too."""

    WRITTEN = 1
    """Written and read back, or found as it was to be."""
    OTHER_CARD = 2
    LEFT = 3
    """Taken away, or disturbed: show it again."""
    CARD_AHEAD = 4
    """The card has a later sequence: ``seq``."""
    DAMAGED = 5
    UNSUITABLE = 6
    COPY = 7
    """It answers as copies of MIFARE Classic cards do."""
    CANCELLED = 8
    EXPIRED = 9


class ScanResult(IntEnum):
    """What a guard was told at a patrol point. It judges nothing: the centre does, once all data are in (B9)."""

    ON_TIME = 1
    EARLY = 2
    LATE = 3
    NOT_ON_ROUTE = 4
    """No visit of this guard is planned here about now."""
    NOT_A_GUARD = 5
    PLAN_UNKNOWN = 6
    """The device has no plan for this time, or does not know the time."""
    ROUND_OPENED = 7
    ROUND_CLOSED = 8
    NO_ROUND = 9
    """A location card, shown to a carried unit whose round nobody has opened."""
    NOT_OPENED = 10
    """A guard's card for which the patrol is closed."""


class AccessFact(msgspec.Struct, frozen=True, array_like=True):
    """A presentation and its decision: the intent that is committed before the door is released (I8). With the reason
    ``GRANTED_ALONG`` it stands behind the intent of the card that its holder waited for, in the same commit, and ends as that does.

    ``mode``, ``unknown_ignored`` and ``floor_s`` are the state that the decision used; ``revisions`` the View it used.
    ``used``: of a card with a limited number of uses, how many were known before. ``use_no``: a grant of such a card, its
    number among those of issue ``use_issue`` at this point, from 1; 0 when it does not count. ``place``: the area where the
    holder was, at a door that asks for it and as far as known, else -1. ``into``: the area he has gone into where no outcome
    will tell, because the door was opened from memory; else -1. ``basis``: what else the decision used; None from a program
    that did not say.
    """

    point: int
    reason: Reason
    revisions: Revisions
    tier: Tier = Tier.UID_ONLY
    issue_no: int = 0
    schedule: int = 0
    release_ms: int = 0
    mode: Mode = Mode.NORMAL
    unknown_ignored: bool = False
    floor_s: int = 0
    used: int = 0
    use_no: int = 0
    use_issue: int = 0
    place: int = PLACE_UNKNOWN
    into: int = PLACE_UNKNOWN
    basis: Basis | None = None


class OutcomeFact(msgspec.Struct, frozen=True, array_like=True):
    """What followed the intent with that seq, in the same node_epoch.

    ``into``: the area that the holder is in from now on, with those that the grant let in along (``Reason.GRANTED_ALONG``); -1 where
    nobody is elsewhere by it. ``reset_no``: of the last reset of places that the device knew of then.
    """

    intent_seq: int
    outcome: Outcome
    into: int = PLACE_UNKNOWN
    reset_no: int = 0


class ExitFact(msgspec.Struct, frozen=True, array_like=True):
    """The exit button of a door was pressed (REX)."""

    door: int
    release_ms: int


class DoorFact(msgspec.Struct, frozen=True, array_like=True):
    """The door itself: contact, lock, rule. ``mode`` is the one in force afterwards. ``schedule``: where that is another one, or so for
    another reason, the schedule by which it is; 0: by hand, or by the settings.
    """

    door: int
    event: DoorEvent
    mode: Mode = Mode.NORMAL
    schedule: int = 0


class AlarmFact(msgspec.Struct, frozen=True, array_like=True):
    """An alarm was raised or cleared. ``where``: the door, the point, or 0 for the whole node. ``detail``: a short code."""

    alarm: Alarm
    raised: bool
    where: int = 0
    detail: str = ""


class CommandFact(msgspec.Struct, frozen=True, array_like=True):
    """A command of the centre (remote open, mode, test) and its result. For a remote open it is the intent."""

    command_id: int
    door: int
    result: CommandResult
    release_ms: int = 0


class ClockFact(msgspec.Struct, frozen=True, array_like=True):
    """The clock was set or jumped: an anchor for the correction of earlier facts of this boot (I12).

    ``utc_ms`` at ``boottime_ms``; ``before_ms`` what the wall clock said then; ``error_ms`` the bound of the error.
    """

    source: str
    utc_ms: int
    boottime_ms: int
    before_ms: int
    error_ms: int


class BootFact(msgspec.Struct, frozen=True, array_like=True):
    """The node program started. ``boot_id`` is the kernel's; ``unclean`` when the last run did not end by itself."""

    boot_id: str
    release: str
    floor_ms: int
    unclean: bool


class ConfigFact(msgspec.Struct, frozen=True, array_like=True):
    """From here on decisions use this configuration (durably stored)."""

    revisions: Revisions


class MemoryGrantsFact(msgspec.Struct, frozen=True, array_like=True):
    """How often a door was opened from memory while storage was unusable, counted in RAM (I8)."""

    door: int
    count: int


class WriteFact(msgspec.Struct, frozen=True, array_like=True):
    """A card was written as the centre ordered, or why not (yet). The personal part is the UID of the card shown.

    ``order``: the ``command_id`` of the order. ``seq``: of the credential that stands on the card; 0 for none.
    """

    order: int
    point: int
    result: WriteResult
    seq: int = 0


class InspectionFact(msgspec.Struct, frozen=True, array_like=True):
    """What a card laid on an issuer is. ``medium``: of ``card_layout.credential.Medium``, 0 for none.

    ``credential``: its 32 bytes, verified, without the signature. ``copy``: it answers as copies of cards do. ``has_keys``:
    the device has read keys, so a credential of ours would have been found.
    """

    point: int
    medium: int
    content: Content
    sak: int
    copy: bool = False
    credential: bytes = b""
    has_keys: bool = False


class ScanFact(msgspec.Struct, frozen=True, array_like=True):
    """A card was shown at a patrol point, or a button pressed there. The personal part is the guard's card (a carried unit:
    of who opened the round).

    ``checkpoint``: the number in the plans; of a carried unit that of the location card, 0 where the guard's own card opens
    or closes the round. ``planned_s``: the visit by which ``result`` was told, 0 for none. ``scan_seq``: of an event, the
    scan of the guard who was there last, 0 for nobody. ``is_dead``: the card is on the hotlist. ``is_copy``: it answers as
    copies of cards do.
    """

    point: int
    checkpoint: int
    result: ScanResult
    revisions: Revisions
    tier: Tier = Tier.UID_ONLY
    issue_no: int = 0
    planned_s: int = 0
    event: PatrolEvent = PatrolEvent.NONE
    scan_seq: int = 0
    is_dead: bool = False
    is_copy: bool = False


class Supply(IntEnum):
    """What a node runs on, as far as its board tells."""

    UNKNOWN = 1
    MAINS = 2
    BATTERY = 3
    LOW = 4
    """The voltage is too low (Raspberry Pi: under-voltage), or the battery nearly empty."""


class TestFact(msgspec.Struct, frozen=True, array_like=True):
    """What a node found when an operator tested it (測試); the man beside it heard it beep.

    ``readers``: (unit, point, does it work, what the chip says it is). ``storage_ok``: a write was committed just now.
    Records ``first_seq`` up to this fact are kept at the node; the centre has ``acked_through``, its backup
    ``backed_up_through``. ``difference_ms``: the centre's time minus the node's, measured ``measured_ms`` ago (-1: never),
    wrong by ``error_ms`` at most. ``battery_percent`` -1, ``temperature_c`` -128: not known. ``outputs``: (line, does it
    obey), as read back at the pin; a lock is looked at and not moved. ``inputs``: (line, is it active now).
    """

    command_id: int
    readers: tuple[tuple[int, int, bool, str], ...]
    storage_ok: bool
    free_mib: int
    first_seq: int
    acked_through: int
    backed_up_through: int
    difference_ms: int = 0
    error_ms: int = 0
    measured_ms: int = -1
    supply: Supply = Supply.UNKNOWN
    battery_percent: int = -1
    temperature_c: int = -128
    revisions: Revisions = Revisions()
    outputs: tuple[tuple[str, bool], ...] = ()
    inputs: tuple[tuple[str, bool], ...] = ()

    __test__ = False  # pytest: this is no test case


class ClearedFact(msgspec.Struct, frozen=True, array_like=True):
    """What became of ``ClearRecords`` (清空記錄). ``count`` records were erased; those from ``first_seq`` on are kept."""

    command_id: int
    result: CommandResult
    count: int
    first_seq: int


Body: TypeAlias = (
    AccessFact
    | OutcomeFact
    | ExitFact
    | DoorFact
    | AlarmFact
    | CommandFact
    | ClockFact
    | BootFact
    | ConfigFact
    | MemoryGrantsFact
    | WriteFact
    | InspectionFact
    | ScanFact
    | TestFact
    | ClearedFact
    | PunchFact
    | PurchaseFact
)


class FactKind(IntEnum):
    """Kinds on the wire. An unknown kind is stored opaque and acknowledged."""

    ACCESS = 1
    OUTCOME = 2
    EXIT = 3
    DOOR = 4
    ALARM = 5
    COMMAND = 6
    CLOCK = 7
    BOOT = 8
    CONFIG = 9
    MEMORY_GRANTS = 10
    WRITE = 11
    INSPECTION = 12
    SCAN = 13
    TEST = 14
    CLEARED = 15
    PUNCH = 16
    PURCHASE = 17


BODY_TYPE: Final[dict[FactKind, type[Body]]] = {
    FactKind.ACCESS: AccessFact,
    FactKind.OUTCOME: OutcomeFact,
    FactKind.EXIT: ExitFact,
    FactKind.DOOR: DoorFact,
    FactKind.ALARM: AlarmFact,
    FactKind.COMMAND: CommandFact,
    FactKind.CLOCK: ClockFact,
    FactKind.BOOT: BootFact,
    FactKind.CONFIG: ConfigFact,
    FactKind.MEMORY_GRANTS: MemoryGrantsFact,
    FactKind.WRITE: WriteFact,
    FactKind.INSPECTION: InspectionFact,
    FactKind.SCAN: ScanFact,
    FactKind.TEST: TestFact,
    FactKind.CLEARED: ClearedFact,
    FactKind.PUNCH: PunchFact,
    FactKind.PURCHASE: PurchaseFact,
}
KIND_OF: Final[dict[type[Body], FactKind]] = {body_type: kind for kind, body_type in BODY_TYPE.items()}

URGENT: Final = frozenset(
    {
        FactKind.ALARM,
        FactKind.COMMAND,
        FactKind.MEMORY_GRANTS,
        FactKind.WRITE,
        FactKind.TEST,
        FactKind.CLEARED,
    }
)
"""Kinds that are sent before the others' schedule even on a slow route; order within the sequence stays."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(body_type) for kind, body_type in BODY_TYPE.items()}


class Fact(msgspec.Struct, frozen=True, array_like=True):
    """One recorded fact.

    ``boot`` counts starts of the node program in this node_epoch; ``boottime_ms`` is the kernel's monotonic time since
    power-up; ``wall_ms`` what the wall clock said, never corrected here; ``clock`` how far it was to be trusted.
    ``personal`` is the card key or empty.
    """

    seq: int
    kind: int
    boot: int
    boottime_ms: int
    wall_ms: int
    clock: Trust
    body: bytes
    personal: bytes = b""

    def canonical(self, commitment: bytes) -> bytes:
        """The bytes that the chain covers."""
        return _ENCODER.encode(
            (
                CANONICAL_VERSION,
                self.seq,
                self.kind,
                self.boot,
                self.boottime_ms,
                self.wall_ms,
                int(self.clock),
                self.body,
                commitment,
            )
        )


class Entry(msgspec.Struct, frozen=True):
    """A fact with its place in the chain. ``commitment`` outlives ``fact.personal``; ``hash`` is the chain hash after it."""

    fact: Fact
    commitment: bytes
    hash: bytes


def chained(previous: bytes, fact: Fact, salt: bytes) -> Entry:
    """The entry of a new fact after the chain hash ``previous``, with the salt of its node_epoch."""
    promise = commitment(salt, fact.seq, fact.personal)
    return Entry(fact, promise, chain_hash(previous, fact.canonical(promise)))


def encode_body(body: Body) -> tuple[FactKind, bytes]:
    """Kind and bytes of a fact body.

    :raises LimitError: when it is longer than ``FACT_BYTES_MAX``.
    """
    kind, encoded = KIND_OF[type(body)], _ENCODER.encode(body)
    if len(encoded) > FACT_BYTES_MAX:
        raise LimitError(f"a fact of {len(encoded)} bytes")
    return kind, encoded


def decode_body(fact: Fact) -> Body | None:
    """The body of a fact, or None when this side does not know its kind (it is kept opaque).

    :raises MalformedError: the bytes are not a body of their kind.
    """
    try:
        kind = FactKind(fact.kind)
    except ValueError:
        return None
    try:
        return _DECODERS[kind].decode(fact.body)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedError(f"fact {fact.seq} of kind {kind.name}: {error}") from None


def commitment(salt: bytes, seq: int, personal: bytes) -> bytes:
    """What stands in the chain for the personal part: empty for none, else a hash keyed by the epoch's salt and the seq.

    ``salt``: sixteen random bytes that the node makes at enrolment and gives to the centre.
    """
    if not personal:
        return b""
    return blake2b(personal, digest_size=HASH_LENGTH, key=salt, salt=seq.to_bytes(16, "big")).digest()


def chain_hash(previous: bytes, canonical: bytes) -> bytes:
    """The chain hash after a fact."""
    return blake2b(previous + canonical, digest_size=HASH_LENGTH).digest()
