"""kill -9 of the real process between the uses of a visitor's card: no use is given back, and none is lost.

Planted break, tried once: keep the count in memory only (``keep=None`` in ``Turn.intend``), and the card opens again.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.facts import AccessFact
from protocol.reasons import Reason
from protocol.records import DoorRow, UsesRow, put
from tests.support.facts import card_number, cards, one_door
from tests.support.node_process import NodeProcess

USES = 3


def show(node: NodeProcess) -> None:
    """Show the card once, and see it leave the field."""
    line = node.line()
    line.watch()
    line.events.clear()
    line.do("tap", reader=1, card={"kind": "classic1k", "uid": card_number(0)[1:].hex()}, ms=200)
    line.until(lambda event: event.get("uids") == [])


def answers(node: NodeProcess) -> list[tuple[Reason, int]]:
    return [(body.reason, body.use_no) for body in node.facts() if isinstance(body, AccessFact)]


def test_a_killed_node_gives_no_use_back(make_node: Callable[..., NodeProcess]) -> None:
    node = make_node()
    door = DoorRow("East gate", release_ms=200, contact_fitted=False)
    node.seed([*one_door(points=1, door=door), *cards(1), put(card_number(0), UsesRow(5, 1, USES))])
    for _use in range(USES):
        node.start()
        show(node)
        node.kill()
    node.start()
    show(node)
    node.stop()  # a refusal waits a moment for company before it is stored
    expected = [(Reason.GRANTED, number) for number in range(1, USES + 1)]
    assert answers(node) == [*expected, (Reason.USES_EXHAUSTED, 0)]
