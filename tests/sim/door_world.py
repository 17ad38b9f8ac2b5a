"""The whole site with rules at its doors: a hard area, an interlock with card and PIN, a door for two people, one that a first card
holds open.

Real besides what ``world`` says: the door role with its timers over the real outbox, the publishing of the rules. Emulated:
the people, who walk through or do not, and the contacts of the doors.

Checked by what the world itself knows of who is where, which door stands open and who has just shown a card:

- nothing but a durable record releases a door, of a grant or of its standing unlocked: no View, no start, no lost or regained
  network, no passing of time (I8, I9);
- in the hard area nobody is granted who is inside, and nobody refused who is not, also after power cuts (of whom one left open
  whether he went through nobody knows, and he may);
- of the two interlocked doors none is released while the other is not shut and locked;
- a door that waits for a first card is not held open without one;
- the door for two people is granted only to somebody for whom another has just waited, and its timed area to nobody who went
  in less than its minutes ago;
- the soft area lets everybody in, and says of those who are inside already that they are, and of nobody else;
- who tries cards or PINs is ignored, blocked and told of as ``tries_model`` says, and a card that is known never is for another's tries;
- where a PIN is asked for, nobody is granted who has not typed the right one, or the duress PIN, after his card;
- every showing of a duress card at a door where it is known leaves its alarm, and so does a duress PIN; nothing else does.
"""

from __future__ import annotations

from typing import Final

import msgspec

from central.access.model import AccessPoint, Area, Door
from central.cards import pins
from central.cards.model import Card, CardClass
from central.nodes.model import Device
from central.sync import publish
from central.sync.hub import Hub
from edge.cache.drafts import Draft, draft
from edge.cache.errors import CacheError
from edge.core.actions import Action, CancelTimer, CheckPin, Keep, Lock, Record, Release, StartTimer
from edge.core.lines import InputLine, InputRole
from edge.core.stimuli import (
    CardShown,
    Committed,
    InputChanged,
    KeyPressed,
    Now,
    PinChecked,
    Started,
    Stimulus,
    Tick,
    TimerFired,
    ViewChanged,
)
from edge.roles.door import DoorRole
from edge.roles.door_rules import SECOND_WITHIN_MS
from protocol.decide import Instant, PointState, Presentation
from protocol.door_rows import Passback
from protocol.facts import AccessFact, Alarm, AlarmFact, DoorFact, Outcome, OutcomeFact, decode_body
from protocol.ids import uid_key
from protocol.pin import pin_row, proof_of
from protocol.reasons import Reason, is_granted
from protocol.records import CardFlag, Mode
from protocol.rules.doors import RuleState
from protocol.schedule import ALWAYS
from tests.sim.tries_model import TriesModel
from tests.sim.world import STRANGER, UIDS, Node, Violation, World
from tests.support.estate import person_row

HARD, INTERLOCKED, TWO = "hall", "garage", "east-gate"
"""The devices with the hard area, the interlock, and the rules that an operator changes between two people and first card."""
SOMEBODY_ELSE: Final = 1 << 30
TIMED_MIN: Final = 2
RIGHT, FOR_HELP = "1359", "1350"
PIN: Final = msgspec.msgpack.encode(pin_row(RIGHT, bytes(16), 1))
"""Every card's; kept in the open here."""
DURESS: Final = UIDS[2]
TOLD: Final = (Alarm.WRONG_TRIES, Alarm.PIN_BLOCKED)


class DoorRulesNode(Node):
    """A node whose doors do what the real role says."""

    world: DoorRulesWorld

    def __init__(self, world: World, name: str, number: int) -> None:
        self.inside: set[int] = set()
        """Who is in the area of this node's door, by what is on the medium."""
        self.unsure: set[int] = set()
        """Of whom a power cut left open whether he went through."""
        self.going: dict[int, list[tuple[int, bool]]] = {}
        """Persons and direction of grants whose entering is not known yet, by seq."""
        self.entered_at: dict[int, int] = {}
        """When who is inside went in here."""
        self.waits: tuple[int, int] | None = None
        """Who has shown a card last at the door for two people, and until when he waits."""
        self.shown: tuple[int, bool] = 0, False
        self.uid = b""
        self.typed = ""
        self.reader = 0
        self.guesses = ""
        """What is typed for a PIN just now by somebody who tries."""
        super().__init__(world, name, number)

    def start(self) -> None:
        super().start()
        self.role = DoorRole()
        self.state = self.role.initial()
        self.timers: dict[str, int] = {}
        self.lock_on: dict[int, bool] = {}
        self.is_open: dict[int, bool] = {}
        self.tries = TriesModel()
        going = [each for those in self.going.values() for each in those]
        for person, _leaving in going:  # a power cut: nobody can tell whether he went
            self.inside.discard(person)
            self.entered_at.pop(person, None)
            self.unsure.add(person)
        self.going.clear()
        self.waits = None
        bodies = [(entry.fact.seq, decode_body(entry.fact)) for entry in self.outbox.unfinished]
        self._send(
            Started(tuple((seq, body) for seq, body in bodies if body is not None), dict(self.outbox.kept))
        )
        for unit in (1, 2):
            self._send(InputChanged(InputLine(InputRole.CONTACT, unit), False))

    # -- what people do -----------------------------------------------------------------------------------------

    def swipe(self, uid: bytes) -> None:
        """Somebody shows a card at one of the readers; if that releases the door, he goes through, or not."""
        chance = self.world.chance
        self.reader = reader = chance.choice((1, 1, 2))
        point = self.state.wiring.point_of_reader.get(reader)
        if point is None or point not in self.view.access_points:
            return
        self.pass_time()
        self.shown = self.world.person_of.get(uid, 0), self.view.access_points[point].leaving
        self.uid, self.typed = uid, ""
        self._send(CardShown(reader, (Presentation(uid),)))
        self._type(reader)
        unit = self.state.wiring.unit_of_reader(reader)
        if unit is not None and self.lock_on.get(unit) and chance.random() < 0.7:
            self._contact(unit, True)
            if chance.random() < 0.8:
                self._contact(unit, False)

    def _type(self, reader: int) -> None:
        """A PIN, if one is waited for: the right one, another, the one for duress, or none in time."""
        entry = self.state.readers[reader].entry if reader in self.state.readers else None
        if entry is None:
            return
        self.typed = self.guesses or self.world.chance.choice((RIGHT, RIGHT, "2468", FOR_HELP, ""))
        if not self.typed:
            self.world.clock.advance(s=11)
            self.pass_time()
        for key in f"{self.typed}#" if self.typed else "":
            self._send(KeyPressed(reader, key))

    def _contact(self, unit: int, is_open: bool) -> None:
        self.is_open[unit] = is_open
        self._send(InputChanged(InputLine(InputRole.CONTACT, unit), is_open))

    def pass_time(self) -> None:
        """What has come due since."""
        while due := [name for name, at_ms in self.timers.items() if at_ms <= self.world.now_ms]:
            name = min(due, key=lambda each: (self.timers[each], each))
            del self.timers[name]
            self._send(TimerFired(name))
        for unit in [unit for unit, is_open in self.is_open.items() if is_open]:
            if self.world.chance.random() < 0.5:
                self._contact(unit, False)
        self._send(Tick())

    def apply_all(self) -> None:
        before = self.view
        super().apply_all()
        if self.view is not before:
            self._send(ViewChanged())

    # -- the role -----------------------------------------------------------------------------------------------

    def _send(self, stimulus: Stimulus) -> None:
        world = self.world
        now = Now(world.now_ms, self.instant())
        self.state, actions = self.role.step(self.state, stimulus, self.view, now)
        facts = [action.body for action in actions if isinstance(action, Record)]
        if any(isinstance(fact, AccessFact) for fact in facts) and not isinstance(stimulus, Committed):
            card = self.view.card(uid_key(DURESS))
            is_forced = self.uid == DURESS and card is not None and bool(card.flags & CardFlag.DURESS)
            is_forced = is_forced or any(
                fact.reason is Reason.GRANTED_UNDER_DURESS for fact in facts if isinstance(fact, AccessFact)
            )
            is_told = any(isinstance(fact, AlarmFact) and fact.alarm is Alarm.DURESS for fact in facts)
            is_dead = self.view.restriction(uid_key(self.uid)) is not None
            if is_told is not is_forced and not (is_forced and is_dead):
                raise Violation(f"B3: {self.name} told {is_told} of duress")
        for action in actions:
            self._carry_out_action(action, stimulus)
        if sorted(self.tries.raised) != sorted(self.tries.due):
            raise Violation(f"B3: {self.name} raises {self.tries.raised}, due are {self.tries.due}")
        self.tries.raised.clear()
        self.tries.due.clear()

    def instant(self) -> Instant:
        """The time by this node's clock."""
        return Instant(self.world.clock.now_ms())

    def _carry_out_action(self, action: Action, cause: Stimulus) -> None:
        match action:
            case Release(unit):
                self._released(unit, cause)
            case CheckPin(reader, check, digits, salt, cost):
                self._send(PinChecked(reader, check, proof_of(digits, salt, cost)))
            case Lock(unit):
                self.lock_on[unit] = False
            case StartTimer(name, after_ms):
                self.timers[name] = self.world.now_ms + after_ms
            case CancelTimer(name):
                self.timers.pop(name, None)
            case Keep(name, value):
                try:
                    self.outbox.keep({name: value})
                except CacheError:
                    return
            case Record():
                self._record(action)

    def _record(self, action: Record) -> None:
        made = self._draft(action)
        if isinstance(action.body, AccessFact):
            self._judge(action.body)
        if isinstance(action.body, AlarmFact) and action.body.raised and action.body.alarm in TOLD:
            self.tries.raised.append(action.body.alarm.name)
        rules = self.view.door_rules(1)
        if action.intent_id is not None and isinstance(action.body, DoorFact) and rules and rules.first_card:
            raise Violation(f"B3: {self.name} is held open and no card has opened it")
        try:
            entry, *along = self.outbox.append([made])
        except CacheError:
            if action.intent_id is not None:
                self._send(Committed(action.intent_id, ok=False))
            return
        self.told.hashes.update({each.fact.seq: each.hash for each in (entry, *along)})
        body = action.body
        if isinstance(body, AccessFact) and is_granted(body.reason) and self._has_area(body.point):
            others = [(self.world.person_of[each.fact.personal[1:]], False) for each in along]
            self.going[entry.fact.seq] = [self.shown, *others]
        if isinstance(body, OutcomeFact) and self._is_through(body):
            for each in self.going.pop(body.intent_seq, []):
                self._went(*each)
        if action.intent_id is not None:
            self._send(Committed(action.intent_id, ok=True, seq=entry.fact.seq))

    def _draft(self, action: Record) -> Draft:
        now = self.instant()
        made = draft(action.body, self.world.now_ms, now.utc_ms, now.trust, action.personal, action.keep)
        return msgspec.structs.replace(made, along=tuple(map(self._draft, action.along)))

    # -- what the world knows -----------------------------------------------------------------------------------

    def _has_area(self, point: int) -> bool:
        rules = self.view.access_points[point].rules
        return rules is not None and rules.has_places

    def _is_through(self, fact: OutcomeFact) -> bool:
        """The door was opened for him, or stands open anyhow: no contact tells who goes through a door that is held open."""
        if fact.outcome is Outcome.ENTERED:
            return True
        is_awaited = any(fact.intent_seq in each.grants for each in self.state.doors.values())
        return fact.outcome is Outcome.RELEASED and not is_awaited

    def _went(self, person: int, leaving: bool) -> None:
        self.unsure.discard(person)
        if leaving:
            self.inside.discard(person)
            self.entered_at.pop(person, None)
        elif person:
            self.inside.add(person)
            self.entered_at[person] = self.world.clock.now_ms()

    def _check_tries(self, fact: AccessFact) -> None:
        wrong = self.tries.answered(
            self.world.now_ms,
            self.reader,
            self.uid,
            fact.reason,
            is_known=self.view.card(uid_key(self.uid)) is not None,
            typed_right=self.typed in (RIGHT, FOR_HELP),
        )
        if wrong:
            raise Violation(f"B3: {self.name} {wrong}: {fact.reason.name}")

    def _judge(self, fact: AccessFact) -> None:
        self._check_tries(fact)
        person, leaving = self.shown
        rules = self.view.door_rules(1)
        first, until_ms = self.waits or (0, 0)
        if self.name == TWO and fact.reason is Reason.SECOND_PERSON:
            self.waits = person, self.world.now_ms + SECOND_WITHIN_MS
        if rules is None or leaving or person in self.unsure:
            return
        if self.name == INTERLOCKED and is_granted(fact.reason) and fact.point == self.world.pin_point:
            if self.typed not in (RIGHT, FOR_HELP):
                raise Violation(f"B3: {self.name} opened for {person}, who typed {self.typed or 'nothing'}")
            if self.typed == FOR_HELP and fact.reason is not Reason.GRANTED_UNDER_DURESS:
                raise Violation(f"B3: {self.name} heard no call for help")
        if self.name == INTERLOCKED and fact.point == self.world.pin_point:
            is_told = fact.reason is Reason.GRANTED_PASSBACK
            if fact.reason is Reason.PASSBACK or (is_told and person not in self.inside):
                raise Violation(f"B3: {self.name} says that {person} is inside its soft area")
            if fact.reason is Reason.GRANTED and person in self.inside:
                raise Violation(f"B3: {self.name} does not say that {person} is inside already")
        if self.name == HARD:
            if is_granted(fact.reason) and person in self.inside:
                raise Violation(f"B3: {self.name} let {person} in twice")
            if fact.reason is Reason.PASSBACK and person not in self.inside and not self.disk.is_cut:
                raise Violation(f"B3: {self.name} refused {person}, who is not inside")
        if self.name == TWO and is_granted(fact.reason):
            if self.world.clock.now_ms() - self.entered_at.get(person, 0) < TIMED_MIN * 60_000:
                raise Violation(f"B3: {self.name} let {person} in again too soon")
            if rules.persons == 2 and (first in (0, person) or self.world.now_ms >= until_ms):
                raise Violation(f"B3: {self.name} opened for {person} alone")

    def _released(self, unit: int, cause: Stimulus) -> None:
        if not (isinstance(cause, Committed) and cause.ok and cause.seq is not None):
            raise Violation(f"I9: {self.name} released door {unit} for {cause}")
        if self.name == INTERLOCKED and self.view.door_rules(1) is not None:
            others = [u for u in self.lock_on | self.is_open if u != unit]
            if any(self.lock_on.get(u) or self.is_open.get(u) for u in others):
                raise Violation(f"B3: both doors of {self.name} are not shut")
        self.lock_on[unit] = True
        self.told.opened.append(cause.seq)


class DoorRulesWorld(World):
    """See the module."""

    make_node = DoorRulesNode
    nodes: list[DoorRulesNode]  # type: ignore[assignment]
    at_rest = PointState(Mode.UNLOCKED, rules=RuleState(first_holder=SOMEBODY_ELSE))
    """What the site itself asks: whose card it is, not what stands beside it at some doors."""

    def _new_hub(self) -> Hub:
        hub = super()._new_hub()
        hub.storage.open_key = lambda kept: kept
        return hub

    def _furnish(self) -> None:
        self.person_of: dict[bytes, int] = {}
        device = {row.name: row.id for row in Device.select()}
        doors = {name: Door.get((Door.device == device[name]) & (Door.number == 1)) for name in (HARD, TWO)}
        AccessPoint.create(device=device[HARD], door=doors[HARD].id, reader=2, label="out", leaving=True)
        garage = Door.get(Door.device == device[INTERLOCKED])
        second = Door.create(
            site=self.estate.site,
            organisation=self.estate.organisation,
            device=device[INTERLOCKED],
            number=2,
            label="second",
            interlock=7,
        )
        AccessPoint.create(device=device[INTERLOCKED], door=second.id, reader=2, label="second")
        Door.update(interlock=7, pin_schedule=ALWAYS, duress_pin=True).where(Door.id == garage.id).execute()
        soft = Area.create(site=self.estate.site, name="garage", passback=Passback.SOFT.value)
        Door.update(inside=soft.id).where(Door.id == garage.id).execute()
        self.pin_point = AccessPoint.get((AccessPoint.door == garage.id) & (AccessPoint.reader == 1)).id
        area = Area.create(site=self.estate.site, name="hall", passback=Passback.HARD.value)
        Door.update(inside=area.id).where(Door.id == doors[HARD].id).execute()
        self.changing = doors[TWO].id
        timed = Area.create(
            site=self.estate.site, name="gate", passback=Passback.TIMED.value, forget_min=TIMED_MIN
        )
        Door.update(persons=2, inside=timed.id).where(Door.id == self.changing).execute()
        self.duress = CardClass.create(site=self.estate.site, name="duress", duress=True).id
        for each in device.values():
            publish.device_changed(each)

    def issue(self, uid: bytes) -> None:
        """Each card has a holder of its own, except that the second is another card of the first one's."""
        if uid != UIDS[1]:
            place = self.estate.site, self.estate.organisation
            name = uid.hex()
            self.estate.person = self.write(lambda: person_row(*place, name, name).id)
        self.person_of[uid] = self.estate.person
        super().issue(uid)
        self.write(lambda: self._with_pin(uid))
        if uid == DURESS:
            self.write(self._for_duress)

    def _with_pin(self, uid: bytes) -> None:
        card = Card.get_by_id(self.card_of[uid])
        pins.put(card, PIN, "", card.changed_at)
        publish.card_changed(card.id)

    def _for_duress(self) -> None:
        card = self.card_of[DURESS]
        Card.update(card_class=self.duress).where(Card.id == card).execute()
        publish.card_changed(card)

    def _change_rules(self) -> None:
        """An operator turns a door for two people into one that a first card, or its schedule alone, holds open, or back."""
        door = Door.get_by_id(self.changing)
        is_held = not door.unlock_schedule_id
        door.first_card, door.unlock_schedule = is_held and self.steps % 3 > 0, ALWAYS if is_held else None
        door.persons = 1 if is_held else 2
        door.save()
        publish.door_changed(door.id)

    async def step(self) -> None:
        """People at the doors, now and then other rules, else what the site does."""
        fate = self.chance.random()
        if fate < 0.5:
            self.steps += 1
            for _ in range(self.chance.randrange(1, 4)):
                self.clock.advance(s=self.chance.choice((2, 4, 16)))
                self.chance.choice(self.nodes).swipe(self.chance.choice([*UIDS[:4], STRANGER]))
            self.check()
        elif fate < 0.54:
            self.steps += 1
            self.write(self._change_rules)
        elif fate < 0.62:
            self.steps += 1
            self._somebody_tries()
            self.check()
        else:
            await super().step()

    def _somebody_tries(self) -> None:
        """Strangers' cards or wrong PINs, one after the other; now and then a card that opens among them. Or one card is tried."""
        node = self.chance.choice(self.nodes)
        if self.chance.random() < 0.5:
            (node,) = (each for each in self.nodes if each.name == INTERLOCKED)
            uid, node.guesses = self.chance.choice(UIDS[:4]), "2468"
            for _ in range(9):
                self.clock.advance(s=16)
                node.swipe(uid)
            node.guesses = ""
            return
        for _ in range(self.chance.randrange(5, 9)):
            self.clock.advance(s=self.chance.choice((1, 2, 14)))
            is_known = self.chance.random() < 0.4
            node.guesses = "2468" if is_known and self.chance.random() < 0.8 else ""
            node.swipe(self.chance.choice(UIDS[:4]) if is_known else STRANGER)
            node.guesses = ""
