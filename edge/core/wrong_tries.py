"""The wrong-try rule of one reader (design.md section 3): five refused unknown credentials or PINs within 60 s raise an
alarm, and for 30 s unknown ones are ignored there. A valid credential still opens: nobody may lock a building out
with a transit card.

And the rule of one card: five wrong PINs in a row, however far apart, and its PIN is not looked at for ten minutes.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

TRIES_MAX: Final = 5
WITHIN_MS: Final = 60_000
"""The fifth counts when it comes at most this long after the first (inclusive)."""
IGNORE_MS: Final = 30_000


class WrongTries(Struct, frozen=True):
    """Moments (monotonic) of the refused tries that still count; ``ignore_until_ms`` None while the rule is not in force."""

    tries_ms: tuple[int, ...] = ()
    ignore_until_ms: int | None = None

    def ignoring(self, now_ms: int) -> bool:
        """True while unknown credentials are ignored; the end is exclusive."""
        return self.ignore_until_ms is not None and now_ms < self.ignore_until_ms

    def refused(self, now_ms: int) -> WrongTries:
        """After one more refused unknown credential. Those that come while ignoring neither count nor prolong it."""
        if self.ignoring(now_ms):
            return self
        tries = (*(at for at in self.tries_ms if now_ms - at <= WITHIN_MS), now_ms)
        if len(tries) >= TRIES_MAX:
            return WrongTries((), now_ms + IGNORE_MS)
        return WrongTries(tries)


PINS_MAX: Final = 5
PIN_BLOCK_MS: Final = 600_000


class WrongPins(Struct, frozen=True):
    """Wrong PINs of one card since the last right one; after each ``PINS_MAX`` of them its PIN is blocked for a while."""

    count: int = 0
    block_until_ms: int | None = None

    def blocking(self, now_ms: int) -> bool:
        """True while the PIN is not looked at; the end is exclusive."""
        return self.block_until_ms is not None and now_ms < self.block_until_ms

    def again(self, now_ms: int) -> WrongPins:
        """After one more wrong PIN."""
        if self.count + 1 < PINS_MAX:
            return WrongPins(self.count + 1)
        return WrongPins(0, now_ms + PIN_BLOCK_MS)
