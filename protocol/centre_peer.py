"""The centre's side of a whole conversation with one node: session, commands and both engines.

    peer    = CentrePeer(hello_frame, ...)                 one per session
    effects = peer.receive(frame, now_ms, utc_ms)          what arrived means; carry it out
    frames  = peer.frames_to_send(now_ms, utc_ms)          the answer; for HTTP after the effects are carried out

``now_ms`` is monotonic, ``utc_ms`` the centre's clock. The caller finds the node by ``envelope.peek`` of the Hello, and a
session by ``envelope.session_of``. Storage is asked inside ``receive`` and ``frames_to_send``: call them where storage
may be asked.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.downlink import (
    CentreDownlink,
    Delivered,
    DownlinkStorage,
    HotlistReported,
    NotApplied,
    Rejected,
    Sealed,
)
from protocol.envelope import (
    CENTRE,
    frame_hash,
    is_session_frame,
    open_signed,
    peek,
    session_of,
    write_signed,
)
from protocol.errors import MalformedError, ProtocolError, SignatureError, StateError, UnknownMessageError
from protocol.limits import COMMANDS_WAITING_MAX, REMOTE_OPEN_MAX_AGE_MS
from protocol.messages import (
    KIND_OF,
    Applied,
    BackedUp,
    CannotApply,
    Command,
    Delta,
    FactBatch,
    Health,
    Hello,
    HotlistReport,
    Message,
    MessageKind,
    Ping,
    Poll,
    PollReply,
    Pong,
    Pull,
    RefusalCode,
    Refused,
    ReleaseOffer,
    ReleasePart,
    ReleasePull,
    Welcome,
)
from protocol.records import Kind, Revisions
from protocol.seals import SEAL, Seal
from protocol.session import SESSION_ID_LENGTH, SHARE_SECRET_LENGTH, channel, choose_version, share_of
from protocol.uplink import CentreUplink, CentreUplinkEffect, FactStore

NONCE_FRESH_MS: Final = REMOTE_OPEN_MAX_AGE_MS - 2_000
"""A nonce older than this would be void on arrival."""
CLAIMS_KEPT: Final = 16
"""Pings whose facts are awaited: a minute and more."""
REQUIRED_KINDS: Final = tuple(sorted(int(kind) for kind in Kind))


class NodeRecord(msgspec.Struct, frozen=True):
    """What the centre knows of a node's enrolment.

    ``received_through``/``head``: its last committed fact. ``quarantine``: its node_epoch is closed or it is revoked: it
    gets no configuration and no commands, and its facts are kept apart.
    """

    node: str
    node_epoch: int
    key: Ed25519PublicKey
    salt: bytes
    scope: str
    period_s: int
    received_through: int
    head: bytes
    quarantine: bool = False
    time_set_s: int = 0


class AuditHead(msgspec.Struct, frozen=True):
    """Newest row of the audit chain, given to every node to witness (I14)."""

    seq: int = 0
    head: bytes = b""


class Alive(msgspec.Struct, frozen=True):
    """Effect: the first valid frame of the session: now its Hello may be believed. ``hello`` says what the node holds."""

    hello: Hello


class Heard(msgspec.Struct, frozen=True):
    """Effect: a poll or a ping: the node is online. ``last_seq``: its newest fact; both None when not said."""

    last_seq: int | None = None
    health: Health | None = None


class CommandSent(msgspec.Struct, frozen=True):
    """Effect: the command went out; its result comes as a fact."""

    command_id: int


class CommandExpired(msgspec.Struct, frozen=True):
    """Effect: no nonce of the node came in time; the command was not and will not be sent."""

    command_id: int


class ReleaseAsked(msgspec.Struct, frozen=True):
    """Effect: the node wants a part of the release that it was offered; answer with ``CentrePeer.release``."""

    pull: ReleasePull


CentreEffect: TypeAlias = (
    Delivered
    | NotApplied
    | HotlistReported
    | CentreUplinkEffect
    | Rejected
    | Alive
    | Heard
    | CommandSent
    | CommandExpired
    | ReleaseAsked
)


def read_hello(frame: bytes, key: Ed25519PublicKey) -> Hello:
    """The Hello in a frame, of the node that holds this key.

    :raises ProtocolError: malformed, another message, wrong signature.
    """
    header, hello = open_signed(frame, key)
    if not isinstance(hello, Hello) or header.sender != hello.node or header.epoch != hello.node_epoch:
        raise MalformedError("not a Hello of its sender")
    return hello


def write_refused(
    frame: bytes, code: RefusalCode, key: Ed25519PrivateKey, *, retry_after_s: int = 0
) -> bytes:
    """The signed answer to a frame that belongs to no session here: a Hello, an Enrol, or of a session forgotten."""
    about, echo = 0, b""
    try:
        if is_session_frame(frame):
            echo = session_of(frame)
        else:
            about, echo = peek(frame).kind, frame_hash(frame)
    except ProtocolError:
        pass  # not even a header: the refusal says so by its code
    refused = Refused(code, about, echo, retry_after_s)
    return write_signed(refused, key, sender=CENTRE, epoch=0, counter=0)


class CentrePeer:
    """See the module."""

    def __init__(
        self,
        hello_frame: bytes,
        record: NodeRecord,
        key: Ed25519PrivateKey,
        storage: DownlinkStorage,
        facts: FactStore,
        random_bytes: Callable[[int], bytes],
        *,
        utc_ms: int,
        audit: AuditHead = AuditHead(),
        hotlist_wanted: bool = False,
    ) -> None:
        """Open a session on a Hello; the Welcome is the first frame to send.

        :raises ProtocolError: the Hello is not of this node, or no protocol version is common.
        """
        hello = read_hello(hello_frame, record.key)
        if (hello.node, hello.node_epoch) != (record.node, record.node_epoch):
            raise SignatureError("the Hello of another node")
        version = choose_version(hello.versions)
        secret, self.session = random_bytes(SHARE_SECRET_LENGTH), random_bytes(SESSION_ID_LENGTH)
        share = share_of(secret)
        self._channel = channel(
            secret, hello.share, hello_frame, share, self.session, is_node=False, version=version
        )
        self.record = record
        self.uplink = CentreUplink(
            facts,
            record.node_epoch,
            record.salt,
            record.received_through,
            record.head,
            quarantine=record.quarantine,
        )
        self.downlink = CentreDownlink(storage, record.scope)
        self.alive = False
        """A frame of this session has been heard."""
        self.others: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """``others_at_ms`` and ``places`` of a Pong, as they are when it is written."""
        self._claims: deque[tuple[int, int]] = deque(maxlen=CLAIMS_KEPT)
        self.counts: Counter[str] = Counter()
        """Refused frames by the name of the error."""
        self._hello = hello
        self._key = key
        self._storage = storage
        self._delivered: Revisions | None = None
        self._nonces: deque[tuple[bytes, int]] = deque(maxlen=COMMANDS_WAITING_MAX)
        self._commands: deque[tuple[Command, int]] = deque()
        self._told: list[CommandSent | CommandExpired] = []
        heads = hello.revisions if record.quarantine else storage.heads(record.scope)
        self._out: list[Message | Sealed] = [
            Welcome(
                session=self.session,
                share=share,
                nonce=hello.nonce,
                version=version,
                boottime_ms=hello.boottime_ms,
                server_at_ms=utc_ms,
                period_s=record.period_s,
                scope=record.scope,
                heads=heads,
                received_through=record.received_through,
                received_head=record.head,
                required_kinds=REQUIRED_KINDS,
                audit_seq=audit.seq,
                audit_head=audit.head,
                hotlist_wanted=hotlist_wanted and not record.quarantine,
                digests=() if record.quarantine else tuple(storage.digests(record.scope)),
            )
        ]
        if record.quarantine:
            self._out.append(Refused(RefusalCode.OLD_EPOCH, MessageKind.FACT_BATCH))

    @property
    def software(self) -> str:
        """The version of the program that the node runs, as it said when the session began."""
        return self._hello.software

    # -- in -----------------------------------------------------------------------------------------------------

    def receive(self, frame: bytes, now_ms: int, utc_ms: int) -> list[CentreEffect]:
        """What a frame means. One that cannot be used gives ``Rejected``, changes nothing, and costs no session."""
        try:
            if is_session_frame(frame):
                message = self._channel.open(frame)
            else:
                header, message = open_signed(frame, self.record.key)
                if header.sender != self.record.node or header.epoch != self.record.node_epoch:
                    raise SignatureError("a frame of another node")
        except ProtocolError as error:
            if isinstance(error, UnknownMessageError):
                self._refuse(RefusalCode.UNKNOWN_MESSAGE)
            return [self._reject(error)]
        effects: list[CentreEffect] = []
        if not self.alive and SEAL[KIND_OF[type(message)]] is Seal.SESSION:
            self.alive = True
            effects += [Alive(self._hello)]
            if not self.record.quarantine:
                effects.append(self.downlink.delivered(self._hello.revisions, True, self._hello.digests))
                self._delivered = self._hello.revisions
        try:
            effects += self._message(message, now_ms, utc_ms)
        except ProtocolError as error:
            self._refuse(RefusalCode.MALFORMED, KIND_OF[type(message)])
            effects.append(self._reject(error))
        return effects

    def _message(self, message: Message, now_ms: int, utc_ms: int) -> list[CentreEffect]:
        match message:
            case Poll():
                self._nonces.append((message.nonce, now_ms))
                self._out.append(
                    PollReply(
                        message.boottime_ms,
                        utc_ms,
                        self._heads(),
                        self.record.period_s,
                        self.record.time_set_s,
                    )
                )
                return [Heard(message.last_seq, message.health), *self._durable(message.revisions)]
            case Ping():
                self._nonces.append((message.nonce, now_ms))
                if message.told_at_ms:
                    self._claims.append((message.told_through, message.told_at_ms))
                self._out.append(Pong(message.boottime_ms, utc_ms, *self.others()))
                return [Heard()]
            case Health():
                return [Heard(None, message)]
            case FactBatch():
                effects = [*self.uplink.receive(message)]
                if self.uplink.forked:
                    self._refuse(RefusalCode.FORK, MessageKind.FACT_BATCH)
                return [*effects]
            case ReleasePull():
                return [] if self.record.quarantine else [ReleaseAsked(message)]
            case Pull() | Applied() | CannotApply() | HotlistReport() if self.record.quarantine:
                return []
            case Pull() | Applied() | CannotApply() | HotlistReport():
                if isinstance(message, Applied) and message.durable:
                    self._delivered = message.revisions
                return [*self.downlink.receive(message, utc_ms)]
            case _:
                raise StateError(f"{type(message).__name__} has no place here")

    @property
    def complete_at_ms(self) -> int:
        """Moment of the centre's clock until which everything that the node recorded is committed here; 0: not known."""
        covered = [at_ms for through, at_ms in self._claims if through <= self.uplink.received_through]
        return covered[-1] if covered else 0

    def _durable(self, revisions: Revisions) -> list[CentreEffect]:
        if revisions == self._delivered or self.record.quarantine:
            return []
        self._delivered = revisions
        return [Delivered(revisions, True)]

    def _heads(self) -> Revisions:
        return self._hello.revisions if self.record.quarantine else self._storage.heads(self.record.scope)

    # -- what the centre wants ----------------------------------------------------------------------------------

    def changed(self) -> None:
        """Something was published for this node's scope: nudge it."""
        if not self.record.quarantine:
            self.downlink.changed()

    def ask(self) -> None:
        """An operator wants the node's records, and its word that these are all, now."""
        if not self.record.quarantine:
            self.downlink.ask()

    def backed_up(self, message: BackedUp) -> None:
        """The backup holds more of this node's facts."""
        self.uplink.backed_up(message)

    def release(self, message: ReleaseOffer | ReleasePart) -> None:
        """Offer a release, or give a part of it."""
        if not self.record.quarantine:
            self._out.append(message)

    def command(self, command: Command, expires_at_ms: int) -> None:
        """Send a command with the next fresh nonce of the node (nonce and time are filled in), or not at all.

        :param expires_at_ms: (``now_ms``) when to give up.
        :raises StateError: too many are waiting, or the node gets no commands.
        """
        if self.record.quarantine or len(self._commands) >= COMMANDS_WAITING_MAX:
            raise StateError("no more commands are taken for this node")
        self._commands.append((command, expires_at_ms))

    def next_timer(self) -> int | None:
        """When (``now_ms``) to call ``frames_to_send`` although nothing happened: a waiting command expires."""
        return min((expires_at_ms for _, expires_at_ms in self._commands), default=None)

    # -- out ----------------------------------------------------------------------------------------------------

    def frames_to_send(self, now_ms: int, utc_ms: int) -> list[bytes]:
        """Frames in the order in which they are to go."""
        out: list[Message | Sealed] = [*self._out, *self._ready_commands(now_ms, utc_ms)]
        self._out = []
        out += self.downlink.messages_to_send()
        out += self.uplink.messages_to_send()
        return [item.frame if isinstance(item, Sealed) else self._frame(item) for item in out]

    def command_effects(self) -> list[CentreEffect]:
        """What became of waiting commands in the last ``frames_to_send``."""
        effects, self._told = self._told, []
        return [*effects]

    def _ready_commands(self, now_ms: int, utc_ms: int) -> list[Message | Sealed]:
        ready: list[Message | Sealed] = []
        waiting: deque[tuple[Command, int]] = deque()
        while self._nonces and now_ms - self._nonces[0][1] > NONCE_FRESH_MS:
            self._nonces.popleft()
        for command, expires_at_ms in self._commands:
            if now_ms >= expires_at_ms:
                self._told.append(CommandExpired(command.command_id))
            elif self._nonces:
                nonce, _ = self._nonces.pop()  # the youngest lives longest
                ready.append(msgspec.structs.replace(command, nonce=nonce, issued_at_ms=utc_ms))
                self._told.append(CommandSent(command.command_id))
            else:
                waiting.append((command, expires_at_ms))
        self._commands = waiting
        return ready

    def _frame(self, message: Message) -> bytes:
        kind = KIND_OF[type(message)]
        if SEAL[kind] is Seal.SESSION:
            return self._channel.write(message)
        epoch, counter = _numbers(message)
        return write_signed(message, self._key, sender=CENTRE, epoch=epoch, counter=counter)

    def _refuse(self, code: RefusalCode, about: int = 0) -> None:
        self._out.append(Refused(code, about, self.session))

    def _reject(self, error: ProtocolError) -> Rejected:
        self.counts[type(error).__name__] += 1
        return Rejected(error)


def _numbers(message: Message) -> tuple[int, int]:
    """Epoch and counter of a signed frame of the centre, by its kind."""
    match message:
        case Delta():
            return message.config_epoch, message.revision
        case BackedUp():
            return message.node_epoch, message.through
        case _:
            return 0, 0
