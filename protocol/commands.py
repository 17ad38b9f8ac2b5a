"""Nonces that let a command of the centre be used once, and only soon (I10).

The node makes a nonce, sends it with a Ping or Poll, and takes it back in a signed command within ten seconds of its own
monotonic clock. So a recorded, delayed or repeated command opens nothing, whatever the wall clocks say.
"""

from __future__ import annotations

from typing import Final

from protocol.facts import CommandResult
from protocol.limits import REMOTE_OPEN_MAX_AGE_MS
from protocol.messages import Command

NONCES_KEPT: Final = 64
"""Nonces remembered, used or not: at one each five seconds far more than can be young enough."""


class NonceBook:
    """The nonces a node has issued. Lost at a restart: then every command under way is void."""

    def __init__(self, node: str, max_age_ms: int = REMOTE_OPEN_MAX_AGE_MS) -> None:
        self._node = node
        self._max_age_ms = max_age_ms
        self._issued_at_ms: dict[bytes, int] = {}
        self._used: set[bytes] = set()

    def issue(self, nonce: bytes, now_ms: int) -> bytes:
        """Remember a nonce (sixteen random bytes) that is about to be sent."""
        self._issued_at_ms[nonce] = now_ms
        while len(self._issued_at_ms) > NONCES_KEPT:
            oldest = next(iter(self._issued_at_ms))
            del self._issued_at_ms[oldest]
            self._used.discard(oldest)
        return nonce

    def take(self, command: Command, now_ms: int) -> CommandResult:
        """DONE when the command may be carried out, and never again; else why not. Its signature is verified already."""
        issued_at_ms = self._issued_at_ms.get(command.nonce)
        if issued_at_ms is None or command.node != self._node:
            return CommandResult.UNKNOWN_NONCE
        if command.nonce in self._used:
            return CommandResult.USED_NONCE
        self._used.add(command.nonce)
        if now_ms - issued_at_ms > self._max_age_ms:
            return CommandResult.TOO_OLD
        return CommandResult.DONE

    def age_ms(self, nonce: bytes, now_ms: int) -> int:
        """How long ago a nonce was issued; it must be in the book."""
        return now_ms - self._issued_at_ms[nonce]
