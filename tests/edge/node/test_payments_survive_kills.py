"""kill -9 of the real process at the moment of the beep: what was heard as paid is durable, and counts after the restart.

Planted break, tried once: the record without ``keep``, and the caps begin anew after each kill. (That the beep waits for the
commit: ``roles/test_till_role.py``; here the two are too near to each other.)
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.facts import PurchaseFact
from protocol.reasons import Reason
from protocol.records import BalanceRow, LevelRow, PointRow, SiteRow, TillRow, put
from protocol.schedule import ALWAYS
from tests.support.facts import card_number, cards
from tests.support.node_process import NodeProcess

PRICE, CAP, POINT, LEVEL = 1_000, 3_000, 1, 1
TILL = TillRow(((1, 0, 0, PRICE, 0),), balances_age_max_s=0, hotlist_age_max_s=0, offline_meal_max_fen=CAP)
"""One meal all day, sold without network up to three times."""


def pay(node: NodeProcess) -> None:
    """Show the card, and wait for the first sound."""
    line = node.line()
    line.watch()
    line.events.clear()
    line.do("tap", reader=1, card={"kind": "classic1k", "uid": card_number(0)[1:].hex()}, ms=200)
    line.until(lambda event: event.get("line") == "buzzer.1" and bool(event.get("on")))


def test_a_payment_that_was_heard_survives_and_the_caps_go_on(make_node: Callable[..., NodeProcess]) -> None:
    node = make_node()
    node.seed(
        [
            put(0, SiteRow("Asia/Shanghai", "estate")),
            put(POINT, PointRow("till", 1, 0)),
            put(POINT, TILL),
            put(LEVEL, LevelRow(((POINT, ALWAYS),))),
            *cards(1),
            put(card_number(0), BalanceRow(5, 1, 10_000, 1)),
        ]
    )
    for _payment in range(CAP // PRICE):
        node.start()
        pay(node)
        node.kill()
    node.start()
    pay(node)
    node.stop()  # a refusal waits a moment for company before it is stored
    told = [body for body in node.facts() if isinstance(body, PurchaseFact)]
    expected = [(Reason.GRANTED, number, 10_000 - PRICE * (number - 1)) for number in (1, 2, 3)]
    assert [(fact.reason, fact.counter, fact.balance_fen) for fact in told] == [
        *expected,
        (Reason.OVER_OFFLINE_LIMIT, 0, 7_000),
    ]
