"""Two doors of one node with an interlock, no centre, no network: the real program over emulated chips."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocol.door_rows import DoorRulesRow
from protocol.facts import AccessFact, ExitFact
from protocol.reasons import Reason
from protocol.records import DoorRow, LevelRow, PointRow, put
from protocol.schedule import ALWAYS
from tests.support.facts import card_number, cards, one_door
from tests.support.node_process import NodeProcess

ONE, OTHER = (card_number(number)[1:] for number in (1, 2))


@pytest.mark.requirement("B3")
def test_of_two_interlocked_doors_one_opens_while_the_other_is_shut(
    make_node: Callable[..., NodeProcess],
) -> None:
    """Seen when: while the first door stands open a good card moves no lock at the second, and the exit button does; when the
    first is shut the same card opens the second.

    Planted break that turns it red: ``door_rules.interlocked`` answering False; or asked by the exit button.
    """
    node = make_node(more='[[readers]]\nbus = "emulator"\n' * 2)
    rules = [put(number, DoorRulesRow(interlock=1)) for number in (1, 2)]
    second = [
        put(2, DoorRow("Inner")),
        put(2, PointRow("Inner", 2, 2)),
        put(1, LevelRow(((1, ALWAYS), (2, ALWAYS)))),
    ]
    rows = [*one_door(), *second, *rules, *cards(3)]
    node.seed(list({(row.kind, row.key): row for row in rows}.values()))
    node.start()
    line = node.line()
    line.watch()
    line.do("tap", reader=1, card={"kind": "classic1k", "uid": ONE.hex()})
    line.until_output("lock.1", True)
    line.do("input", line="contact.1", active=True)
    line.until_output("lock.1", False)
    line.forget()
    line.do("tap", reader=2, card={"kind": "classic1k", "uid": OTHER.hex()})
    line.until_output("buzzer.2", True)
    line.do("press", unit=2)
    line.until_output("lock.2", True)
    line.until_output("lock.2", False)
    line.do("input", line="contact.1", active=False)
    node.until_status(lambda status: status["readers"][1]["shows"] == "idle")
    line.do("tap", reader=2, card={"kind": "classic1k", "uid": OTHER.hex()})
    line.until_output("lock.2", True)
    node.stop()
    facts = node.facts()
    reasons = [fact.reason for fact in facts if isinstance(fact, AccessFact)]
    assert reasons == [Reason.GRANTED, Reason.INTERLOCK, Reason.GRANTED]
    assert any(isinstance(fact, ExitFact) and fact.door == 2 for fact in facts)
