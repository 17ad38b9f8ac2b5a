"""A keypad as an input device of Linux: USB keypads, and matrices of keys that the kernel's driver (``gpio-matrix-keypad``) scans.

Events are read as the kernel writes them (``struct input_event``, ``linux/input.h``), by nothing but the standard library. The device
is taken for this program alone (EVIOCGRAB), so that no digit of a PIN reaches a console. A keypad that is not there, or is
pulled out, is looked for again every two seconds; digits that were typed meanwhile are nobody's.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import select
import struct
import threading
from collections.abc import Iterator
from typing import Final

from edge.keypad.base import Pressed

EVENT: Final = struct.Struct("@llHHi")
"""Seconds, microseconds, type, code, value."""
EV_KEY: Final = 1
DOWN: Final = 1
EVIOCGRAB: Final = 0x40044590
AGAIN_S: Final = 2.0
_LOOK_S: Final = 0.5
_READ_BYTES: Final = 64 * EVENT.size
KEYS: Final[dict[int, str]] = {
    **{code: str((code - 1) % 10) for code in range(2, 12)},  # KEY_1 .. KEY_9, KEY_0
    **dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)),  # KEY_KP0 .. KEY_KP9
    **{0x200 + digit: str(digit) for digit in range(10)},  # KEY_NUMERIC_0 ..
    0x20A: "*",
    55: "*",  # KEY_KPASTERISK
    14: "*",  # KEY_BACKSPACE
    1: "*",  # KEY_ESC
    0x20B: "#",
    28: "#",  # KEY_ENTER
    96: "#",  # KEY_KPENTER
}
"""Digits, *, # by the key codes of ``linux/input-event-codes.h``."""
_log: Final = logging.getLogger(__name__)


class EvdevKeypad:
    """
    :param path: ``/dev/input/by-path/...`` or ``by-id``: names that stay, other than ``event3``.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, pressed: Pressed) -> None:
        """See ``base.Keypad``."""
        assert self._thread is None, "a keypad is watched once"
        self._thread = threading.Thread(target=self._run, args=(pressed,), name="keypad", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """See ``base.Keypad``."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2 * _LOOK_S)

    def _run(self, pressed: Pressed) -> None:
        is_told = False
        while not self._ended.is_set():
            try:
                self._read(pressed)
                is_told = False
            except OSError as error:
                if not is_told:
                    _log.warning("the keypad %s cannot be read: %s", self._path, error.strerror)
                is_told = True
                self._ended.wait(AGAIN_S)

    def _read(self, pressed: Pressed) -> None:
        device = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            grab(device)
            _log.info("the keypad %s is there", self._path)
            while not self._ended.is_set():
                ready, _, _ = select.select([device], [], [], _LOOK_S)
                if not ready:
                    continue
                if not (events := os.read(device, _READ_BYTES)):
                    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
                for key in keys_in(events):
                    pressed(key)
        finally:
            os.close(device)


def grab(device: int) -> None:
    """Take the device for this program alone. Raises OSError where somebody else has it, or it is no input device."""
    fcntl.ioctl(device, EVIOCGRAB, 1)


def keys_in(events: bytes) -> Iterator[str]:
    """The keys that went down, in their order; those held down, let go, or of no use here are left out."""
    whole = len(events) - len(events) % EVENT.size
    for _seconds, _micros, kind, code, value in EVENT.iter_unpack(events[:whole]):
        if kind == EV_KEY and value == DOWN and code in KEYS:
            yield KEYS[code]
