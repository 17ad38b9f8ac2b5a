"""What people who try cards and PINs at one device may be told, worked out anew from what was recorded of them: the oracle of the
wrong-try rules in histories (design.md section 3; ``edge.core.wrong_tries`` is not used here).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.reasons import Reason, is_granted

FIVE, MINUTE_MS, IGNORED_MS, BLOCKED_MS = 5, 60_000, 30_000, 600_000


@dataclass
class TriesModel:
    """Of one device since its start. ``due``: alarms that must be raised in the same step, by name; ``raised``: those that were."""

    at_reader: dict[int, list[int]] = field(default_factory=dict)
    ignored_until: dict[int, int] = field(default_factory=dict)
    wrong_pins: dict[bytes, int] = field(default_factory=dict)
    blocked_until: dict[bytes, int] = field(default_factory=dict)
    due: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)

    def answered(
        self, now_ms: int, reader: int, uid: bytes, reason: Reason, *, is_known: bool, typed_right: bool
    ) -> str:
        """One showing was answered so; what is wrong about that, or nothing.

        :param is_known: the card is known here. :param typed_right: its PIN, or the one for duress, was typed.
        """
        is_ignoring = now_ms < self.ignored_until.get(reader, 0)
        is_blocked = now_ms < self.blocked_until.get(uid, 0)
        if reason is Reason.WRONG_TRIES and not (is_blocked or (is_ignoring and not is_known)):
            return "ignores a card without a reason"
        if reason is Reason.UNKNOWN_CARD and is_ignoring:
            return "looks at an unknown card that it must ignore"
        if is_blocked and (reason is Reason.PIN_WRONG or (typed_right and is_granted(reason))):
            return "looks at a PIN that is blocked"
        if reason is Reason.PIN_WRONG:
            self.wrong_pins[uid] = self.wrong_pins.get(uid, 0) + 1
            if self.wrong_pins[uid] == FIVE:
                self.wrong_pins[uid], self.blocked_until[uid] = 0, now_ms + BLOCKED_MS
                self.due.append("PIN_BLOCKED")
        elif typed_right:
            self.wrong_pins[uid] = 0
        if reason in (Reason.UNKNOWN_CARD, Reason.PIN_WRONG) and not is_ignoring:
            tries = [at for at in self.at_reader.get(reader, []) if now_ms - at <= MINUTE_MS]
            self.at_reader[reader] = [*tries, now_ms]
            if len(tries) + 1 == FIVE:
                self.at_reader[reader], self.ignored_until[reader] = [], now_ms + IGNORED_MS
                self.due.append("WRONG_TRIES")
        return ""
