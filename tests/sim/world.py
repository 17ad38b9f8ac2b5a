"""A whole site in one thread: three real nodes and the real centre, over disks that lose power and a line that loses frames.

Everything that happens is drawn from one seed; ``repr`` of the error names it. Real are: outbox, configuration store,
View and decision of each node, both engines, the hub, publishing, ingest and projections of the centre, SQLite under all
of it. Emulated are: disks (power cuts), the line (loss, repeats, disorder, cuts), the clocks.

Checked after every step, by what the world itself knows: I1 durable, I2 acknowledged means committed, I3 contiguous and
chained, I4 once, I6 revisions never go back, I7 a listed card is never granted, I8 recorded before opened, I10 a command from afar
is carried out at most once, by its device, while it is young; at the end I16: and every card opens, or not, as was set.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from central.access.model import AccessEvent, CardLevel
from central.access.then import Verdict, look_back
from central.cards.model import Card, CardIssue
from central.cards.rules import Disable, Holding
from central.clock import FakeClock
from central.db import Database
from central.nodes.service import DeviceInput, create
from central.sync import publish, tickets
from central.sync.hub import Hub
from central.sync.model import Enrolment, StoredFact
from edge.cache.drafts import draft
from edge.cache.errors import CacheError
from edge.cache.outbox import Outbox
from edge.cache.store import ConfigStore
from protocol import enrolment
from protocol.decide import Instant, PointState, Presentation, Trust, decide
from protocol.downlink import Apply, NodeDownlink
from protocol.errors import ProtocolError, StateError
from protocol.facts import AccessFact, CommandResult, Outcome, OutcomeFact
from protocol.ids import uid_key
from protocol.limits import REMOTE_OPEN_MAX_AGE_MS
from protocol.messages import Enrol, Enrolled, RemoteOpen
from protocol.node_peer import CommandReceived, Identity, NodePeer, PeerEffect
from protocol.records import Kind, Revisions
from protocol.uplink import Acked, Purge
from protocol.view import View
from tests.protocol.memory_stores import CountingRandom, Status, private_key
from tests.support.crashvfs import Disk
from tests.support.estate import NOON, Estate, card_row

CENTRE_KEY = private_key(1)
UIDS = [bytes([4, 0, 0, 0, 0, 0, n]) for n in range(1, 7)]
STRANGER = bytes.fromhex("04FFFFFFFFFFFF")


_RECEIVED = "SELECT device.name, enrolment.received_through FROM enrolment JOIN device ON device.id = enrolment.device_id"
_LISTED = "SELECT key FROM published_row WHERE kind = ? AND length(body) > 0"


@cache
def furnished() -> tuple[bytes, dict[str, int]]:
    """The database of the centre with which every history begins, and the ids of its rows; made once."""
    with TemporaryDirectory() as folder:
        estate = Estate(Path(folder))
        estate.write(_furnish, estate)
        estate.close()
        return (Path(folder) / "estate.db").read_bytes(), estate.ids


def _furnish(estate: Estate) -> None:
    place = {"site": estate.site, "organisation": estate.organisation}
    for number, name in ((3, "hall"), (4, "garage")):
        create(DeviceInput(**place, name=name, number=number, label=name), NOON)
    publish.everything_changed(estate.site)


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class Bugs:
    """Planted errors: each must be found by the checks (the negative control)."""

    ack_before_commit: bool = False
    purge_before_backup: bool = False
    open_before_record: bool = False
    forget_restrictions: bool = False
    disk_lies: bool = False


class DirectDatabase:
    """The centre's database in this thread: what the hub awaits happens at once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.subscribe, self.kind = db.subscribe, db.kind

    async def write(self, fn: Callable[..., Any], *args: Any) -> Any:
        return self._db.call_write(fn, *args)

    write_grouped = write

    async def read(self, fn: Callable[..., Any], *args: Any) -> Any:
        return self._db.call_read(fn, *args)


@dataclass
class Told:
    """What a node's user was told, and so what must hold for ever."""

    hashes: dict[int, bytes] = field(default_factory=dict)
    opened: list[int] = field(default_factory=list)
    acked: int = 0
    revisions: Revisions = field(default_factory=Revisions)
    restricted_seen: set[bytes] = field(default_factory=set)
    commands: list[int] = field(default_factory=list)
    """Numbers of the commands that were carried out."""


class Node:
    """One node: its disk, what runs on it, and what it has promised."""

    def __init__(self, world: World, name: str, number: int) -> None:
        self.world, self.name = world, name
        self.folder = world.directory / name
        self.key = private_key(10 + number)
        self.salt = bytes([number]) * 16
        self.random = CountingRandom(number * 10**7)
        self.disk = Disk()
        self.disk.lies = world.bugs.disk_lies
        self.told = Told()
        self.identity: Identity | None = None
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.cut = False
        self.starts = 0
        self.pending: list[Apply] = []
        self.heard: list[bytes] = []
        """The last frames that came down."""

    async def join(self, device_id: int) -> None:
        secret = bytes([device_id]) * 32
        self.world.write(tickets.make_ticket, device_id, f"t{device_id}", secret, self.world.clock.now())
        request = Enrol(
            f"t{device_id}", self.name, enrolment.raw_public(self.key), "", b"", self.salt, self.random(16)
        )
        frames, _ = await self.world.hub.packet([enrolment.write_enrol(request, secret, self.key)])
        answer = enrolment.read_answer(frames[0], secret, request)
        assert isinstance(answer, Enrolled)
        self.identity = Identity(self.name, answer.node_epoch, self.key, CENTRE_KEY.public_key())
        self.folder.mkdir()
        outbox = Outbox(self.folder / "outbox.db", self.disk.opener)
        outbox.begin(answer.node_epoch, self.salt)
        outbox.close()
        self.start()

    def start(self) -> None:
        """As after power-up: only the disk is left."""
        self.starts += 1
        self.outbox = Outbox(self.folder / "outbox.db", self.disk.opener)
        self.outbox.open()
        self.outbox.start_run()
        self.store = ConfigStore(self.folder / "config.db", self.disk.opener)
        self.store.open()
        self.view: View = self.store.load()
        self.downlink = NodeDownlink(self.name, self.store.revisions, self.store.digests)
        assert self.identity is not None
        self.peer = NodePeer(self.identity, Status(), self.downlink, self.outbox, self.random)
        self.peer.connected(self.world.now_ms, live=False)
        self.pending.clear()

    def power_cut(self) -> None:
        """The supply fails; what was not synced is kept, lost or torn."""
        self.disk.is_cut = True
        for file in (self.outbox, self.store):
            file.close()
        lies = self.disk.lies
        self.disk = self.disk.after_cut(self.world.chance)
        self.disk.lies = lies
        self.up.clear()
        self.down.clear()
        self.start()

    # -- what people do -----------------------------------------------------------------------------------------

    def swipe(self, uid: bytes) -> None:
        """A card is shown: decide, record, then open."""
        world = self.world
        point = next((p for p in self.view.access_points.values()), None)
        if point is None:
            return
        now = Instant(world.clock.now_ms())
        decision = decide(Presentation(uid), self.view, point, PointState(), now)
        if decision.granted and uid_key(uid) in self.told.restricted_seen:
            raise Violation(f"I7: {self.name} granted a listed card")
        body = AccessFact(point.point, decision.reason, decision.revisions, release_ms=decision.release_ms)
        intent = draft(body, world.now_ms, world.clock.now_ms(), Trust.TRUSTED, decision.key)
        if decision.granted and world.bugs.open_before_record:
            self.told.opened.append(self.outbox.last_seq + 1)
        try:
            entries = self.outbox.append([intent])
        except CacheError:
            return  # nothing was promised, nothing opened
        for entry in entries:
            self.told.hashes[entry.fact.seq] = entry.hash
        if decision.granted:
            self.told.opened.append(entries[0].fact.seq)
            done = OutcomeFact(entries[0].fact.seq, Outcome.RELEASED)
            try:
                entries = self.outbox.append([draft(done, world.now_ms, world.clock.now_ms(), Trust.TRUSTED)])
            except CacheError:
                return
            for entry in entries:
                self.told.hashes[entry.fact.seq] = entry.hash

    # -- the line -----------------------------------------------------------------------------------------------

    def send(self) -> None:
        self.peer.check(self.world.now_ms)
        frames = self.peer.frames_to_send(self.world.now_ms)
        if not self.cut:
            self.up += frames

    def take(self, frame: bytes) -> None:
        self.heard = [*self.heard[-20:], frame]
        for effect in self.peer.receive(frame, self.world.now_ms):
            self.effect(effect)
        if self.world.bugs.purge_before_backup and self.told.acked:
            self.outbox.back_up(self.told.acked, b"never said")
            self.outbox.purge()

    def effect(self, effect: PeerEffect) -> None:
        """What a frame meant."""
        match effect:
            case Apply():
                self.pending.append(effect)
            case Acked():
                self.outbox.acknowledge(effect.through)
                self.told.acked = max(self.told.acked, effect.through)
            case Purge():
                self.outbox.back_up(effect.through, effect.frame)
                self.outbox.purge()
            case CommandReceived(command, CommandResult.DONE):
                self._carry_out(command.command_id)
            case _:
                pass

    def _carry_out(self, number: int) -> None:
        name, at_ms = self.world.commands[number]
        if number in self.told.commands or name != self.name:
            raise Violation(f"I10: {self.name} carries out command {number}, again or for another")
        if self.world.now_ms - at_ms > REMOTE_OPEN_MAX_AGE_MS:
            raise Violation(f"I10: command {number} is carried out late")
        self.told.commands.append(number)

    def apply_all(self) -> None:
        """Memory first, then disk."""
        while self.pending:
            apply = self.pending.pop(0)
            try:
                self.view = apply.on(self.view)
            except ProtocolError:
                self.downlink.failed(apply.number, self.world.now_ms)
                continue
            self.downlink.in_memory(apply.number)
            if not apply.fits(self.store.revisions):
                self.downlink.commit_failed(apply.number, self.world.now_ms)
                continue
            try:
                digests = self.store.commit(apply)
            except CacheError:
                self.downlink.commit_failed(apply.number, self.world.now_ms)
                continue
            self.downlink.durable(apply.number, digests, self.world.now_ms)
        if self.world.bugs.forget_restrictions and self.world.chance.random() < 0.3:
            self.view = View(self.view.revisions, base=self.view._base, site=self.view._site)


class World:
    """See the module."""

    make_node = Node
    at_rest = PointState()
    """The state of a point at which every good card opens."""

    def __init__(self, directory: Path, seed: int, bugs: Bugs | None = None) -> None:
        self.directory = directory
        self.seed, self.bugs = seed, bugs or Bugs()
        self.chance = random.Random(seed)
        self.clock = FakeClock()
        content, ids = furnished()
        (directory / "estate.db").write_bytes(content)
        self.estate = Estate.found(directory / "estate.db", ids)
        self._look = sqlite3.connect(directory / "estate.db")
        """What is committed at the centre, seen by other means than its own."""
        self.write, self.read = self.estate.write, self.estate.read
        self.write(self._furnish)
        self.nodes: list[Node] = []
        self.hub = self._new_hub()
        self.backed_up: dict[str, int] = {}
        self.verdicts: Counter[Verdict] = Counter()
        """What came of deciding every record once more, at the end."""
        self.card_of: dict[bytes, int] = {}
        self.lost: set[bytes] = set()
        self.commands: dict[int, tuple[str, int]] = {}
        """Device and time of each command from afar."""
        self.steps = 0

    @property
    def now_ms(self) -> int:
        return int(self.clock.monotonic() * 1_000)

    def _furnish(self) -> None:
        """What the site of a kind of histories has besides."""

    def _new_hub(self) -> Hub:
        return Hub(
            DirectDatabase(self.estate.db),  # type: ignore[arg-type]
            self.clock,
            CENTRE_KEY,
            bytes(32),
            CountingRandom(self.chance.randrange(10**9)),
            self.clock.monotonic,
        )

    async def start(self) -> None:
        await self.start_hub()
        for number, name in enumerate(("east-gate", "hall", "garage"), 1):
            from central.nodes.model import Device

            node = self.make_node(self, name, number)
            device = self.read(lambda name=name: Device.get(Device.name == name).id)
            await node.join(device)
            self.nodes.append(node)
        for uid in UIDS[:4]:
            self.issue(uid)

    async def start_hub(self) -> None:
        from central.sync.storage import read_heads

        self.hub.storage.refresh(self.read(read_heads))
        self.estate.db._subscribers.clear()
        self.estate.db.subscribe(publish.PUBLISHED, self.hub._published)

    # -- what people do -----------------------------------------------------------------------------------------

    def issue(self, uid: bytes) -> None:
        def make() -> int:
            card = card_row(
                site=self.estate.site,
                organisation=self.estate.organisation,
                card_no=uid.hex(),
                uid=uid,
                issue_no=1,
                person=self.estate.person,
                holding=Holding.IN_USE.value,
                created_at=NOON,
                changed_at=NOON,
            )
            CardIssue.create(card=card.id, issue_no=1, person=self.estate.person, issued_at=NOON)
            CardLevel.create(card=card.id, level=self.level())
            publish.card_changed(card.id)
            return int(card.id)

        self.card_of[uid] = self.write(make)

    def level(self) -> int:
        """One level with every reader of every door."""
        from central.access.model import AccessPoint, LevelEntry
        from protocol.schedule import ALWAYS

        for point in AccessPoint.select().where(AccessPoint.door.is_null(False)):
            if not LevelEntry.select().where(LevelEntry.point == point.id).exists():
                LevelEntry.create(level=self.estate.level, point=point.id, schedule=ALWAYS)
                publish.level_changed(self.estate.level)
        return int(self.estate.level)

    def change_card(self, uid: bytes, lost: bool) -> None:
        def change() -> None:
            card = Card.get_by_id(self.card_of[uid])
            card.reasons = [Disable.LOST.value] if lost else []
            card.dead_since = NOON if lost else None
            card.save()
            publish.card_changed(card.id)

        self.write(change)
        (self.lost.add if lost else self.lost.discard)(uid)

    async def command(self, node: Node) -> None:
        """The guard opens a door from afar, and looks on for a while; when the device is not connected, nothing happens."""
        for _ in range(2):
            self.clock.advance(s=4)
            await self._poll(node)
        number = len(self.commands) + 1
        self.commands[number] = (node.name, self.now_ms)
        with suppress(StateError):
            self.hub.command(node.name, RemoteOpen(number, node.name, bytes(16), 0, 1))
        for _ in range(3):
            self.clock.advance(s=self.chance.randrange(1, 6))
            await self._poll(node)

    async def _poll(self, node: Node) -> None:
        node.peer.poll_now(self.now_ms)
        node.send()
        await self.exchange(node, faulty=True)
        for frame in node.heard[-5:]:  # somebody has recorded the line
            node.take(frame)

    async def back_up(self) -> None:
        """The backup holds everything received so far; the nodes are told."""
        from protocol.messages import BackedUp

        for peer in self.hub.sessions:
            received = peer.uplink.received_through
            if received:
                self.backed_up[peer.record.node] = max(self.backed_up.get(peer.record.node, 0), received)
                peer.backed_up(
                    BackedUp(peer.record.node, peer.record.node_epoch, received, peer.uplink.head, 1)
                )

    def restart_centre(self) -> None:
        self.hub = self._new_hub()

    # -- steps --------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        self.steps += 1
        node = self.chance.choice(self.nodes)
        match self.chance.randrange(20):
            case 0 | 1 | 2 | 3 | 4:
                node.swipe(self.chance.choice([*UIDS[:4], STRANGER]))
            case 5:
                self.change_card(self.chance.choice(list(self.card_of)), self.chance.random() < 0.6)
            case 6:
                unissued = [uid for uid in UIDS if uid not in self.card_of]
                if unissued:
                    self.issue(unissued[0])
            case 7:
                node.power_cut()
            case 8:
                node.cut = not node.cut
                node.up.clear()
                node.down.clear()
                node.peer.disconnected()
                if not node.cut:
                    node.peer.connected(self.now_ms, live=False)
            case 9:
                self.restart_centre()
                await self.start_hub()
            case 10:
                await self.back_up()
            case 11:
                node.disk.cut_at = node.disk.count + self.chance.randrange(1, 12)
                self._until_cut(node)
            case 12:
                await self.command(node)
            case 13:
                self.clock.advance(s=self.chance.randrange(1, 40))
            case _:
                for each in self.nodes:
                    each.send()
                    await self.exchange(each, faulty=True)
        self.check()

    def _until_cut(self, node: Node) -> None:
        """Swipe until the disk gives up in the middle of something, then start again."""
        for _ in range(6):
            node.swipe(self.chance.choice(UIDS[:4]))
            if node.disk.is_cut:
                break
        node.power_cut()

    async def exchange(self, node: Node, *, faulty: bool) -> None:
        if node.cut:
            return
        if faulty and self.chance.random() < 0.15:
            self.chance.shuffle(node.up)
        while node.up:
            frame = node.up.pop(0)
            fate = self.chance.random() if faulty else 1.0
            if fate < 0.1:
                continue
            for _ in range(2 if fate < 0.2 else 1):
                answers, _link = await self.hub.packet([frame])
                node.down += answers
        while node.down:
            frame = node.down.pop(0)
            fate = self.chance.random() if faulty else 1.0
            if fate < 0.1:
                continue
            for _ in range(2 if fate < 0.2 else 1):
                node.take(frame)
        node.apply_all()
        if self.bugs.ack_before_commit:
            node.told.acked = max(node.told.acked, node.outbox.last_seq)

    async def settle(self, periods: int = 4) -> None:
        """Faults off: within a few periods everything has arrived everywhere (I16)."""
        for node in self.nodes:
            node.cut = False
            node.peer.disconnected()
            node.peer.connected(self.now_ms, live=False)
        for _ in range(periods * 8):
            for node in self.nodes:
                node.send()
                await self.exchange(node, faulty=False)
                self.check()
            self.clock.advance(s=4)
        heads = self.hub.storage.heads("")
        for node in self.nodes:
            self._check_answers(node)
            if node.store.revisions != heads:
                raise Violation(f"I16: {node.name} holds {node.store.revisions}, newest is {heads}")
            received = self._received()[node.name]
            if received != node.outbox.last_seq:
                raise Violation(f"I16: {node.name} has {node.outbox.last_seq} facts, the centre {received}")
        self._check_events()

    # -- checks -------------------------------------------------------------------------------------------------

    def _received(self) -> dict[str, int]:
        """What the centre has committed of each node."""
        return dict(self._look.execute(_RECEIVED))

    def check(self) -> None:
        received = self._received()
        listed = {bytes(key) for (key,) in self._look.execute(_LISTED, (Kind.RESTRICTION.value,))}
        for node in self.nodes:
            self._check_facts(node, received[node.name])
            self._check_revisions(node, listed)

    def _check_answers(self, node: Node) -> None:
        """What was set at the centre is what the device does, asked card by card and not by any revision."""
        now = Instant(self.clock.now_ms())
        for point in node.view.access_points.values():
            for uid in (*UIDS, STRANGER):
                granted = decide(Presentation(uid), node.view, point, self.at_rest, now).granted
                if granted != (uid in self.card_of and uid not in self.lost):
                    raise Violation(f"I16: {node.name} answers {granted} for {uid.hex()}")

    def _check_facts(self, node: Node, received: int) -> None:
        if node.told.acked > received:
            raise Violation(f"I2: {node.name} was told {node.told.acked}, committed are {received}")
        backed_up = self.backed_up.get(node.name, 0)
        if node.outbox.first_seq > backed_up + 1:
            raise Violation(f"I1: {node.name} purged before the backup had it")
        for seq, known in node.told.hashes.items():
            if seq >= node.outbox.first_seq and node.outbox.hash_at(seq) != known:
                raise Violation(f"I1: fact {seq} of {node.name} is gone or changed")
        for seq in node.told.opened:
            if seq not in node.told.hashes:
                raise Violation(f"I8: {node.name} opened without the record {seq}")

    def _check_revisions(self, node: Node, listed: set[bytes]) -> None:
        held, before = node.store.revisions, node.told.revisions
        if held < before and held.config_epoch <= before.config_epoch:
            raise Violation(f"I6: {node.name} went from {before} to {held}")
        node.told.revisions = held
        head = self.hub.storage.heads("").restrictions
        if node.view.revisions.restrictions >= head:
            node.told.restricted_seen = listed
            for key in listed:
                if node.view.restriction(key) is None:
                    raise Violation(f"I7: {node.name} does not hold a listed card")
        else:
            node.told.restricted_seen = set()

    def _check_events(self) -> None:
        """I3, I4: what the centre holds is what the nodes recorded, once, and events follow from it."""

        def read() -> dict[str, list[tuple[int, bytes]]]:
            found: dict[str, list[tuple[int, bytes]]] = {}
            for row in StoredFact.select(StoredFact, Enrolment).join(Enrolment).order_by(StoredFact.seq):
                found.setdefault(row.enrolment.device.name, []).append((row.seq, bytes(row.hash)))
            return found

        stored = self.read(read)
        for node in self.nodes:
            rows = stored.get(node.name, [])
            if [seq for seq, _ in rows] != list(range(1, len(rows) + 1)):
                raise Violation(f"I3: facts of {node.name} are not 1..n")
            for seq, found in rows:
                if node.told.hashes.get(seq, found) != found:
                    raise Violation(f"I3: fact {seq} of {node.name} differs")
        doubled = self.read(
            lambda: (
                AccessEvent.select().count()
                - AccessEvent.select(AccessEvent.device, AccessEvent.seq).distinct().count()
            )
        )
        if doubled:
            raise Violation(f"I4: {doubled} events are doubled")
        self._check_decisions()

    def _check_decisions(self) -> None:
        """B6: taken once more by the settings of its moment, every decision is what was recorded; some settings may be lost."""
        for event in self.read(lambda: list(AccessEvent.select().where(AccessEvent.source == "card"))):
            found = self.read(look_back, event)
            if found is not None:
                self.verdicts[found.verdict] += 1
                if found.verdict is Verdict.OTHER:
                    raise Violation(f"B6: {found.fact} comes out as {found.again!r}")

    def close(self) -> None:
        for node in self.nodes:
            node.disk.is_cut = True
            node.outbox.close()
            node.store.close()
        self._look.close()
        self.estate.close()


async def play(
    directory: Path, seed: int, steps: int, bugs: Bugs | None = None, make: type[World] = World
) -> World:
    """One history; raises ``Violation`` with the seed."""
    world = make(directory, seed, bugs)
    try:
        await world.start()
        for _ in range(steps):
            await world.step()
        await world.settle()
    except Violation as error:
        raise Violation(f"seed {seed}, step {world.steps}: {error}") from error
    finally:
        world.close()
    return world


def is_found(directory: Path, histories: int, steps: int, make: type[World] = World) -> bool:
    """A promise is broken in one of the histories with the seeds 1 to ``histories``: the bug that was planted shows."""
    for seed in range(1, histories + 1):
        folder = directory / str(seed)
        folder.mkdir()
        try:
            asyncio.run(play(folder, seed, steps, make=make))
        except Violation:
            return True
    return False
