"""Card and PIN: what is typed after a card at a door that asks for a PIN. See ``protocol.rules.doors`` for when it does.

A card that would open but for its PIN is waited for: its digits follow within ten seconds of it, and of each other. ``#`` (or the
eighth digit) ends them, ``*`` begins anew. What was typed is turned into its proof beside the loop (``CheckPin``), and with that the card
is decided once more, by what holds then. One showing, one try: then, or when nobody types on, the showing has its one access
fact. Keys without a card are not taken, so that nobody types a PIN for whoever comes next.

Wrong PINs count for the wrong-try rule of the reader, as unknown cards do. With one card five in a row, however slowly, block
its PIN here for ten minutes: whoever has found a card and tries PINs gets 30 tries an hour at one device, and an alarm for
every five. Nothing of that is kept over a restart.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from edge.core.actions import CancelTimer, CheckPin, StartTimer
from edge.core.alarms import moment
from edge.core.feedback import Pattern
from edge.core.stimuli import PinChecked
from edge.core.wrong_tries import WrongPins
from edge.roles import door_rules
from edge.roles.door_state import PinEntry
from edge.roles.turn import Turn
from protocol.basis import Basis
from protocol.decide import Decision, Presentation
from protocol.facts import AccessFact, Alarm
from protocol.pin import PIN_DIGITS_MAX, PinCheck
from protocol.reasons import Reason

PIN_WITHIN_MS: Final = 10_000
WRONG_PINS_MAX: Final = 1_000
"""Cards whose wrong PINs are remembered; the one that was tried longest ago is forgotten first."""
END, CLEAR = "#", "*"
_EARLY_MS: Final = 100
"""A timer may be a little early, by another clock than ours."""


def timer_of(reader: int) -> str:
    """The timer of the digits at a reader."""
    return f"reader{reader}/pin"


def ask(turn: Turn, reader: int, card: Presentation, fact: AccessFact, decision: Decision) -> None:
    """From now on digits are taken at this reader."""
    _waits(turn, reader, PinEntry(card, fact, decision.key, decision.duress, asked_ms=turn.now.mono_ms))
    turn.signal(reader, Pattern.ENTER_PIN)


def key_pressed(turn: Turn, reader: int, key: str) -> None:
    """A digit, ``#`` or ``*``."""
    entry = turn.reader(reader).entry
    if entry is None:
        turn.signal(reader, Pattern.CARD_FIRST)
        return
    if entry.checking:
        return
    if key == END and not entry.digits:
        return
    digits = "" if key == CLEAR else entry.digits if key == END else entry.digits + key
    if key != END and len(digits) < PIN_DIGITS_MAX:
        _waits(turn, reader, replace(entry, digits=digits))
        turn.signal(reader, Pattern.KEY)
        return
    turn.last_pin_check += 1
    row = turn.view.pin(entry.key)
    _keep(turn, reader, replace(entry, digits="", checking=turn.last_pin_check, ended_ms=turn.now.mono_ms))
    turn.add(CancelTimer(timer_of(reader)))
    # a PIN that was taken away meanwhile is worked out too: what the card is told then does not depend on what was typed
    salt, cost = (row.salt, row.cost) if row is not None else (bytes(16), 1)
    turn.add(CheckPin(reader, turn.last_pin_check, digits, salt, cost))


def checked(turn: Turn, news: PinChecked) -> tuple[Presentation, int] | None:
    """The card with its proof, to be decided once more, and when the last key was pressed; None: nobody waits for it any more."""
    entry = turn.reader(news.reader).entry
    if entry is None or entry.checking != news.check:
        return None
    _keep(turn, news.reader, None)
    return replace(entry.card, pin=news.proof), entry.ended_ms


def judged(turn: Turn, decision: Decision, point: int) -> None:
    """Count a wrong PIN of the card, or forget the wrong ones of whoever knows it."""
    key, wrong = decision.key, turn.wrong_pins.get(decision.key)
    if decision.reason is Reason.PIN_WRONG:
        wrong = (wrong or WrongPins()).again(turn.now.mono_ms)
        wrong_pins = {other: count for other, count in turn.wrong_pins.items() if other != key}
        if len(wrong_pins) >= WRONG_PINS_MAX:
            del wrong_pins[next(iter(wrong_pins))]
        turn.wrong_pins = {**wrong_pins, key: wrong}
        if wrong.blocking(turn.now.mono_ms):
            turn.add(*moment(Alarm.PIN_BLOCKED, point, "", key))
    elif wrong is not None and decision.pin in (PinCheck.RIGHT, PinCheck.DURESS):
        turn.wrong_pins = {other: count for other, count in turn.wrong_pins.items() if other != key}


def timed_out(turn: Turn, reader: int) -> None:
    """The timer of the digits ran out; one that was on its way when a key was pressed says nothing."""
    entry = turn.reader(reader).entry
    if entry is not None and not entry.checking and turn.now.mono_ms >= entry.until_ms - _EARLY_MS:
        give_up(turn, reader)


def give_up(turn: Turn, reader: int) -> None:
    """Nobody typed on, or somebody else has shown a card: the showing ends without a PIN."""
    entry = turn.reader(reader).entry
    if entry is None:
        return
    _keep(turn, reader, None)
    turn.add(CancelTimer(timer_of(reader)))
    if entry.duress:
        turn.add(*moment(Alarm.DURESS, entry.fact.point, "", entry.key))
    turn.record(_as_of(entry, turn.now.mono_ms), entry.key)
    turn.signal(reader, Pattern.DENIED)


def _as_of(entry: PinEntry, now_ms: int) -> AccessFact:
    """The fact of the showing, which was decided a while ago."""
    basis = entry.fact.basis or Basis()
    return replace(entry.fact, basis=replace(basis, ago_ms=max(0, now_ms - entry.asked_ms)))


def _waits(turn: Turn, reader: int, entry: PinEntry) -> None:
    _keep(turn, reader, replace(entry, until_ms=turn.now.mono_ms + PIN_WITHIN_MS))
    turn.add(StartTimer(timer_of(reader), PIN_WITHIN_MS))
    door_rules.second_is_coming(turn, reader)


def _keep(turn: Turn, reader: int, entry: PinEntry | None) -> None:
    turn.readers[reader] = replace(turn.reader(reader), entry=entry)
