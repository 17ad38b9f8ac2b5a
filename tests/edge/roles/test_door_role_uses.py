"""Cards with a limited number of uses at the doors of one node, without any centre (visitors, temporary cards)."""

from __future__ import annotations

import pytest

from edge.core.actions import Action, Keep, Record
from edge.core.stimuli import Started, StorageState
from protocol.facts import AccessFact
from protocol.ids import credential_key, uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, DoorRow, Kind, StoragePolicy, UsesRow, delete, put
from tests.support.door_node import BACK_IN, GOOD, IN, STRANGER, DoorNode, bodies, make, released, rows

CARD, ISSUE = 5, 1
KEY = uid_key(GOOD.uid)


def limited(
    uses_max: int, *used: tuple[int, int], issue: int = ISSUE, front: DoorRow | None = None
) -> DoorNode:
    return make([*rows(front), put(KEY, UsesRow(CARD, issue, uses_max, used))])


def facts(actions: list[Action]) -> list[tuple[Reason, int, int]]:
    return [(fact.reason, fact.used, fact.use_no) for fact in bodies(actions, AccessFact)]  # type: ignore[attr-defined]


def kept(node: DoorNode) -> dict[str, bytes]:
    """What a restart would find: the values that came with committed records, and those kept by themselves."""
    found: dict[str, bytes] = {}
    for action in node.done:
        if isinstance(action, Record):
            found.update(action.keep)
        elif isinstance(action, Keep):
            found[action.name] = action.value
    return {name: value for name, value in found.items() if value}


def again(node: DoorNode, card: object = GOOD, reader: int = 1) -> list[Action]:
    """Show the card a minute after the last time."""
    node.wait(60_000)
    return node.swipe(card, reader=reader)  # type: ignore[arg-type]


def test_the_last_use_opens_and_the_next_is_refused_with_its_own_reason() -> None:
    node = limited(2)
    assert facts(node.swipe(GOOD)) == [(Reason.GRANTED, 0, 1)]
    assert facts(again(node)) == [(Reason.GRANTED, 1, 2)]
    refused = again(node)
    assert facts(refused) == [(Reason.USES_EXHAUSTED, 2, 0)]
    assert released(refused) == []


def test_all_doors_of_the_node_count_together_and_each_numbers_its_own() -> None:
    node = limited(2)
    assert facts(node.swipe(GOOD, reader=1)) == [(Reason.GRANTED, 0, 1)]
    assert facts(again(node, reader=3)) == [(Reason.GRANTED, 1, 1)]
    assert facts(again(node, reader=1)) == [(Reason.USES_EXHAUSTED, 2, 0)]


def test_readers_that_lead_out_neither_count_nor_ask() -> None:
    node = limited(1)
    node.swipe(GOOD)
    for _time in range(3):
        out = again(node, reader=2)
        assert facts(out) == [(Reason.GRANTED, 0, 0)]
        assert released(out) == [1]


def test_two_showings_whose_records_are_still_on_their_way_are_two() -> None:
    node = limited(1)
    assert facts(node.show(GOOD, reader=1)) == [(Reason.GRANTED, 0, 1)]
    assert facts(node.show(GOOD, reader=3)) == [(Reason.USES_EXHAUSTED, 1, 0)]


def test_a_restart_gives_nothing_back() -> None:
    node = limited(2)
    node.swipe(GOOD)
    again(node, reader=3)
    after = limited(2)
    after.state = after.role.initial()
    after.send(Started(kept=kept(node)))
    assert facts(again(after)) == [(Reason.USES_EXHAUSTED, 2, 0)]


def test_the_count_is_remembered_in_the_commit_of_the_very_intent() -> None:
    (record,) = [action for action in limited(3).show(GOOD) if isinstance(action, Record)]
    assert record.intent_id is not None
    assert record.keep == ((f"use/{CARD}/{ISSUE}/{IN}", (1).to_bytes(4, "big")),)


def test_of_two_counts_of_one_point_the_higher_holds() -> None:
    node = limited(5, (IN, 1), (77, 2))
    assert facts(node.swipe(GOOD)) == [(Reason.GRANTED, 3, 2)]
    node.change(put(KEY, UsesRow(CARD, ISSUE, 5, ((IN, 2), (77, 2)))))  # the centre has heard of it
    assert facts(again(node)) == [(Reason.GRANTED, 4, 3)]
    assert facts(again(node)) == [(Reason.USES_EXHAUSTED, 5, 0)]


def test_a_new_issue_and_a_higher_limit_begin_where_they_should() -> None:
    node = limited(1)
    node.swipe(GOOD)
    node.change(put(KEY, UsesRow(CARD, ISSUE, 2)))
    assert facts(again(node)) == [(Reason.GRANTED, 1, 2)]
    node.change(put(KEY, UsesRow(CARD, ISSUE + 1, 1)))
    assert facts(again(node)) == [(Reason.GRANTED, 0, 1)]
    assert kept(node) == {f"use/{CARD}/{ISSUE + 1}/{IN}": (1).to_bytes(4, "big")}


def test_counts_of_cards_that_are_gone_are_forgotten() -> None:
    node = limited(1)
    node.swipe(GOOD)
    node.change(delete(Kind.USES, KEY))
    assert kept(node) == {}
    assert not node.state.uses


def test_one_card_under_two_keys_has_one_count() -> None:
    by_credential = credential_key(b"CREDENT1")
    node = limited(1)
    node.change(put(by_credential, CardRow(1, 0, 0, 1, (1,))), put(by_credential, UsesRow(CARD, ISSUE, 1)))
    node.swipe(GOOD)
    shown = type(GOOD)(STRANGER.uid, b"CREDENT1", 1)
    assert facts(again(node, shown)) == [(Reason.USES_EXHAUSTED, 1, 0)]


def test_an_intent_that_was_not_stored_and_did_not_open_gives_its_use_back() -> None:
    node = limited(1)
    node.show(GOOD)
    assert facts(node.fail_commit()) == [(Reason.STORAGE_UNUSABLE, 0, 0)]
    assert facts(again(node)) == [(Reason.GRANTED, 0, 1)]


def test_a_grant_from_memory_is_a_use() -> None:
    node = limited(1, front=DoorRow("front", storage_policy=StoragePolicy.GRANT_FROM_MEMORY))
    node.send(StorageState(False))
    assert facts(node.show(GOOD)) == [(Reason.GRANTED_FROM_MEMORY, 0, 1)]
    node.wait(60_000)
    assert facts(node.show(GOOD)) == [(Reason.USES_EXHAUSTED, 1, 0)]


@pytest.mark.parametrize("name", ["use/", "use/1/2", "use/a/b/c", "use/1/2/3/4", "mode/x"])
def test_what_was_not_kept_by_us_is_passed_over(name: str) -> None:
    node = limited(1)
    node.state = node.role.initial()
    node.send(Started(kept={name: b"\x01"}))
    assert facts(node.swipe(GOOD, reader=3)) == [(Reason.GRANTED, 0, 1)]
    assert BACK_IN in node.state.uses[CARD, ISSUE]
