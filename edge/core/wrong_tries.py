"""The wrong-try rule of one reader (design.md section 3): five refused unknown credentials or PINs within 60 s raise an
alarm, and for 30 s unknown ones are ignored there. A valid credential still opens: nobody may lock a building out
with a transit card.
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
