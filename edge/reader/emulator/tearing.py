"""What an EEPROM block holds when the card lost power while it was being programmed."""

import random
from collections.abc import Callable

Tear = Callable[[bytes, bytes, float], bytes]
"""(old, new, progress from 0 to 1) -> what the block holds now."""

ERASE_FROM, PROGRAM_FROM, PROGRAM_TO = 0.1, 0.5, 0.9


def tear_old(old: bytes, new: bytes, progress: float) -> bytes:
    return old


def tear_new(old: bytes, new: bytes, progress: float) -> bytes:
    return new


def tear_like_eeprom(old: bytes, new: bytes, progress: float) -> bytes:
    """Old at first; then bit after bit is erased to 0; then bit after bit is programmed; new at last.

    Cells are not equally fast: their order depends on both contents, but not on `progress`, so that
    a sweep over time shows one history. (No vendor publishes this; any driver must survive all of it.)
    """
    order = random.Random(old + new)
    result = bytearray(len(old))
    for place in range(len(old) * 8):
        erased_at = order.uniform(ERASE_FROM, PROGRAM_FROM)
        programmed_at = order.uniform(PROGRAM_FROM, PROGRAM_TO)
        source = old if progress < erased_at else new if progress >= programmed_at else None
        if source is not None:
            result[place >> 3] |= source[place >> 3] & (1 << (place & 7))
    return bytes(result)
