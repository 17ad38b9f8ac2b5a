"""The seams of the reader layer: what a bus is, what time is, what a reader tells.

``RegisterBus`` is what a chip driver needs; ``Transport`` adds opening and mending the wire. SPI, UART and the emulator
stand behind them. Constructors do no I/O.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from msgspec import Struct

from protocol.ids import Tier

if TYPE_CHECKING:
    from edge.reader.isodep import IsoDep
    from edge.reader.mifare import MifareClassic

CARDS_IN_FIELD_MAX: Final = 8
"""More cards than this are not told apart; the event says that there are more."""


T = TypeVar("T")


class RegisterBus(Protocol):
    """Registers of an MFRC522 by number, 0x00 to 0x3F; values 0 to 255.

    :raises BusError: when the wire does not do its part; every call returns within a bounded time.
    """

    def read(self, reg: int) -> int:
        """The value of a register."""
        ...

    def write(self, reg: int, value: int) -> None:
        """Set a register."""
        ...

    def read_fifo(self, count: int) -> bytes:
        """Take ``count`` bytes (1 to 64) out of the FIFO."""
        ...

    def write_fifo(self, data: bytes) -> None:
        """Put 1 to 64 bytes into the FIFO."""
        ...


class Transport(RegisterBus, Protocol):
    """A RegisterBus with a wire that can be opened, lost and mended, and that can do several accesses at once."""

    def open(self) -> None:
        """Open the device and make the chip answer. An open transport is closed first."""
        ...

    def close(self) -> None:
        """Give the device back; never raises, and may be called twice."""
        ...

    def after_reset(self) -> None:
        """The chip was reset: find it again (a UART falls back to 9,600 baud) and return when it answers."""
        ...

    def mend(self) -> None:
        """Make the chip answer again after a ``BusError``, opening the device anew when it must be."""
        ...

    def read_many(self, regs: Sequence[int]) -> bytes:
        """One value per register, in order, as one transfer where the wire allows it."""
        ...

    def write_many(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Set (register, value) in order, as one transfer where the wire allows it."""
        ...


class Ticks(Protocol):
    """Monotonic time of the reader thread: real on a node, virtual in tests."""

    def now_us(self) -> int:
        """Microseconds since any fixed moment; never falls."""
        ...

    def sleep_us(self, duration_us: int) -> None:
        """Return no earlier than ``duration_us`` from now; at once when it is not positive."""
        ...


class MonotonicTicks:
    """The machine's monotonic clock."""

    def now_us(self) -> int:
        """Microseconds of ``time.monotonic``."""
        return time.monotonic_ns() // 1_000

    def sleep_us(self, duration_us: int) -> None:
        """Sleep for real."""
        if duration_us > 0:
            time.sleep(duration_us / 1_000_000)


class Proof(Struct, frozen=True):
    """How much the card has proved, by whatever ``verify`` the reader was given."""

    tier: Tier = Tier.UID_ONLY
    credential_id: bytes = b""
    issue_no: int = 0


class CardPresented(Struct, frozen=True):
    """A card has come into the field, or is left alone there after it had lain among others (``SeveralCards``).

    :ivar uid: 4, 7 or 10 bytes, without cascade tags and BCC; read twice before it is told.
    :ivar atqa: the answer to the request, low byte first on the air; 0 when several cards answered together.
    :ivar sak: the answer to the last SELECT (ISO/IEC 14443-3).
    :ivar clone_suspected: it obeys the back door of "Gen1a" copies, which a genuine card never does.
    :ivar at_ms: monotonic milliseconds of the reader's ``Ticks``.
    :ivar left_alone: it was told of before, among others that have gone since. Each stay is told of alone once at most.
    """

    uid: bytes
    atqa: int
    sak: int
    at_ms: int
    proof: Proof = Proof()
    clone_suspected: bool = False
    left_alone: bool = False


class SeveralCards(Struct, frozen=True):
    """The field holds more than one card; told whenever a card joins others.

    :ivar cards: all that could be told apart, at most ``CARDS_IN_FIELD_MAX``, the longest present first.
    :ivar joined: the UIDs among them that no earlier event of this stay has named.
    :ivar more: there are further cards that could not be told apart.
    """

    cards: tuple[CardPresented, ...]
    joined: tuple[bytes, ...]
    at_ms: int
    more: bool = False

    @property
    def uids(self) -> tuple[bytes, ...]:
        """The UIDs of ``cards``."""
        return tuple(card.uid for card in self.cards)


class CardRemoved(Struct, frozen=True):
    """A card that was told of has left the field; told of once per stay."""

    uid: bytes
    at_ms: int


class ReaderFault(Struct, frozen=True):
    """The chip cannot be brought back by a soft reset, a hard reset and a new field; it is tried again and again (B4)."""

    reason: str
    at_ms: int


class ReaderRecovered(Struct, frozen=True):
    """The chip works again after a ``ReaderFault``."""

    at_ms: int


Event = CardPresented | SeveralCards | CardRemoved | ReaderFault | ReaderRecovered


class Health(Struct, frozen=True):
    """Counters since ``open``, and what the chip is.

    :ivar chip: class of the version register and its value, such as ``known 0x92``.
    :ivar faulted: True between ``ReaderFault`` and ``ReaderRecovered``.
    """

    chip: str = "not seen yet"
    faulted: bool = False
    poll_count: int = 0
    card_count: int = 0
    corrupted_count: int = 0
    bus_error_count: int = 0
    chip_error_count: int = 0
    soft_reset_count: int = 0
    hard_reset_count: int = 0
    field_reset_count: int = 0
    idle_reset_count: int = 0
    fault_count: int = 0
    last_error: str = ""


class CardSession(Struct, frozen=True):
    """The selected card, for the time of one call in the reader's thread.

    :ivar classic: its blocks, if it is a MIFARE Classic.
    :ivar isodep: its ISO/IEC 14443-4 side, if it has one; not activated yet.
    :ivar select_again: after an error of a MIFARE Classic: wake and select the card anew, so that the conversation can go on.
    """

    uid: bytes
    sak: int
    classic: MifareClassic
    isodep: IsoDep
    select_again: Callable[[], None]


Verify = Callable[[CardSession], Proof]
"""Finds out what a card can prove. Runs in the reader's thread, on the selected card; a ``CardError`` out of it makes the
reader try again."""


class CardReader(Protocol):
    """A reader of cards, polled by one thread."""

    def open(self) -> None:
        """Bring the reader up. A reader that cannot be brought up is not an error: ``poll`` tells of it and retries."""
        ...

    def poll(self) -> list[Event]:
        """Look once into the field; returns within about a second, whatever happens."""
        ...

    def transact(self, uid: bytes, operation: Callable[[CardSession], T]) -> T:
        """Select the card with this UID and let ``operation`` talk to it; in the polling thread.

        :raises CardError: the card is not there, or what ``operation`` raised.
        :raises BusError, ChipError: the reader is sick; ``poll`` heals it.
        """
        ...

    def close(self) -> None:
        """Switch the field off as far as possible and give the devices back; never raises."""
        ...

    def health(self) -> Health:
        """A snapshot; may be called from any thread."""
        ...


ResetLine = Callable[[bool], None]
"""Holds the chip in reset while True; the board profile knows the polarity of the pin."""
