"""A whole gate in virtual time: an emulated chip, the real reader, the door role, and a storage that takes its time.

Cards arrive and leave at any microsecond, in the middle of a poll too. What must have been read is found out from outside:
a poll *saw* a card alone when it lay alone in a switched-on field from the poll's beginning to its end, with a chip that
had nothing to repair.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.core.actions import Action, Record
from edge.core.lines import InputRole
from edge.core.stimuli import CommitLate, Committed, IntentId, ReaderFaulted, ReaderRecovered, StorageState
from edge.node import card_shown
from edge.reader.base import CardPresented, Event, ReaderFault, SeveralCards
from edge.reader.base import ReaderRecovered as ChipIsBack
from edge.reader.bus_direct import DirectTransport
from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.cards import Card
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.faults import BrownOut, LostChip
from edge.reader.reader import Mfrc522Reader
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.records import CardRow, put
from tests.support.door_node import DoorNode, make, rows

PERIOD_US = 100_000
KINDS = ("granted", "stranger", "no_access")
CARDS_MAX = 16


def uid_of(kind: str, number: int) -> bytes:
    """The number-th card of a kind; no two are alike."""
    return bytes([0x10 + KINDS.index(kind), 0xA1, 0xB2, number])


@dataclass
class Sight:
    """What the polls saw of one card: runs of whole polls with it alone in the field."""

    overlapped: bool = False
    troubled: bool = False
    run: int = 0
    longest_run: int = 0


@dataclass
class Gate:
    """See the module."""

    commit_ms: tuple[int | None, ...] = (5,)
    """How long each commit takes, one after another, over and over; None: it fails after two seconds."""
    chip: Chip = field(default_factory=Chip)
    node: DoorNode = field(init=False)
    events: list[Event] = field(default_factory=list)
    stored: list[AccessFact] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    """The card of each stored fact."""
    sights: dict[bytes, Sight] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = [
            put(uid_key(uid_of(kind, number)), CardRow(100 + number, 0, 0, 1, (level,)))
            for kind, level in (("granted", 1), ("no_access", 9))
            for number in range(CARDS_MAX)
        ]
        self.node = make([*rows(), *known])
        self.clock, self.field = self.chip.clock, self.chip.field
        self.reader = Mfrc522Reader(
            DirectTransport(EmulatorBus(self.chip, 2)), self.clock, self.chip.hold_reset
        )
        self.reader.open()
        self._commit_count = 0
        self._answers: list[tuple[int, IntentId, bool | None]] = []
        self._under_way: dict[IntentId, tuple[AccessFact, bytes]] = {}
        self._offset_ms = self.node.mono_ms - self.clock.now_us() // 1_000

    # -- hands --------------------------------------------------------------------------------------------------

    def plan(self, uid: bytes, at_ms: int, until_ms: int) -> None:
        """A card that lies in the field from one moment to another; milliseconds from now."""
        now_us, card = self.clock.now_us(), Card(uid)
        self.field.place(card, now_us + at_ms * 1_000)
        self.field.remove(card, now_us + until_ms * 1_000)
        self.sights[uid] = Sight()

    def press_exit(self) -> None:
        """The exit button: the lock is released from now on, whatever else happens."""
        self._perform(self.node.input(InputRole.REX, True))
        self._perform(self.node.input(InputRole.REX, False))

    def brown_out(self) -> None:
        """The chip's supply sags: it is reset behind the driver's back, with its antenna off."""
        BrownOut().start(self.chip)

    def lose_chip(self) -> None:
        """The chip vanishes from the bus until it is reset."""
        LostChip(healed_by="soft").start(self.chip)

    # -- time ---------------------------------------------------------------------------------------------------

    def poll(self, late_ms: int = 0) -> None:
        """The next poll, so much later than it should be; the role has been busy until then."""
        due_us = (self.clock.now_us() // PERIOD_US + 1) * PERIOD_US + late_ms * 1_000
        self.clock.advance(due_us - self.clock.now_us())
        self._advance_role()
        before, sound = self._lying(), self._is_sound()
        repairs = self._repairs()
        for event in self.reader.poll():
            self.events.append(event)
            self._tell(event)
        after = self._lying()
        sound = sound and self._is_sound() and repairs == self._repairs()
        self._advance_role()
        for uid, sight in self.sights.items():
            seen = sound and before == after == (uid,)
            there = uid in before or uid in after
            sight.overlapped |= there and len(set(before) | set(after)) > 1
            sight.troubled |= there and not sound
            sight.run = sight.run + 1 if seen else 0
            sight.longest_run = max(sight.longest_run, sight.run)

    def _lying(self) -> tuple[bytes, ...]:
        self.field.settle()
        return tuple(sorted(card.uid for card in self.field.cards))

    def _is_sound(self) -> bool:
        return self.field.on and not self.chip.faults and not self.reader.health().faulted

    def _repairs(self) -> int:
        health = self.reader.health()
        return health.soft_reset_count + health.hard_reset_count + health.field_reset_count

    def _advance_role(self) -> None:
        now_ms = self.clock.now_us() // 1_000 + self._offset_ms
        while self._answers:
            due_ms, intent, ok = self._answers[0]
            if due_ms > now_ms:
                break
            del self._answers[0]
            self.node.wait(due_ms - self.node.mono_ms)
            self._answer(intent, ok)
        self.node.wait(now_ms - self.node.mono_ms)

    def _answer(self, intent: IntentId, ok: bool | None) -> None:
        if ok is None:
            self._perform(self.node.send(CommitLate(intent)))
            self._perform(self.node.send(StorageState(False, "slow")))
            return
        body, key = self._under_way.pop(intent)
        if ok:
            self._store(body, key)
        self._perform(self.node.send(Committed(intent, ok, 1_000 + intent if ok else None)))
        self._perform(self.node.send(StorageState(True)))

    # -- role ---------------------------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        match event:
            case CardPresented() | SeveralCards():
                self._perform(self.node.send(card_shown(1, event)))
            case ReaderFault(reason=reason):
                self._perform(self.node.send(ReaderFaulted(1, reason)))
            case ChipIsBack():
                self._perform(self.node.send(ReaderRecovered(1)))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if not isinstance(action, Record) or not isinstance(action.body, AccessFact):
                continue
            if action.intent_id is None:
                self._store(action.body, action.personal)
                continue
            takes_ms = self.commit_ms[self._commit_count % len(self.commit_ms)]
            self._commit_count += 1
            self._under_way[action.intent_id] = (action.body, action.personal)
            now_ms = self.node.mono_ms
            if takes_ms is None or takes_ms > action.within_ms:
                self._answers.append((now_ms + action.within_ms, action.intent_id, None))
            due_ms = now_ms + (2_000 if takes_ms is None else takes_ms)
            self._answers.append((due_ms, action.intent_id, takes_ms is not None))
            self._answers.sort(key=lambda answer: answer[0])

    def _store(self, fact: AccessFact, key: bytes) -> None:
        self.stored.append(fact)
        self.keys.append(key)
