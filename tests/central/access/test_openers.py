"""Who can open this reader, and which readers can a card open: the same answers as one by one, from the published rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from central.access.explain import ask
from central.access.model import AccessLevel, AccessPoint, CardLevel, Door
from central.access.openers import Way, openers_of, openings_of
from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card, CardClass, CardDevice
from central.cards.rows import keys_of
from central.people.model import Person
from central.sync import publish
from protocol.reasons import Reason
from protocol.records import Mode
from protocol.schedule import ALWAYS
from tests.support.estate import NOON, Estate, by, later

EVENING = datetime(2026, 7, 3, 14, 0, tzinfo=UTC)
"""22:00 on a Friday in Shanghai."""


@pytest.fixture
def cards(estate: Estate) -> dict[str, int]:
    """One card of every sort, by what it is."""

    def make() -> dict[str, int]:
        holder = Person.get_by_id(estate.person)
        CardClass.update(active_max_count=50).execute()
        made: dict[str, int] = {}

        def issue(what: str, **terms: object) -> Card:
            uid = bytes.fromhex(f"04A1B2{len(made):02X}")
            card = acts.issue(by(), uid, str(len(made) + 1), holder, Terms(**terms)).card
            made[what] = card.id
            return card

        always, office = {"levels": [estate.level]}, {"levels": [estate.office_level]}
        issue("always", entitlements=always)
        issue("office", entitlements=office)
        issue("both", entitlements={"levels": [estate.level, estate.office_level]})
        issue("none")
        issue("ended", entitlements=always, valid_until=NOON)
        issue("later", entitlements=always, valid_from=later(days=30))
        acts.report_lost(by(), issue("lost", entitlements=always))
        acts.suspend(by(), issue("suspended", entitlements=always), reason="查")
        limited = issue("elsewhere", entitlements=always)
        CardDevice.create(card=limited.id, device=estate.desk_device)
        here = issue("here only", entitlements=always)
        CardDevice.create(card=here.id, device=estate.gate_device)
        publish.device_changed(estate.gate_device)
        publish.device_changed(estate.desk_device)
        for level in AccessLevel.select():
            publish.level_changed(level.id)
        publish.schedule_changed(estate.office_hours)
        publish.cards_changed(made.values())
        return made

    return estate.write(make)


def openers(estate: Estate, at: datetime = NOON, point: int = 0) -> dict[int, Way]:
    return estate.read(lambda: openers_of(AccessPoint.get_by_id(point or estate.entrance), at))


def named(cards: dict[str, int], ways: dict[int, Way]) -> set[str]:
    return {what for what, number in cards.items() if number in ways}


def test_who_can_open_at_noon_and_in_the_evening(estate: Estate, cards: dict[str, int]) -> None:
    assert named(cards, openers(estate)) == {"always", "office", "both", "here only"}
    assert named(cards, openers(estate, EVENING)) == {"always", "both", "here only"}
    assert named(cards, openers(estate, point=estate.exit)) == {"always", "both", "here only"}
    assert openers(estate, point=estate.desk) == {}


@pytest.mark.parametrize("at", [NOON, EVENING, later(days=40)])
def test_both_answers_are_the_one_that_is_given_card_by_card(
    estate: Estate, cards: dict[str, int], at: datetime
) -> None:
    """Planted breaks: ``_without_cards`` without the restrictions; ``_levels_now`` asking the schedule at another time."""
    for point in (estate.entrance, estate.exit):

        def one_by_one(point: int = point) -> dict[int, Reason]:
            return {card.id: ask(keys_of(card)[0], point, at).reason for card in Card.select()}

        singly = estate.read(one_by_one)
        found = {card: way.reason for card, way in openers(estate, at, point).items()}
        assert found == {card: reason for card, reason in singly.items() if reason is Reason.GRANTED}
        ways = estate.read(openings_of, list(cards.values()), at)
        assert {card: way.reason for card, way in ways if way.opens and way.point_id == point} == found
        for card, way in ways:
            if way.point_id == point:
                assert way.reason is singly[card]


def test_the_levels_and_the_schedule_by_which_a_card_is_let_in(estate: Estate, cards: dict[str, int]) -> None:
    by_card = openers(estate)
    assert by_card[cards["office"]].levels == (estate.office_level,)
    assert by_card[cards["office"]].schedule == estate.office_hours
    assert (by_card[cards["both"]].levels, by_card[cards["both"]].schedule) == ((estate.level,), ALWAYS)


def test_a_closed_right_is_told_with_its_reason(estate: Estate, cards: dict[str, int]) -> None:
    ((card, way),) = estate.read(openings_of, [cards["office"]], EVENING)
    assert card == cards["office"]
    assert (way.point_id, way.reason, way.opens) == (estate.entrance, Reason.OUTSIDE_SCHEDULE, False)
    assert estate.read(openings_of, [cards["none"]], NOON) == []


def test_a_blocked_door_opens_to_nobody_and_one_for_two_names_both(
    estate: Estate, cards: dict[str, int]
) -> None:
    def door(**values: int | None) -> None:
        Door.update(**values).execute()
        publish.device_changed(estate.gate_device)

    estate.write(door, mode=Mode.BLOCKED.value)
    assert openers(estate) == {}
    estate.write(door, mode=Mode.NORMAL.value, block_schedule=estate.office_hours)
    assert openers(estate) == {}
    assert named(cards, openers(estate, EVENING)) == {"always", "both", "here only"}
    estate.write(door, block_schedule=None, persons=2)
    assert {way.reason for way in openers(estate).values()} == {Reason.SECOND_PERSON}
    assert named(cards, openers(estate)) == {"always", "office", "both", "here only"}


def test_what_is_not_published_yet_does_not_count(estate: Estate, cards: dict[str, int]) -> None:
    """The device has not been told: it would open, and so it is said."""
    estate.write(lambda: CardLevel.delete().execute())
    assert "always" in named(cards, openers(estate))
    estate.write(lambda: publish.cards_changed(cards.values()))
    assert openers(estate) == {}
