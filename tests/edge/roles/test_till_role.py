"""The till role: a payment is durable before its beep, what failed is not debited, and every showing is written down."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.actions import Action, Keep, Record
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import (
    CommitLate,
    Committed,
    InStep,
    IntentId,
    LinkChanged,
    Started,
    StorageState,
    Tick,
)
from edge.roles.attendance import AttendanceRole
from edge.roles.door import DoorRole
from edge.roles.patrol import PatrolRole
from edge.roles.till import HEARD, TillRole
from edge.roles.till_state import FIRST_INTENT, ONLINE_FOR_MS, UNDO_HOLDS_MS
from protocol.decide import Presentation, Trust
from protocol.facts import AccessFact, Alarm, PurchaseFact
from protocol.ids import uid_key
from protocol.reasons import Reason, is_granted
from protocol.records import (
    BalanceRow,
    CardFlag,
    CardRow,
    Change,
    LevelRow,
    PointRow,
    Revisions,
    TillRow,
    put,
)
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.support.door_node import (
    GOOD,
    LOST,
    MONDAY_NOON_MS,
    STRANGER,
    DoorNode,
    alarms,
    bodies,
    released,
    rows,
    signals,
)

EATER, POOR, CLOSED, BLANK = (Presentation(bytes([n, 0x0A, 0x0B, 0x0E])) for n in (41, 42, 43, 44))
TILL, LEVEL, PRICE = 51, 9, 1_500
A_MINUTE = 60_000
ROW = TillRow(((2, 660, 810, PRICE, 0),))


def till_rows(row: TillRow = ROW, balance_fen: int = 10_000) -> list[Change]:
    """The doors of ``door_node``, a till at reader 4, and people who eat there."""
    cards = [
        (EATER, CardFlag.NONE, balance_fen),
        (POOR, CardFlag.NONE, PRICE - 1),
        (CLOSED, CardFlag.PURSE_CLOSED, balance_fen),
    ]
    people = [
        change
        for number, (card, flags, fen) in enumerate(cards, start=5)
        for change in (
            put(uid_key(card.uid), CardRow(number, 0, 0, 1, (LEVEL, 1), flags)),
            put(uid_key(card.uid), BalanceRow(number, 1, fen, MONDAY_NOON_MS // 1_000)),
        )
    ]
    return [
        *rows(),
        put(TILL, PointRow("canteen", 4, 0)),
        put(TILL, row),
        put(LEVEL, LevelRow(((TILL, ALWAYS),))),
        put(uid_key(BLANK.uid), CardRow(9, 0, 0, 1, (LEVEL,))),
        *people,
    ]


def make(row: TillRow = ROW, balance_fen: int = 10_000, kept: dict[str, bytes] | None = None) -> DoorNode:
    view = View().apply(till_rows(row, balance_fen), Revisions(1, 1, 1, 1))
    node = DoorNode(view, role=TillRole(AttendanceRole(PatrolRole(DoorRole()))))
    node.send(Started(kept=kept or {}))
    node.send(LinkChanged(True))
    node.send(InStep())
    node.done.clear()
    return node


def facts(actions: Iterable[Action]) -> list[PurchaseFact]:
    return [body for body in bodies(actions, PurchaseFact) if isinstance(body, PurchaseFact)]


def kept(actions: Iterable[Action]) -> dict[str, bytes]:
    """What the medium remembers after these actions."""
    found: dict[str, bytes] = {}
    for action in actions:
        if isinstance(action, Record):
            found.update(action.keep)
        if isinstance(action, Keep):
            found[action.name] = action.value
    return {name: value for name, value in found.items() if value}


def later(node: DoorNode, ms: int = 2_000) -> None:
    node.wait(ms)


def test_a_payment_is_durable_with_its_account_before_it_is_heard() -> None:
    """Planted breaks: play the pattern beside the record; the record without ``keep``."""
    node = make()
    shown = node.show(EATER, reader=4)
    (record,) = [action for action in shown if isinstance(action, Record)]
    fact = facts(shown)[0]
    assert (fact.reason, fact.amount_fen, fact.balance_fen, fact.counter, fact.offline) == (
        Reason.GRANTED,
        PRICE,
        10_000,
        1,
        False,
    )
    assert (fact.point, fact.meal, fact.issue_no, record.personal) == (TILL, 2, 1, uid_key(EATER.uid))
    assert [name for name, _value in record.keep] == [f"till/5/1/{TILL}"]
    assert (signals(shown), bodies(shown, AccessFact)) == ([], [])
    assert signals(node.commit()) == [(4, Pattern.PAID)]


@pytest.mark.parametrize(
    ("card", "reason", "heard"),
    [
        (POOR, Reason.NOT_ENOUGH_MONEY, Pattern.NO_MONEY),
        (CLOSED, Reason.SUB_SYSTEM_CLOSED, Pattern.DENIED),
        (BLANK, Reason.BALANCE_UNKNOWN, Pattern.DENIED),
        (GOOD, Reason.NO_ACCESS_HERE, Pattern.DENIED),
        (STRANGER, Reason.UNKNOWN_CARD, Pattern.UNKNOWN),
        (LOST, Reason.CARD_LOST, Pattern.DENIED),
    ],
)
def test_who_is_refused_hears_it_at_once_and_it_is_written_down(
    card: Presentation, reason: Reason, heard: Pattern
) -> None:
    """Planted break: sell without ``decide``."""
    node = make()
    shown = node.show(card, reader=4)
    assert [(fact.reason, fact.counter) for fact in facts(shown)] == [(reason, 0)]
    assert (signals(shown), released(shown), kept(shown)) == ([(4, heard)], [], {})


def test_a_card_that_is_closed_for_shops_opens_its_door_all_the_same() -> None:
    node = make()
    assert released(node.swipe(CLOSED, 1)) == [1]


def test_a_dead_card_raises_its_alarm() -> None:
    assert alarms(make().show(LOST, reader=4)) == [(Alarm.DEAD_CARD_USED, True, TILL)]


def test_several_cards_pay_nothing() -> None:
    """Design section 3: points of sale say "one card, please", also when only one of them is ours."""
    node = make()
    both = node.show(STRANGER, EATER, reader=4)
    assert ([fact.reason for fact in facts(both)], signals(both)) == (
        [Reason.SEVERAL_CARDS],
        [(4, Pattern.ONE_CARD_PLEASE)],
    )
    later(node)
    assert facts(node.show(EATER, reader=4, left_alone=True))[0].reason is Reason.GRANTED


def test_a_flicker_of_the_card_is_no_second_payment() -> None:
    node = make()
    node.swipe(EATER, 4)
    node.mono_ms += 300
    assert node.show(EATER, reader=4) == []
    later(node)
    assert facts(node.swipe(EATER, 4))[0].counter == 2


def test_two_quick_payments_are_two_also_before_the_first_is_durable() -> None:
    """Planted break: count at the commit."""
    node = make(balance_fen=2 * PRICE - 1)
    node.show(EATER, reader=4)
    later(node)
    assert facts(node.show(EATER, reader=4))[0].reason is Reason.NOT_ENOUGH_MONEY


def test_without_the_centre_the_caps_hold_and_with_it_the_balance() -> None:
    """Domain-rules section 3 rule 7. Planted break: ``reach`` always online."""
    node = make()
    node.send(LinkChanged(False))
    reasons = []
    for _ in range(3):
        reasons += [(fact.reason, fact.offline) for fact in facts(node.swipe(EATER, 4))]
        later(node)
    assert reasons == [
        (Reason.GRANTED, True),
        (Reason.GRANTED, True),
        (Reason.OVER_OFFLINE_LIMIT, True),
    ]
    node.send(LinkChanged(True))
    assert facts(node.swipe(EATER, 4))[0].offline, "connected, but not told that everything is here"
    later(node)
    node.send(InStep())
    assert [(fact.reason, fact.offline) for fact in facts(node.swipe(EATER, 4))] == [(Reason.GRANTED, False)]


@pytest.mark.parametrize(("more_ms", "offline"), [(0, False), (1, True)])
def test_a_centre_that_is_silent_is_out_of_reach(more_ms: int, offline: bool) -> None:
    node = make()
    node.mono_ms += ONLINE_FOR_MS + more_ms
    assert facts(node.show(EATER, reader=4))[0].offline is offline


def test_a_restart_without_the_centre_remembers_what_was_sold_and_how_old_the_balances_are() -> None:
    """Planted breaks: no ``Keep`` in step; accounts not taken over at the start."""
    node = make(TillRow(ROW.meals, offline_total_max_fen=2 * PRICE))
    node.send(InStep())
    before = list(node.done)
    node.send(LinkChanged(False))
    sold = node.swipe(EATER, 4)
    told = {"till-told": MONDAY_NOON_MS.to_bytes(8, "big")}
    again = DoorNode(node.view, role=node.role)
    again.send(Started(kept={**told, **kept(before + sold)}))
    assert again.state.away_fen == PRICE
    shown = again.swipe(EATER, 4)
    assert (facts(shown)[0].counter, facts(shown)[0].balance_fen) == (2, 10_000 - PRICE)
    later(again)
    assert facts(again.show(EATER, reader=4))[0].reason is Reason.OVER_OFFLINE_LIMIT
    old = MONDAY_NOON_MS - 72 * 3_600_000 - 1
    aged = DoorNode(node.view, role=node.role)
    aged.send(Started(kept={"till-told": old.to_bytes(8, "big")}))
    assert facts(aged.show(EATER, reader=4))[0].reason is Reason.OFFLINE_TOO_LONG


def test_the_key_takes_the_last_payment_back_once() -> None:
    """Domain-rules section 3 rule 5. Planted breaks: the key holds after its card; undo twice."""
    node = make()
    node.swipe(EATER, 4)
    later(node)
    node.input(InputRole.KEY_UNDO, True, 4)
    back = node.swipe(EATER, 4)
    assert [(f.reason, f.amount_fen, f.counter, f.undoes) for f in facts(back)] == [
        (Reason.GRANTED, PRICE, 0, 1)
    ]
    assert signals(back) == [(4, Pattern.UNDONE)]
    later(node)
    node.input(InputRole.KEY_UNDO, True, 4)
    assert facts(node.show(EATER, reader=4))[0].reason is Reason.NOTHING_TO_UNDO
    later(node)
    assert [(f.counter, f.balance_fen) for f in facts(node.swipe(EATER, 4))] == [(2, 10_000)]
    node.input(InputRole.KEY_UNDO, True, 4)
    later(node, UNDO_HOLDS_MS + 1)
    assert facts(node.swipe(EATER, 4))[0].counter == 3, "the key is forgotten"


def test_what_could_not_be_stored_is_not_debited() -> None:
    """Planted break: leave the account as it is after a commit that failed."""
    node = make(balance_fen=PRICE)
    node.show(EATER, reader=4)
    failed = node.fail_commit()
    assert [(f.reason, f.counter) for f in facts(failed)] == [(Reason.STORAGE_UNUSABLE, 0)]
    assert signals(failed) == [(4, Pattern.STORAGE_FAULT)]
    later(node)
    sold = node.swipe(EATER, 4)
    assert [(f.reason, f.counter, f.balance_fen) for f in facts(sold)] == [(Reason.GRANTED, 2, PRICE)]


def test_a_commit_that_comes_after_the_holder_heard_that_it_failed_is_undone() -> None:
    """Planted break: take no notice of ``answered``."""
    node = make(balance_fen=PRICE)
    shown = node.show(EATER, reader=4)
    intent = next(a.intent_id for a in shown if isinstance(a, Record) and a.intent_id)
    assert signals(node.send(CommitLate(intent))) == [(4, Pattern.STORAGE_FAULT)]
    late = node.send(Committed(intent, True, 7))
    assert [(f.counter, f.undoes, f.amount_fen) for f in facts(late)] == [(0, 1, PRICE)]
    assert (signals(late), len(kept(late))) == ([], 1)
    later(node)
    assert facts(node.show(EATER, reader=4))[0].reason is Reason.GRANTED


def test_with_the_medium_broken_nothing_is_sold() -> None:
    node = make()
    node.send(StorageState(False))
    shown = node.show(EATER, reader=4)
    assert ([f.reason for f in facts(shown)], signals(shown)) == (
        [Reason.STORAGE_UNUSABLE],
        [(4, Pattern.STORAGE_FAULT)],
    )
    assert kept(shown) == {}


def test_the_day_does_not_roll_over_on_a_clock_that_is_not_trusted() -> None:
    node = make(TillRow(ROW.meals, day_count_max=1))
    node.send(Tick())
    node.swipe(EATER, 4)
    node.instant = msgspec.structs.replace(
        node.instant, utc_ms=MONDAY_NOON_MS + 24 * 3_600_000, trust=Trust.FLOOR_ONLY, floor_ms=MONDAY_NOON_MS
    )
    later(node)
    assert facts(node.show(EATER, reader=4))[0].reason is Reason.OVER_DAY_LIMIT
    node.trust(Trust.TRUSTED)
    node.send(Tick())
    later(node)
    assert facts(node.show(EATER, reader=4))[0].reason is Reason.GRANTED


def test_accounts_of_an_earlier_issue_are_forgotten_once_the_centre_has_heard_of_them() -> None:
    node = make()
    node.swipe(EATER, 4)
    node.change(put(uid_key(EATER.uid), BalanceRow(5, 2, 4_000, MONDAY_NOON_MS // 1_000)))
    later(node, 10 * A_MINUTE)
    actions = node.send(InStep())
    assert (Keep(f"till/5/1/{TILL}", b"") in actions, len(node.state.accounts)) == (True, 0)


def test_its_intents_are_no_other_roles() -> None:
    node = make()
    ours = next(a.intent_id for a in node.show(EATER, reader=4) if isinstance(a, Record))
    doors = next(a.intent_id for a in node.show(GOOD, reader=1) if isinstance(a, Record))
    assert ours is not None
    assert doors is not None
    assert ours > FIRST_INTENT > doors
    assert node.send(Committed(IntentId(FIRST_INTENT + 99), True, 7)) == []


STEPS = st.sampled_from(["show", "show", "show", "ok", "ok", "fail", "late", "undo", "cut", "join"])


@given(st.lists(STEPS, min_size=15, max_size=40))
def test_what_was_heard_as_paid_is_durable_and_what_is_durable_adds_up(steps: list[str]) -> None:
    """Facts that the medium took say the whole truth: debits less undoings are what the card has spent, never more than lay
    there; each debit was heard as paid exactly when it stands; numbers are never used twice.

    Planted breaks: ``_take_back`` without its fact; ``_came_to_nothing`` giving the number back; ``can_undo`` left standing.
    """
    node = make(balance_fen=4 * PRICE)
    durable: list[PurchaseFact] = []
    waiting: dict[int, PurchaseFact] = {}
    paid = 0

    def take(actions: list[Action]) -> list[tuple[int, Pattern]]:
        for action in actions:
            if isinstance(action, Record) and isinstance(action.body, PurchaseFact):
                if action.intent_id is not None:
                    waiting[action.intent_id] = action.body
                else:
                    durable.append(action.body)
        return signals(actions)

    for step in steps:
        later(node)
        match step:
            case "show":
                assert not {pattern for _reader, pattern in take(node.show(EATER, reader=4))} & HEARD
            case "undo":
                node.input(InputRole.KEY_UNDO, True, 4)
            case "cut" | "join":
                node.send(LinkChanged(step == "join"))
            case "late" if waiting:
                take(node.send(CommitLate(IntentId(min(waiting)))))
            case "ok" | "fail" if waiting:
                intent = min(waiting)
                body = waiting.pop(intent)
                if step == "ok":
                    durable.append(body)
                heard = take(node.send(Committed(IntentId(intent), step == "ok", 1)))
                paid += PRICE * ([pattern for _r, pattern in heard] == [Pattern.PAID])
                paid -= PRICE * ([pattern for _r, pattern in heard] == [Pattern.UNDONE])
    sold = [fact for fact in durable if is_granted(fact.reason)]
    debits = [fact for fact in sold if fact.counter]
    undoings = [fact.undoes for fact in sold if fact.undoes]
    assert len({fact.counter for fact in debits}) == len(debits)
    assert len(set(undoings)) == len(undoings)
    assert set(undoings) <= {fact.counter for fact in debits} | {body.counter for body in waiting.values()}
    assert 0 <= PRICE * (len(debits) - len(undoings)) <= 4 * PRICE
    if not any(step in ("late", "fail") for step in steps):
        assert PRICE * (len(debits) - len(undoings)) == paid
