"""An emulated MFRC522 with cards: part of the product, used by the tests and by the demo.

Built from the data sheets, independently of our driver, and checked with other people's drivers.
"""

from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.cards import Card, RandomUidCard
from edge.reader.emulator.catalogue import card_from_dict
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.clock import RealTimeClock, VirtualClock
from edge.reader.emulator.faults import fault_from_dict
from edge.reader.emulator.field import Field
from edge.reader.emulator.mifare_classic import ClassicCard, MagicCard

__all__ = [
    "Card",
    "Chip",
    "ClassicCard",
    "EmulatorBus",
    "Field",
    "MagicCard",
    "RandomUidCard",
    "RealTimeClock",
    "VirtualClock",
    "card_from_dict",
    "fault_from_dict",
]
