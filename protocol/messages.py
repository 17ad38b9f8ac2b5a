"""Every message between a node and the centre, as values (the byte forms are in ``codec`` and ``envelope``).

Law of this file: a message is a msgpack array ``[kind, field, ...]``. Kinds are never reused; fields are only ever
appended, with a default, so that protocol version N reads N-1. PROTOCOL.md lists them and a test compares it with this.

``protocol.seals`` says how each kind must be protected and which way it goes.
Times named ``_at_ms`` are milliseconds since 1970-01-01 UTC; ``boottime_ms`` is a node's time since power-up.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, TypeAlias, get_args

import msgspec
from msgspec import Meta

from protocol.card_layout.credential import SLOT_LENGTH, Medium
from protocol.decide import Trust
from protocol.ids import Stream
from protocol.limits import (
    CARD_KEYS_MAX,
    CHANGES_PER_DELTA_MAX,
    CHANGES_PER_PART_MAX,
    FACTS_PER_BATCH_MAX,
    FIGURES_MAX,
    KINDS_MAX,
    NODE_NAME_MAX,
    PARTS_MAX,
    POINTS_PER_NODE_MAX,
    RELEASE_MAX,
    RELEASE_PART_MAX,
    TEXT_MAX_CHARS,
)
from protocol.message_kinds import MessageKind as MessageKind
from protocol.message_kinds import RefusalCode as RefusalCode
from protocol.records import Change, Mode, Revisions
from protocol.updating import UpdateWord

U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U63 = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Hash = Annotated[bytes, Meta(min_length=16, max_length=16)]
HashOrNone = Annotated[bytes, Meta(max_length=16)]
"""Sixteen bytes, or empty for "not known"."""
Nonce = Annotated[bytes, Meta(min_length=16, max_length=16)]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
SessionId = Annotated[bytes, Meta(min_length=8, max_length=8)]
Name = Annotated[str, Meta(min_length=1, max_length=NODE_NAME_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_MAX_CHARS)]


class ReaderState(IntEnum):
    """What a node says about one of its readers."""

    WORKING = 1
    RECOVERING = 2
    FAULTED = 3


class _Message(msgspec.Struct, frozen=True, array_like=True):
    """Base of all messages."""


# -- joining ------------------------------------------------------------------------------------------------------


class Enrol(_Message, frozen=True, tag=MessageKind.ENROL.value):
    """A new node shows its one-time ticket and the key that was born on it (``protocol.enrolment``).

    ``salt`` keys the commitments of this node_epoch's facts. ``proof`` is made with the ticket's secret over all else.
    """

    ticket_id: Name
    node: Name
    public_key: Key
    board_serial: Text
    image_hash: Annotated[bytes, Meta(max_length=32)]
    salt: Nonce
    nonce: Nonce
    key_type: U32 = 1
    proof: Annotated[bytes, Meta(max_length=64)] = b""


class Enrolled(_Message, frozen=True, tag=MessageKind.ENROLLED.value):
    """The answer: who the node now is. ``proof`` is a MAC by the ticket, so that the node can believe ``centre_key``.

    ``box_key``: X25519, for files that only the centre may read. ``period_s``: agreed time between two polls.
    """

    node: Name
    node_epoch: U32
    config_epoch: U32
    centre_key: Key
    box_key: Key
    period_s: U32
    scope: Name
    server_at_ms: U63
    nonce: Nonce
    proof: Annotated[bytes, Meta(max_length=32)] = b""


class Hello(_Message, frozen=True, tag=MessageKind.HELLO.value):
    """Opens a session. ``share`` is an ephemeral X25519 key; ``digests`` one per stream, empty when not known.

    The outbox holds ``first_seq``..``last_seq`` (0, 0 when empty) and its chain stands at ``head``.
    """

    versions: Annotated[tuple[U32, ...], Meta(min_length=1, max_length=8)]
    node: Name
    node_epoch: U32
    revisions: Revisions
    digests: Annotated[tuple[HashOrNone, ...], Meta(max_length=len(Stream))]
    first_seq: U63
    last_seq: U63
    head: Hash
    boot: U32
    boottime_ms: U63
    software: Text
    kinds: Annotated[tuple[U32, ...], Meta(max_length=KINDS_MAX)]
    clock: Trust
    share: Key
    nonce: Nonce


class Welcome(_Message, frozen=True, tag=MessageKind.WELCOME.value):
    """The session is open. ``nonce`` and ``boottime_ms`` are the Hello's.

    ``received_through``/``received_head``: the last fact of this node_epoch that the centre holds, and its chain hash.
    ``audit_seq``/``audit_head``: head of the centre's audit chain; a node keeps the newest, so that truncation shows (I14).
    ``hotlist_wanted``: the centre was restored and asks what its nodes know. ``digests``: at ``heads``, empty if not known.
    """

    session: SessionId
    share: Key
    nonce: Nonce
    version: U32
    boottime_ms: U63
    server_at_ms: U63
    period_s: U32
    scope: Name
    heads: Revisions
    received_through: U63
    received_head: Hash
    required_kinds: Annotated[tuple[U32, ...], Meta(max_length=KINDS_MAX)] = ()
    audit_seq: U63 = 0
    audit_head: Annotated[bytes, Meta(max_length=32)] = b""
    hotlist_wanted: bool = False
    digests: Annotated[tuple[HashOrNone, ...], Meta(max_length=len(Stream))] = ()


class Refused(_Message, frozen=True, tag=MessageKind.REFUSED.value):
    """The request named by ``about`` (its kind) and ``echo`` is not done.

    ``echo``: the session id for a session frame, ``envelope.frame_hash`` for a signed one, empty when it had no header.
    """

    code: RefusalCode
    about: U32 = 0
    echo: HashOrNone = b""
    retry_after_s: U32 = 0


# -- configuration, downwards -------------------------------------------------------------------------------------


class Health(_Message, frozen=True, tag=MessageKind.HEALTH.value):
    """How a node is. ``readers``: (point, state). ``temperature_c`` of the processor, -128 when not known.

    ``locks``: (door, whether its lock relay is released, for how many milliseconds it has been so); a door that has no
    output on this board is missing. ``first_seq``: the oldest record kept; 0: not told. ``clock_difference_ms``: the
    centre's time minus the node's as it was before it was last set right. ``figures``: what ``protocol.figures`` counts,
    (figure, step, count) since the start of ``run``, a number of this node_epoch. ``update``: of a node that takes
    releases. ``clock_set_ms``: how
    long ago the centre last set the clock, -1 for never; it moved by ``clock_moved_ms`` then, after it had run by itself for
    ``clock_ran_s``, 0 where that is not known. ``contacts``: (door, whether its contact says open), as it was when the poll
    said its ``last_seq``; a door without a contact, or one that has not been heard of yet, is missing. Sent with each poll, and alone at once when a relay has moved or an update got on.
    """

    storage_usable: bool = True
    storage_free_mib: U32 = 0
    unsent_count: U63 = 0
    readers: Annotated[tuple[tuple[U32, ReaderState], ...], Meta(max_length=POINTS_PER_NODE_MAX)] = ()
    temperature_c: Annotated[int, Meta(ge=-128, le=200)] = -128
    memory_mib: U32 = 0
    uptime_s: U32 = 0
    clock: Trust = Trust.NONE
    clock_error_ms: U63 = 0
    memory_grants_count: U32 = 0
    locks: Annotated[tuple[tuple[U32, bool, U63], ...], Meta(max_length=POINTS_PER_NODE_MAX)] = ()
    first_seq: U63 = 0
    clock_difference_ms: int = 0
    run: U32 = 0
    figures: Annotated[tuple[tuple[U32, U32, U63], ...], Meta(max_length=FIGURES_MAX)] = ()
    update: UpdateWord | None = None
    clock_set_ms: int = -1
    clock_moved_ms: int = 0
    clock_ran_s: U32 = 0
    contacts: Annotated[tuple[tuple[U32, bool], ...], Meta(max_length=POINTS_PER_NODE_MAX)] = ()


class Poll(_Message, frozen=True, tag=MessageKind.POLL.value):
    """ "Anything newer than this?" Also the heartbeat, the clock question, and a nonce that a command may use."""

    revisions: Revisions
    boottime_ms: U63
    nonce: Nonce
    last_seq: U63 = 0
    health: Health | None = None


class PollReply(_Message, frozen=True, tag=MessageKind.POLL_REPLY.value):
    """Ends the answer to a poll. ``heads`` equal to the poll's revisions: up to date.

    ``period_s``: time between two polls from now on; ``time_set_s``: how often the clock is set by the centre, as long as it
    is right to a second. 0: as before, and at each occasion.
    """

    boottime_ms: U63
    server_at_ms: U63
    heads: Revisions
    period_s: U32 = 0
    time_set_s: U32 = 0


class Pull(_Message, frozen=True, tag=MessageKind.PULL.value):
    """Asks for one stream: what changed since ``since``, or (``whole``) part ``part`` of its snapshot.

    ``revision``: of the snapshot whose earlier parts are held already; 0 for the newest.
    """

    stream: Stream
    config_epoch: U32
    since: U63
    whole: bool = False
    revision: U63 = 0
    part: U32 = 0


class Delta(_Message, frozen=True, tag=MessageKind.DELTA.value):
    """Changes of one stream from revision ``base`` to ``revision``. ``digest``: of the rows after it, if known."""

    scope: Name
    stream: Stream
    config_epoch: U32
    base: U63
    revision: U63
    issued_at_ms: U63
    digest: HashOrNone
    changes: Annotated[tuple[Change, ...], Meta(max_length=CHANGES_PER_DELTA_MAX)] = ()


class SnapshotPart(_Message, frozen=True, tag=MessageKind.SNAPSHOT_PART.value):
    """Part ``part`` (from 0) of ``parts`` of all rows of one stream at ``revision``; ``digest`` is of the whole."""

    scope: Name
    stream: Stream
    config_epoch: U32
    revision: U63
    part: U32
    parts: Annotated[int, Meta(ge=1, le=PARTS_MAX)]
    issued_at_ms: U63
    digest: Hash
    changes: Annotated[tuple[Change, ...], Meta(max_length=CHANGES_PER_PART_MAX)] = ()


class Applied(_Message, frozen=True, tag=MessageKind.APPLIED.value):
    """Decisions use these revisions: from memory, and (``durable``) also after a power cut."""

    revisions: Revisions
    durable: bool
    digests: Annotated[tuple[HashOrNone, ...], Meta(max_length=len(Stream))] = ()


class CannotApply(_Message, frozen=True, tag=MessageKind.CANNOT_APPLY.value):
    """The old View stays: ``kinds`` are required here but not known, or (when empty) a row was not usable."""

    stream: Stream
    revision: U63
    kinds: Annotated[tuple[U32, ...], Meta(max_length=KINDS_MAX)] = ()


class HotlistReport(_Message, frozen=True, tag=MessageKind.HOTLIST_REPORT.value):
    """What this node's restrictions stream holds, for a restored centre."""

    revisions: Revisions
    part: U32
    parts: Annotated[int, Meta(ge=1, le=PARTS_MAX)]
    changes: Annotated[tuple[Change, ...], Meta(max_length=CHANGES_PER_PART_MAX)] = ()


# -- facts, upwards -----------------------------------------------------------------------------------------------

_Run = tuple[int, U32]
_PerFact = Meta(max_length=FACTS_PER_BATCH_MAX)


class FactBatch(_Message, frozen=True, tag=MessageKind.FACT_BATCH.value):
    """Consecutive facts as columns; ``protocol.columns`` packs and unpacks them.

    ``previous``: chain hash before ``first_seq``; ``head``: after the last. Runs are (value, count).
    ``boottimes``: the first, then differences. ``offsets``: runs of (wall - boottime). ``bodies`` and ``people`` are the
    distinct values, the two columns index them (``person_of`` from 1, 0 for none). ``commitments``: (row, commitment) of
    facts whose personal part is gone.
    """

    node_epoch: U32
    first_seq: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    previous: Hash
    head: Hash
    kinds: Annotated[bytes, Meta(min_length=1, max_length=FACTS_PER_BATCH_MAX)]
    boots: Annotated[tuple[_Run, ...], _PerFact]
    boottimes: Annotated[tuple[int, ...], _PerFact]
    offsets: Annotated[tuple[_Run, ...], _PerFact]
    clocks: Annotated[tuple[_Run, ...], _PerFact]
    bodies: Annotated[tuple[bytes, ...], _PerFact]
    body_of: Annotated[tuple[U32, ...], _PerFact]
    people: Annotated[tuple[bytes, ...], _PerFact] = ()
    person_of: Annotated[tuple[U32, ...], _PerFact] = ()
    commitments: Annotated[tuple[tuple[U32, Hash], ...], _PerFact] = ()


class FactAck(_Message, frozen=True, tag=MessageKind.FACT_ACK.value):
    """Facts 1..``received_through`` of this node_epoch are committed at the centre (I2); ``head`` is their chain hash."""

    node_epoch: U32
    received_through: U63
    head: Hash


class BackedUp(_Message, frozen=True, tag=MessageKind.BACKED_UP.value):
    """Facts 1..``through`` are also in the centre's backup: the node may purge them (I1). Kept with its signature."""

    node: Name
    node_epoch: U32
    through: U63
    head: Hash
    issued_at_ms: U63


# -- a live connection --------------------------------------------------------------------------------------------


class Nudge(_Message, frozen=True, tag=MessageKind.NUDGE.value):
    """Sync now. ``heads``: where the centre stands."""

    heads: Revisions


class Ping(_Message, frozen=True, tag=MessageKind.PING.value):
    """Sent by the node; ``nonce`` may be used by one command within ten seconds.

    ``told_at_ms``: a moment of the centre's clock until which everything recorded here has a seq up to ``told_through``; 0
    where the node cannot say (``rules.places``).
    """

    nonce: Nonce
    boottime_ms: U63
    told_through: U63 = 0
    told_at_ms: U63 = 0


class Pong(_Message, frozen=True, tag=MessageKind.PONG.value):
    """The answer, with the centre's time.

    ``others_at_ms``: what the other devices of this one's areas recorded until that moment of the centre's clock is
    published, up to revision ``places`` of the stream of balances; 0 where there are none, or one of them has not said.
    """

    boottime_ms: U63
    server_at_ms: U63
    others_at_ms: U63 = 0
    places: U63 = 0


# -- a new version of the node's program --------------------------------------------------------------------------


class ReleaseOffer(_Message, frozen=True, tag=MessageKind.RELEASE_OFFER.value):
    """Take this release (``protocol.release``): an archive of ``size`` bytes with this SHA-256. ``offer`` 0: take none now.

    A node that has rolled an offer back takes the same version again only under another number.
    """

    offer: U32
    version: Text = ""
    size: Annotated[int, Meta(ge=0, le=RELEASE_MAX)] = 0
    sha256: Annotated[bytes, Meta(max_length=32)] = b""


class ReleasePull(_Message, frozen=True, tag=MessageKind.RELEASE_PULL.value):
    """Asks for the archive of an offer from ``offset`` on."""

    offer: U32
    offset: U63


class ReleasePart(_Message, frozen=True, tag=MessageKind.RELEASE_PART.value):
    """What stands at ``offset`` of the archive."""

    offer: U32
    offset: U63
    content: Annotated[bytes, Meta(min_length=1, max_length=RELEASE_PART_MAX)]


# -- commands: signed, for one node, void after their nonce; results are CommandFacts -----------------------------


class RemoteOpen(_Message, frozen=True, tag=MessageKind.REMOTE_OPEN.value):
    """Release a door once (I10). ``release_ms`` 0: the door's own time; a longer one is cut to the door's limit."""

    command_id: U63
    node: Name
    nonce: Nonce
    issued_at_ms: U63
    door: U32
    release_ms: U32 = 0


class SetMode(_Message, frozen=True, tag=MessageKind.SET_MODE.value):
    """Put a door into a mode by hand; ``clear`` gives it back to its configuration."""

    command_id: U63
    node: Name
    nonce: Nonce
    issued_at_ms: U63
    door: U32
    mode: Mode = Mode.NORMAL
    clear: bool = False


class TestNode(_Message, frozen=True, tag=MessageKind.TEST_NODE.value):
    """Show where you are: beep and light at a point (0: all), and check every reader. Moves no lock."""

    command_id: U63
    node: Name
    nonce: Nonce
    issued_at_ms: U63
    point: U32 = 0

    __test__ = False  # pytest: this is no test case


class SetTime(_Message, frozen=True, tag=MessageKind.SET_TIME.value):
    """Set the clock: ``issued_at_ms`` is the time, if the nonce came back within two seconds."""

    command_id: U63
    node: Name
    nonce: Nonce
    issued_at_ms: U63


class WriteCard(_Message, frozen=True, tag=MessageKind.WRITE_CARD.value):
    """Write ``slot`` to the card with this UID, or (empty) erase what it holds for ``zones``; ends with a ``WriteFact``.

    ``keys``: ``CardKeys`` of this card and of no other, encoded, and on their way sealed for the device (``sealed_keys``);
    whoever carries them reads none. ``wait_s``: how long to wait for the card.
    """

    command_id: U63
    node: Name
    nonce: Nonce
    issued_at_ms: U63
    uid: Annotated[bytes, Meta(min_length=4, max_length=10)]
    medium: Medium
    zones: U32
    slot: Annotated[bytes, Meta(max_length=SLOT_LENGTH)]
    keys: Annotated[bytes, Meta(max_length=CARD_KEYS_MAX)]
    wait_s: U32


class CancelWrite(_Message, frozen=True, tag=MessageKind.CANCEL_WRITE.value):
    """Forget a write order. The device's ``WriteFact`` says whether the card was written before."""

    command_id: U63
    node: Name
    nonce: Nonce
    issued_at_ms: U63
    order: U63


class ClearRecords(_Message, frozen=True, tag=MessageKind.CLEAR_RECORDS.value):
    """Erase records 1..``through``, whose chain hash is ``head``: all of them are in the centre's backup (清空記錄).

    The device erases nothing that no ``BackedUp`` covers (I1), nor records that have another hash. Answer: ``ClearedFact``.
    """

    command_id: U63
    node: Name
    nonce: Nonce
    issued_at_ms: U63
    node_epoch: U32
    through: U63
    head: Hash


Command: TypeAlias = RemoteOpen | SetMode | TestNode | SetTime | WriteCard | CancelWrite | ClearRecords

Message: TypeAlias = (
    Enrol
    | Enrolled
    | Hello
    | Welcome
    | Refused
    | Poll
    | PollReply
    | Pull
    | Delta
    | SnapshotPart
    | Applied
    | CannotApply
    | HotlistReport
    | FactBatch
    | FactAck
    | BackedUp
    | Nudge
    | Ping
    | Pong
    | Health
    | ReleaseOffer
    | ReleasePull
    | ReleasePart
    | RemoteOpen
    | SetMode
    | TestNode
    | SetTime
    | WriteCard
    | CancelWrite
    | ClearRecords
)

MESSAGE_TYPE: Final[dict[MessageKind, type[Message]]] = {
    MessageKind(message.__struct_config__.tag): message for message in get_args(Message)
}
KIND_OF: Final[dict[type[Message], MessageKind]] = {message: kind for kind, message in MESSAGE_TYPE.items()}
assert MESSAGE_TYPE.keys() == set(MessageKind)
