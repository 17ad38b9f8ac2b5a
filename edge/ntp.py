"""Does NTP keep the kernel's clock in step? Asked with adjtimex(2), which reads and changes nothing with modes = 0."""

from __future__ import annotations

import ctypes
from typing import Final

_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x40


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>, as far as it is read, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def synchronised_error_us() -> int | None:
    """The kernel's bound of its error in microseconds while it is kept in step; None when it is not, or cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    state = _Timex()
    answer = adjtimex(ctypes.byref(state))
    if answer < 0 or answer == _TIME_ERROR or state.status & _STA_UNSYNC:
        return None
    return int(state.maxerror)
