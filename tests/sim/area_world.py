"""One hard area with a door of each of three devices: slow and cut lines, power cuts, clocks that are not known, restores.

Real besides what ``world`` and ``door_world`` say: live connections with pings on both sides, so that each device knows how
old its knowledge of the others is; projection and publishing of places. Emulated: lines that take their time and lose nothing
until they break, clocks that differ by half a second, people, who go through or not, or lend their card to somebody outside.

Checked at each showing by where people truly are:

- the way out is never refused, and nobody is locked in;
- nobody is refused for his place who came out more than ``FRESH_MS`` ago, whatever lines, power and clocks did;
- with every line whole for a while, and with passages that could be told apart, nobody who is inside is let in again anywhere;
- nothing but a durable grant releases a door, and no line that is lost or comes back does (I9);

and at the end: every device has the same place of everybody, and the true one where it could be known.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from central.access import presence
from central.access.areas import next_reset
from central.access.model import AccessPoint, Area, Door
from central.db import Database
from central.nodes.model import Device
from central.sync import publish, storage
from central.sync.links import Link
from edge.core.actions import Record
from edge.core.stimuli import CardShown, InStep, LinkChanged
from protocol.decide import Instant, PointState, Presentation, Trust
from protocol.door_rows import Passback
from protocol.downlink import HotlistWanted
from protocol.facts import AccessFact
from protocol.ids import CardKey
from protocol.node_peer import ClockSample, Level, Lost, PeerEffect
from protocol.reasons import Reason, is_granted
from protocol.records import put
from protocol.rules.doors import RuleState
from protocol.rules.passback import UNKNOWN
from protocol.rules.places import FRESH_MS, ORDER_SURE_MS, here
from tests.sim.door_world import DoorRulesNode, DoorRulesWorld
from tests.sim.world import UIDS, Bugs, Violation, World
from tests.support.estate import NOON

PEOPLE: Final = (UIDS[0], UIDS[2], UIDS[3])
WHOLE_MS: Final = 40_000
"""So long every line must have been whole before a second entry must be refused: pings have gone round, everything has come."""
APART_MS: Final = ORDER_SURE_MS + 2_000
HALF_SECOND_MS: Final = 500
_OTHER: Final = (Reason.UNKNOWN_CARD, Reason.RIGHTS_CHANGING, Reason.STORAGE_UNUSABLE)
"""Refusals that have nothing to do with places: the card is not here yet, or the device is just dying."""


class AreaNode(DoorRulesNode):
    """A node on a live line."""

    world: AreaWorld

    def __init__(self, world: World, name: str, number: int) -> None:
        self.clock_error_ms = (number - 2) * HALF_SECOND_MS
        self.trusted = True
        self.delay_ms = 50
        self.rising: list[tuple[int, bytes]] = []
        self.falling: list[tuple[int, bytes]] = []
        self.link: Link | None = None
        self.again_ms = 0
        self.is_through = False
        self.along: list[int] = []
        """Who was let in by the last grant besides."""
        super().__init__(world, name, number)

    def start(self) -> None:
        self.trusted = self.starts == 0 or self.world.chance.random() < 0.5
        super().start()
        self.drop()

    def instant(self) -> Instant:
        if self.trusted:
            return Instant(self.world.clock.now_ms() + self.clock_error_ms)
        return Instant(self.world.clock.now_ms() - 7_200_000, Trust.FLOOR_ONLY)

    # -- the line -----------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """The connection breaks; it comes back in a moment unless it is cut."""
        self.peer.disconnected()
        self.rising.clear()
        self.falling.clear()
        self.link = None
        self.again_ms = self.world.now_ms + 1_000
        self._send(LinkChanged(False))

    async def pump(self) -> None:
        """What is due on the line, both ways."""
        now_ms = self.world.now_ms
        for effect in self.peer.check(now_ms):
            assert isinstance(effect, Lost)
            self.drop()
        if self.cut:
            return
        if self.link is None and not self.rising and now_ms >= self.again_ms:
            self.peer.connected(now_ms, live=True)
            self.again_ms = now_ms + 20_000
            self._send(LinkChanged(True))
        self.rising += [(now_ms + self.delay_ms, frame) for frame in self.peer.frames_to_send(now_ms)]
        while self.rising and self.rising[0][0] <= now_ms:
            answers, link = await self.world.hub.packet([self.rising.pop(0)[1]], lambda: None)
            self.link = link or self.link
            self.falling += [(now_ms + self.delay_ms, frame) for frame in answers]
        if self.link is not None and self.link.published and self.world.hub.is_open(self.link):
            more = await self.world.hub.frames_to_send(self.link)
            self.falling += [(now_ms + self.delay_ms, frame) for frame in more]
        while self.falling and self.falling[0][0] <= now_ms:
            self.take(self.falling.pop(0)[1])
        self.apply_all()

    def effect(self, effect: PeerEffect) -> None:
        super().effect(effect)
        match effect:
            case ClockSample():
                self.trusted = True
            case HotlistWanted():
                restricted = self.view.restricted().items()
                self.downlink.report_hotlist([put(CardKey(key), row) for key, row in restricted])
            case Level(others_ms):
                self._send(InStep(others_ms))
            case _:
                pass

    def apply_all(self) -> None:
        was_pending = bool(self.pending)
        super().apply_all()
        if was_pending and self.downlink.is_level:
            self._send(InStep(self.peer.others_ms))

    # -- people -------------------------------------------------------------------------------------------------

    def swipe(self, uid: bytes) -> None:
        """Somebody shows a card at a reader that he can get at, or lends it to somebody outside; whoever is let in may go."""
        world, chance = self.world, self.world.chance
        person = world.person_of[uid]
        reader = chance.choice((1, 2)) if person in world.within else 1
        if self.state.wiring.point_of_reader.get(reader) not in self.view.access_points:
            return
        self.pass_time()
        self.shown, self.uid, self.is_through = (person, reader == 2), uid, False
        self.reader = reader
        self.along.clear()
        self._send(CardShown(reader, (Presentation(uid),)))
        if self.is_through and self.lock_on.get(1) and chance.random() < 0.8:
            going = {holder for holders, _into in self.state.passing.values() for holder in holders}
            for each in going - {person, *self.along}:
                world.unsure(each)  # let in just before, he did not go: the contact cannot tell them apart
            for each in (person, *self.along):
                world.moves(self, each, reader == 2)
            self._contact(1, True)
            if chance.random() < 0.8:
                self._contact(1, False)
            if self.disk.is_cut:
                world.unsure_all()
        elif self.is_through and self.is_open.get(1):
            for each in (person, *self.along):
                world.unsure(each)  # at a door that stands open nothing tells that he did not go

    def power_cut(self) -> None:
        if self.going:
            self.world.unsure_all()
        super().power_cut()

    def _record(self, action: Record) -> None:
        if isinstance(action.body, AccessFact):
            self.along = [self.world.person_of[each.personal[1:]] for each in action.along]
        super()._record(action)

    def _judge(self, fact: AccessFact) -> None:
        self._check_tries(fact)
        world, (person, leaving) = self.world, self.shown
        self.is_through = is_granted(fact.reason)
        if fact.reason is Reason.PASSBACK:
            if leaving:
                raise Violation(f"{self.name} locks {person} in")
            out_ms = world.out_ms.get(person, -FRESH_MS - 1)
            if person not in world.within and world.now_ms - out_ms > FRESH_MS:
                raise Violation(f"{self.name} refused {person}, who came out {world.now_ms - out_ms} ms ago")
            world.counts["refused"] += 1
        elif fact.reason is Reason.GRANTED_PASSBACK_CUT_OFF:
            world.counts["soft"] += 1
        elif (
            fact.reason is Reason.GRANTED
            and not leaving
            and person in world.within
            and world.must_refuse(person)
        ):
            raise Violation(f"{self.name} let {person} in twice")
        elif leaving and fact.reason not in _OTHER and not is_granted(fact.reason):
            raise Violation(f"{self.name} refuses the way out: {fact.reason.name}")


class AreaWorld(DoorRulesWorld):
    """See the module."""

    make_node = AreaNode
    people: Sequence[bytes] = PEOPLE
    """Cards of those who go in and out."""
    at_rest = PointState(rules=RuleState(cut_off=True))
    nodes: list[AreaNode]  # type: ignore[assignment]

    def __init__(self, directory: Path, seed: int, bugs: Bugs | None = None) -> None:
        self.within: set[int] = set()
        """Who is truly inside."""
        self.out_ms: dict[int, int] = {}
        """When each came out last."""
        self.moved_ms: dict[int, int] = {}
        self.sure: set[int] = set()
        """Whose last passage can be told apart from all others, and was recorded with a good clock."""
        self.whole_ms = 0
        """Since when every line, every device and the centre have been whole."""
        self.counts = {"refused": 0, "soft": 0, "restored": 0}
        self.saved: dict[str, int] | None = None
        super().__init__(directory, seed, bugs)

    def _furnish(self) -> None:
        World._furnish(self)
        self.person_of = {}
        site = self.estate.site
        self.area = Area.create(site=site, name="court", passback=Passback.HARD.value).id
        for device in Device.select().where(Device.name.in_(["east-gate", "hall", "garage"])):
            door = Door.get((Door.device == device.id) & (Door.number == 1))
            if (
                not AccessPoint.select()
                .where((AccessPoint.device == device.id) & AccessPoint.leaving)
                .exists()
            ):
                AccessPoint.create(device=device.id, door=door.id, reader=2, label="out", leaving=True)
            Door.update(inside=self.area).where(Door.id == door.id).execute()
        for device in Device.select():
            publish.device_changed(device.id)

    def issue(self, uid: bytes) -> None:
        """Each card has a holder of its own; no card is for duress."""
        DoorRulesWorld.issue(self, uid)

    def _for_duress(self) -> None:
        pass

    async def start(self) -> None:
        self.clock.advance(s=(NOON - self.clock.now()).total_seconds())  # the cards are issued
        await super().start()

    async def start_hub(self) -> None:
        await super().start_hub()
        await self.hub.completeness.start()
        self.broken()

    # -- the truth ----------------------------------------------------------------------------------------------

    def broken(self) -> None:
        """Something is not whole just now."""
        self.whole_ms = self.now_ms

    def moves(self, node: AreaNode, person: int, leaving: bool) -> None:
        """Somebody goes through."""
        since_ms = self.now_ms - self.moved_ms.get(person, -APART_MS)
        self.moved_ms[person] = self.now_ms
        is_sure = node.trusted and since_ms >= APART_MS and self.now_ms - self.whole_ms >= WHOLE_MS
        (self.sure.add if is_sure else self.sure.discard)(person)
        if leaving:
            self.within.discard(person)
            self.out_ms[person] = self.now_ms
        else:
            self.within.add(person)

    def unsure(self, person: int) -> None:
        """It cannot be known any more where he is."""
        self.sure.discard(person)

    def unsure_all(self) -> None:
        """It cannot be known any more where people are."""
        self.sure.clear()

    def must_refuse(self, person: int) -> bool:
        """Whether every device must know by now that this person is inside."""
        is_told = self.now_ms - self.moved_ms[person] >= APART_MS
        return person in self.sure and is_told and self.now_ms - self.whole_ms >= WHOLE_MS

    # -- steps --------------------------------------------------------------------------------------------------

    async def pass_s(self, seconds: float) -> None:
        """Time goes by, and what is on the lines moves."""
        for _ in range(max(1, int(seconds))):
            self.clock.advance(s=min(1.0, seconds))
            for node in self.nodes:
                node.pass_time()
                await node.pump()
            if any(
                node.cut or node.link is None or node.delay_ms > 100 or not node.trusted
                for node in self.nodes
            ):
                self.broken()

    async def step(self) -> None:
        self.steps += 1
        node, fate = self.chance.choice(self.nodes), self.chance.random()
        if fate < 0.62:
            node.swipe(self.chance.choice(self.people))
            await self.pass_s(self.chance.choice((0.5, 2, 7, 7)))
        elif fate < 0.70:
            await self.pass_s(self.chance.choice((20, 50)))
        elif fate < 0.76:
            node.cut = not node.cut
            node.drop()
            await self.pass_s(0.5)
        elif fate < 0.80:
            node.delay_ms = self.chance.choice((50, 2_000, 6_000, 12_000))
            await self.pass_s(0.5)
        elif fate < 0.84:
            node.power_cut()
            self.broken()
        elif fate < 0.87:
            node.disk.cut_at = node.disk.count + self.chance.randrange(1, 12)
            self._until_cut(node)
            self.broken()
        elif fate < 0.90:
            self.restart_centre()
            await self.start_hub()
        elif fate < 0.93:
            await self.back_up()
        elif fate < 0.95:
            await self.restore()
        elif fate < 0.97:
            self.write(self._forget)
            self.unsure_all()
        else:
            for each in self.nodes:
                each.cut, each.delay_ms = False, 50
            await self.pass_s(60)
        self.check()

    def _until_cut(self, node: AreaNode) -> None:  # type: ignore[override]
        for _ in range(4):
            node.swipe(self.chance.choice(self.people))
            if node.disk.is_cut:
                break
            self.clock.advance(s=1)
        node.power_cut()

    def _forget(self) -> None:
        """An operator has all places forgotten."""
        area = Area.get_by_id(self.area)
        area.reset_at = next_reset(self.clock.now())
        area.save()
        for node in self.nodes:
            publish.device_changed(Device.get(Device.name == node.name).id)

    async def back_up(self) -> None:
        """The whole database is copied, and then the nodes are told how much is in it."""
        (self.directory / "copy.db").unlink(missing_ok=True)
        with closing(sqlite3.connect(self.directory / "copy.db")) as copy:
            self._look.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        self.saved = self._received()
        await super().back_up()

    async def restore(self) -> None:
        """The centre begins anew from its last copy."""
        if self.saved is None:
            return
        self.estate.close()
        self._look.close()
        for ending in ("-wal", "-shm"):
            (self.directory / f"estate.db{ending}").unlink(missing_ok=True)
        shutil.copyfile(self.directory / "copy.db", self.directory / "estate.db")
        self.estate.db = Database(f"sqlite:///{self.directory / 'estate.db'}")
        self._look = sqlite3.connect(self.directory / "estate.db")
        self.write(self._after_restore)
        for node in self.nodes:
            node.told.acked = min(node.told.acked, self.saved.get(node.name, 0))
        for node in self.nodes:
            node.drop()
        self.counts["restored"] += 1
        self.restart_centre()
        await self.start_hub()
        self.unsure_all()

    def _after_restore(self) -> None:
        storage.raise_config_epoch(self.clock.now())
        presence.after_restore(self.clock.now())

    # -- the end ------------------------------------------------------------------------------------------------

    async def settle(self, periods: int = 4) -> None:
        """Faults off: every fact arrives, every device has everything, and all have the same places."""
        for node in self.nodes:
            node.cut, node.delay_ms = False, 50
        await self.pass_s(90)
        heads = self.hub.storage.heads("")
        received = self._received()
        for node in self.nodes:
            self._check_answers(node)
            if node.store.revisions != heads:
                raise Violation(f"I16: {node.name} holds {node.store.revisions}, newest is {heads}")
            if received[node.name] != node.outbox.last_seq:
                raise Violation(
                    f"I16: {node.name} has {node.outbox.last_seq}, the centre {received[node.name]}"
                )
            if node.peer.others_ms is None or self.now_ms - node.peer.others_ms > FRESH_MS:
                raise Violation(f"I16: {node.name} does not know the others")
        self._check_events()
        for person in set(self.person_of.values()):
            self._check_place(person)

    def _check_place(self, person: int) -> None:
        found = set()
        for node in self.nodes:
            told = node.view.presence(person)
            is_echo = told is not None and told.point in node.view.access_points
            place = here(node.state.places.get(person), told, is_echo=is_echo)
            area = UNKNOWN if place is None or place.reset_no < node.view.last_reset else place.area
            found.add(area)
            if person in self.sure and area != (self.area if person in self.within else 0):
                raise Violation(f"{node.name} has {person} in {area}, within: {self.within}")
        if len(found - {UNKNOWN}) > 1:
            raise Violation(f"{person} is in {found}")
