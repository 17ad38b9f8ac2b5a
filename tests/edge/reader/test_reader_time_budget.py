"""What a poll costs, in virtual time and in transfers: deterministic, so it may decide a test (performance.md, reader row)."""

from __future__ import annotations

import pytest

from edge.reader.base import Proof
from edge.reader.emulator.air import CARD_FRAME_ETU, READER_FRAME_ETU, etu_us
from edge.reader.emulator.cards import Card
from edge.reader.emulator.mifare_classic import ClassicCard
from protocol.ids import Tier

TRANSFERS_PER_EMPTY_POLL_MAX = 40
OVER_RADIO_MAX = 1.5


class RadioTime:
    """Adds up what all frames of a field take on the air, answers and their delay included, silence not."""

    def __init__(self, chip) -> None:
        self.total_us = 0
        self._exchange = chip.field.exchange
        chip.field.exchange = self._listen

    def _listen(self, bits: bytes, at_us: int):
        answers = self._exchange(bits, at_us)
        self.total_us += etu_us(len(bits) + READER_FRAME_ETU)
        if answers:
            last = max(answers, key=lambda answer: len(answer.bits))
            self.total_us += last.start_us - at_us + etu_us(len(last.bits) + CARD_FRAME_ETU)
        return answers


def test_an_empty_poll_takes_few_transfers(bench) -> None:
    bench.poll(30)
    costs = []
    for _ in range(30):
        before = bench.bus.transfer_count
        bench.poll()
        costs.append(bench.bus.transfer_count - before)
    assert max(costs) <= TRANSFERS_PER_EMPTY_POLL_MAX


def test_an_empty_poll_takes_about_a_millisecond(bench) -> None:
    bench.poll(30)
    bench.clock.advance(50_000)
    before_us = bench.clock.now_us()
    bench.reader.poll()
    assert bench.clock.now_us() - before_us <= 1_200


@pytest.mark.parametrize(
    ("uid", "bare_us"), [("1A2B3C4D", 2_440), ("04A1B2C3D4E5F6", 4_500), ("040102030405060708AA", 6_600)]
)
@pytest.mark.parametrize("earlier_count", [0, 1])
def test_presentation_to_uid_stays_near_the_time_on_the_air(
    bench, uid: str, bare_us: int, earlier_count: int
) -> None:
    for _ in range(earlier_count):
        bench.show(Card(b"\1\2\3\4"))
        bench.field.clear()
        bench.poll(10)
    bench.poll(3)
    bench.field.place(Card(bytes.fromhex(uid)))
    bench.clock.advance(50_000)
    radio = RadioTime(bench.chip)
    before_us = bench.clock.now_us()
    (event,) = bench.reader.poll()
    took_us = bench.clock.now_us() - before_us
    assert event.uid.hex().upper() == uid
    assert radio.total_us >= 0.9 * bare_us, "the sum of the frames is not plausible"
    assert took_us <= OVER_RADIO_MAX * radio.total_us, f"{took_us} us for {radio.total_us} us on the air"


@pytest.mark.parametrize("uid", ["1A2B3C4D", "04A1B2C3D4E5F6"])
def test_with_authentication_and_one_block(new_bench, uid: str) -> None:
    def verify(session) -> Proof:
        session.classic.authenticate(4, b"\xff" * 6)
        session.classic.read(4)
        return Proof(Tier.CLASSIC_MAC)

    bench = new_bench(verify=verify)
    bench.poll(3)
    bench.field.place(ClassicCard(bytes.fromhex(uid)))
    bench.clock.advance(50_000)
    radio = RadioTime(bench.chip)
    before_us = bench.clock.now_us()
    (event,) = bench.reader.poll()
    took_us = bench.clock.now_us() - before_us
    assert event.proof.tier is Tier.CLASSIC_MAC
    assert took_us <= OVER_RADIO_MAX * radio.total_us, f"{took_us} us for {radio.total_us} us on the air"
