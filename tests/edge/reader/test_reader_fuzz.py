"""Whatever a bus or a card says, the reader answers with its declared errors and goes on."""

from __future__ import annotations

import random

import pytest

from edge.reader.base import CardPresented, ReaderFault, ReaderRecovered, SeveralCards
from edge.reader.bus_direct import DirectTransport
from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.cards import Card
from edge.reader.emulator.chip import Chip
from edge.reader.errors import CardCollision, CardCorrupted, CardError, CardSilent
from edge.reader.iso14443 import Iso14443a
from edge.reader.mifare import MifareClassic
from edge.reader.radio import Answer
from edge.reader.reader import Mfrc522Reader

FRAMES = 5_000
UID = bytes.fromhex("04A1B2C3D4E5F6")


class BadWire:
    """A bus to an emulated chip on which every so many accesses something else is read, or nothing written."""

    def __init__(self, bus: EmulatorBus, source: random.Random, wrong: float) -> None:
        self.bus = bus
        self.source = source
        self.wrong = wrong

    def _fails(self) -> bool:
        return self.source.random() < self.wrong

    def read(self, reg: int) -> int:
        value = self.bus.read(reg)
        return self.source.randrange(256) if self._fails() else value

    def write(self, reg: int, value: int) -> None:
        if not self._fails():
            self.bus.write(reg, value)

    def read_fifo(self, count: int) -> bytes:
        data = self.bus.read_fifo(count)
        return self.source.randbytes(count) if self._fails() else data

    def write_fifo(self, data: bytes) -> None:
        self.bus.write_fifo(self.source.randbytes(len(data)) if self._fails() else data)


@pytest.mark.parametrize("wrong", [1.0, 0.1, 0.01, 0.001])
def test_a_wire_on_which_anything_can_be_read(wrong: float) -> None:
    chip = Chip()
    source = random.Random(round(wrong * 1_000))
    wire = BadWire(EmulatorBus(chip), source, wrong)
    reader = Mfrc522Reader(DirectTransport(wire), chip.clock, chip.hold_reset)
    reader.open()
    card = Card(UID)
    faulted = False
    for number in range(600):
        if number % 25 == 0:
            (chip.field.remove if number % 50 else chip.field.place)(card)
        chip.clock.advance(100_000)
        for event in reader.poll():
            if isinstance(event, ReaderFault | ReaderRecovered):
                assert isinstance(event, ReaderFault) is not faulted
                faulted = not faulted
            if isinstance(event, CardPresented):
                assert event.uid == UID
            assert not isinstance(event, SeveralCards)
    assert reader.health().faulted is faulted
    chip.field.clear()
    wire.wrong = 0.0
    for _ in range(50):
        chip.clock.advance(100_000)
        reader.poll()
    chip.field.place(card)
    chip.clock.advance(100_000)
    assert [type(event) for event in reader.poll()] == [CardPresented]


class RandomChip:
    """Answers of every shape that a chip can hand over."""

    def __init__(self, source: random.Random) -> None:
        self.source = source

    def plain(self) -> None:
        """Nothing to do."""

    def transceive(self, data: bytes, *, allow_collision: bool = False, **_: int) -> Answer:
        chance = self.source.random()
        if chance < 0.1:
            raise CardSilent("-")
        if chance < 0.2:
            raise CardCorrupted("!")
        collision = None
        if chance < 0.5:
            if not allow_collision:
                raise CardCollision("*")
            collision = self.source.randrange(33)
        count = self.source.choice((1, 2, 3, 4, 5, 18, 64) if collision is None else (0, 1, 4, 5, 64))
        last_bits = self.source.randrange(8) if count else 0
        return Answer(self.source.randbytes(count), last_bits, collision)


@pytest.mark.parametrize("seed", range(4))
def test_cards_that_say_anything(seed: int) -> None:
    source = random.Random(seed)
    chip = RandomChip(source)
    air = Iso14443a(chip)  # type: ignore[arg-type]
    classic = MifareClassic(chip, bytes(4))  # type: ignore[arg-type]
    block = bytes(16)
    operations = (
        air.wake_up,
        air.select_any,
        air.obeys_back_door,
        air.halt,
        lambda: air.select(bytes(7)),
        lambda: classic.read(4),
        lambda: classic.write(4, block),
        lambda: classic.write_trailer(7, bytes(6), (0, 0, 0, 1), bytes(6)),
        lambda: classic.read_value(4),
        lambda: classic.decrement(4, 1),
        lambda: classic.transfer(4),
    )
    refused = 0
    for _ in range(FRAMES):
        try:
            source.choice(operations)()
        except CardError:
            refused += 1
    assert refused > FRAMES // 4
