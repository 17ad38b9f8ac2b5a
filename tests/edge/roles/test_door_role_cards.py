"""Cards at a door: what is recorded, released, shown."""

from __future__ import annotations

import pytest

from edge.core.actions import Record, Release
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import CardShown, Committed, IntentId
from protocol.basis import Basis
from protocol.decide import Presentation, Trust
from protocol.facts import AccessFact, Alarm, Outcome, OutcomeFact
from protocol.ids import Tier, uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, DoorRow, Kind, Mode, delete, put
from tests.support.door_node import (
    BACK,
    EXTENDED,
    FRONT,
    GOOD,
    IN,
    LOST,
    OFFICE,
    OUT,
    STRANGER,
    DoorNode,
    alarms,
    bodies,
    locked,
    make,
    outcomes,
    released,
    rows,
    signals,
)


def test_nothing_moves_before_the_intent_is_durable(node: DoorNode) -> None:
    first = node.show(GOOD)
    assert [type(action) for action in first] == [Record]
    intent = first[0]
    assert isinstance(intent, Record)
    assert intent.intent_id == 1
    assert intent.personal == uid_key(GOOD.uid)
    then = node.commit()
    assert then[0] == Release(1)
    assert outcomes(then) == [(101, Outcome.RELEASED)]
    assert signals(then) == [(1, Pattern.GRANTED)]


def test_the_intent_says_what_the_decision_was_taken_by(node: DoorNode) -> None:
    (fact,) = bodies(node.show(OFFICE), AccessFact)
    assert fact == AccessFact(
        IN,
        Reason.GRANTED,
        node.view.revisions,
        Tier.UID_ONLY,
        0,
        5,
        5_000,
        Mode.NORMAL,
        False,
        0,
        basis=Basis(),
    )


def test_the_out_reader_releases_the_same_door_and_answers_itself(node: DoorNode) -> None:
    actions = node.swipe(GOOD, reader=2)
    assert released(actions) == [1]
    assert bodies(actions, AccessFact)[0].point == OUT
    assert signals(actions) == [(2, Pattern.GRANTED)]


def test_the_second_door_is_on_the_second_lock(node: DoorNode) -> None:
    assert released(node.swipe(GOOD, reader=3)) == [2]


def test_a_marked_holder_gets_the_extended_time(node: DoorNode) -> None:
    actions = node.swipe(EXTENDED)
    assert signals(actions) == [(1, Pattern.GRANTED_EXTENDED)]
    node.wait(14_999)
    assert node.state.doors[1].lock_released
    node.wait(1)
    assert not node.state.doors[1].lock_released


def test_a_grant_that_could_not_check_the_time_sounds_provisional() -> None:
    node = make(
        [
            *rows(DoorRow("home", clock_policy=1)),
            put(uid_key(STRANGER.uid), CardRow(9, 0, 2_000_000_000, 1, (1,))),
        ]
    )
    node.trust(Trust.FLOOR_ONLY)
    actions = node.swipe(STRANGER)
    assert bodies(actions, AccessFact)[0].reason is Reason.GRANTED_TIME_NOT_CHECKED
    assert signals(actions) == [(1, Pattern.PROVISIONAL)]


@pytest.mark.parametrize(
    ("card", "reader", "reason", "pattern"),
    [
        (STRANGER, 1, Reason.UNKNOWN_CARD, Pattern.UNKNOWN),
        (OFFICE, 3, Reason.NO_ACCESS_HERE, Pattern.DENIED),
        (LOST, 1, Reason.CARD_LOST, Pattern.DENIED),
        (Presentation(b"\x08\x01\x02\x03"), 1, Reason.RANDOM_UID, Pattern.UNKNOWN),
        (Presentation(GOOD.uid, clone_suspected=True), 1, Reason.CLONE_SUSPECTED, Pattern.DENIED),
        (GOOD, 4, Reason.NOT_CONFIGURED, Pattern.DENIED),
    ],
)
def test_a_refusal_is_a_fact_at_once_and_releases_nothing(
    node: DoorNode, card: Presentation, reader: int, reason: Reason, pattern: Pattern
) -> None:
    actions = node.show(card, reader=reader)
    assert bodies(actions, AccessFact)[0].reason is reason
    assert not any(isinstance(action, Record) and action.intent_id for action in actions)
    assert signals(actions) == [(reader, pattern)]
    assert released(actions) == []


def test_an_empty_view_denies_everybody() -> None:
    node = make([])
    assert bodies(node.show(GOOD), AccessFact)[0].reason is Reason.NOT_CONFIGURED


def test_a_lost_card_that_is_used_is_an_alarm_with_its_key(node: DoorNode) -> None:
    actions = node.show(LOST)
    assert alarms(actions) == [(Alarm.DEAD_CARD_USED, True, IN)]
    told = [a for a in actions if isinstance(a, Record) and not isinstance(a.body, AccessFact)]
    assert told[0].personal == uid_key(LOST.uid)


def test_a_copied_card_is_an_alarm(node: DoorNode) -> None:
    actions = node.show(Presentation(GOOD.uid, clone_suspected=True))
    assert alarms(actions) == [(Alarm.CLONE_SUSPECTED, True, IN)]


# -- one showing -------------------------------------------------------------------------------------------------


def test_a_card_that_flickers_is_decided_once(node: DoorNode) -> None:
    node.swipe(GOOD)
    node.wait(900)
    assert node.show(GOOD) == []
    node.wait(1_000)
    assert bodies(node.show(GOOD), AccessFact)


def test_flicker_at_one_reader_says_nothing_about_another(node: DoorNode) -> None:
    node.swipe(GOOD)
    assert bodies(node.show(GOOD, reader=2), AccessFact)


def test_a_card_in_a_wallet_is_not_decided_anew_when_another_joins(node: DoorNode) -> None:
    node.swipe(GOOD)
    node.wait(5_000)
    assert bodies(node.show(GOOD, STRANGER, joined=(STRANGER.uid,)), AccessFact) == []


# -- several cards -----------------------------------------------------------------------------------------------


def test_among_several_the_only_one_of_ours_is_used(node: DoorNode) -> None:
    actions = node.show(STRANGER, GOOD)
    assert bodies(actions, AccessFact)[0].reason is Reason.GRANTED


@pytest.mark.parametrize(
    "cards", [(GOOD, OFFICE), (GOOD, LOST), (STRANGER, Presentation(b"\x99\x02\x03\x04"))]
)
def test_two_of_ours_or_none_are_asked_to_come_one_by_one(
    node: DoorNode, cards: tuple[Presentation, ...]
) -> None:
    actions = node.show(*cards)
    assert bodies(actions, AccessFact)[0].reason is Reason.SEVERAL_CARDS
    assert signals(actions) == [(1, Pattern.ONE_CARD_PLEASE)]


def test_who_then_shows_one_of_them_alone_is_not_taken_for_the_same_showing(node: DoorNode) -> None:
    node.show(GOOD, OFFICE)
    node.wait(300)
    assert released(node.swipe(GOOD)) == [1]


def test_the_one_that_is_left_alone_is_decided_unless_it_was_the_one_of_ours(node: DoorNode) -> None:
    node.swipe(GOOD)
    node.show(GOOD, STRANGER, joined=(STRANGER.uid,))
    node.wait(400)
    left = node.show(STRANGER, left_alone=True)
    assert [fact.reason for fact in bodies(left, AccessFact)] == [Reason.UNKNOWN_CARD]
    node.wait(5_000)
    assert bodies(node.show(STRANGER, GOOD), AccessFact)[0].reason is Reason.GRANTED
    node.wait(5_000)
    assert node.show(GOOD, left_alone=True) == []


def test_cards_beyond_telling_apart_are_refused(node: DoorNode) -> None:
    assert bodies(node.show(GOOD, more=True), AccessFact)[0].reason is Reason.SEVERAL_CARDS


# -- wrong tries -------------------------------------------------------------------------------------------------


def strangers(node: DoorNode, count: int, reader: int = 1) -> list[object]:
    actions: list[object] = []
    for number in range(count):
        actions += node.show(Presentation(bytes([0x40, reader, number, node.mono_ms % 250])), reader=reader)
        node.wait(1_500)
    return actions


def test_the_fifth_stranger_raises_the_alarm_and_the_sixth_is_ignored(node: DoorNode) -> None:
    assert alarms(strangers(node, 4)) == []
    fifth = strangers(node, 1)
    assert alarms(fifth) == [(Alarm.WRONG_TRIES, True, IN)]
    sixth = node.show(STRANGER)
    assert signals(sixth) == [(1, Pattern.IGNORED)]
    assert alarms(sixth) == []
    assert [fact.reason for fact in bodies(sixth, AccessFact)] == [Reason.WRONG_TRIES]


def test_a_valid_card_still_opens_while_strangers_are_ignored(node: DoorNode) -> None:
    strangers(node, 5)
    actions = node.swipe(GOOD)
    assert released(actions) == [1]
    assert bodies(actions, AccessFact)[0].unknown_ignored


def test_a_lost_card_is_still_told_while_strangers_are_ignored(node: DoorNode) -> None:
    strangers(node, 5)
    assert alarms(node.show(LOST)) == [(Alarm.DEAD_CARD_USED, True, IN)]


def test_after_thirty_seconds_the_alarm_is_over_and_strangers_count_again(node: DoorNode) -> None:
    strangers(node, 5)
    node.done.clear()
    node.wait(30_000)
    assert alarms(node.done) == [(Alarm.WRONG_TRIES, False, IN)]
    assert bodies(node.show(STRANGER), AccessFact)[0].reason is Reason.UNKNOWN_CARD


def test_strangers_at_one_reader_do_not_count_at_another(node: DoorNode) -> None:
    strangers(node, 5)
    assert bodies(node.show(STRANGER, reader=3), AccessFact)[0].reason is Reason.UNKNOWN_CARD


def test_a_swipe_is_two_commits_the_end_of_the_release_is_none() -> None:
    """The intent on its own, then outcome and whatever else in one group; the lock's state is status, not evidence."""
    node = make(rows(DoorRow("front", contact_fitted=False)))
    first = node.show(GOOD)
    assert [type(body) for body in bodies(first)] == [AccessFact]
    assert [type(body) for body in bodies(node.commit())] == [OutcomeFact]
    node.done.clear()
    node.wait(60_000)
    assert locked(node.done) == [1]
    assert bodies(node.done) == []


# -- outcomes ----------------------------------------------------------------------------------------------------


def test_who_came_in_and_who_did_not(node: DoorNode) -> None:
    node.swipe(GOOD)
    assert outcomes(node.input(InputRole.CONTACT, True)) == [(101, Outcome.ENTERED)]
    node.input(InputRole.CONTACT, False)
    node.wait(10_000)
    node.swipe(GOOD)
    node.done.clear()
    node.wait(10_000)
    assert outcomes(node.done) == [(102, Outcome.NOT_ENTERED)]


def test_a_lockdown_between_intent_and_commit_wins(node: DoorNode) -> None:
    node.show(GOOD)
    node.change(put(FRONT, DoorRow("front", mode=Mode.LOCKED_DOWN)))
    actions = node.commit()
    assert released(actions) == []
    assert outcomes(actions) == [(101, Outcome.NOT_ENTERED)]
    assert signals(actions) == [(1, Pattern.DENIED)]


def test_an_intent_for_a_door_that_has_gone_releases_nobody_elses(node: DoorNode) -> None:
    node.show(GOOD)
    node.change(delete(Kind.DOOR, FRONT), delete(Kind.POINT, IN), delete(Kind.POINT, OUT))
    assert node.state.wiring.unit_of_door == {BACK: 1}
    assert released(node.commit()) == []


def test_an_answer_that_nobody_waits_for_changes_nothing(node: DoorNode) -> None:
    before = node.state
    assert node.send(Committed(IntentId(99), True, 5)) == []
    assert node.state == before


def test_for_who_comes_while_too_many_wait_storage_counts_as_unusable(node: DoorNode) -> None:
    for number in range(16):
        node.send(CardShown(1, (GOOD,) if number % 2 else (EXTENDED,)))
    actions = node.show(GOOD, reader=2)
    assert signals(actions) == [(2, Pattern.STORAGE_FAULT)]
    assert [fact.reason for fact in bodies(actions, AccessFact)] == [Reason.STORAGE_UNUSABLE]
