"""The open sessions of this process: frames in, effects carried out, frames out; who is online; commands on their way.

One device is served by one task at a time (a lock per session); storage is asked in the database threads. The hub runs in
the event loop and keeps nothing that a restart must not lose.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central.clock import Clock
from central.db import Database, announce
from central.errors import CentralError
from central.sync import ingest, publish, status, tickets
from central.sync.storage import PublishedStorage, read_heads
from protocol import enrolment
from protocol.centre_peer import (
    Alive,
    AuditHead,
    CentreEffect,
    CentrePeer,
    CommandExpired,
    CommandSent,
    Heard,
    NodeRecord,
    read_hello,
    write_refused,
)
from protocol.centre_sessions import Sessions
from protocol.downlink import Delivered, HotlistReported, NotApplied, Rejected
from protocol.envelope import is_session_frame, peek
from protocol.errors import ProtocolError, StateError
from protocol.limits import NONCE_LENGTH
from protocol.messages import Command, MessageKind, RefusalCode
from protocol.records import Revisions
from protocol.uplink import Forked, Quarantined, Store

log = logging.getLogger(__name__)
OFFLINE_PERIODS: Final = 2.5
"""Offline when nothing valid was heard for this many agreed periods ..."""
OFFLINE_LIVE_S: Final = 15.0
"""... or, where there is a live connection (a ping every five seconds), for this long (design.md section 4)."""
STATUS_EVERY_S: Final = 30.0
"""A device's health is written at most this often while nothing about it changes."""
TICKET_ALARM: Final = "sync.ticket"
"""Announced with ``{"device", "code"}`` when a used ticket was shown by another key."""
FORK_ALARM: Final = "sync.fork"
"""Announced with ``{"device", "seq"}`` when two facts were seen under one number (I11)."""


@dataclass
class Link:
    """What the hub keeps beside an engine."""

    peer: CentrePeer
    device_id: int
    enrolment_id: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wake: Callable[[], None] | None = None
    """Set while the session has a live connection: there is something to send."""
    heard_s: float = 0.0
    written_s: float = 0.0
    condition: tuple[object, ...] = ()
    """What was last said of clock, storage, readers and facts: a change is written at once."""
    online: bool = False


class Hub:
    """See the module.

    :param random_bytes: a source of secure randomness, injected so that a simulation can be repeated.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        signing_key: Ed25519PrivateKey,
        box_key: bytes,
        random_bytes: Callable[[int], bytes],
        monotonic: Callable[[], float],
        audit_head: Callable[[], AuditHead] = AuditHead,
    ) -> None:
        self._db = db
        self._clock = clock
        self._key = signing_key
        self._box_key = box_key
        self._random = random_bytes
        self._monotonic = monotonic
        self._audit_head = audit_head
        self.storage = PublishedStorage(signing_key, clock.now_ms)
        self.sessions = Sessions()
        self._links: dict[bytes, Link] = {}
        self.counts: Counter[str] = Counter()
        """Refused frames by the name of the error, since the start."""
        self.on_command: list[Callable[[int, bool], None]] = []
        """Called with (command_id, was it sent) in the event loop."""
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over from a former run: nobody has been heard yet."""
        self.storage.refresh(await self._db.read(read_heads))
        await self._db.write(status.all_gone, self._clock.now())
        self._db.subscribe(publish.PUBLISHED, self._published)
        self._watch = asyncio.create_task(self._watch_silence(), name="hub-watch")

    async def stop(self) -> None:
        """End the watch; connections are closed by their handlers."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    # -- frames -------------------------------------------------------------------------------------------------

    async def packet(
        self, frames: Iterable[bytes], wake: Callable[[], None] | None = None
    ) -> tuple[list[bytes], Link | None]:
        """Carry out the frames of one packet; returns the answer and the session that they belong to.

        Never raises for what a frame holds: it is refused, counted, and the others go on.
        """
        answers: list[bytes] = []
        link: Link | None = None
        for frame in frames:
            try:
                kind = None if is_session_frame(frame) else peek(frame).kind
                if kind == MessageKind.ENROL:
                    answers.append(await self._join(frame))
                elif kind == MessageKind.HELLO:
                    link = await self._open(frame)
                else:
                    peer = self.sessions.find(frame)
                    if peer is None:
                        answers.append(write_refused(frame, RefusalCode.SESSION_UNKNOWN, self._key))
                        continue
                    link = self._links[peer.session]
                    await self._receive(link, frame)
                if link is not None and wake is not None:
                    link.wake = wake
            except ProtocolError as error:
                self._count(error)
                answers.append(write_refused(frame, _code_of(error), self._key))
            except CentralError as error:
                log.warning("a frame could not be stored: %s", error)
                answers.append(write_refused(frame, RefusalCode.BUSY, self._key, retry_after_s=5))
        if link is not None:
            answers += await self.frames_to_send(link)
        return answers, link

    async def frames_to_send(self, link: Link) -> list[bytes]:
        """What waits for this device."""
        async with link.lock:
            frames = await self._db.read(link.peer.frames_to_send, self._now_ms(), self._clock.now_ms())
            effects = link.peer.command_effects()
        await self._carry_out(link, effects)
        return frames

    def next_timer_s(self, link: Link) -> float | None:
        """Seconds until ``frames_to_send`` must be asked although nothing happened; None: never."""
        at_ms = link.peer.next_timer()
        return None if at_ms is None else max(0.0, (at_ms - self._now_ms()) / 1_000)

    def disconnected(self, link: Link) -> None:
        """The live connection of a session is over; the session itself may go on over HTTPS."""
        link.wake = None

    async def _join(self, frame: bytes) -> bytes:
        request = enrolment.read_enrol(frame)
        centre_key = enrolment.raw_public(self._key)
        outcome = await self._db.write(tickets.join, request, self._clock.now(), centre_key, self._box_key)
        if isinstance(outcome, tickets.Joined):
            if outcome.is_new:
                self._forget(request.node)
            return enrolment.write_enrolled(outcome.answer, outcome.verifier, self._key)
        self.counts[f"enrol {outcome.code.name}"] += 1
        if outcome.code is RefusalCode.TICKET_USED and outcome.device_id is not None:
            await self._db.write(
                announce, TICKET_ALARM, {"device": outcome.device_id, "code": outcome.code.value}
            )
        return write_refused(frame, outcome.code, self._key)

    async def _open(self, frame: bytes) -> Link:
        header = peek(frame)
        found = await self._db.read(tickets.find, header.sender, header.epoch)
        if found is None:
            raise StateError("no such device")
        read_hello(frame, Ed25519PublicKey.from_public_bytes(bytes(found.public_key)))
        record = NodeRecord(
            node=found.device.name,
            node_epoch=found.node_epoch,
            key=Ed25519PublicKey.from_public_bytes(bytes(found.public_key)),
            salt=bytes(found.salt),
            scope=found.device.name,
            period_s=tickets.PERIOD_S,
            received_through=found.received_through,
            head=bytes(found.head),
            quarantine=found.closed_at is not None or found.forked,
        )
        peer = CentrePeer(
            frame,
            record,
            self._key,
            self.storage,
            _Hashes(found.id),
            self._random,
            utc_ms=self._clock.now_ms(),
            audit=self._audit_head(),
        )
        self.sessions.add(peer)
        link = Link(peer, found.device_id, found.id)
        self._links[peer.session] = link
        self._sweep()
        return link

    async def _receive(self, link: Link, frame: bytes) -> None:
        async with link.lock:
            effects = await self._db.read(link.peer.receive, frame, self._now_ms(), self._clock.now_ms())
            await self._carry_out(link, effects)

    # -- effects ------------------------------------------------------------------------------------------------

    async def _carry_out(self, link: Link, effects: list[CentreEffect]) -> None:
        for effect in effects:
            match effect:
                case Store():
                    await self._store(link, effect)
                case Forked():
                    await self._quarantine(link, effect.entries, "fork")
                    await self._db.write(announce, FORK_ALARM, {"device": link.device_id, "seq": effect.seq})
                case Quarantined():
                    end = await self._quarantine(link, effect.entries, "closed")
                    link.peer.uplink.stored(*end)
                case Alive():
                    self.sessions.heard(link.peer)
                    self._sweep()
                    link.heard_s, link.online = self._monotonic(), True
                    if not link.peer.record.quarantine:
                        await self._db.write_grouped(
                            status.alive, link.device_id, effect.hello, self._clock.now()
                        )
                case Heard():
                    await self._heard(link, effect)
                case Delivered():
                    await self._db.write_grouped(
                        status.delivered, link.device_id, effect.revisions, effect.durable, self._clock.now()
                    )
                    if effect.diverged:
                        self.counts["diverged"] += 1
                case NotApplied():
                    await self._db.write_grouped(
                        status.not_applied, link.device_id, effect.stream, effect.kinds
                    )
                case HotlistReported():
                    await self._db.write(publish.keep_reported, link.device_id, effect.changes)
                case CommandSent() | CommandExpired():
                    for callback in self.on_command:
                        callback(effect.command_id, isinstance(effect, CommandSent))
                case Rejected():
                    self._count(effect.error)

    async def _store(self, link: Link, effect: Store) -> None:
        try:
            end = await self._db.write_grouped(
                ingest.store, link.enrolment_id, effect.entries, self._clock.now_ms()
            )
        except CentralError:
            link.peer.uplink.store_failed(*await self._db.read(ingest.position, link.enrolment_id))
            raise
        link.peer.uplink.stored(*end)

    async def _quarantine(self, link: Link, entries: Any, why: str) -> tuple[int, bytes]:
        record = link.peer.record
        self.counts[f"quarantined {why}"] += len(entries)
        return await self._db.write_grouped(
            ingest.quarantine, link.device_id, record.node_epoch, entries, why, self._clock.now_ms()
        )

    async def _heard(self, link: Link, effect: Heard) -> None:
        now_s = self._monotonic()
        link.heard_s = now_s
        condition = _condition(effect)
        news = condition is not None and condition != link.condition
        due = news or now_s - link.written_s >= STATUS_EVERY_S or not link.online
        link.condition = condition or link.condition
        link.online = True
        received_all = effect.last_seq is not None and effect.last_seq == link.peer.uplink.received_through
        if due and not link.peer.record.quarantine:
            link.written_s = now_s
            await self._db.write_grouped(
                status.heard, link.device_id, self._clock.now(), effect.last_seq, effect.health, received_all
            )

    # -- who is online ------------------------------------------------------------------------------------------

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self.look_for_silence()

    async def look_for_silence(self) -> None:
        """Note every device that has not been heard for too long; called each second."""
        now_s = self._monotonic()
        for link in list(self._links.values()):
            limit = OFFLINE_LIVE_S if link.wake is not None else link.peer.record.period_s * OFFLINE_PERIODS
            if link.online and now_s - link.heard_s > limit:
                link.online = False
                if self.sessions.of_node(link.peer.record.node) is link.peer:
                    try:
                        await self._db.write(status.gone, link.device_id, self._clock.now())
                    except CentralError as error:
                        link.online = True  # the next round tries again
                        log.warning("a silent device could not be noted: %s", error)

    async def lost(self, link: Link) -> None:
        """The live connection broke: unless the device is heard soon over another route, it is offline."""
        self.disconnected(link)
        link.heard_s = min(link.heard_s, self._monotonic()) - max(
            0.0, link.peer.record.period_s * OFFLINE_PERIODS - OFFLINE_LIVE_S
        )

    def revoke(self, node: str) -> None:
        """The node's sessions end now; its later facts go to quarantine (its row says so)."""
        self._forget(node)

    def _forget(self, node: str) -> None:
        for peer in list(self.sessions):
            if peer.record.node == node:
                wake = self._links[peer.session].wake
                self.sessions.remove(peer)
                if wake is not None:
                    wake()
        self._sweep()

    def is_open(self, link: Link) -> bool:
        """False once the session was replaced or revoked: its connection is to be closed."""
        return link.peer.session in self._links

    def _sweep(self) -> None:
        kept = {peer.session for peer in self.sessions}
        for session in set(self._links) - kept:
            del self._links[session]

    # -- what the centre wants ----------------------------------------------------------------------------------

    def _published(self, payload: Mapping[str, Any]) -> None:
        heads = self.storage.heads("")
        self.storage.refresh(
            Revisions(
                heads.config_epoch,
                max(heads.restrictions, payload.get("restrictions", 0)),
                max(heads.access, payload.get("access", 0)),
                max(heads.balances, payload.get("balances", 0)),
            )
        )
        for link in self._links.values():
            link.peer.changed()
            if link.wake is not None:
                link.wake()

    def is_online(self, node: str) -> bool:
        """A session of this device is alive in this process."""
        peer = self.sessions.of_node(node)
        return peer is not None and self._links[peer.session].online

    def command(self, node: str, command: Command, wait_s: float = 10.0) -> None:
        """Send a command with the device's next fresh nonce, or not at all.

        :raises StateError: the device has no live session here, or too many commands wait.
        """
        peer = self.sessions.of_node(node)
        if peer is None:
            raise StateError("the device is not connected")
        link = self._links[peer.session]
        peer.command(command, self._now_ms() + int(wait_s * 1_000))
        if link.wake is not None:
            link.wake()

    def new_nonce(self) -> bytes:
        """A placeholder for a command's nonce; the engine puts the device's own in its place."""
        return bytes(NONCE_LENGTH)

    def _now_ms(self) -> int:
        return int(self._monotonic() * 1_000)

    def _count(self, error: Exception) -> None:
        self.counts[type(error).__name__] += 1


class _Hashes:
    """``protocol.uplink.FactStore`` of one enrolment; asked inside ``db.read``."""

    def __init__(self, enrolment_id: int) -> None:
        self._enrolment_id = enrolment_id

    def hash_at(self, seq: int) -> bytes | None:
        return ingest.hash_at(self._enrolment_id, seq)


def _condition(effect: Heard) -> tuple[object, ...] | None:
    health = effect.health
    if health is None:
        return None
    return (health.clock, health.storage_usable, health.readers, effect.last_seq)


def _code_of(error: ProtocolError) -> RefusalCode:
    from protocol.errors import LimitError, SignatureError, VersionError

    match error:
        case SignatureError():
            return RefusalCode.BAD_SIGNATURE
        case LimitError():
            return RefusalCode.TOO_LARGE
        case VersionError():
            return RefusalCode.VERSION
        case StateError():
            return RefusalCode.UNKNOWN_NODE
        case _:
            return RefusalCode.MALFORMED
