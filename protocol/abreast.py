"""Until when a node knows what the others of its areas recorded (``protocol.rules.places``): what pings and their answers say.

Law of this file: no clock of one side is read by the other. A moment of the centre's clock is carried back to it, or turned into
boot time by the distance within one message; each step errs to the safe side, by as long as the line took.
"""

from __future__ import annotations

from protocol.ids import Stream
from protocol.messages import Pong
from protocol.records import Revisions
from protocol.rules.places import RECORDED_WITHIN_MS


class Abreast:
    """The node's side, of one session after the other. ``now_ms`` is boot time."""

    def __init__(self) -> None:
        self._centre_at: tuple[int, int] | None = None
        self._others: tuple[int, Revisions] | None = None

    def closed(self) -> None:
        """The session is over."""
        self._centre_at = self._others = None

    def welcomed(self, server_at_ms: int, now_ms: int) -> None:
        """The centre has said what time it is there: from now on it is at least so late, whatever the line does."""
        self._centre_at = server_at_ms, now_ms

    def pong(self, pong: Pong, heads: Revisions, now_ms: int) -> None:
        """The answer to a ping. ``heads``: where the centre stood when it last said so."""
        self._centre_at = pong.server_at_ms, now_ms
        self._others = None
        if 0 < pong.others_at_ms <= pong.server_at_ms:  # the answer was written after the question
            until_ms = pong.boottime_ms - (pong.server_at_ms - pong.others_at_ms)
            self._others = until_ms, heads.with_(Stream.BALANCES, pong.places)

    def until_ms(self, held: Revisions) -> int | None:
        """Boot time until which decisions by these revisions use what the others recorded; None: not known."""
        if self._others is None:
            return None
        until_ms, needed = self._others
        is_here = held.config_epoch == needed.config_epoch and held.balances >= needed.balances
        return until_ms if is_here else None

    def told(self, last_seq: int, now_ms: int, *, storage_usable: bool) -> tuple[int, int]:
        """``told_through`` and ``told_at_ms`` of a ping; zeros: it cannot be said."""
        if self._centre_at is None or not storage_usable:
            return 0, 0
        at_ms, heard_ms = self._centre_at
        return last_seq, max(0, at_ms + now_ms - heard_ms - RECORDED_WITHIN_MS)
