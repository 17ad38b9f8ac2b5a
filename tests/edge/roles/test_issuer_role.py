"""The issuer role: an order waits for its card; nothing is heard before the fact is durable; each trouble has its answer."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edge.core.actions import Action, Feedback, Inspect, Record, StartTimer, WriteOnCard
from edge.core.feedback import SIGNALS, Pattern
from edge.core.stimuli import (
    CardGone,
    CardInspected,
    CardShown,
    CardWritten,
    Committed,
    Now,
    Stimulus,
    TimerFired,
    WriteCancelled,
    WriteOrdered,
)
from edge.roles.issuer import LOOKS_MAX, IssuerRole, IssuerState
from protocol.card_layout.credential import Medium
from protocol.decide import Instant, Presentation, Trust
from protocol.facts import (
    Body,
    CommandFact,
    CommandResult,
    Content,
    InspectionFact,
    WriteFact,
    WriteResult,
)
from protocol.ids import uid_key
from protocol.messages import WriteCard
from protocol.records import PointRow, Revisions, put
from protocol.view import View

UID, OTHER = bytes.fromhex("04A1B2C3"), bytes.fromhex("04A1B2C4")
POINT, READER, ORDER = 12, 1, 77
VIEW = View().apply([put(POINT, PointRow("desk", READER, 0))], Revisions(1, 1, 1, 0))
NOW = Now(0, Instant(0, Trust.TRUSTED))
BLANK = InspectionFact(0, 1, Content.BLANK, 8)


def order(number: int = ORDER, uid: bytes = UID) -> WriteCard:
    return WriteCard(number, "desk", bytes(16), 0, uid, Medium.CLASSIC, 1, bytes(96), b"", 120)


class Desk:
    """The role with what it has done, and a medium that commits when it is told to."""

    def __init__(self) -> None:
        self.role = IssuerRole()
        self.state: IssuerState = self.role.initial()

    def send(self, stimulus: Stimulus) -> list[Action]:
        self.state, actions = self.role.step(self.state, stimulus, VIEW, NOW)
        return actions

    def show(self, uid: bytes = UID, *, copy: bool = False) -> list[Action]:
        return self.send(CardShown(READER, (Presentation(uid, clone_suspected=copy),)))

    def told(self, result: WriteResult, seq: int = 0) -> list[Action]:
        return self.send(CardWritten(READER, ORDER, result, seq))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def facts(actions: list[Action]) -> list[Body]:
    return [action.body for action in actions if isinstance(action, Record)]


def signals(actions: list[Action]) -> list[Pattern]:
    return [
        action.pattern for action in actions if isinstance(action, Feedback) and action.pattern in SIGNALS
    ]


def talks(actions: list[Action]) -> list[Action]:
    return [action for action in actions if isinstance(action, WriteOnCard | Inspect)]


def test_a_card_without_an_order_is_inspected_in_silence(desk: Desk) -> None:
    assert talks(desk.show()) == [Inspect(READER, UID)]
    actions = desk.send(CardInspected(READER, UID, BLANK))
    assert actions[0] == Record(InspectionFact(POINT, 1, Content.BLANK, 8), uid_key(UID))
    assert signals(actions) == [Pattern.INSPECTED]
    assert not any(step.frame.buzzer for step in SIGNALS[Pattern.INSPECTED])


def test_a_card_that_could_not_be_read_is_looked_at_again_while_it_lies_there(desk: Desk) -> None:
    unread = InspectionFact(0, 0, Content.UNREAD, 0)
    desk.show()
    for _ in range(LOOKS_MAX - 1):
        assert not facts(desk.send(CardInspected(READER, UID, unread)))
        assert talks(desk.send(TimerFired(f"look/{READER}"))) == [Inspect(READER, UID)]
    assert facts(desk.send(CardInspected(READER, UID, unread))) == [
        InspectionFact(POINT, 0, Content.UNREAD, 0)
    ]
    desk.show()
    desk.send(CardGone(READER, UID))
    assert facts(desk.send(CardInspected(READER, UID, unread))), "it has gone: that is all there is to say"


def test_a_card_that_went_before_it_could_be_read_is_told_of_all_the_same(desk: Desk) -> None:
    """Shown for a moment, gone before the second look: the desk says that it could not be read, instead of nothing at all.

    Planted break that turns it red: ``_look_again`` doing nothing when the card has gone.
    """
    unread = InspectionFact(0, 0, Content.UNREAD, 0)
    said = [Record(replace(unread, point=POINT), uid_key(UID))]

    def told(actions: list[Action]) -> list[Action]:
        return [action for action in actions if isinstance(action, Record)]

    desk.show()
    assert not facts(desk.send(CardInspected(READER, UID, unread)))
    desk.send(CardGone(READER, UID))
    assert told(desk.send(TimerFired(f"look/{READER}"))) == said
    assert not told(desk.send(TimerFired(f"look/{READER}")))
    desk.show()
    desk.send(CardInspected(READER, UID, unread))
    desk.send(CardGone(READER, UID))
    assert told(desk.show(OTHER)) == said, "another card lies there before the second look"
    desk.send(CardInspected(READER, OTHER, unread))
    desk.send(CardGone(READER, OTHER))
    assert not told(desk.show(OTHER)), "it is back, and is looked at anew"


def test_an_order_waits_for_its_card_and_beeps_once_when_the_fact_is_durable(desk: Desk) -> None:
    actions = desk.send(WriteOrdered(order()))
    assert facts(actions) == [CommandFact(ORDER, 0, CommandResult.DONE)]
    assert Feedback(READER, Pattern.CARD_WANTED) in actions
    assert StartTimer(f"order/{ORDER}", 120_000) in actions
    assert talks(desk.show()) == [WriteOnCard(READER, order())]
    (record,) = [action for action in desk.told(WriteResult.WRITTEN, 3) if isinstance(action, Record)]
    assert record.body == WriteFact(ORDER, POINT, WriteResult.WRITTEN, 3)
    assert record.intent_id is not None
    actions = desk.send(Committed(record.intent_id, True, 9))
    assert signals(actions) == [Pattern.WRITTEN]
    assert sum(step.frame.buzzer for step in SIGNALS[Pattern.WRITTEN]) == 1
    assert Feedback(READER, Pattern.IDLE) in actions
    assert not talks(desk.send(TimerFired(f"order/{ORDER}")))


def test_nothing_is_heard_between_the_writing_and_the_commit(desk: Desk) -> None:
    desk.send(WriteOrdered(order()))
    desk.show()
    assert not signals(desk.told(WriteResult.WRITTEN, 1))


def test_a_card_that_lies_there_already_is_written_at_once(desk: Desk) -> None:
    desk.show()
    assert talks(desk.send(WriteOrdered(order()))) == [WriteOnCard(READER, order())]


def test_a_card_that_has_gone_is_not_talked_to(desk: Desk) -> None:
    desk.show()
    desk.send(CardGone(READER, UID))
    assert not talks(desk.send(WriteOrdered(order())))


def test_the_same_order_again_changes_nothing(desk: Desk) -> None:
    desk.show()
    desk.send(WriteOrdered(order()))
    assert not talks(desk.send(WriteOrdered(order())))


def test_another_card_is_told_apart_and_not_written(desk: Desk) -> None:
    desk.send(WriteOrdered(order()))
    actions = desk.show(OTHER)
    assert talks(actions) == [Inspect(READER, OTHER)]
    assert signals(actions) == [Pattern.OTHER_CARD]
    assert Record(WriteFact(ORDER, POINT, WriteResult.OTHER_CARD), uid_key(OTHER)) in actions
    assert not signals(desk.send(CardInspected(READER, OTHER, BLANK)))
    desk.send(CardGone(READER, OTHER))
    assert talks(desk.show()) == [WriteOnCard(READER, order())]


def test_a_card_taken_away_goes_on_when_it_is_shown_again(desk: Desk) -> None:
    desk.show()
    desk.send(WriteOrdered(order()))
    actions = desk.told(WriteResult.LEFT)
    assert facts(actions) == [WriteFact(ORDER, POINT, WriteResult.LEFT)]
    assert signals(actions) == [Pattern.SHOW_AGAIN]
    assert talks(desk.send(TimerFired(f"again/{READER}"))) == [WriteOnCard(READER, order())]
    assert not facts(desk.told(WriteResult.LEFT)), "told once for each showing"
    desk.send(CardGone(READER, UID))
    assert not talks(desk.send(TimerFired(f"again/{READER}")))
    assert talks(desk.show()) == [WriteOnCard(READER, order())]


@pytest.mark.parametrize(
    ("result", "pattern"),
    [
        (WriteResult.DAMAGED, Pattern.CARD_DAMAGED),
        (WriteResult.UNSUITABLE, Pattern.CARD_UNSUITABLE),
        (WriteResult.CARD_AHEAD, Pattern.SHOW_AGAIN),
    ],
)
def test_a_card_that_cannot_be_written_ends_the_order(
    desk: Desk, result: WriteResult, pattern: Pattern
) -> None:
    desk.show()
    desk.send(WriteOrdered(order()))
    actions = desk.told(result, 5)
    assert facts(actions) == [WriteFact(ORDER, POINT, result, 5)]
    assert signals(actions) == [pattern]
    assert talks(desk.show()) == [Inspect(READER, UID)]


def test_a_copy_of_a_card_is_not_written(desk: Desk) -> None:
    desk.send(WriteOrdered(order()))
    actions = desk.show(copy=True)
    assert not talks(actions)
    assert facts(actions) == [WriteFact(ORDER, 0, WriteResult.COPY)]
    assert signals(actions) == [Pattern.CARD_UNSUITABLE]
    assert facts(desk.show(copy=True)) == [InspectionFact(POINT, 0, Content.UNREAD, 0, copy=True)]


@pytest.mark.parametrize(
    ("stop", "result"),
    [
        (WriteCancelled(5, ORDER), WriteResult.CANCELLED),
        (TimerFired(f"order/{ORDER}"), WriteResult.EXPIRED),
    ],
)
def test_an_order_ends_by_cancelling_or_with_its_time(
    desk: Desk, stop: Stimulus, result: WriteResult
) -> None:
    desk.send(WriteOrdered(order()))
    assert facts(desk.send(stop))[-1] == WriteFact(ORDER, 0, result)
    assert talks(desk.show()) == [Inspect(READER, UID)]


@pytest.mark.parametrize("written", [True, False])
def test_an_order_that_is_stopped_while_it_is_carried_out_has_its_own_last_word(
    desk: Desk, written: bool
) -> None:
    desk.show()
    desk.send(WriteOrdered(order()))
    assert facts(desk.send(WriteCancelled(5, ORDER))) == [CommandFact(5, 0, CommandResult.DONE)]
    told = facts(desk.told(WriteResult.WRITTEN if written else WriteResult.LEFT))
    result = WriteResult.WRITTEN if written else WriteResult.CANCELLED
    assert [fact.result for fact in told if isinstance(fact, WriteFact)] == [result]


def test_an_order_that_a_restart_forgot_is_cancelled_all_the_same(desk: Desk) -> None:
    assert facts(desk.send(WriteCancelled(5, ORDER))) == [
        CommandFact(5, 0, CommandResult.DONE),
        WriteFact(ORDER, 0, WriteResult.CANCELLED),
    ]


def test_a_fact_that_could_not_be_stored_is_made_anew_at_the_next_showing(desk: Desk) -> None:
    desk.show()
    desk.send(WriteOrdered(order()))
    (record,) = [action for action in desk.told(WriteResult.WRITTEN) if isinstance(action, Record)]
    assert record.intent_id is not None
    assert signals(desk.send(Committed(record.intent_id, False))) == [Pattern.STORAGE_FAULT]
    assert talks(desk.show()) == [WriteOnCard(READER, order())]


def test_several_cards_at_once_are_not_touched(desk: Desk) -> None:
    desk.send(WriteOrdered(order()))
    actions = desk.send(CardShown(READER, (Presentation(UID), Presentation(OTHER))))
    assert (talks(actions), signals(actions)) == ([], [Pattern.ONE_CARD_PLEASE])
