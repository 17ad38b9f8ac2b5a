"""One area with a limit, a door of each of three devices, guests who need an escort, and cards of limited uses.

As ``area_world``, with slow and cut lines, power cuts, clocks that are not known, restores; besides:

- no device lets in more than the limit by what it must know: who went in here, or anywhere more than ``FRESH_MS`` ago, counts. So
  n devices together exceed it by at most (n - 1) times the places that were free (``protocol.rules.occupancy``), which is
  checked of the whole area as well;
- cut off for longer than that, a device lets in nobody new; with every line whole, and nothing new under way to it, nobody is refused for being cut off, and nobody
  because the area is full while there is room;
- a guest is let in after an escort at the same reader within 15 seconds, or along with the one who comes next, and by nothing else;
- two who were let in by one grant are both inside, everywhere;

and at the end: the uses of each card are numbered 1, 2, ... at each reader, one for each grant, and the centre has counted so many.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import peewee

from central.access.model import Area
from central.cards.model import Card, CardClass, CardUse
from central.nodes.model import Device
from central.sync import publish
from central.sync.ingest import fact_of
from central.sync.model import StoredFact
from edge.core.actions import Record
from protocol.decide import PointState
from protocol.facts import AccessFact, decode_body
from protocol.ids import uid_key
from protocol.reasons import Reason, is_granted
from protocol.rules.places import FRESH_MS, here
from tests.sim.area_world import _OTHER, APART_MS, WHOLE_MS, AreaNode, AreaWorld
from tests.sim.world import UIDS, Bugs, Violation, World
from tests.support.estate import person_row

LIMIT: Final = 3
HOSTS, GUESTS = UIDS[:2], UIDS[2:4]
WITHIN_MS: Final = 15_000
SLACK_MS: Final = 2_000
"""What a device needs to record a passage and to say so, and what clocks of connections differ by."""
PLAIN: Final = (Reason.GRANTED, Reason.GRANTED_TIME_NOT_CHECKED)
USES_MAX: Final = 900


class LimitNode(AreaNode):
    """A node with a door to the area."""

    world: LimitWorld

    def start(self) -> None:
        self.host_ms = -WITHIN_MS
        """When an escort was let in here last."""
        self.guest = 0, -WITHIN_MS
        """Who waits here for an escort, and since when."""
        self.cut_ms: int | None = None
        super().start()

    async def pump(self) -> None:
        self.cut_ms = (self.world.now_ms if self.cut_ms is None else self.cut_ms) if self.cut else None
        await super().pump()

    def _record(self, action: Record) -> None:
        if not all(isinstance(each.body, AccessFact) and each.body.use_no for each in action.along):
            raise Violation(f"{self.name} counts no use of somebody who goes in along")
        super()._record(action)

    def _judge(self, fact: AccessFact) -> None:
        self._check_tries(fact)
        world, (person, leaving), now_ms = self.world, self.shown, self.world.now_ms
        self.is_through = is_granted(fact.reason)
        if leaving:
            if fact.reason not in _OTHER and not self.is_through:
                raise Violation(f"{self.name} refuses the way out: {fact.reason.name}")
            return
        if self.is_through and not fact.use_no:
            raise Violation(f"{self.name} counts no use of {person}")
        is_guest, is_host = self.uid in GUESTS, self.uid in HOSTS
        newcomers = {person, *self.along} - world.within
        if self.is_through and is_guest and now_ms - self.host_ms >= WITHIN_MS:
            raise Violation(f"{self.name} let the guest {person} in alone")
        if self.along and not (
            is_host and self.along == [self.guest[0]] and now_ms - self.guest[1] < WITHIN_MS
        ):
            raise Violation(f"{self.name} let {self.along} in along with {person}")
        is_new_here = world.known_out(person, self)
        is_awaited = is_host and self.guest[0] != person and now_ms - self.guest[1] < WITHIN_MS
        if self.is_through and is_new_here and is_awaited and not self.along:
            raise Violation(f"{self.name} forgot the guest {self.guest[0]} who waited for {person}")
        world.counts["along"] += bool(self.along)
        if fact.reason in PLAIN and newcomers:
            known = world.known_to(self) | newcomers
            if len(known) > LIMIT:
                raise Violation(f"{self.name} let {newcomers} in beside {known - newcomers}")
            if self.cut_ms is not None and now_ms - self.cut_ms > FRESH_MS + SLACK_MS and is_new_here:
                raise Violation(f"{self.name} let {person} in, cut off since {now_ms - self.cut_ms} ms")
        is_whole = now_ms - world.whole_ms >= WHOLE_MS
        if fact.reason is Reason.LIMIT_CUT_OFF:
            world.counts["cut off"] += 1
            if is_whole and self.downlink.is_level:
                raise Violation(f"{self.name} refused {person}, cut off with every line whole")
        if fact.reason is Reason.AREA_FULL:
            world.counts["full"] += 1
            guests = 1 if is_host and now_ms - self.guest[1] < WITHIN_MS else 0
            has_room = len(world.within | {person}) + guests <= LIMIT
            is_sure = world.all_known() and not self.state.passing and not self._is_in_doubt()
            if is_whole and is_sure and has_room:
                raise Violation(f"{self.name} refused {person}, with {world.within} inside")
        if fact.reason is Reason.ESCORT:
            self.guest = person, now_ms
        if self.is_through and is_host:
            self.host_ms = now_ms
            self.guest = (0, -WITHIN_MS) if self.along else self.guest

    def _is_in_doubt(self) -> bool:
        """Of somebody it is not known here where he is: who may be inside counts as inside."""
        for person in self.world.moved_ms:
            told = self.view.presence(person)
            is_echo = told is not None and told.point in self.view.access_points
            if here(self.state.places.get(person), told, is_echo=is_echo) is None:
                return True
        return False


class LimitWorld(AreaWorld):
    """See the module."""

    make_node = LimitNode
    at_rest = PointState(escort=1 << 30)
    nodes: list[LimitNode]  # type: ignore[assignment]
    people = HOSTS + GUESTS + UIDS[4:]

    def __init__(self, directory: Path, seed: int, bugs: Bugs | None = None) -> None:
        self.certain: dict[int, LimitNode] = {}
        """At whose door each went through last, where every device will know it for certain."""
        self.doubted: set[int] = set()
        """Of whom a door may believe that he went through, though he did not."""
        self.in_ms: dict[int, int] = {}
        """When each who is inside went in, from outside."""
        super().__init__(directory, seed, bugs)
        self.counts |= {"full": 0, "cut off": 0, "along": 0}

    def _furnish(self) -> None:
        super()._furnish()
        Area.update(passback=0, occupancy_max=LIMIT).where(Area.id == self.area).execute()
        made = {"site": self.estate.site}
        self.host_class = CardClass.create(**made, name="host", may_escort=True).id
        self.guest_class = CardClass.create(**made, name="guest", needs_escort=True).id
        for device in Device.select():
            publish.device_changed(device.id)

    async def start(self) -> None:
        await super().start()
        for uid in UIDS[4:]:
            self.issue(uid)

    def issue(self, uid: bytes) -> None:
        """Each card has a holder of its own."""
        place = self.estate.site, self.estate.organisation
        self.estate.person = self.write(lambda: person_row(*place, uid.hex(), uid.hex()).id)
        self.person_of[uid] = self.estate.person
        World.issue(self, uid)
        self.write(lambda: self._limited(uid))

    def _limited(self, uid: bytes) -> None:
        kind = self.host_class if uid in HOSTS else self.guest_class if uid in GUESTS else None
        Card.update(card_class=kind, uses_max=USES_MAX).where(Card.id == self.card_of[uid]).execute()
        publish.card_changed(self.card_of[uid])

    # -- the truth ----------------------------------------------------------------------------------------------

    def moves(self, node: AreaNode, person: int, leaving: bool) -> None:
        assert isinstance(node, LimitNode)
        is_apart = self.now_ms - self.moved_ms.get(person, -APART_MS) >= APART_MS
        if person not in self.within:
            self.in_ms[person] = self.now_ms
        super().moves(node, person, leaving)
        self.certain.pop(person, None)
        if node.trusted and is_apart:
            self.certain[person] = node
            self.doubted.discard(person)
        self._check_bound()

    def unsure(self, person: int) -> None:
        super().unsure(person)
        self.certain.pop(person, None)
        self.doubted.add(person)

    def unsure_all(self) -> None:
        super().unsure_all()
        self.certain.clear()
        self.doubted.update(self.person_of.values())

    def known_to(self, node: LimitNode) -> set[int]:
        """Who is inside and must be known to be at this device, unless it knows that it is cut off."""
        is_old = {
            person for person, at_ms in self.moved_ms.items() if self.now_ms - at_ms > FRESH_MS + SLACK_MS
        }
        inside = self.within & self.certain.keys()
        return {person for person in inside if person in is_old or self.certain[person] is node}

    def known_out(self, person: int, node: LimitNode) -> bool:
        """He never went in, or came out last at this very device."""
        is_out = person not in self.within and self.certain.get(person) is node
        return is_out or person not in self.moved_ms.keys() | self.doubted

    def all_known(self) -> bool:
        """Everybody's last passage is certain, and was long enough ago to be known everywhere."""
        return self.moved_ms.keys() == self.certain.keys() and all(
            self.now_ms - at_ms > APART_MS for at_ms in self.moved_ms.values()
        )

    def _check_bound(self) -> None:
        """The bound of DECISIONS 129, of those of whom all devices can know."""
        inside = self.within & self.certain.keys()
        settled = {p for p in inside if self.now_ms - self.in_ms[p] > FRESH_MS + SLACK_MS}
        free = max(0, LIMIT - len(settled))
        if len(inside) > max(LIMIT, len(settled)) + (len(self.nodes) - 1) * free:
            raise Violation(f"{inside} are inside, {free} places were free")

    # -- steps --------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        """A guest and an escort one after the other at one door, in either order; else as in ``area_world``."""
        if self.chance.random() < 0.8:
            await super().step()
            return
        self.steps += 1
        node, pair = self.chance.choice(self.nodes), [self.chance.choice(GUESTS), self.chance.choice(HOSTS)]
        self.chance.shuffle(pair)
        for uid in pair:
            node.swipe(uid)
            await self.pass_s(2)
        self.check()

    # -- the end ------------------------------------------------------------------------------------------------

    async def settle(self, periods: int = 4) -> None:
        await super().settle(periods)
        numbers: dict[tuple[bytes, int], list[int]] = {}
        for fact in self.read(lambda: [fact_of(row) for row in StoredFact.select()]):
            body = decode_body(fact)
            if isinstance(body, AccessFact) and body.use_no:
                numbers.setdefault((fact.personal, body.point), []).append(body.use_no)
        for (key, point), found in numbers.items():
            if sorted(found) != list(range(1, len(found) + 1)):
                raise Violation(f"uses of {key.hex()} at {point} are numbered {sorted(found)}")
        recorded = Counter[bytes]()
        for (key, _point), found in numbers.items():
            recorded[key] += len(found)
        for uid in self.people:
            counted = self.read(lambda card=self.card_of[uid]: _uses(card))
            if counted != recorded[uid_key(uid)]:
                raise Violation(f"the centre counts {counted} uses of {uid.hex()}, recorded are {recorded}")


def _uses(card: int) -> int:
    return int(CardUse.select(peewee.fn.SUM(CardUse.count)).where(CardUse.card == card).scalar() or 0)
