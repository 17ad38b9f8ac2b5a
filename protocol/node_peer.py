"""The node's side of a whole conversation: session, clock, commands and both engines behind three calls.

    effects = peer.receive(frame, now_ms)       what arrived means
    frames  = peer.frames_to_send(now_ms)       what is to go out now
    due_ms  = peer.next_timer()                 when to call again although nothing arrived

A shell (HTTPS, WebSocket, serial) moves frames and nothing else. It calls ``connected`` when its route is up (a session
is opened) and ``disconnected`` when it is lost. ``now_ms`` is the node's boot time: monotonic, and what goes on the wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import Final, Protocol, TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol import clocksync
from protocol.abreast import Abreast
from protocol.backoff import delay_ms
from protocol.commands import NonceBook
from protocol.decide import Trust
from protocol.downlink import DownlinkEffect, HotlistWanted, NodeDownlink, Rejected
from protocol.envelope import Channel, frame_hash, is_session_frame, open_signed, write_signed
from protocol.errors import MalformedError, ProtocolError, ReplayError, SignatureError, StateError
from protocol.facts import CommandResult
from protocol.ids import Stream
from protocol.limits import NONCE_LENGTH, PROTOCOL_VERSIONS
from protocol.messages import (
    BackedUp,
    CancelWrite,
    ClearRecords,
    Command,
    Delta,
    FactAck,
    FactBatch,
    Health,
    Hello,
    Message,
    MessageKind,
    Nudge,
    Ping,
    Poll,
    PollReply,
    Pong,
    RefusalCode,
    Refused,
    ReleaseOffer,
    ReleasePart,
    RemoteOpen,
    SetMode,
    SetTime,
    SnapshotPart,
    TestNode,
    Welcome,
    WriteCard,
)
from protocol.node_effects import ClockSample as ClockSample
from protocol.node_effects import CommandReceived as CommandReceived
from protocol.node_effects import Level as Level
from protocol.node_effects import Lost as Lost
from protocol.node_effects import Paced as Paced
from protocol.node_effects import RefusedBy as RefusedBy
from protocol.node_effects import Welcomed as Welcomed
from protocol.records import Revisions
from protocol.release_fetch import PartArrived, ReleaseFetch, ReleaseOffered
from protocol.sealed_keys import open_card_keys, open_row
from protocol.seals import Seal
from protocol.session import SHARE_SECRET_LENGTH, channel, share_of
from protocol.unit_box import box_secret_of
from protocol.unit_file import UnitFile, part_in, read_unit_file
from protocol.uplink import NETWORK, NodeUplink, OutboxReader, Pace, UplinkEffect

NOTHING: Final = Revisions()
PERIOD_DEFAULT_S: Final = 30
HELLO_WITHIN_MS: Final = 10_000
HELLO_AGAIN_MAX_MS: Final = 60_000
PING_EVERY_MS: Final = 5_000
"""On a live route (WebSocket): keeps a fresh nonce at the centre and shows within 20 s that the line is dead."""
REPLY_WITHIN_MS: Final = 15_000
"""A live route that answers nothing for this long is lost; a poll over HTTPS is repeated."""


class Identity(msgspec.Struct, frozen=True):
    """Who this node is, since its enrolment."""

    node: str
    node_epoch: int
    key: Ed25519PrivateKey
    centre_key: Ed25519PublicKey


class NodeStatus(Protocol):
    """What the peer asks of the node about itself."""

    boot: int
    software: str

    def health(self) -> Health:
        """Now; cheap, no I/O."""

    def trust(self) -> Trust:
        """Of the clock, now."""


PeerEffect: TypeAlias = (
    DownlinkEffect
    | UplinkEffect
    | Welcomed
    | ClockSample
    | Paced
    | CommandReceived
    | RefusedBy
    | Lost
    | Level
    | ReleaseOffered
    | PartArrived
)


class _Link(Enum):
    """Where the conversation stands."""

    DOWN = "down"
    """No route."""
    GREETING = "greeting"
    """A Hello is out, or about to go."""
    OPEN = "open"


class NodePeer:
    """See the module."""

    def __init__(
        self,
        identity: Identity,
        status: NodeStatus,
        downlink: NodeDownlink,
        outbox: OutboxReader,
        random_bytes: Callable[[int], bytes],
        *,
        jitter: float = 0.5,
    ) -> None:
        """
        :param random_bytes: cryptographic randomness, ``os.urandom``.
        :param jitter: 0..1, different for each node.
        """
        self.downlink = downlink
        self._box_secret = box_secret_of(identity.key.private_bytes_raw())
        downlink.open_row = partial(open_row, box_secret=self._box_secret)
        self.uplink = NodeUplink(outbox, identity.node, identity.node_epoch, jitter=jitter)
        self.release = ReleaseFetch()
        self.replies_count = 0
        """Polls that the centre has answered since the start."""
        self.period_s = PERIOD_DEFAULT_S
        self.counts: Counter[str] = Counter()
        """Refused frames by the name of the error."""
        self._identity = identity
        self._status = status
        self._outbox = outbox
        self._random = random_bytes
        self._jitter = jitter
        self._nonces = NonceBook(identity.node)
        self._link = _Link.DOWN
        self._live = False
        self._channel: Channel | None = None
        self._hello: Hello | None = None
        self._hello_frame = b""
        self._secret = b""
        self._attempt = 0
        self._hello_at_ms = 0
        self._poll_at_ms = 0
        self._poll_sent_at_ms: int | None = None
        self._ping_at_ms = 0
        self._heard_at_ms: int | None = None
        self._told: tuple[object, ...] | None = None
        self._contacts_told: frozenset[int] = frozenset()
        """What this session's centre was told of the lock relays and of an update."""
        self._heads = Revisions()
        self._abreast = Abreast()

    # -- the route ----------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """True while a session is open."""
        return self._link is _Link.OPEN

    @property
    def heard_at_ms(self) -> int | None:
        """When the last valid message came; None: never."""
        return self._heard_at_ms

    def is_offline(self, now_ms: int) -> bool:
        """True when nothing valid was heard for 2.5 of the agreed periods (design.md section 4)."""
        return self._heard_at_ms is None or now_ms - self._heard_at_ms > self.period_s * 2_500

    def connected(self, now_ms: int, *, live: bool, pace: Pace = NETWORK) -> None:
        """A route is up. ``live``: the other side can speak first (WebSocket, serial). ``pace``: how fast it is."""
        self._live = live
        self.uplink.pace = pace
        self._greet(now_ms)

    def disconnected(self) -> None:
        """The route is lost. Nothing else is."""
        self._link = _Link.DOWN
        self._channel = self._hello = None
        self._abreast.closed()
        self.uplink.closed()

    def poll_now(self, now_ms: int) -> None:
        """Ask at the next occasion instead of at the period's end (the schedule says so, or an operator)."""
        self._poll_at_ms = min(self._poll_at_ms, now_ms)

    def _greet(self, now_ms: int) -> None:
        self._link = _Link.GREETING
        self._channel = self._hello = None
        self._hello_at_ms = now_ms
        self.uplink.closed()

    # -- in -----------------------------------------------------------------------------------------------------

    def receive(self, frame: bytes, now_ms: int) -> list[PeerEffect]:
        """What a frame means. One that cannot be used gives ``Rejected`` and changes nothing."""
        try:
            if is_session_frame(frame):
                if self._channel is None:
                    raise StateError("a session frame without a session")
                return self._session_message(self._channel.open(frame), now_ms)
            header, message = open_signed(frame, self._identity.centre_key)
            if header.seal is not Seal.CENTRE:
                raise SignatureError("a node's frame sent to a node")
            return self._signed_message(message, frame, now_ms)
        except ProtocolError as error:
            self.counts[type(error).__name__] += 1
            return [Rejected(error)]

    def _session_message(self, message: Message, now_ms: int) -> list[PeerEffect]:
        self._heard_at_ms = now_ms
        match message:
            case PollReply():
                self._poll_sent_at_ms = None
                self.period_s = message.period_s or self.period_s
                self._poll_at_ms = now_ms + self.period_s * 1_000
                self.replies_count += 1
                return [
                    Paced(self.period_s, message.time_set_s),
                    *self._clock(message.boottime_ms, message.server_at_ms, now_ms),
                    *self._stands_at(message.heads),
                ]
            case Nudge():
                if message.heads == self._heads:  # no news: the centre asks where this node stands
                    self.poll_now(now_ms)
                return self._stands_at(message.heads)
            case Pong():  # on a live route a nudge says at once what is new, so its silence tells as much as a poll
                self._abreast.pong(message, self._heads, now_ms)
                return [*self._clock(message.boottime_ms, message.server_at_ms, now_ms), *self._level()]
            case FactAck():
                return [*self.uplink.receive(message, b"", now_ms)]
            case ReleaseOffer():
                return [ReleaseOffered(message)]
            case ReleasePart():
                return [*self.release.receive(message)]
            case _:
                raise StateError(f"{type(message).__name__} has no place here")

    def _signed_message(self, message: Message, frame: bytes, now_ms: int) -> list[PeerEffect]:
        match message:
            case Welcome():
                return self._welcome(message, now_ms)
            case Delta() | SnapshotPart():
                return [*self.downlink.receive(message, frame, now_ms)]
            case BackedUp():
                return [*self.uplink.receive(message, frame, now_ms)]
            case RemoteOpen() | SetMode() | TestNode() | SetTime() | CancelWrite() | ClearRecords():
                return self._command(message, now_ms)
            case WriteCard():
                keys = open_card_keys(message.keys, message.uid, self._box_secret)
                return self._command(msgspec.structs.replace(message, keys=keys), now_ms)
            case Refused():
                return self._refused(message, now_ms)
            case _:
                raise StateError(f"{type(message).__name__} has no place here")

    def _welcome(self, welcome: Welcome, now_ms: int) -> list[PeerEffect]:
        hello = self._hello
        if hello is None or welcome.nonce != hello.nonce:
            raise StateError("a Welcome to another Hello")
        if welcome.version not in PROTOCOL_VERSIONS:
            raise MalformedError(f"protocol version {welcome.version} was not offered")
        self._channel = channel(
            self._secret,
            welcome.share,
            self._hello_frame,
            welcome.share,
            welcome.session,
            is_node=True,
            version=welcome.version,
        )
        self._link, self._hello, self._attempt = _Link.OPEN, None, 0
        self._heard_at_ms = self._poll_at_ms = self._ping_at_ms = now_ms
        self._poll_sent_at_ms = None
        self._told = None
        self._abreast.welcomed(welcome.server_at_ms, now_ms)
        self.period_s = welcome.period_s or PERIOD_DEFAULT_S
        self.downlink.scope = welcome.scope
        self.downlink.reconnected()
        self.release.reconnected()
        effects: list[PeerEffect] = [Welcomed(welcome)]
        effects += self._clock(welcome.boottime_ms, welcome.server_at_ms, now_ms)
        effects += self._stands_at(welcome.heads, welcome.digests)
        effects += self.uplink.position(welcome.received_through, welcome.received_head)
        if welcome.hotlist_wanted:
            self.downlink.hotlist_wanted()
            effects.append(HotlistWanted())
        return effects

    def _stands_at(self, heads: Revisions, digests: Sequence[bytes] = ()) -> list[PeerEffect]:
        self._heads = heads
        return [*self.downlink.heads(heads, digests), *self._level()]

    def _level(self) -> list[PeerEffect]:
        return [Level(self.others_ms)] if self.downlink.is_level else []

    @property
    def others_ms(self) -> int | None:
        """Boot time until which decisions here use what other devices of this one's areas recorded; None: not known."""
        return self._abreast.until_ms(self.downlink.memory)

    def _clock(self, sent_at_ms: int, server_at_ms: int, now_ms: int) -> list[PeerEffect]:
        sample = clocksync.sample(sent_at_ms, now_ms, server_at_ms)
        return [] if sample is None else [ClockSample(sample)]

    def _command(self, command: Command, now_ms: int) -> list[PeerEffect]:
        result = self._nonces.take(command, now_ms)
        self._ping_at_ms = now_ms  # gives the centre a nonce for its next command
        effects: list[PeerEffect] = [CommandReceived(command, result)]
        if isinstance(command, SetTime) and result is CommandResult.DONE:
            sent_at_ms = now_ms - self._nonces.age_ms(command.nonce, now_ms)
            sample = clocksync.sample(sent_at_ms, now_ms, command.issued_at_ms)
            if sample is None:
                return [CommandReceived(command, CommandResult.TOO_OLD)]
            effects.append(ClockSample(sample, asked=True))
        return effects

    def _refused(self, refused: Refused, now_ms: int) -> list[PeerEffect]:
        if refused.about == MessageKind.HELLO and (
            self._hello is None or refused.echo != frame_hash(self._hello_frame)
        ):
            raise StateError("a refusal of another Hello")
        if refused.code is RefusalCode.SESSION_UNKNOWN:
            if self._channel is None or refused.echo != self._channel.session:
                raise StateError("a refusal of another session")
            self._greet(now_ms)
        elif refused.about == MessageKind.HELLO:
            self._hello = None
            self._hello_at_ms = now_ms + max(refused.retry_after_s * 1_000, self._hello_wait_ms())
        elif refused.code is RefusalCode.FORK:
            self.uplink.refused()
        return [RefusedBy(refused)]

    def read_file(self, frames: Iterable[bytes]) -> UnitFile:
        """Check a file of configuration; changes nothing, and may be called in a thread.

        :raises ProtocolError: see ``read_unit_file``.
        """
        return read_unit_file(
            frames,
            self._identity.centre_key,
            self.downlink.scope,
            self.downlink.known_kinds,
            self.downlink.open_row,
        )

    def load(
        self, file: UnitFile, now_ms: int, highest: Revisions = NOTHING
    ) -> Iterator[Sequence[PeerEffect]]:
        """Configuration that was brought as a file, with or without a session: one part at a time, so that the caller can do
        other work in between; it carries out what is yielded before it goes on.

        Older than what is held, or ever was, is ``Rejected`` and changes nothing; what is held already changes nothing either.
        Of another config_epoch nothing is taken: a restored centre first asks what is on the hotlist here, which a file cannot (I7).

        :param highest: what this node is known to have stored once, for when what it held is lost.
        :raises StateError: of another config_epoch.
        :raises StaleBaseError: other rows are just being applied.
        """
        held = self.downlink.memory
        known = held if held.config_epoch else highest
        if known.config_epoch not in (0, file.heads.config_epoch):
            raise StateError("a file of another config_epoch")
        if any(file.heads.of(stream) < known.of(stream) for stream in Stream):
            yield [Rejected(ReplayError(f"a file of {file.heads} after {known}"))]
            return
        self.downlink.begin_whole()
        yield self.downlink.heads(file.heads)
        for stream, frame in file.parts:
            if not held.config_epoch or held.of(stream) != file.heads.of(stream):
                yield self.downlink.receive(part_in(frame), frame, now_ms)
        for word, frame in file.words:
            yield self.uplink.receive(word, frame, now_ms)

    # -- out ----------------------------------------------------------------------------------------------------

    def frames_to_send(self, now_ms: int) -> list[bytes]:
        """Frames in the order in which they are to go: configuration requests before facts."""
        if self._link is _Link.GREETING and now_ms >= self._hello_at_ms:
            return [self._say_hello(now_ms)]
        if self._channel is None or self._link is not _Link.OPEN:
            return []
        messages: list[Message] = []
        health = self._status.health()
        if self._live and now_ms >= self._ping_at_ms:
            self._ping_at_ms = now_ms + PING_EVERY_MS
            told = self._abreast.told(self._outbox.last_seq, now_ms, storage_usable=health.storage_usable)
            messages.append(Ping(self._nonce(now_ms), now_ms, *told))
        news = (self._update_of(health), *((door, released) for door, released, _ in health.locks))
        contacts = frozenset(door for door, _ in health.contacts)
        are_new = contacts != self._contacts_told and self._poll_sent_at_ms is None
        if are_new or now_ms >= self._poll_due_ms():
            self._poll_sent_at_ms, self._contacts_told = now_ms, contacts
            nonce = self._nonce(now_ms)
            messages.append(Poll(self.downlink.stored, now_ms, nonce, self._outbox.last_seq, health))
        elif news != self._told:
            messages.append(health)
        self._told = news
        messages += self.downlink.messages_to_send(now_ms)
        messages += self.uplink.messages_to_send(now_ms)
        messages += self.release.messages_to_send(now_ms)
        return [self._frame(message, self._channel) for message in messages]

    def check(self, now_ms: int) -> list[PeerEffect]:
        """To be called at ``next_timer``: notices a live route that has gone silent."""
        if not self._live or self._link is not _Link.OPEN or self._heard_at_ms is None:
            return []
        if now_ms - self._heard_at_ms < REPLY_WITHIN_MS:
            return []
        self.disconnected()
        return [Lost()]

    def next_timer(self) -> int | None:
        """When (``now_ms``) to call ``check`` and ``frames_to_send`` although nothing arrived; None: no route."""
        if self._link is _Link.DOWN:
            return None
        if self._link is _Link.GREETING:
            return self._hello_at_ms
        timers = [
            self._poll_due_ms(),
            self.downlink.next_timer(),
            self.uplink.next_timer(),
            self.release.next_timer(),
        ]
        if self._live and self._heard_at_ms is not None:
            timers += [self._ping_at_ms, self._heard_at_ms + REPLY_WITHIN_MS]
        return min(timer for timer in timers if timer is not None)

    @staticmethod
    def _update_of(health: Health) -> tuple[int, ...]:
        """Where an update stands; how many bytes of it are here is told with the polls only."""
        word = health.update
        return () if word is None else (word.offer, word.state, word.reason)

    def _poll_due_ms(self) -> int:
        if self._poll_sent_at_ms is None:
            return self._poll_at_ms
        return self._poll_sent_at_ms + REPLY_WITHIN_MS

    def _say_hello(self, now_ms: int) -> bytes:
        self._secret = self._random(SHARE_SECRET_LENGTH)
        last_seq = self._outbox.last_seq
        self._hello = Hello(
            versions=tuple(sorted(PROTOCOL_VERSIONS)),
            node=self._identity.node,
            node_epoch=self._identity.node_epoch,
            revisions=self.downlink.stored,
            digests=self.downlink.digests,
            first_seq=self._outbox.first_seq,
            last_seq=last_seq,
            head=self._outbox.hash_at(last_seq) or bytes(16),
            boot=self._status.boot,
            boottime_ms=now_ms,
            software=self._status.software,
            kinds=tuple(sorted(self.downlink.known_kinds)),
            clock=self._status.trust(),
            share=share_of(self._secret),
            nonce=self._random(NONCE_LENGTH),
        )
        self._hello_frame = self._sign(self._hello, 0)
        self._hello_at_ms = now_ms + max(HELLO_WITHIN_MS, self._hello_wait_ms())
        self._attempt += 1
        return self._hello_frame

    def _hello_wait_ms(self) -> int:
        return delay_ms(self._attempt, self._jitter, first_ms=HELLO_WITHIN_MS, max_ms=HELLO_AGAIN_MAX_MS)

    def _nonce(self, now_ms: int) -> bytes:
        return self._nonces.issue(self._random(NONCE_LENGTH), now_ms)

    def _frame(self, message: Message, channel: Channel) -> bytes:
        if isinstance(message, FactBatch):
            return self._sign(message, message.first_seq + len(message.kinds) - 1)
        return channel.write(message)

    def _sign(self, message: Message, counter: int) -> bytes:
        identity = self._identity
        return write_signed(
            message, identity.key, sender=identity.node, epoch=identity.node_epoch, counter=counter
        )
