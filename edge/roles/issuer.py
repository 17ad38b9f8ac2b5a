"""The issuer role (發卡器): inspects the card that is laid on the reader, and writes it when the centre has ordered so. Pure.

An order waits for its card, or begins at once when the card lies there already::

    WriteOrdered ... CardShown -> [WriteOnCard]           the conversation: keys, slot, read back
    CardWritten(WRITTEN)       -> [Record(WriteFact)]     nothing is heard yet
    Committed                  -> [Feedback(WRITTEN)]     the fact is durable: exactly one beep (42)

Law of this file: an order is forgotten only behind a fact that says how it ended. A restart forgets the order and not the
fact; the centre sends the order again, and a card that was written already is read back and not written.

One beep says: written, read back, recorded. A card that can only be known by its UID is never written, so it never beeps,
also when the centre accepted it for an act; the page says what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from edge.core.actions import Action, CancelTimer, Feedback, Inspect, Record, StartTimer, WriteOnCard
from edge.core.alarms import cleared, raised
from edge.core.feedback import Pattern
from edge.core.stimuli import (
    CardGone,
    CardInspected,
    CardShown,
    CardWritten,
    Committed,
    IntentId,
    ModeChanged,
    Now,
    ReaderFaulted,
    ReaderRecovered,
    RemoteOpen,
    Stimulus,
    TestAsked,
    TimerFired,
    ViewChanged,
    WriteCancelled,
    WriteOrdered,
)
from protocol.decide import Presentation
from protocol.facts import (
    Alarm,
    Body,
    CommandFact,
    CommandResult,
    Content,
    InspectionFact,
    WriteFact,
    WriteResult,
)
from protocol.ids import is_random_uid, uid_key
from protocol.view import View

if TYPE_CHECKING:
    from protocol.messages import WriteCard

ORDERS_MAX: Final = 8
"""Orders that wait at one device; the centre gives one at a time."""
LOOKS_MAX: Final = 5
"""Times that a card which lies there is looked at before it counts as unreadable."""
AGAIN_MS: Final = 300
"""After a disturbed conversation with a card that still lies there."""
_GOES_ON: Final = frozenset({WriteResult.OTHER_CARD, WriteResult.LEFT})
"""Results after which the order still waits for its card."""
_HEARD: Final = {
    WriteResult.WRITTEN: Pattern.WRITTEN,
    WriteResult.OTHER_CARD: Pattern.OTHER_CARD,
    WriteResult.LEFT: Pattern.SHOW_AGAIN,
    WriteResult.CARD_AHEAD: Pattern.SHOW_AGAIN,
    WriteResult.DAMAGED: Pattern.CARD_DAMAGED,
    WriteResult.UNSUITABLE: Pattern.CARD_UNSUITABLE,
    WriteResult.COPY: Pattern.CARD_UNSUITABLE,
}


class Waiting(Struct, frozen=True):
    """An order that has not ended.

    :ivar busy: a conversation, or the commit of its fact, is under way.
    :ivar ends: what ended it meanwhile: cancelled or expired, if the card turns out not to be written.
    :ivar told_left: it was told that the card was taken away, since that was shown last.
    """

    order: WriteCard
    busy: bool = False
    ends: WriteResult | None = None
    told_left: bool = False


class IssuerState(Struct, frozen=True):
    """What the role remembers.

    :ivar cards: what lies alone on each reader.
    :ivar commits: orders whose last fact is on its way to the medium, with the reader that is to beep.
    :ivar faults: readers out of order, with the point under which that stands as an alarm (0: none).
    """

    orders: Mapping[int, Waiting] = {}
    cards: Mapping[int, Presentation] = {}
    commits: Mapping[IntentId, tuple[int, int]] = {}
    looks_failed: Mapping[int, tuple[bytes, int]] = {}
    """The card on a reader that is to be looked at again, and how often in a row it could not be read."""
    last_intent: int = 0
    faults: Mapping[int, int] = {}
    looks: Mapping[int, Pattern] = {}


class _Turn:
    """One step in the making."""

    def __init__(self, state: IssuerState, view: View) -> None:
        self.orders, self.cards, self.commits = dict(state.orders), dict(state.cards), dict(state.commits)
        self.last_intent, self.faults, self.looks = state.last_intent, dict(state.faults), dict(state.looks)
        self.looks_failed = dict(state.looks_failed)
        self.points = {row.reader: number for number, row in sorted(view.points().items(), reverse=True)}
        self.actions: list[Action] = []

    def state(self) -> IssuerState:
        """The state after this turn."""
        return IssuerState(
            self.orders,
            self.cards,
            self.commits,
            self.looks_failed,
            self.last_intent,
            self.faults,
            self.looks,
        )

    def record(self, body: Body, uid: bytes = b"") -> None:
        """A fact nobody waits for."""
        self.actions.append(Record(body, uid_key(uid) if uid else b""))

    def answer(self, command_id: int, result: CommandResult) -> None:
        """What became of a command."""
        self.record(CommandFact(command_id, 0, result))

    def signal(self, reader: int, pattern: Pattern) -> None:
        """Beep and light."""
        self.actions.append(Feedback(reader, pattern))

    def end(self, number: int, result: WriteResult) -> None:
        """An order that was not carried out is over."""
        waiting = self.orders.pop(number)
        self.actions.append(CancelTimer(_timer(number)))
        self.record(WriteFact(number, 0, result), waiting.order.uid)

    def look_around(self) -> None:
        """Each reader shows whether a card is waited for, or that it is out of order."""
        for reader in set(self.points) | set(self.looks):
            look = Pattern.CARD_WANTED if self.orders else Pattern.IDLE
            if reader in self.faults:
                look = Pattern.READER_FAULT
            if self.looks.get(reader, Pattern.IDLE) is not look:
                self.signal(reader, look)
            self.looks[reader] = look


class IssuerRole:
    """See the module and ``roles.base.Role``."""

    def initial(self) -> IssuerState:
        """No order, no card."""
        return IssuerState()

    def step(
        self, state: IssuerState, stimulus: Stimulus, view: View, now: Now
    ) -> tuple[IssuerState, list[Action]]:
        """See ``roles.base.Role``."""
        turn = _Turn(state, view)
        match stimulus:
            case CardShown():
                _shown(turn, stimulus)
            case CardGone(reader, uid):
                if reader in turn.cards and turn.cards[reader].uid == uid:
                    del turn.cards[reader]
            case WriteOrdered(order):
                _ordered(turn, order)
            case WriteCancelled(command_id, number):
                turn.answer(command_id, CommandResult.DONE)
                _stopped(turn, number, WriteResult.CANCELLED)
            case CardWritten():
                _written(turn, stimulus)
            case CardInspected():
                _inspected(turn, stimulus)
            case Committed():
                _committed(turn, stimulus)
            case TimerFired(name):
                _timer_fired(turn, name)
            case RemoteOpen(command_id) | ModeChanged(command_id):
                turn.answer(command_id, CommandResult.WRONG_DOOR)
            case TestAsked():
                _test(turn, stimulus)
            case ReaderFaulted(reader, detail):
                turn.cards.pop(reader, None)
                turn.faults[reader] = point = turn.points.get(reader, 0)
                turn.actions += raised(Alarm.READER_FAULT, point, detail) if point else []
            case ReaderRecovered(reader):
                point = turn.faults.pop(reader, 0)
                turn.actions += cleared(Alarm.READER_FAULT, point) if point else []
            case ViewChanged():
                pass  # the points are read with every turn
        turn.look_around()
        return turn.state(), turn.actions


# -- cards ----------------------------------------------------------------------------------------------------------


def _shown(turn: _Turn, shown: CardShown) -> None:
    reader = shown.reader
    turn.cards.pop(reader, None)
    if reader in turn.looks_failed:
        turn.actions.append(CancelTimer(f"look/{reader}"))
        if any(card.uid == turn.looks_failed[reader][0] for card in shown.cards):
            del turn.looks_failed[reader]  # it is back, and is looked at anew
        else:
            _look_again(turn, reader)
    if shown.more or len(shown.cards) > 1:
        turn.signal(reader, Pattern.ONE_CARD_PLEASE)
        return
    card = shown.cards[0]
    if is_random_uid(card.uid):
        turn.signal(reader, Pattern.CARD_UNSUITABLE)
        return
    turn.cards[reader] = card
    for number, waiting in turn.orders.items():
        turn.orders[number] = replace(waiting, told_left=False)
    if _begin(turn, reader):
        return
    if turn.orders:
        turn.signal(reader, Pattern.OTHER_CARD)
        for number in turn.orders:
            turn.record(WriteFact(number, turn.points.get(reader, 0), WriteResult.OTHER_CARD), card.uid)
    if card.clone_suspected:
        turn.record(InspectionFact(turn.points.get(reader, 0), 0, Content.UNREAD, 0, copy=True), card.uid)
    else:
        turn.actions.append(Inspect(reader, card.uid))


def _begin(turn: _Turn, reader: int) -> bool:
    """Write the card that lies on this reader, if that was ordered."""
    card = turn.cards.get(reader)
    for number, waiting in turn.orders.items():
        if card is None or waiting.order.uid != card.uid:
            continue
        if card.clone_suspected:
            turn.signal(reader, Pattern.CARD_UNSUITABLE)
            turn.end(number, WriteResult.COPY)
        elif not waiting.busy:
            turn.orders[number] = replace(waiting, busy=True)
            turn.actions.append(WriteOnCard(reader, waiting.order))
        return True
    return False


def _inspected(turn: _Turn, told: CardInspected) -> None:
    uid, failed = turn.looks_failed.pop(told.reader, (told.uid, 0))
    failed = failed + 1 if uid == told.uid else 1
    card = turn.cards.get(told.reader)
    is_there = card is not None and card.uid == told.uid
    if told.fact.content is Content.UNREAD and is_there and failed < LOOKS_MAX:
        turn.looks_failed[told.reader] = told.uid, failed
        turn.actions.append(StartTimer(f"look/{told.reader}", AGAIN_MS))
        return
    _tell(turn, told.reader, told.uid, told.fact)


def _look_again(turn: _Turn, reader: int) -> None:
    """At the card that could not be read; it has gone, and the desk is told that it was here and was not read."""
    card, (uid, _failed) = turn.cards.get(reader), turn.looks_failed.get(reader, (b"", 0))
    if card is not None and card.uid == uid:
        turn.actions.append(Inspect(reader, uid))
    elif uid:
        del turn.looks_failed[reader]
        _tell(turn, reader, uid, InspectionFact(0, 0, Content.UNREAD, 0))


def _tell(turn: _Turn, reader: int, uid: bytes, fact: InspectionFact) -> None:
    """Record what the look at a card has found."""
    turn.record(replace(fact, point=turn.points.get(reader, 0)), uid)
    if not turn.orders:
        turn.signal(reader, Pattern.INSPECTED)


# -- orders ---------------------------------------------------------------------------------------------------------


def _ordered(turn: _Turn, order: WriteCard) -> None:
    number = order.command_id
    if number not in turn.orders:
        if len(turn.orders) >= ORDERS_MAX:
            turn.answer(number, CommandResult.STORAGE_UNUSABLE)
            return
        turn.orders[number] = Waiting(order)
        turn.actions.append(StartTimer(_timer(number), order.wait_s * 1_000))
    turn.answer(number, CommandResult.DONE)
    for reader in list(turn.cards):
        _begin(turn, reader)


def _stopped(turn: _Turn, number: int, why: WriteResult) -> None:
    """The centre, or the time, ends an order; one that is being carried out has its own last word."""
    waiting = turn.orders.get(number)
    if waiting is None:
        turn.record(WriteFact(number, 0, why))
    elif waiting.busy:
        turn.orders[number] = replace(waiting, ends=why)
    else:
        turn.end(number, why)


def _written(turn: _Turn, told: CardWritten) -> None:
    waiting = turn.orders.get(told.order)
    if waiting is None:
        return
    point = turn.points.get(told.reader, 0)
    fact = WriteFact(told.order, point, told.result, told.seq)
    if told.result is WriteResult.WRITTEN:
        turn.last_intent += 1
        intent = IntentId(turn.last_intent)
        turn.commits[intent] = (told.order, told.reader)
        turn.actions.append(Record(fact, uid_key(waiting.order.uid), intent))
        return
    turn.signal(told.reader, _HEARD[told.result])
    if told.result not in _GOES_ON:
        del turn.orders[told.order]
        turn.actions.append(CancelTimer(_timer(told.order)))
        turn.record(fact, waiting.order.uid)
    elif waiting.ends is not None:
        turn.end(told.order, waiting.ends)
    else:
        if not waiting.told_left:
            turn.record(fact, waiting.order.uid)
        turn.orders[told.order] = replace(waiting, busy=False, told_left=True)
        turn.actions.append(StartTimer(f"again/{told.reader}", AGAIN_MS))


def _committed(turn: _Turn, committed: Committed) -> None:
    number, reader = turn.commits.pop(committed.intent_id)
    waiting = turn.orders.get(number)
    if waiting is None:
        return
    if not committed.ok:  # the card is written; the next showing reads it back and records it anew
        turn.orders[number] = replace(waiting, busy=False, ends=None)
        turn.signal(reader, Pattern.STORAGE_FAULT)
        return
    del turn.orders[number]
    turn.actions.append(CancelTimer(_timer(number)))
    turn.signal(reader, Pattern.WRITTEN)


def _timer_fired(turn: _Turn, name: str) -> None:
    what, _slash, number = name.partition("/")
    if what == "again":
        _begin(turn, int(number))
    elif what == "look":
        _look_again(turn, int(number))
    elif int(number) in turn.orders:
        _stopped(turn, int(number), WriteResult.EXPIRED)


def _timer(number: int) -> str:
    return f"order/{number}"


def _test(turn: _Turn, asked: TestAsked) -> None:
    readers = [reader for reader, point in sorted(turn.points.items()) if asked.point in (0, point)]
    for reader in readers:
        turn.signal(reader, Pattern.IDENTIFY)
    turn.answer(
        asked.command_id, CommandResult.DONE if readers or not asked.point else CommandResult.WRONG_DOOR
    )
