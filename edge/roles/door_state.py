"""What the door role remembers between two stimuli. Values only; maps are replaced, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from edge.core.actions import Record
from edge.core.door import DoorState
from edge.core.feedback import Pattern
from edge.core.presence import LastShown
from edge.core.stimuli import IntentId
from edge.core.wrong_tries import WrongPins, WrongTries
from edge.roles.wiring import Wiring, wiring_of
from protocol.decide import OwnUses, Presentation
from protocol.facts import AccessFact, CommandFact
from protocol.records import Mode
from protocol.rules.passback import Places
from protocol.view import View

INTENTS_MAX: Final = 16
"""Intents whose commit is awaited, over all readers; for who comes beyond, storage counts as unusable."""
COMMANDS_KEPT: Final = 64
"""Ids of commands that were carried out; one that comes again is refused (I10)."""
NO_PLACES: Final = Places()
_NO_WIRING: Final = wiring_of(View())
_NO_TRIES: Final = WrongTries()
_NOTHING_SHOWN: Final = LastShown()


class Pending(Struct, frozen=True):
    """An intent on its way to the medium.

    ``keep``: the count that is remembered with it. ``along``: what is recorded of those who go in with the holder. ``holders`` go ``into`` that area; None where places are not asked for. ``answered``: the door's storage policy has spoken because the commit was late; ``by_memory``: it let the holder in.
    ``shown_ms``: when the reader saw the card first.
    """

    body: AccessFact | CommandFact
    door: int
    unit: int
    release_ms: int
    reader: int | None = None
    personal: bytes = b""
    answered: bool = False
    by_memory: bool = False
    keep: tuple[tuple[str, bytes], ...] = ()
    along: tuple[Record, ...] = ()
    holders: tuple[int, ...] = ()
    into: int | None = None
    shown_ms: int | None = None


class Waiting(Struct, frozen=True):
    """Whoever has shown this card at that reader and goes in with the one who comes next; until then (monotonic)."""

    holder: int
    until_ms: int
    card: Presentation
    reader: int


class PinEntry(Struct, frozen=True):
    """A card whose PIN is waited for. ``fact``: what is recorded if none comes. ``duress``: it is a duress card.

    ``digits``: typed so far. ``checking``: the number of the check that is under way, 0 for none; ``ended_ms``: when the last key
    was pressed; ``until_ms``: how long the next one is waited for; ``asked_ms``: when the card was shown.
    """

    card: Presentation
    fact: AccessFact
    key: bytes
    duress: bool = False
    digits: str = ""
    checking: int = 0
    ended_ms: int = 0
    until_ms: int = 0
    asked_ms: int = 0


class ReaderState(Struct, frozen=True):
    """One reader. ``fault``: what is wrong with it, None for nothing. ``fault_at``, ``tries_at``: the point under whose
    number that alarm stands, None while it does not.
    """

    tries: WrongTries = _NO_TRIES
    last: LastShown = _NOTHING_SHOWN
    fault: str | None = None
    fault_at: int | None = None
    tries_at: int | None = None
    look: Pattern | None = None
    entry: PinEntry | None = None


class DoorRoleState(Struct, frozen=True):
    """The whole role. ``doors`` and ``readers`` by unit, ``by_hand`` by door number."""

    wiring: Wiring = _NO_WIRING
    doors: Mapping[int, DoorState] = field(default_factory=dict)
    readers: Mapping[int, ReaderState] = field(default_factory=dict)
    by_hand: Mapping[int, Mode] = field(default_factory=dict)
    pending: Mapping[IntentId, Pending] = field(default_factory=dict)
    unlocking: Mapping[IntentId, tuple[int, int, int]] = field(default_factory=dict)
    """Doors that stand unlocked as soon as the record of that is durable: unit, number, and by which schedule. See ``door_modes``."""
    last_intent: int = 0
    commands: tuple[int, ...] = ()
    storage_usable: bool = True
    memory_grants: Mapping[int, int] = field(default_factory=dict)
    """Grants from memory since storage became unusable, by door number."""
    fire: bool = False
    tamper: bool = False
    uses: OwnUses = field(default_factory=dict)
    """Uses of cards with a limited number, counted here: see ``door_uses``."""
    places: Places = NO_PLACES
    passing: Mapping[int, tuple[tuple[int, ...], int]] = field(default_factory=dict)
    """Who may be going through just now, by the seq of the intent: holders and area. See ``door_places``."""
    opened_by_card: frozenset[int] = frozenset()
    """Doors with first-card unlocking that a card has opened in the time of their schedule, by number."""
    firsts: Mapping[int, Waiting] = field(default_factory=dict)
    """Who waits at a door for a second person, by unit."""
    wrong_pins: Mapping[bytes, WrongPins] = field(default_factory=dict)
    """Wrong PINs by card key."""
    last_pin_check: int = 0
    others_ms: int | None = None
    """Until when (monotonic) it is known here what the other devices of its areas recorded; None: cut off from them."""
    escorts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Who was let in just now and may take others in, by reader: holder, and until when (monotonic)."""
    escorted: Mapping[int, Waiting] = field(default_factory=dict)
    """Who waits at a reader for somebody who may escort."""

    @property
    def contacts(self) -> tuple[tuple[int, bool], ...]:
        """By door number, whether its contact says open; without those that have none or were not heard of yet."""
        told = {
            number: self.doors[unit].contact_open
            for number, unit in self.wiring.unit_of_door.items()
            if unit in self.doors
        }
        return tuple((number, is_open) for number, is_open in told.items() if is_open is not None)
