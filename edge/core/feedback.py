"""What a holder hears and sees at a reader: patterns as data, and a pure player.

Two kinds. A *signal* (granted, denied ...) plays once and ends. A *look* (idle, released, alarm ...) lasts until another
look replaces it; it shows again when a signal has ended. No two patterns look alike with one eye closed: each differs
in its rhythm, not only in its colour.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace


class Pattern(StrEnum):
    """Names of the patterns."""

    # signals
    GRANTED = "granted"
    GRANTED_EXTENDED = "granted_extended"
    PROVISIONAL = "provisional"
    """Granted although it could not be recorded, or the time could not be checked."""
    DENIED = "denied"
    UNKNOWN = "unknown"
    IGNORED = "ignored"
    """The wrong-try rule is in force: unknown cards are not looked at for a while."""
    ONE_CARD_PLEASE = "one_card_please"
    SECOND_CARD_PLEASE = "second_card_please"
    """The card is good; the door opens when a second person shows one too."""
    ENTER_PIN = "enter_pin"
    """The card is good; now its PIN."""
    KEY = "key"
    """A key of the keypad was taken."""
    CARD_FIRST = "card_first"
    """A key without a card: show the card, then type."""
    STORAGE_FAULT = "storage_fault"
    IDENTIFY = "identify"
    """"Here I am": an operator tests the point."""
    WRITTEN = "written"
    """The one beep of an issuer: the card was written and read back, and that is recorded (42)."""
    INSPECTED = "inspected"
    OTHER_CARD = "other_card"
    """Not the card that was ordered to be written."""
    SHOW_AGAIN = "show_again"
    """Taken away too soon: show the card again."""
    CARD_DAMAGED = "card_damaged"
    CARD_UNSUITABLE = "card_unsuitable"
    SCAN_ON_TIME = "scan_on_time"
    SCAN_EARLY = "scan_early"
    SCAN_LATE = "scan_late"
    SCAN_NOT_ON_ROUTE = "scan_not_on_route"
    SCAN_NOT_A_GUARD = "scan_not_a_guard"
    SCAN_NOT_OPENED = "scan_not_opened"
    """Recorded at a patrol point; the patrol is not opened for this card."""
    SCAN_PLAN_UNKNOWN = "scan_plan_unknown"
    """Recorded at a patrol point; the plan for this time is not here."""
    ROUND_OPENED = "round_opened"
    ROUND_CLOSED = "round_closed"
    NO_ROUND = "no_round"
    """A location card was scanned and recorded, but no guard has opened a round with this unit."""
    EVENT_SENT = "event_sent"
    PUNCHED = "punched"
    """A time clock took the punch; it says neither coming nor going."""
    PUNCHED_IN = "punched_in"
    PUNCHED_OUT = "punched_out"
    PAID = "paid"
    PAID_WARNED = "paid_warned"
    """Sold; the time for which a till may sell without network is nearly over."""
    UNDONE = "undone"
    """The last payment of this card was taken back."""
    NO_MONEY = "no_money"
    # looks
    IDLE = "idle"
    RELEASED = "released"
    BLOCKED = "blocked"
    PRE_ALARM = "pre_alarm"
    ALARM = "alarm"
    READER_FAULT = "reader_fault"
    CARD_WANTED = "card_wanted"
    """An issuer waits for the card that is to be written."""
    PIN_WANTED = "pin_wanted"
    """A card was shown, and its PIN is waited for."""
    ON_TRIAL = "on_trial"
    """Nothing to show; the program is a new version that is not kept for good yet."""


class Frame(NamedTuple):
    """What the outputs of a reader are at one moment."""

    green: bool = False
    red: bool = False
    buzzer: bool = False


DARK: Final = Frame()


class Step(NamedTuple):
    """A frame and how long it lasts."""

    ms: int
    frame: Frame


def _step(ms: int, lit: str) -> Step:
    """``lit`` names what is on: g(reen), r(ed), b(uzzer)."""
    return Step(ms, Frame("g" in lit, "r" in lit, "b" in lit))


def _beeps(count: int, on_ms: int, off_ms: int, lit: str) -> tuple[Step, ...]:
    return (_step(on_ms, lit + "b"), _step(off_ms, lit)) * count


SIGNALS: Final[dict[Pattern, tuple[Step, ...]]] = {
    Pattern.GRANTED: (*_beeps(1, 150, 50, "g"), _step(800, "g")),
    Pattern.GRANTED_EXTENDED: (*_beeps(2, 150, 100, "g"), _step(1_500, "g")),
    Pattern.PROVISIONAL: (*_beeps(1, 150, 50, "g"), *(_step(200, "gr"), _step(200, "g")) * 4),
    Pattern.DENIED: _beeps(3, 100, 100, "r"),
    Pattern.UNKNOWN: (*_beeps(1, 700, 100, "r"), _step(400, "")),
    Pattern.IGNORED: (_step(100, "r"), _step(100, "")) * 6,
    Pattern.ONE_CARD_PLEASE: (_step(120, "gb"), _step(180, "r")) * 4,
    Pattern.SECOND_CARD_PLEASE: (*_beeps(1, 150, 50, "g"), *(_step(500, "g"), _step(500, "")) * 4),
    Pattern.ENTER_PIN: (*_beeps(2, 60, 60, "g"), _step(200, "")),
    Pattern.KEY: (_step(40, "gb"), _step(60, "")),
    Pattern.CARD_FIRST: (*_beeps(1, 40, 40, "r"), *(_step(80, "r"), _step(80, "")) * 3),
    Pattern.STORAGE_FAULT: (*_beeps(5, 60, 60, "r"), _step(600, "r")),
    Pattern.IDENTIFY: (_step(250, "gb"), _step(250, "r"), _step(250, "g"), _step(250, "rb")) * 5,
    Pattern.WRITTEN: (*_beeps(1, 200, 50, "g"), _step(1_200, "g")),
    Pattern.INSPECTED: (_step(200, "g"), _step(100, "")),
    Pattern.OTHER_CARD: (*_beeps(2, 120, 120, "r"), _step(500, "r")),
    Pattern.SHOW_AGAIN: (_step(150, "g"), _step(150, "r")) * 4,
    Pattern.CARD_DAMAGED: (*_beeps(4, 150, 150, "r"), _step(800, "r")),
    Pattern.CARD_UNSUITABLE: (*_beeps(2, 400, 150, "r"), _step(400, "")),
    Pattern.SCAN_ON_TIME: (*_beeps(1, 120, 50, "g"), _step(900, "g")),
    Pattern.SCAN_EARLY: (*_beeps(2, 120, 100, "g"), *(_step(250, "g"), _step(250, "")) * 2),
    Pattern.SCAN_LATE: (*_beeps(3, 120, 100, "g"), *(_step(250, "r"), _step(250, "g")) * 2),
    Pattern.SCAN_NOT_ON_ROUTE: (*_beeps(1, 120, 50, "g"), *_beeps(1, 500, 100, "r")),
    Pattern.SCAN_NOT_A_GUARD: _beeps(1, 500, 300, "r"),
    Pattern.SCAN_NOT_OPENED: _beeps(2, 500, 200, "r"),
    Pattern.SCAN_PLAN_UNKNOWN: (*_beeps(1, 120, 50, "g"), *(_step(200, "gr"), _step(200, "")) * 3),
    Pattern.ROUND_OPENED: (*_beeps(1, 80, 80, "g"), *_beeps(1, 300, 100, "g")),
    Pattern.ROUND_CLOSED: (*_beeps(1, 300, 80, "g"), *_beeps(1, 80, 100, "g")),
    Pattern.NO_ROUND: _beeps(2, 300, 150, "gr"),
    Pattern.EVENT_SENT: _beeps(4, 60, 60, "g"),
    Pattern.PUNCHED: (*_beeps(1, 250, 50, "g"), _step(600, "g")),
    Pattern.PUNCHED_IN: (*_beeps(1, 100, 100, "g"), *_beeps(1, 250, 50, "g"), _step(600, "g")),
    Pattern.PUNCHED_OUT: (*_beeps(1, 250, 100, "g"), *_beeps(1, 100, 50, "g"), _step(600, "g")),
    Pattern.PAID: (*_beeps(1, 350, 50, "g"), _step(1_000, "g")),
    Pattern.PAID_WARNED: (*_beeps(1, 350, 50, "g"), *(_step(300, "gr"), _step(300, "")) * 4),
    Pattern.UNDONE: (*_beeps(2, 90, 60, "g"), *_beeps(1, 350, 50, "g"), _step(600, "g")),
    Pattern.NO_MONEY: (*_beeps(2, 250, 250, "r"), _step(700, "r")),
}
"""Played once."""

LOOKS: Final[dict[Pattern, tuple[Step, ...]]] = {
    Pattern.IDLE: (_step(1_000, "r"),),
    Pattern.RELEASED: (_step(1_000, "g"),),
    Pattern.BLOCKED: (_step(500, "r"), _step(500, "")),
    Pattern.PRE_ALARM: (_step(100, "rb"), _step(900, "r")),
    Pattern.ALARM: (_step(400, "rb"), _step(200, "")),
    Pattern.READER_FAULT: (_step(100, "r"), _step(150, ""), _step(100, "r"), _step(1_650, "")),
    Pattern.CARD_WANTED: (_step(400, "g"), _step(400, "")),
    Pattern.PIN_WANTED: (_step(300, "g"), _step(300, "r")),
    Pattern.ON_TRIAL: (_step(2_700, "r"), _step(300, "g")),
}
"""Repeated until another look replaces them."""

assert SIGNALS.keys() | LOOKS.keys() == set(Pattern)
assert not SIGNALS.keys() & LOOKS.keys()


def duration_ms(pattern: Pattern) -> int:
    """How long one round of the pattern lasts."""
    return sum(step.ms for step in SIGNALS.get(pattern) or LOOKS[pattern])


def frame(pattern: Pattern, elapsed_ms: int) -> Frame | None:
    """What the outputs are ``elapsed_ms`` (>= 0) after the pattern began; None once a signal has ended."""
    if pattern in LOOKS:
        elapsed_ms %= duration_ms(pattern)
    for step in SIGNALS.get(pattern) or LOOKS[pattern]:
        if elapsed_ms < step.ms:
            return step.frame
        elapsed_ms -= step.ms
    return None


def next_change_ms(pattern: Pattern, elapsed_ms: int) -> int | None:
    """Milliseconds until the outputs change, or the signal ends; None for a look that stands still."""
    steps = SIGNALS.get(pattern) or LOOKS[pattern]
    if pattern in LOOKS:
        if len(steps) == 1:
            return None
        elapsed_ms %= duration_ms(pattern)
    for step in steps:
        if elapsed_ms < step.ms:
            return step.ms - elapsed_ms
        elapsed_ms -= step.ms
    return None


class Player(Struct, frozen=True):
    """What one reader plays: a value. ``play`` makes the next player, ``frame`` says what the outputs are at a moment."""

    look: Pattern = Pattern.IDLE
    look_since_ms: int = 0
    signal: Pattern | None = None
    signal_since_ms: int = 0

    def play(self, pattern: Pattern, now_ms: int) -> Player:
        """The player after this pattern was asked for. A signal interrupts a signal; the same look goes on undisturbed."""
        if pattern in SIGNALS:
            return replace(self, signal=pattern, signal_since_ms=now_ms)
        if pattern is self.look:
            return self
        return replace(self, look=pattern, look_since_ms=now_ms)

    def frame(self, now_ms: int) -> Frame:
        """What the outputs are now."""
        if self.signal is not None:
            shown = frame(self.signal, now_ms - self.signal_since_ms)
            if shown is not None:
                return shown
        return frame(self.look, now_ms - self.look_since_ms) or DARK

    def delayed(self, due_ms: int, now_ms: int) -> Player:
        """The player when the change that was due comes only now: what is left of the signal is played from here on.

        Whoever hears three beeps knows that he was refused; a pause that a busy machine swallowed would make them two.
        """
        if self.signal is None or next_change_ms(self.signal, due_ms - self.signal_since_ms) is None:
            return self
        return replace(self, signal_since_ms=self.signal_since_ms + now_ms - due_ms)

    def next_change_ms(self, now_ms: int) -> int | None:
        """Milliseconds from now until ``frame`` may differ; None when it stands still until something is played."""
        if self.signal is not None:
            remaining = next_change_ms(self.signal, now_ms - self.signal_since_ms)
            if remaining is not None:
                return remaining
        return next_change_ms(self.look, now_ms - self.look_since_ms)
