"""The open sessions of this process: frames in, effects carried out, frames out; who is online; commands on their way.

One task at a time serves a device (a lock per session); storage is asked in the database threads. Nothing is kept here that
a restart must not lose.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central.announce import LOOK_AGAIN
from central.backup_record import RECORDED
from central.clock import Clock
from central.db import Database
from central.errors import CentralError
from central.sync import ingest, publish, reported, status, suspicion, tickets, timed
from central.sync.completeness import Completeness, told_to
from central.sync.errands import Errands
from central.sync.joining import Joining
from central.sync.links import Hashes, Link, code_of, condition_of, not_stored, record_of, some
from central.sync.offers import OFFERS, Offering
from central.sync.silence import MARK_EVERY_S, STATUS_EVERY_S, Silence
from central.sync.storage import PublishedStorage, read_heads
from protocol.centre_peer import (
    Alive,
    AuditHead,
    CentreEffect,
    CentrePeer,
    CommandExpired,
    CommandSent,
    Heard,
    ReleaseAsked,
    read_hello,
    write_refused,
)
from protocol.centre_sessions import Sessions
from protocol.downlink import Delivered, HotlistReported, NotApplied, Rejected
from protocol.envelope import is_session_frame, peek
from protocol.errors import ProtocolError, StateError, UnknownMessageError
from protocol.limits import COMMANDS_WAITING_MAX, NONCE_LENGTH
from protocol.messages import Command, MessageKind, RefusalCode
from protocol.records import Revisions
from protocol.uplink import Forked, Quarantined, Store

log = logging.getLogger(__name__)


class Hub:
    """See the module.

    :param random_bytes: a source of secure randomness, injected so that a simulation can be repeated.
    :param note: writes an audit row for what looks like an attack; called inside ``db.write``.
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
        note: suspicion.Note = suspicion.no_note,
    ) -> None:
        self._db = db
        self._clock = clock
        self._key = signing_key
        self._random = random_bytes
        self._monotonic = monotonic
        self._audit_head = audit_head
        self._note = note
        self.storage = PublishedStorage(signing_key, clock.now_ms, random_bytes)
        self.sessions = Sessions()
        """Sessions of devices in use: what pages and commands mean by a device's session."""
        self.quarantined = Sessions()
        """Sessions of closed or forked node_epochs: they bear the same name, and must not push out its successor's."""
        self._changes_count = 0
        """Closed enrolments and backups that were told of: a session that is being opened meanwhile asks again."""
        self._links: dict[bytes, Link] = {}
        self.counts: Counter[str] = Counter()
        """Refused frames by the name of the error, since the start."""
        self.on_command: list[Callable[[int, bool], None]] = []
        """Called with (command_id, was it sent) in the event loop."""
        self._name = secrets.token_hex(4)
        """This process, among those of one centre."""
        self._silence = Silence(db, clock, monotonic, self.sessions)
        self._watch: asyncio.Task[None] | None = None
        self._joining = Joining(db, clock, signing_key, box_key, self.counts)
        self._errands = Errands()
        self.offering = Offering(db, clock)
        self.completeness = Completeness(db, clock, self._errands)

    async def start(self) -> None:
        """Take over from a former run. The only process of a centre knows that nobody has been heard yet."""
        self._db.subscribe(publish.PUBLISHED, self._published)
        self._db.subscribe(tickets.CLOSED, self._closed)
        self._db.subscribe(status.OPENED, self._opened)
        self._db.subscribe(RECORDED, self._recorded)
        self._db.subscribe(LOOK_AGAIN, self._look_again)
        self._db.subscribe(status.ASKED, self._asked)
        timed.follow(self._db, self._links, self._asked)
        self._db.subscribe(OFFERS, self._offers)
        await self.completeness.start()
        await self._refresh()
        if self._db.kind == "sqlite":
            await self._db.write(status.all_gone, self._clock.now())
        self._watch = asyncio.create_task(self._watch_silence(), name="hub-watch")

    async def stop(self) -> None:
        """End the watch; connections are closed by their handlers."""
        await self._errands.stop()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    # -- frames -------------------------------------------------------------------------------------------------

    async def packet(
        self, frames: Iterable[bytes], wake: Callable[[], None] | None = None, address: str = ""
    ) -> tuple[list[bytes], Link | None]:
        """Carry out the frames of one packet; returns the answer and the session that they belong to.

        Never raises for what a frame holds: it is refused, counted, and the others go on. What waits for a device is
        given only to who has just proved to be that device: not for a frame that names it, nor for a repeated one.

        :param address: the network address that they came from.
        """
        answers: list[bytes] = []
        link: Link | None = None
        for frame in frames:
            try:
                kind = None if is_session_frame(frame) else peek(frame).kind
                if kind == MessageKind.ENROL:
                    answers.append(await self._joining.answer(frame, address, self._note))
                elif kind == MessageKind.HELLO:
                    link = await self._open(frame)
                    link.wake = wake or link.wake
                else:
                    found = self._find(frame)
                    if found is None or (proved := await self._receive(found, frame)) is None:
                        answers.append(write_refused(frame, RefusalCode.SESSION_UNKNOWN, self._key))
                    elif proved:
                        link = found
                        link.wake = wake or link.wake
            except ProtocolError as error:
                self._count(error)
                answers.append(write_refused(frame, code_of(error), self._key))
            except CentralError as error:
                log.warning("a frame could not be stored: %s", error)
                answers.append(write_refused(frame, RefusalCode.BUSY, self._key, retry_after_s=5))
        if link is not None:
            answers += await self.frames_to_send(link)
        return answers, link

    async def frames_to_send(self, link: Link) -> list[bytes]:
        """What waits for this device."""
        async with link.lock:
            self._hand_over(link)
            frames = await self._db.read(link.peer.frames_to_send, self._now_ms(), self._clock.now_ms())
            effects = link.peer.command_effects()
        await self._carry_out(link, effects)
        return frames

    def _hand_over(self, link: Link) -> None:
        """Give the engine what came up while it may have been at work in another thread. The lock is held."""
        link.tell_engine()
        commands, link.commands = link.commands, []
        for command, expires_at_ms in commands:
            try:
                link.peer.command(command, expires_at_ms)
            except StateError:
                self._told(command.command_id, False)

    def next_timer_s(self, link: Link) -> float | None:
        """Seconds until ``frames_to_send`` must be asked although nothing happened; None: never."""
        due_ms = [at_ms for _, at_ms in link.commands]
        if (timer_ms := link.peer.next_timer()) is not None:
            due_ms.append(timer_ms)
        at_ms = min(due_ms, default=None)
        return None if at_ms is None else max(0.0, (at_ms - self._now_ms()) / 1_000)

    async def _open(self, frame: bytes) -> Link:
        header = peek(frame)
        changes = -1
        while changes != self._changes_count:  # closed, or backed up, while we asked: ask again
            changes = self._changes_count
            found = await self._db.read(tickets.find, header.sender, header.epoch)
            backed_up = {} if found is None else await self._db.read(ingest.backed_up, [found.id])
        if found is None:
            raise StateError("no such device")
        hello = read_hello(frame, Ed25519PublicKey.from_public_bytes(bytes(found.public_key)))
        heads = self.storage.heads(found.device.name)
        record = await self._db.read(record_of, found)
        peer = CentrePeer(
            frame,
            record,
            self._key,
            self.storage,
            Hashes(found.id),
            self._random,
            utc_ms=self._clock.now_ms(),
            audit=self._audit_head(),
            hotlist_wanted=0 < hello.revisions.config_epoch < heads.config_epoch,  # from before a restore
        )
        if found.id in backed_up:
            peer.backed_up(backed_up[found.id])
        self._table(peer).add(peer)
        link = Link(peer, found.device_id, found.id, is_closed=found.closed_at is not None)
        if not record.quarantine:
            peer.others = partial(told_to, link)
        self._links[peer.session] = link
        self._sweep()
        return link

    def _table(self, peer: CentrePeer) -> Sessions:
        return self.quarantined if peer.record.quarantine else self.sessions

    def _find(self, frame: bytes) -> Link | None:
        """The session of a frame; a signed one names the node_epoch that it is of."""
        for table in (self.sessions, self.quarantined):
            peer = table.find(frame)
            if peer is not None and (is_session_frame(frame) or peek(frame).epoch == peer.record.node_epoch):
                return self._links.get(peer.session)
        return None

    async def _receive(self, link: Link, frame: bytes) -> bool | None:
        """Carry out a frame; False when it does not prove its sender, None when the session has just ended."""
        async with link.lock:
            link.others_at_ms = self.completeness.others_at_ms(link.device_id)
            effects = await self._db.read(link.peer.receive, frame, self._now_ms(), self._clock.now_ms())
            if not self.is_open(link):
                return None
            await self._carry_out(link, effects)
            if not link.peer.record.quarantine:
                await self.completeness.told(link.device_id, link.peer.complete_at_ms)
        refused = [
            effect
            for effect in effects
            if isinstance(effect, Rejected) and not isinstance(effect.error, UnknownMessageError)
        ]
        if is_session_frame(frame):  # sealed and counted: it cannot be repeated
            return len(refused) == 0 or len(refused) < len(effects)
        return len(effects) > len(refused)  # only signed: facts that are here already may be a repetition

    # -- effects ------------------------------------------------------------------------------------------------

    async def _carry_out(self, link: Link, effects: list[CentreEffect]) -> None:
        for effect in effects:
            match effect:
                case Store():
                    await self._store(link, effect)
                case Forked():
                    self.counts["quarantined fork"] += len(effect.entries)
                    await self._db.write(
                        suspicion.fork,
                        link.device_id,
                        link.peer.record.node_epoch,
                        effect.seq,
                        effect.entries,
                        self._clock.now(),
                        self._note,
                    )
                case Quarantined():
                    end = await self._quarantine(link, effect.entries, "closed")
                    link.peer.uplink.stored(*end)
                case Alive():
                    self._table(link.peer).heard(link.peer)
                    self._sweep()
                    link.heard_s, link.online, link.is_broken = self._monotonic(), True, False
                    if link.is_closed:
                        self.counts["closed identity"] += 1
                        await self._db.write(
                            suspicion.closed_identity,
                            link.device_id,
                            link.peer.record.node_epoch,
                            self._clock.now(),
                            self._note,
                        )
                    elif not link.peer.record.quarantine:
                        await self._db.write_grouped(
                            status.alive,
                            link.device_id,
                            effect.hello,
                            self._clock.now(),
                            link.peer.session,
                            self._name,
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
                    await self._db.write(reported.keep, link.device_id, effect.changes, self._clock.now())
                case ReleaseAsked(pull):
                    await self.offering.asked(link, pull)
                case CommandSent() | CommandExpired():
                    self._told(effect.command_id, isinstance(effect, CommandSent))
                case Rejected():
                    self._count(effect.error)

    def _told(self, command_id: int, was_sent: bool) -> None:
        for callback in self.on_command:
            callback(command_id, was_sent)

    async def _store(self, link: Link, effect: Store) -> None:
        try:
            end = await self._db.write_grouped(
                ingest.store, link.enrolment_id, effect.entries, self._clock.now_ms()
            )
        except ingest.NotNextError:
            not_stored(link)
            link.peer.uplink.store_failed(*await self._db.read(ingest.position, link.enrolment_id))
            raise
        except Exception:  # whatever it was: without this the engine would think the facts are here
            not_stored(link)
            raise
        link.peer.uplink.stored(*end)
        link.ask = link.asked  # it said where it stood before these came

    async def _quarantine(self, link: Link, entries: Any, why: str) -> tuple[int, bytes]:
        record = link.peer.record
        self.counts[f"quarantined {why}"] += len(entries)
        try:
            return await self._db.write_grouped(
                ingest.quarantine, link.device_id, record.node_epoch, entries, why, self._clock.now_ms()
            )
        except Exception:
            not_stored(link)
            raise

    async def _heard(self, link: Link, effect: Heard) -> None:
        now_s = self._monotonic()
        link.heard_s, link.is_broken = now_s, False
        condition = condition_of(effect, link.condition)
        received_all = effect.last_seq is not None and effect.last_seq == link.peer.uplink.received_through
        is_mark_due = received_all and now_s - link.marked_s >= MARK_EVERY_S
        due = (
            condition != link.condition
            or (link.asked and effect.last_seq is not None)
            or is_mark_due
            or now_s - link.written_s >= STATUS_EVERY_S
            or not link.online
        )
        link.condition, link.online, link.asked = condition, True, link.asked and not received_all
        if due and not link.peer.record.quarantine:
            link.written_s = now_s
            link.marked_s = now_s if received_all else link.marked_s
            await self._db.write_grouped(
                status.heard,
                link.device_id,
                self._clock.now(),
                effect.last_seq,
                effect.health,
                received_all,
                link.peer.session,
                link.peer.record.node_epoch,
            )
        await self.offering.heard(link, effect)

    def _offers(self, payload: Mapping[str, Any]) -> None:
        self.offering.changes_count += (
            1  # whoever has a live connection is asked where it stands, and then told
        )
        self._asked(payload)

    # -- who is online ------------------------------------------------------------------------------------------

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self.look_for_silence()

    async def look_for_silence(self) -> None:
        """Note every device that has not been heard for too long; called each second."""
        await self._silence.look(list(self._links.values()))

    async def lost(self, link: Link) -> None:
        """The live connection broke: unless the device is heard soon over another route, it is offline."""
        link.wake = None  # the session itself may go on over HTTPS
        link.is_broken = True

    def _opened(self, payload: Mapping[str, Any]) -> None:
        """A device opened a session in another process: what it has here is over."""
        if payload["by"] == self._name:
            return
        peer = self.sessions.of_node(payload["node"])
        if peer is not None and peer.session.hex() != payload["session"]:
            self._end([self._links[peer.session]])

    def revoke(self, node: str) -> None:
        """The node's sessions end now; its later facts go to quarantine (its row says so)."""
        self._end([link for link in self._links.values() if link.peer.record.node == node])

    def _closed(self, payload: Mapping[str, Any]) -> None:
        """Enrolments were closed, by whatever process: their sessions end, and open again in quarantine."""
        self._changes_count += 1
        closed = set(payload["enrolments"])
        links = [link for link in self._links.values() if link.enrolment_id in closed]
        self._end([link for link in links if not link.peer.record.quarantine])

    def _end(self, links: Iterable[Link]) -> None:
        for link in list(links):
            self._table(link.peer).remove(link.peer)
            self._links.pop(link.peer.session, None)
            if link.wake is not None:
                link.wake()

    def is_open(self, link: Link) -> bool:
        """False once the session was replaced or revoked: its connection is to be closed."""
        return link.peer.session in self._links

    def _sweep(self) -> None:
        kept = {peer.session for table in (self.sessions, self.quarantined) for peer in table}
        for session in set(self._links) - kept:
            link = self._links.pop(session)
            if link.wake is not None:
                link.wake()  # so that its connection is closed

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
        self._nudge_all()

    def _nudge_all(self) -> None:
        for link in self._links.values():
            link.published = True
            if link.wake is not None:
                link.wake()

    def _asked(self, payload: Mapping[str, Any]) -> None:
        """Only who has a live connection can be asked; the others answer by their next poll."""
        for link in self._links.values():
            if link.device_id in payload["ids"]:
                link.asked, link.ask = True, link.wake is not None
                if link.wake is not None:
                    link.wake()

    async def _refresh(self) -> None:
        """Where the centre stands, from the database: announcements may have been missed."""
        found = await self._db.read(read_heads)
        known = self.storage.heads("")
        newest = {name: max(getattr(found, name), getattr(known, name)) for name in found.__struct_fields__}
        self.storage.refresh(found if found.config_epoch != known.config_epoch else Revisions(**newest))
        self._nudge_all()

    def _recorded(self, payload: Mapping[str, Any]) -> None:
        """A backup was finished, by whatever process: devices hear how much of their facts it holds."""
        self._changes_count += 1
        self._errands.run(self._tell_backed_up)

    def _look_again(self, payload: Mapping[str, Any]) -> None:
        self._changes_count += 1
        self._errands.run(self._after_unknown)

    async def _after_unknown(self) -> None:
        """Whatever may have been announced and not heard here."""
        await self._refresh()
        for links in some(self._links.values()):
            closed = await self._db.read(tickets.closed_of, [link.enrolment_id for link in links])
            self._closed({"enrolments": closed})
        await self._tell_backed_up()

    async def _tell_backed_up(self) -> None:
        for links in some(self._links.values()):
            found = await self._db.read(ingest.backed_up, [link.enrolment_id for link in links])
            for link in links:
                if link.enrolment_id in found:
                    link.backed_up = found[link.enrolment_id]
                    if link.wake is not None:
                        link.wake()

    def is_online(self, node: str) -> bool:
        """A session of this device is alive in this process."""
        peer = self.sessions.of_node(node)
        link = None if peer is None else self._links.get(peer.session)
        return link is not None and link.online

    def command(self, node: str, command: Command, wait_s: float = 10.0) -> None:
        """Send a command with the device's next fresh nonce, or not at all.

        :raises StateError: the device has no live session here, or too many commands wait.
        """
        peer = self.sessions.of_node(node)
        link = None if peer is None else self._links.get(peer.session)
        if link is None:
            raise StateError("the device is not connected")
        if len(link.commands) >= COMMANDS_WAITING_MAX:
            raise StateError("no more commands are taken for this node")
        link.commands.append((command, self._now_ms() + int(wait_s * 1_000)))
        if link.wake is not None:
            link.wake()

    def new_nonce(self) -> bytes:
        """A placeholder; the engine puts the device's own in its place."""
        return bytes(NONCE_LENGTH)

    def _now_ms(self) -> int:
        return int(self._monotonic() * 1_000)

    def _count(self, error: Exception) -> None:
        self.counts[type(error).__name__] += 1
