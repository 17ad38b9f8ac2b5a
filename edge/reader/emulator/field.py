"""The field of one antenna: which cards lie in it, when, and what the chip hears of them together."""

import heapq
import itertools
import threading
from collections.abc import Callable

from edge.reader.emulator.air import COLLISION, ETU_US, Bits
from edge.reader.emulator.cards import Answer, Card
from edge.reader.emulator.clock import VirtualClock

MOVES_MAX = 256
"""Cards in the field and planned moves together."""


class Field:
    """Cards can be placed and removed from another thread; `lock` orders that with the chip's work."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.on = False
        self.cards: list[Card] = []
        self.settle: Callable[[], None] = lambda: self.settle_until(self.clock.now_us())
        """Brings everything up to the clock; the chip puts its own in place of this one."""
        self._agenda: list[tuple[int, int, bool, Card]] = []
        self._order = itertools.count()
        self._under_way: list[tuple[Card, Answer]] = []

    def place(self, card: Card, at_us: int | None = None) -> None:
        """Put a card into the field, now or at a moment of the clock."""
        self._plan(card, at_us, arrives=True)

    def remove(self, card: Card, at_us: int | None = None) -> None:
        """Take a card away, now or at a moment of the clock: it loses power there and then."""
        self._plan(card, at_us, arrives=False)

    def clear(self) -> None:
        """Take all cards away and forget planned moves."""
        with self.lock:
            self._agenda.clear()
            for card in list(self.cards):
                self.remove(card)

    def _plan(self, card: Card, at_us: int | None, *, arrives: bool) -> None:
        with self.lock:
            if arrives and len(self.cards) + len(self._agenda) >= MOVES_MAX:
                raise ValueError(f"more than {MOVES_MAX} cards and planned moves in one field")
            moment = self.clock.now_us() if at_us is None else at_us
            heapq.heappush(self._agenda, (moment, next(self._order), arrives, card))
            self.settle()

    def next_us(self) -> int | None:
        """The next planned move."""
        return self._agenda[0][0] if self._agenda else None

    def settle_until(self, at_us: int) -> None:
        """Carry out the moves planned up to and including `at_us`."""
        while self._agenda and self._agenda[0][0] <= at_us:
            moment, _, arrives, card = heapq.heappop(self._agenda)
            if arrives and card not in self.cards:
                self.cards.append(card)
                if self.on:
                    card.power_up(moment)
            elif not arrives and card in self.cards:
                self.cards.remove(card)
                self._lose(card, moment)

    def switch(self, on: bool, at_us: int) -> None:
        """The chip switches its antenna drivers."""
        if on == self.on:
            return
        self.on = on
        for card in self.cards:
            if on:
                card.power_up(at_us)
            else:
                self._lose(card, at_us)

    def _lose(self, card: Card, at_us: int) -> None:
        card.power_down(at_us)
        for sender, answer in self._under_way:
            if sender is card and answer.cut_us is None:
                answer.cut_us = at_us

    def exchange(self, bits: Bits, at_us: int) -> list[Answer]:
        """All cards hear a frame that ended at `at_us`; their answers, which may overlap."""
        self._under_way = []
        for card in self.cards if self.on else ():
            answer = card.hear(bits, at_us)
            if answer is not None:
                self._under_way.append((card, answer))
        return [answer for _, answer in self._under_way]


def superpose(answers: list[Answer], position: int) -> int | None:
    """What is on the air at one bit after the start of the earliest answer; None for silence.

    Manchester code: a card that sends nothing leaves the others alone, two cards with different
    bits modulate both halves, which the receiver sees as a collision.
    """
    if len(answers) == 1:
        (answer,) = answers
        return _heard_alone(answer, position)
    start_us = min(answer.start_us for answer in answers)
    seen: int | None = None
    for answer in answers:
        index = position - round((answer.start_us - start_us) / ETU_US)
        end_us = answer.start_us + (index + 2) * ETU_US
        if not 0 <= index < len(answer.bits) or (answer.cut_us is not None and answer.cut_us < end_us):
            continue
        bit = answer.bits[index]
        seen = bit if seen is None or seen == bit else COLLISION
    return seen


def superpose_some(answers: list[Answer], position: int, count: int) -> Bits:
    """What is on the air at so many bits from a position on; silence is left out."""
    if len(answers) == 1 and answers[0].cut_us is None:
        return answers[0].bits[position : position + count]
    heard = (superpose(answers, place) for place in range(position, position + count))
    return bytes(bit for bit in heard if bit is not None)


def _heard_alone(answer: Answer, position: int) -> int | None:
    """``superpose`` of one answer, which nearly all are."""
    if position >= len(answer.bits):
        return None
    if answer.cut_us is not None and answer.cut_us < answer.start_us + (position + 2) * ETU_US:
        return None
    return answer.bits[position]
