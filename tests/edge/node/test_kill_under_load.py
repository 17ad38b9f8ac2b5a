"""kill -9 of the real process while cards are shown: nothing acknowledged is lost, nothing is there twice (I1, I3, I8).

Negative control, tried once: the role releasing before its record is committed turns it red within two kills.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest

from protocol.facts import AccessFact, BootFact, Entry, Outcome, OutcomeFact, decode_body
from protocol.reasons import Reason
from protocol.records import DoorRow
from tests.support.facts import card_number, cards, one_door
from tests.support.node_process import NodeProcess

KILLS = int(os.environ.get("ONECARD_KILLS", "20"))
READERS = 3
MORE = "".join('[[readers]]\nbus = "emulator"\n' for _ in range(READERS))


def load(node: NodeProcess, random: Random) -> int:
    """Show cards at every reader until a random moment; how often the lock was seen to open."""
    line = node.line()
    line.watch()
    line.events.clear()
    events_left = random.randint(4, 40)
    opened = 0
    while True:
        for reader in range(1, READERS + 1):
            card = {"kind": "classic1k", "uid": card_number(random.randrange(12))[1:].hex()}
            line.do("tap", reader=reader, card=card, ms=random.choice((110, 150, 200)))
        waiting = set(range(1, READERS + 1))
        while waiting:
            event = line.until(lambda _event: True)
            opened += event.get("line") == "lock.1" and event.get("on") is True
            if event.get("uids") == []:
                waiting.discard(event["reader"])
            events_left -= 1
            if events_left <= 0:
                return opened


@pytest.mark.slow
@pytest.mark.timeout(60 + 5 * KILLS)
def test_facts_survive_in_order_and_once(make_node: Callable[..., NodeProcess]) -> None:
    random = Random(20)
    node = make_node(more=MORE)
    door = DoorRow("East gate", release_ms=200, contact_fitted=False)
    node.seed([*one_door(points=READERS, door=door), *cards(10)])
    known: list[Entry] = []
    for kill in range(KILLS):
        node.start()
        opened = load(node, random)
        node.kill()
        found = node.entries()  # checks numbers and chain
        assert found[: len(known)] == known, f"kill {kill}: what was there has changed"
        new = [decode_body(entry.fact) for entry in found[len(known) :]]
        assert isinstance(new[0], BootFact)
        assert new[0].unclean == (kill > 0)
        granted = sum(isinstance(body, AccessFact) and body.reason is Reason.GRANTED for body in new)
        assert granted >= opened, f"kill {kill}: a lock moved without a record"
        known = found
    node.start()
    node.line()
    node.stop()
    bodies = {entry.fact.seq: decode_body(entry.fact) for entry in node.entries()}
    outcomes = [body.intent_seq for body in bodies.values() if isinstance(body, OutcomeFact)]
    for seq, body in bodies.items():
        if isinstance(body, AccessFact) and body.reason is Reason.GRANTED:
            assert outcomes.count(seq) >= 1, f"intent {seq} has no outcome"
    released = [
        body.intent_seq
        for body in bodies.values()
        if isinstance(body, OutcomeFact) and body.outcome is Outcome.RELEASED
    ]
    assert len(released) == len(set(released))
    assert len(released) >= KILLS
