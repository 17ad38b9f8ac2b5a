"""What goes wrong with readers in the field, as objects that are switched on and off.

``fault.start(chip)`` begins it; it ends with ``fault.stop()``, after it has acted `count` times, or
with the kind of reset that mends it (`healed_by`), as on a real site.
"""

import random
from typing import TYPE_CHECKING, Any, Literal

from edge.reader.emulator.air import encode
from edge.reader.emulator.cards import Answer
from edge.reader.emulator.registers import TEMP_ERR

if TYPE_CHECKING:
    from edge.reader.emulator.core import ChipCore

Reset = Literal["soft", "hard"]
"""A soft reset is the command, a hard one is pin NRSTPD or a loss of power; a hard one mends both."""


class Fault:
    """The base: acts on nothing. The hooks are called by the chip (or its serial port) while active."""

    kind = ""
    version: int | None = None
    """What VersionReg tells while the fault is active, if not the truth."""
    hot = False
    """Whether the chip is above its temperature limit while the fault is active."""

    def __init__(self, *, count: int | None = None, healed_by: Reset | None = None) -> None:
        self.count = count
        self.healed_by = healed_by
        self._chip: ChipCore | None = None

    @property
    def active(self) -> bool:
        return self._chip is not None

    def start(self, chip: "ChipCore") -> None:
        assert not self.active, "a fault is in one chip at a time"
        with chip.lock:
            chip.settle()
            self._chip = chip
            chip.faults.append(self)
            self.begin(chip)

    def stop(self) -> None:
        chip = self._chip
        if chip is not None:
            with chip.lock:
                chip.settle()
                self._chip = None
                chip.faults.remove(self)
                self.end(chip)

    def acted(self) -> None:
        """Count one effect; the last one ends the fault."""
        if self.count is not None:
            self.count -= 1
            if self.count <= 0:
                self.stop()

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "count": self.count, "healed_by": self.healed_by}

    # Hooks

    def begin(self, chip: "ChipCore") -> None:
        """The fault sets in."""

    def end(self, chip: "ChipCore") -> None:
        """The fault is over."""

    def on_access(self, chip: "ChipCore") -> None:
        """Before each read or write of the host."""

    def on_read(self, address: int, value: int) -> int:
        return value

    def on_write(self, address: int, value: int) -> int | None:
        """None: the write does not reach the chip."""
        return value

    def on_interrupt(self, bits: int) -> int:
        return bits

    def on_answers(self, answers: list[Answer], at_us: int) -> list[Answer]:
        """What the cards answer to a frame that ended at `at_us`."""
        return answers

    def on_serial(self, data: bytes, *, echo: bool) -> bytes:
        """Bytes that the chip is about to send on its UART."""
        return data

    def on_reset(self, kind: Reset) -> None:
        if self.healed_by == kind or (self.healed_by == "soft" and kind == "hard"):
            self.stop()


class LostChip(Fault):
    """The chip is gone from the bus: reads give `value` (0xFF or 0x00), writes are lost."""

    kind = "lost"

    def __init__(
        self, value: int = 0xFF, *, count: int | None = None, healed_by: Reset | None = None
    ) -> None:
        super().__init__(count=count, healed_by=healed_by)
        self.value = value

    def on_read(self, address: int, value: int) -> int:
        self.acted()
        return self.value

    def on_write(self, address: int, value: int) -> int | None:
        self.acted()
        return None


class BrownOut(Fault):
    """The supply dips before the access after the next `after` ones; all registers fall back, silently."""

    kind = "brown_out"

    def __init__(self, after: int = 0, *, count: int | None = 1) -> None:
        super().__init__(count=count)
        self.after = after
        self._left = after

    def on_access(self, chip: "ChipCore") -> None:
        if self._left > 0:
            self._left -= 1
            return
        self._left = self.after
        chip.lose_power()
        self.acted()


class WrongVersion(Fault):
    """A clone: 0x88 FM17522, 0x12 counterfeit, 0xB2 and 0x92 without a self-test that passes, 0x91 old."""

    kind = "version"

    def __init__(self, value: int = 0x88) -> None:
        super().__init__()
        self.version = value


class Overheated(Fault):
    """Too hot: TempErr, and the antenna drivers are off while it lasts (data sheet 9.3.1.7)."""

    kind = "overheated"
    hot = True

    def begin(self, chip: "ChipCore") -> None:
        chip.fail(TEMP_ERR)
        chip.switch_field()

    def end(self, chip: "ChipCore") -> None:
        chip.switch_field()


class BitErrors(Fault):
    """Answers arrive damaged: one bit flipped (ParityErr), or two of one byte (found by the CRC only).

    byte: which byte of the answer, 0 for the first; shorter answers are damaged in their first byte.
    """

    kind = "bit_errors"

    def __init__(self, bits: int = 1, byte: int = 0, *, count: int | None = None) -> None:
        super().__init__(count=count)
        if not 1 <= bits <= 8:
            raise ValueError("1 to 8 bits of a byte can be wrong")
        self.bits = bits
        self.byte = byte

    def on_answers(self, answers: list[Answer], at_us: int) -> list[Answer]:
        for answer in answers:
            damaged = bytearray(answer.bits)
            first = self.byte * 9 if (self.byte + 1) * 9 <= len(damaged) else 0
            for place in range(first, min(first + self.bits, len(damaged))):
                damaged[place] ^= 1
            answer.bits = bytes(damaged)
        if answers:
            self.acted()
        return answers


class FrozenIrq(Fault):
    """No interrupt request is ever raised again: commands seem never to end."""

    kind = "frozen_irq"

    def on_interrupt(self, bits: int) -> int:
        self.acted()
        return 0


class LateAnswers(Fault):
    """Cards answer `delay_us` too late, e.g. at the edge of the field."""

    kind = "late"

    def __init__(self, delay_us: int = 30_000, *, count: int | None = None) -> None:
        super().__init__(count=count)
        self.delay_us = delay_us

    def on_answers(self, answers: list[Answer], at_us: int) -> list[Answer]:
        for answer in answers:
            answer.start_us += self.delay_us
        if answers:
            self.acted()
        return answers


class Noise(Fault):
    """Something answers though no card is there; `bits` random bits, or a given frame of whole bytes."""

    kind = "noise"

    def __init__(self, bits: int = 18, data: str = "", *, seed: int = 0, count: int | None = None) -> None:
        super().__init__(count=count)
        self.bits = bits
        self.frame = encode(bytes.fromhex(data)) if data else b""
        self._source = random.Random(seed)

    def on_answers(self, answers: list[Answer], at_us: int) -> list[Answer]:
        if answers:
            return answers
        frame = self.frame or bytes(self._source.getrandbits(1) for _ in range(self.bits))
        self.acted()
        return [Answer(at_us + 91, frame)]


class DroppedEcho(Fault):
    """The UART loses the echo of a write."""

    kind = "dropped_echo"

    def on_serial(self, data: bytes, *, echo: bool) -> bytes:
        if echo:
            self.acted()
            return b""
        return data


class DoubledEcho(Fault):
    """The UART sends the echo of a write twice."""

    kind = "doubled_echo"

    def on_serial(self, data: bytes, *, echo: bool) -> bytes:
        if echo:
            self.acted()
            return data * 2
        return data


class Unplugged(Fault):
    """The serial line is pulled out: the device vanishes until the fault is stopped.

    The server in ``pty_port`` looks for it; on a bus in the same process it acts like a lost chip.
    """

    kind = "unplugged"

    def on_read(self, address: int, value: int) -> int:
        return 0xFF

    def on_write(self, address: int, value: int) -> int | None:
        return None


KINDS: dict[str, type[Fault]] = {
    fault.kind: fault
    for fault in (
        LostChip, BrownOut, WrongVersion, Overheated, BitErrors, FrozenIrq, LateAnswers, Noise,
        DroppedEcho, DoubledEcho, Unplugged,
    )
}  # fmt: skip


NUMBERS_MAX = {
    "count": 1_000_000, "value": 0xFF, "after": 1_000_000, "bits": 256, "byte": 63,
    "delay_us": 60_000_000, "seed": 2**32,
}  # fmt: skip


def fault_from_dict(data: dict[str, Any]) -> Fault:
    """A fault by its kind and the arguments of its class, e.g. ``{"kind": "lost", "value": 0}``.

    Raises ValueError when there is no such kind or argument, or when its value cannot be.
    """
    arguments = {name: value for name, value in data.items() if name != "kind" and value is not None}
    make = KINDS.get(str(data.get("kind")))
    if make is None:
        raise ValueError(f"unknown kind of fault {data.get('kind')!r}; known: {', '.join(KINDS)}")
    for name, value in arguments.items():
        largest = NUMBERS_MAX.get(name)
        if largest is not None and (type(value) is not int or not 0 <= value <= largest):
            raise ValueError(f"{name!r} must be a whole number from 0 to {largest}")
        if name == "healed_by" and value not in ("soft", "hard"):
            raise ValueError("'healed_by' must be 'soft' or 'hard'")
    try:
        return make(**arguments)
    except TypeError as error:
        raise ValueError(f"a fault of kind {make.kind!r} does not take {arguments}") from error
