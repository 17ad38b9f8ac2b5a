"""Taps at a node's emulated reader, sent faster than anybody can tap: each leaves its record, in its turn."""

from __future__ import annotations

from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from tests.support.facts import card_number, cards, one_door
from tests.support.node_process import NodeProcess

COUNT = 12


def test_taps_at_one_reader_wait_for_their_turn_and_every_one_is_recorded(node: NodeProcess) -> None:
    """A stranger right after a resident is told of as himself, not as somebody in the resident's wallet."""
    node.seed([*one_door(), *cards(COUNT)])
    node.start()
    line = node.line()
    line.watch()
    residents = [card_number(number)[1:] for number in range(1, COUNT // 2 + 1)]
    strangers = [bytes([0xE0, 1, 2, number]) for number in range(COUNT // 2)]
    uids = [uid for pair in zip(residents, strangers, strict=True) for uid in pair]
    for uid in uids:
        line.do("tap", reader=1, card={"kind": "classic1k", "uid": uid.hex()}, ms=20)
    for uid in uids:
        line.until(lambda event, uid=uid: event.get("uids") == [uid.hex().upper()])
        line.until(lambda event: event.get("uids") == [])
    node.stop()
    facts = [
        (entry.fact.personal, body)
        for entry, body in zip(node.entries(), node.facts(), strict=True)
        if isinstance(body, AccessFact)
    ]
    assert [key for key, _ in facts] == [uid_key(uid) for uid in uids]
    reasons = [fact.reason for _, fact in facts]
    assert reasons[::2] == [Reason.GRANTED] * len(residents)
    assert reasons[1::2] == [Reason.UNKNOWN_CARD] * 5 + [Reason.WRONG_TRIES]
