"""The reader in virtual time: exact, the same on every machine. On a real board: not measured.

The limit is what all frames of the presentation take on the air, answers and their delays included.
"""

from __future__ import annotations

from edge.reader.base import CardPresented, Proof
from edge.reader.bus_direct import DirectTransport
from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.cards import Card
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.mifare_classic import ClassicCard
from edge.reader.reader import Mfrc522Reader
from protocol.ids import Tier
from tests.bench.measure import Row
from tests.edge.reader.conftest import BYTE_US_AT_4_MHZ, PERIOD_US, Bench
from tests.edge.reader.test_reader_time_budget import RadioTime

UIDS = {4: "1A2B3C4D", 7: "04A1B2C3D4E5F6", 10: "040102030405060708AA"}
BYTE_US_AT_115200 = 87


def opened(byte_us: int, **more: object) -> Bench:
    bench = Bench(Chip(), **more)  # type: ignore[arg-type]
    if byte_us != BYTE_US_AT_4_MHZ:
        bus = DirectTransport(EmulatorBus(bench.chip, byte_us))
        bench.reader = Mfrc522Reader(bus, bench.clock, bench.chip.hold_reset)
    bench.reader.open()
    bench.poll(3)
    return bench


def presented(bench: Bench, card: Card) -> tuple[float, float]:
    """(milliseconds from the start of the poll that finds it to its event, milliseconds on the air)."""
    bench.field.place(card)
    bench.clock.advance(50_000)
    radio = RadioTime(bench.chip)
    before_us = bench.clock.now_us()
    (event,) = bench.reader.poll()
    assert isinstance(event, CardPresented)
    return (bench.clock.now_us() - before_us) / 1_000, radio.total_us / 1_000


def verify(session) -> Proof:
    session.classic.authenticate(4, b"\xff" * 6)
    session.classic.read(4)
    return Proof(Tier.CLASSIC_MAC)


def latency_ms() -> float:
    """The longest from a card in the field to its event, over cards that come at every moment between two polls."""
    longest = 0
    for phase_us in range(0, PERIOD_US, 7_000):
        bench = opened(BYTE_US_AT_4_MHZ)
        bench.clock.advance(PERIOD_US - bench.clock.now_us() % PERIOD_US + phase_us)
        placed_us = bench.clock.now_us()
        bench.field.place(Card(bytes.fromhex(UIDS[7])))
        while not bench.poll():
            pass
        longest = max(longest, bench.clock.now_us() - placed_us)
    return longest / 1_000


def rows() -> list[Row]:
    """Presentation to number over SPI at 4 MHz and over a serial line at 115,200 baud; an empty poll; the longest wait."""
    found = []
    for length, uid in UIDS.items():
        took, air = presented(opened(BYTE_US_AT_4_MHZ), Card(bytes.fromhex(uid)))
        name = f"reader: {length}-byte UID over SPI, virtual"
        found.append(Row(name, "ms", took, air, None, "<= 1.5 x radio time", took <= 1.5 * air))
    for length in (4, 7):
        bench = opened(BYTE_US_AT_4_MHZ, verify=verify)
        took, air = presented(bench, ClassicCard(bytes.fromhex(UIDS[length])))
        name = f"reader: {length}-byte UID, auth, one block, SPI"
        found.append(Row(name, "ms", took, air, None, "<= 1.5 x radio time", took <= 1.5 * air))
    for length, uid in UIDS.items():
        took, air = presented(opened(BYTE_US_AT_115200), Card(bytes.fromhex(uid)))
        found.append(Row(f"reader: {length}-byte UID over UART", "ms", took, air, None, "reported", None))
    bench = opened(BYTE_US_AT_4_MHZ)
    bench.poll(30)
    costs = []
    for _ in range(30):
        before = bench.bus.transfer_count
        bench.poll()
        costs.append(bench.bus.transfer_count - before)
    most = max(costs)
    found.append(
        Row("reader: transfers of an empty poll", "transfers", most, None, 2_013, "<= 40", most <= 40)
    )
    longest = latency_ms()
    found.append(
        Row(
            "reader: longest wait for a card's event",
            "ms",
            longest,
            None,
            None,
            "<= 100 ms + reading",
            longest <= 100 + presented(opened(BYTE_US_AT_4_MHZ), Card(bytes.fromhex(UIDS[7])))[0],
        )
    )
    return found
