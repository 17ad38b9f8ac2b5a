"""Cards with a limited number of uses at the centre: counted from facts, published with what is left, kept on rewriting."""

from __future__ import annotations

from typing import Any

import pytest

from central.access.explain import ask
from central.access.projection import Stored, apply
from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card, CardUse
from central.cards.rows import card_rows
from central.cards.uses import count, left, used_count
from central.errors import InvalidInputError
from central.sync.model import PublishedRow
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.limits import USES_MAX, USES_POINTS_MAX
from protocol.reasons import Reason
from protocol.records import Change, Kind, Revisions, UsesRow, decode_row
from tests.support.card_acts import UID, act_on, card, issue
from tests.support.estate import NOON, Estate, by


def use(estate: Estate, number: int, *, issue_no: int = 1, point: int | None = None, **more: Any) -> Stored:
    """A grant at the gate that was a counted use."""
    body = AccessFact(
        point or estate.entrance, Reason.GRANTED, Revisions(1, 3, 5, 0), use_no=number, use_issue=issue_no
    )
    return estate.stored(body, personal=uid_key(UID), **more)


def published(estate: Estate) -> UsesRow | None:
    def read() -> UsesRow | None:
        row = PublishedRow.get_or_none(
            (PublishedRow.kind == Kind.USES.value) & (PublishedRow.key == uid_key(UID))
        )
        if row is None or not row.body:
            return None
        decoded = decode_row(Change(row.kind, bytes(row.key), bytes(row.body)))
        assert isinstance(decoded, UsesRow)
        return decoded

    return estate.read(read)


def stale_rights(estate: Estate) -> int:
    return estate.read(
        lambda: (
            PublishedRow.select()
            .where((PublishedRow.kind == Kind.STALE_RIGHTS.value) & (PublishedRow.body != b""))
            .count()
        )
    )


def test_a_limit_is_published_and_uses_of_all_devices_are_added_up(estate: Estate) -> None:
    card_id = issue(estate, uses_max=5)
    assert published(estate) == UsesRow(card_id, 1, 5)
    estate.project(use(estate, 1), use(estate, 2), use(estate, 1, point=estate.exit))
    assert published(estate) == UsesRow(card_id, 1, 5, ((estate.entrance, 2), (estate.exit, 1)))
    found = card(estate, card_id)
    assert estate.read(lambda: (used_count(found), left(found))) == (3, 2)


def test_a_record_that_comes_twice_or_late_changes_nothing(estate: Estate) -> None:
    card_id = issue(estate, uses_max=5)
    estate.project(use(estate, 3))
    estate.project(use(estate, 2), use(estate, 3))
    assert published(estate) == UsesRow(card_id, 1, 5, ((estate.entrance, 3),))


def test_a_card_without_a_limit_has_no_row_and_a_lifted_limit_takes_it_back(estate: Estate) -> None:
    card_id = issue(estate)
    assert published(estate) is None
    terms = {"card_class_id": estate.card_class, "entitlements": {"levels": [estate.level]}}
    act_on(estate, card_id, lambda found: acts.rewrite(by(), found, Terms(**terms, uses_max=3)))
    assert published(estate) == UsesRow(card_id, 1, 3)
    assert stale_rights(estate) == 1  # a limit that begins is a right less: devices hear of it first
    act_on(estate, card_id, lambda found: acts.rewrite(by(), found, Terms(**terms)))
    assert published(estate) is None


def test_a_use_itself_is_no_right_taken_away(estate: Estate) -> None:
    issue(estate, uses_max=3)
    before = stale_rights(estate)
    estate.project(use(estate, 1))
    assert stale_rights(estate) == before


def test_the_next_issue_begins_at_nothing(estate: Estate) -> None:
    card_id = issue(estate, uses_max=2)
    estate.project(use(estate, 2))
    estate.show_at_desk(UID.hex())
    act_on(estate, card_id, lambda found: acts.take_back(by(), found))
    act_on(estate, card_id, lambda found: acts.restock(by(), found))
    assert issue(estate, uses_max=2) == card_id
    assert published(estate) == UsesRow(card_id, 2, 2)
    estate.project(use(estate, 9, issue_no=1))  # an upload that was late
    assert published(estate) == UsesRow(card_id, 2, 2)


def test_a_replacement_has_what_is_left(estate: Estate) -> None:
    card_id = issue(estate, uses_max=5)
    estate.project(use(estate, 3))
    act_on(estate, card_id, lambda found: acts.report_lost(by(), found, reporter="张三", channel="desk"))
    change = act_on(
        estate, card_id, lambda found: acts.replace(by(), found, bytes.fromhex("04D4D4D4"), "00000002")
    )
    assert change.new_card is not None
    assert card(estate, change.new_card.id).uses_max == 2


def test_more_points_than_a_row_holds_are_added_up(estate: Estate) -> None:
    card_id = issue(estate, uses_max=1_000)

    def write() -> UsesRow | None:
        for point in range(1, USES_POINTS_MAX + 6):
            count(card_id, 1, point, 2)
        return card_rows(card_id)[0].uses

    row = estate.write(write)
    assert row is not None
    assert len(row.used) == USES_POINTS_MAX
    assert sum(number for _point, number in row.used) == 2 * (USES_POINTS_MAX + 5)
    assert row.used[0] == (0, 12)


def test_what_if_says_that_the_uses_are_used_up(estate: Estate) -> None:
    issue(estate, uses_max=1)
    assert estate.read(ask, uid_key(UID), estate.entrance, NOON).reason is Reason.GRANTED
    estate.project(use(estate, 1))
    assert estate.read(ask, uid_key(UID), estate.entrance, NOON).reason is Reason.USES_EXHAUSTED
    assert estate.read(ask, uid_key(UID), estate.exit, NOON).reason is Reason.GRANTED


def test_a_rebuild_counts_the_same(estate: Estate) -> None:
    from central.access.projection import reset

    card_id = issue(estate, uses_max=5)
    facts = [use(estate, 1), use(estate, 2)]
    estate.project(*facts)
    estate.write(reset)
    assert estate.read(lambda: CardUse.select().count()) == 0
    estate.write(lambda: apply(estate.gate_device, facts, live=False))
    assert estate.read(lambda: used_count(Card.get_by_id(card_id))) == 2


@pytest.mark.parametrize("uses_max", [-1, USES_MAX + 1])
def test_a_limit_that_cannot_be_is_refused(estate: Estate, uses_max: int) -> None:
    with pytest.raises(InvalidInputError, match="10,000 times"):
        issue(estate, uses_max=uses_max)
