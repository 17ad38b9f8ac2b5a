"""One step of the door role in the making: a scratch copy of the state, and the actions so far.

A ``Turn`` lives for one call of ``step``; what it was made from is never changed.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from edge.core import door
from edge.core.actions import Action, Feedback, Record
from edge.core.door import DoorSpec, DoorState
from edge.core.feedback import Pattern
from edge.core.stimuli import IntentId, Now
from edge.roles.door_state import DoorRoleState, Pending, ReaderState
from edge.roles.wiring import Wiring
from protocol.facts import Body
from protocol.records import Mode
from protocol.view import View


class Turn:
    """See the module."""

    def __init__(self, state: DoorRoleState, view: View, now: Now) -> None:
        self.view = view
        self.now = now
        self.actions: list[Action] = []
        self.wiring: Wiring = state.wiring
        self.doors = dict(state.doors)
        self.readers = dict(state.readers)
        self.by_hand = dict(state.by_hand)
        self.pending = dict(state.pending)
        self.unlocking = dict(state.unlocking)
        self.last_intent = state.last_intent
        self.commands = state.commands
        self.storage_usable = state.storage_usable
        self.memory_grants = dict(state.memory_grants)
        self.fire = state.fire
        self.tamper = state.tamper
        self.uses = state.uses
        self.places = state.places
        self.passing = state.passing
        self.opened_by_card = state.opened_by_card
        self.firsts = state.firsts
        self.wrong_pins = state.wrong_pins
        self.last_pin_check = state.last_pin_check
        self.others_ms = state.others_ms
        self.gone: set[int] = set()
        """Intents by which somebody went through in this very step, with no contact to tell."""
        self.escorts = dict(state.escorts)
        self.escorted = dict(state.escorted)

    def state(self) -> DoorRoleState:
        """The state after this turn."""
        return DoorRoleState(
            self.wiring,
            self.doors,
            self.readers,
            self.by_hand,
            self.pending,
            self.unlocking,
            self.last_intent,
            self.commands,
            self.storage_usable,
            self.memory_grants,
            self.fire,
            self.tamper,
            self.uses,
            self.places,
            self.passing,
            self.opened_by_card,
            self.firsts,
            self.wrong_pins,
            self.last_pin_check,
            self.others_ms,
            self.escorts,
            self.escorted,
        )

    def add(self, *actions: Action) -> None:
        """Next in the list."""
        self.actions += actions

    def record(self, body: Body, personal: bytes = b"", keep: tuple[tuple[str, bytes], ...] = ()) -> None:
        """A fact nobody waits for."""
        self.add(Record(body, personal, keep=keep))

    def intend(self, pending: Pending) -> None:
        """Ask for a commit; the release is the reply to its answer."""
        intent_id = self._next_intent()
        self.pending[intent_id] = pending
        self.add(Record(pending.body, pending.personal, intent_id, keep=pending.keep, along=pending.along))

    def intend_to_unlock(self, unit: int, number: int, schedule: int) -> None:
        """The same for a door that is to stand unlocked by that schedule, 0 for none; asked once."""
        if (unit, number) not in {(each[0], each[1]) for each in self.unlocking.values()}:
            intent_id = self._next_intent()
            self.unlocking[intent_id] = unit, number, schedule
            self.add(Record(door.mode_fact(number, Mode.UNLOCKED, schedule), intent_id=intent_id))

    def _next_intent(self) -> IntentId:
        self.last_intent += 1
        return IntentId(self.last_intent)

    def signal(self, reader: int | None, pattern: Pattern) -> None:
        """Beep and light at a reader, if one was used."""
        if reader is not None:
            self.add(Feedback(reader, pattern))

    def reader(self, unit: int) -> ReaderState:
        """What is remembered of a reader."""
        return self.readers.get(unit) or ReaderState()

    def with_door(self, unit: int, work: Callable[[DoorSpec, DoorState], door.Stepped]) -> None:
        """Let a door take a step. A unit that nobody has spoken of yet begins as a secure door."""
        state = self.doors.get(unit) or DoorState(fire=self.fire)
        self.doors[unit], actions = work(self.wiring.door(unit), state)
        self.actions += actions

    def look_around(self) -> None:
        """Show each reader's lasting look where it has changed."""
        for unit in set(self.readers) | set(self.wiring.point_of_reader):
            reader = self.reader(unit)
            look = self._look(unit, reader)
            if look is not reader.look:
                self.readers[unit] = replace(reader, look=look)
                self.add(Feedback(unit, look))

    def _look(self, unit: int, reader: ReaderState) -> Pattern:
        if reader.fault is not None:
            return Pattern.READER_FAULT
        if reader.entry is not None:
            return Pattern.PIN_WANTED
        door_unit = self.wiring.unit_of_reader(unit)
        state = self.doors.get(door_unit) if door_unit is not None else None
        if state is None:
            return Pattern.IDLE
        return look_of(state)


def look_of(state: DoorState) -> Pattern:
    """What a reader shows while its door is in this state."""
    match state.phase:
        case door.Phase.FORCED | door.Phase.HELD:
            return Pattern.ALARM
        case door.Phase.PRE_HELD:
            return Pattern.PRE_ALARM
    if state.lock_released:
        return Pattern.RELEASED
    return Pattern.BLOCKED if state.mode >= Mode.BLOCKED else Pattern.IDLE
