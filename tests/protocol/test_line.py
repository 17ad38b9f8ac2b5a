"""A serial line with a primary and units: every frame arrives once, in its order, whatever the wires do."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedError, ProtocolError
from protocol.framing import Deframer
from protocol.line import PIECE_MAX, Kind, Piece, Primary, Secondary, pieces_in, read_piece, write_piece
from protocol.line.secondary import SILENT_MAX_MS, Closed, Frame, Opened

CREDIT = 8


class Wires:
    """One pair of wires with a primary and units; every byte in both directions passes here."""

    def __init__(self, random: Random, errors: float = 0.0) -> None:
        self.random, self.errors = random, errors
        self.units: dict[int, Secondary] = {}
        self.got: dict[int, list[bytes]] = {}
        self.closed = 0
        self.deframer = Deframer()
        self.now_ms = 0

    def add(self, address: int) -> Secondary:
        self.units[address] = Secondary(address)
        self.got[address] = []
        return self.units[address]

    def noisy(self, data: bytes) -> bytes:
        """Some bits turned over, some bytes lost."""
        out = bytearray()
        for byte in data:
            luck = self.random.random()
            if luck < self.errors / 2:
                continue
            out.append(byte ^ (1 << self.random.randrange(8)) if luck < self.errors else byte)
        return bytes(out)

    def turn(self, primary: Primary) -> list[bytes]:
        """The primary speaks, the units hear it and one another; the frames that came back."""
        self.now_ms += 100
        heard = self.noisy(primary.to_send(CREDIT))
        answer = b""
        for address, unit in self.units.items():
            for effect in unit.receive(heard, self.now_ms):
                if isinstance(effect, Frame):
                    self.got[address].append(effect.frame)
                self.closed += isinstance(effect, Closed)
            answer += unit.to_send()
        for unit in self.units.values():
            assert not unit.receive(answer, self.now_ms), "units hear one another, and take nothing of it"
        frames, back = [], False
        for plain in self.deframer.feed(self.noisy(answer)):
            try:
                is_back, frame = primary.receive(read_piece(plain))
            except MalformedError:
                continue
            back = back or is_back
            if frame is not None:
                frames.append(frame)
        if not back:
            primary.silent()
        return frames


def exchange(seed: int, errors: float, sizes: list[int]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Frames of these sizes, half of them in each direction: (sent, got by the unit, got by the primary)."""
    random = Random(seed)
    wires = Wires(random, errors)
    unit, primary = wires.add(3), Primary(3)
    while not primary.is_open or not unit.is_open:
        wires.turn(primary)
    sent = [random.randbytes(size) for size in sizes]
    for frame in sent:
        primary.put(frame)
        unit.put(frame)
    up: list[bytes] = []
    for _ in range(100_000):
        up += wires.turn(primary)
        if not primary.waiting_count and not unit.waiting_count:
            break
    return sent, wires.got[3], up


@given(st.integers(0, 2**32), st.lists(st.integers(1, 2_000), max_size=30))
def test_every_frame_arrives_once_over_a_line_with_errors(seed: int, sizes: list[int]) -> None:
    """Planted breaks: ``take`` not comparing the number; ``turn`` not sending again what was not acknowledged."""
    sent, down, up = exchange(seed, 0.002, sizes)
    for got in (down, up):
        assert sorted(got) == sorted(sent)
        is_long = [frame for frame in got if len(frame) > PIECE_MAX]
        assert is_long == [frame for frame in sent if len(frame) > PIECE_MAX]


def test_without_errors_nothing_goes_twice() -> None:
    wires = Wires(Random(1))
    unit, primary = wires.add(1), Primary(1)
    wires.turn(primary)
    unit.put(bytes(100_000))
    turns = 0
    while not (frames := wires.turn(primary)):
        turns += 1
    assert frames == [bytes(100_000)]
    assert turns == -(-100_000 // PIECE_MAX) // CREDIT
    assert unit._transfer is not None
    assert unit._transfer.pieces_sent_again == 0


def test_a_short_frame_overtakes_a_long_one() -> None:
    wires = Wires(Random(1))
    unit, primary = wires.add(1), Primary(1)
    wires.turn(primary)
    unit.put(bytes(50_000))
    wires.turn(primary)
    unit.put(b"what time is it?")
    assert wires.turn(primary) == [b"what time is it?"]


def test_two_units_on_one_line_do_not_meet() -> None:
    """Planted break: ``receive`` of the unit without its look at the address."""
    wires = Wires(Random(4), 0.001)
    units = {address: wires.add(address) for address in (1, 2)}
    primaries = {address: Primary(address) for address in (1, 2)}
    up: dict[int, list[bytes]] = {1: [], 2: []}
    sent = {address: [bytes([address, n]) * 300 for n in range(40)] for address in (1, 2)}
    given = False
    for _ in range(2_000):
        for address, primary in primaries.items():
            up[address] += wires.turn(primary)
        if (
            not given
            and all(unit.is_open for unit in units.values())
            and all(p.is_open for p in primaries.values())
        ):
            given = True
            for address, unit in units.items():
                for frame in sent[address]:
                    unit.put(frame)
                    primaries[address].put(frame)
    assert up == sent
    assert wires.got == sent


def test_a_pulled_plug_costs_nothing_when_it_is_back_soon_and_a_connection_when_late() -> None:
    wires = Wires(Random(1))
    unit, primary = wires.add(1), Primary(1)
    wires.turn(primary)
    unit.put(bytes(10_000))
    wires.turn(primary)
    plug = wires.units.pop(1)
    for _ in range(5):
        assert not wires.turn(primary)
    assert primary.silences == 5
    wires.units[1] = plug
    frames = []
    while not frames:
        frames = wires.turn(primary)
    assert frames == [bytes(10_000)]
    wires.now_ms += SILENT_MAX_MS
    assert unit.check(wires.now_ms) == [Closed()]
    wires.turn(primary)
    assert not primary.is_open, "the unit said that it knows no such connection"
    wires.turn(primary)
    assert primary.is_open


def test_a_connection_says_what_it_is_for() -> None:
    unit, primary = Secondary(1), Primary(1, b"\x02")
    assert unit.receive(primary.to_send(CREDIT), 0) == [Opened(b"\x02")]
    for plain in Deframer().feed(unit.to_send()):
        assert primary.receive(read_piece(plain)) == (True, None)
    assert unit.receive(primary.farewell(), 0) == [Closed()]


def test_a_unit_speaks_only_when_it_is_asked() -> None:
    unit, primary = Secondary(1), Primary(1)
    unit.receive(primary.to_send(CREDIT), 0)
    assert unit.to_send()
    unit.put(b"unasked")
    assert unit.to_send() == b""


def test_a_unit_speaks_no_longer_than_it_should_whatever_credit_it_is_given() -> None:
    """Else a slow line is filled for minutes. Planted break: ``_take`` capping by ``CREDIT_MAX`` alone."""
    assert (pieces_in(2, 9_600), pieces_in(0.1, 300)) == (7, 1)
    unit, primary = Secondary(1, 3), Primary(1)
    unit.receive(primary.to_send(64), 0)
    for plain in Deframer().feed(unit.to_send()):
        primary.receive(read_piece(plain))
    unit.put(bytes(10 * PIECE_MAX))
    unit.receive(primary.to_send(64), 0)
    answer = [read_piece(plain) for plain in Deframer().feed(unit.to_send())]
    assert [piece.turn for piece in answer] == [False, False, True]


def test_what_another_connection_left_on_the_wires_is_not_taken() -> None:
    """Planted break: ``receive`` of the primary without its look at the link."""
    unit, primary = Secondary(1), Primary(1)
    unit.receive(primary.to_send(CREDIT), 0)
    (welcome,) = Deframer().feed(unit.to_send())
    primary.receive(read_piece(welcome))
    late = Piece(1, 9, Kind.DATA, 0, 0, 0, b"late", turn=True, answer=True)
    assert primary.receive(late) == (False, None)


@given(st.binary(max_size=300))
def test_nothing_on_the_wires_does_more_than_be_refused(plain: bytes) -> None:
    try:
        piece = read_piece(plain)
    except ProtocolError:
        return
    assert read_piece(Deframer().feed(write_piece(piece))[0]) == piece


@pytest.mark.parametrize("seed", range(3))
def test_ten_thousand_pieces_with_bit_errors(seed: int) -> None:
    """Planted break: ``framing.decode`` without its CRC."""
    sent, down, up = exchange(seed, 0.0005, [1_000] * 400)
    assert down == up == sent
