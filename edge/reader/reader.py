"""A reader of cards on an MFRC522: presence, canary and healing in one ``poll``."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from edge.reader.base import (
    CardPresented,
    CardSession,
    Event,
    Health,
    ReaderFault,
    ReaderRecovered,
    ResetLine,
    SeveralCards,
    Ticks,
    Transport,
    Verify,
)
from edge.reader.errors import BusError, CardError, ChipError, ReaderError
from edge.reader.healing import Ladder, Rung
from edge.reader.iso14443 import Iso14443a
from edge.reader.mfrc522 import Mfrc522
from edge.reader.presence import Presence
from edge.reader.versions import classify

CANARY_POLLS: Final = 10
"""The chip's set-up is looked at with every tenth poll: once a second."""
IDLE_RESET_US: Final = 600_000_000
"""After ten minutes without a card the chip is set up anew, whatever it seems to be (reader.md section 2)."""
DISTURBED_POLLS_MAX: Final = 50
"""Polls in a row with garbled answers only: then the receiver itself is suspected."""
FIELD_REST_US: Final = 100_000

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Mfrc522Reader:
    """A ``CardReader``. ``poll`` and ``transact`` belong to one thread; ``health`` may be called from any.

    :param reset: the RST pin of the chip, True holds it in reset; None when it is not wired.
    :param verify: finds out what a card can prove before it is told of; None: its UID only.
    """

    def __init__(
        self,
        bus: Transport,
        ticks: Ticks,
        reset: ResetLine | None = None,
        verify: Verify | None = None,
    ) -> None:
        self._bus = bus
        self._ticks = ticks
        self._chip = Mfrc522(bus, ticks, reset)
        self._air = Iso14443a(self._chip)
        self._presence = Presence(self._air, verify)
        self._ladder = Ladder()
        self._untold: BusError | ChipError | None = None
        self._counts: Counter[str] = Counter()
        self._last_error = ""
        self._busy_at_us = 0
        self._disturbed_polls = 0
        self._health = Health()

    def open(self) -> None:
        """Open the wire and bring the chip up. What goes wrong here is healed, or told of, by ``poll``."""
        self._busy_at_us = self._ticks.now_us()
        try:
            self._bus.open()
            if not self._chip.hard_reset():
                self._chip.soft_reset()
        except (BusError, ChipError) as error:
            self._untold = error
        self._presence.field_was_cycled()

    def close(self) -> None:
        """Field off as far as possible, devices given back."""
        with suppress(ReaderError):
            self._chip.field_off()
        self._bus.close()

    def poll(self) -> list[Event]:
        """Look once into the field, or try one repair."""
        self._counts["poll_count"] += 1
        events: list[Event] = []
        if self._ladder.rung is not Rung.WELL:
            if self._ladder.due(self._ticks.now_us()):
                self._heal(events)
        else:
            try:
                self._look()
            except (BusError, ChipError) as error:
                self._note(error)
                events += self._presence.take()
                if self._ladder.trouble(self._ticks.now_us()):
                    self._tell_fault(events)
        events += self._presence.take()
        self._publish(events)
        return events

    def transact(self, uid: bytes, operation: Callable[[CardSession], T]) -> T:
        """Select the card with this UID and let ``operation`` talk to it; the next poll works whatever it raises.

        :raises CardError: the card is not there, or what ``operation`` raised.
        :raises BusError, ChipError: the reader is sick; ``poll`` heals it.
        """
        if self._ladder.rung is not Rung.WELL or self._untold is not None:
            raise ChipError(f"the reader is out of order: {self._last_error}")
        try:
            try:
                return operation(self._presence.converse(uid))
            finally:
                self._presence.end()
        except (BusError, ChipError) as error:
            self._untold = error
            raise

    def health(self) -> Health:
        """Counters and state as of the last poll."""
        return self._health

    def _look(self) -> None:
        if self._untold is not None:
            error, self._untold = self._untold, None
            raise error
        now_us = self._ticks.now_us()
        if self._counts["poll_count"] % CANARY_POLLS == 0:
            self._chip.check()
        if self._presence.empty and now_us - self._busy_at_us >= IDLE_RESET_US:
            self._busy_at_us = now_us
            self._counts["idle_reset_count"] += 1
            self._chip.soft_reset()
            self._presence.field_was_cycled()
        disturbed_count = self._presence.disturbed_count
        self._presence.poll(now_us // 1_000)
        if not self._presence.empty:
            self._busy_at_us = now_us
        if self._presence.disturbed_count == disturbed_count:
            self._disturbed_polls = 0
            return
        self._disturbed_polls += 1
        if self._disturbed_polls >= DISTURBED_POLLS_MAX:
            self._disturbed_polls = 0
            raise ChipError("nothing but garbled answers")

    def _heal(self, events: list[Event]) -> None:
        try:
            self._climb(self._ladder.rung)
        except (BusError, ChipError) as error:
            self._note(error)
            if self._ladder.failed(self._ticks.now_us()):
                self._tell_fault(events)
            return
        now_us = self._ticks.now_us()
        _log.info("reader brought back by %s", self._ladder.rung.value)
        self._presence.field_was_cycled()
        if self._ladder.worked(now_us):
            events.append(ReaderRecovered(now_us // 1_000))

    def _climb(self, rung: Rung) -> None:
        self._bus.mend()
        if rung is Rung.HARD and self._chip.hard_reset():
            self._counts["hard_reset_count"] += 1
        else:
            self._counts["soft_reset_count"] += 1
            self._chip.soft_reset()
        if rung is Rung.FIELD:
            self._counts["field_reset_count"] += 1
            self._chip.field_off()
            self._ticks.sleep_us(FIELD_REST_US)
        # A call must come to an end, with or without an answer: a chip whose timer stands still cannot say "no card".
        self._chip.cycle_field()
        with suppress(CardError):
            self._air.wake_up()
        self._chip.check()
        self._chip.cycle_field()

    def _tell_fault(self, events: list[Event]) -> None:
        at_ms = self._ticks.now_us() // 1_000
        self._counts["fault_count"] += 1
        _log.warning("reader fault: %s", self._last_error)
        self._presence.forget(at_ms)
        events += self._presence.take()
        events.append(ReaderFault(self._last_error, at_ms))

    def _note(self, error: BusError | ChipError) -> None:
        self._last_error = str(error)
        self._counts["bus_error_count" if isinstance(error, BusError) else "chip_error_count"] += 1

    def _publish(self, events: list[Event]) -> None:
        self._counts["card_count"] += sum(isinstance(event, CardPresented | SeveralCards) for event in events)
        version = self._chip.version
        self._health = Health(
            chip=f"{classify(version)} 0x{version:02x}",
            faulted=self._ladder.faulted,
            corrupted_count=self._presence.disturbed_count,
            last_error=self._last_error,
            **self._counts,
        )
