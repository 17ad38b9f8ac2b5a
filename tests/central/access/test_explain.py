"""Would this card open this reader at that time, and what would change it?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from central.access.explain import REMEDY, Answer, ask, ask_again
from central.access.model import AccessEvent, AccessPoint, Area, Door, SpecialDay
from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card
from central.people.model import Person
from protocol.door_rows import Passback
from protocol.facts import Outcome, OutcomeFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Mode
from tests.support.estate import NOON, Estate, by, later

UID = "04A1B2C3"
KEY = uid_key(bytes.fromhex(UID))
EVENING = datetime(2026, 7, 3, 14, 0, tzinfo=UTC)
"""22:00 on a Friday in Shanghai."""


def issue(estate: Estate, **terms: object) -> int:
    def act() -> int:
        holder = Person.get_by_id(estate.person)
        return acts.issue(by(), bytes.fromhex(UID), "1", holder, Terms(**terms)).card.id

    return estate.write(act)


def answer(estate: Estate, at: datetime = NOON, **about: object) -> Answer:
    return estate.read(ask, KEY, estate.entrance, at, **about)


def test_a_card_with_a_level_that_always_opens(estate: Estate) -> None:
    issue(estate, entitlements={"levels": [estate.level]})
    found = answer(estate)
    assert (found.reason, found.remedy, found.schedules) == (Reason.GRANTED, None, ("Always",))


def test_a_card_without_a_level_is_told_which_levels_would_do(estate: Estate) -> None:
    issue(estate)
    found = answer(estate)
    assert (found.reason, found.levels) == (Reason.NO_ACCESS_HERE, ("业主", "办公"))


def test_outside_the_hours_the_next_opening_is_named(estate: Estate) -> None:
    issue(estate, entitlements={"levels": [estate.office_level]})
    found = answer(estate, EVENING)
    assert (found.reason, found.schedules) == (Reason.OUTSIDE_SCHEDULE, ("办公时间",))
    assert found.next_opening_at == datetime(2026, 7, 6, 0, 0, tzinfo=UTC)  # Monday 08:00


def test_a_holiday_moves_the_next_opening(estate: Estate) -> None:
    issue(estate, entitlements={"levels": [estate.office_level]})
    estate.write(lambda: SpecialDay.create(site=estate.site, day_on="2026-07-06", group=1))
    assert answer(estate, EVENING).next_opening_at == datetime(2026, 7, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"valid_until": NOON}, Reason.EXPIRED),
        ({"valid_from": later(days=1)}, Reason.NOT_YET_VALID),
    ],
)
def test_validity(estate: Estate, terms: dict[str, object], reason: Reason) -> None:
    issue(estate, entitlements={"levels": [estate.level]}, **terms)
    assert answer(estate).reason is reason


def test_a_lost_card(estate: Estate) -> None:
    card = issue(estate, entitlements={"levels": [estate.level]})
    estate.write(lambda: acts.report_lost(by(), Card.get_by_id(card)) and None)
    found = answer(estate)
    assert (found.reason, found.remedy) == (Reason.CARD_LOST, REMEDY[Reason.CARD_LOST])


def test_an_unknown_card_and_a_reader_without_a_door(estate: Estate) -> None:
    assert answer(estate).reason is Reason.UNKNOWN_CARD
    assert estate.read(ask, KEY, estate.desk, NOON).reason is Reason.NOT_CONFIGURED
    assert estate.read(ask, KEY, 999, NOON).reason is Reason.NOT_CONFIGURED


def test_a_door_out_of_use_a_blocked_door_and_a_reader_that_wants_more(estate: Estate) -> None:
    issue(estate, entitlements={"levels": [estate.level]})
    assert answer(estate, mode=Mode.BLOCKED).reason is Reason.DOOR_BLOCKED
    estate.write(lambda: AccessPoint.update(tier_min=2).execute())
    assert answer(estate).reason is Reason.TIER_TOO_LOW
    estate.write(lambda: Door.update(enabled=False).execute())
    assert answer(estate).reason is Reason.NOT_CONFIGURED


def test_a_door_blocked_by_its_schedule_says_by_which_and_when_it_opens(estate: Estate) -> None:
    """Planted breaks that turn it red: ``ask`` with the mode of the settings; ``_view`` without the schedules of the doors;
    ``BY_THE_HOUR`` without it.
    """
    issue(estate, entitlements={"levels": [estate.level]})
    estate.write(
        lambda: Door.update(block_schedule=estate.office_hours, lock_schedule=estate.office_hours).execute()
    )
    found = answer(estate, NOON)
    assert (found.reason, found.remedy) == (Reason.BLOCKED_BY_SCHEDULE, REMEDY[Reason.BLOCKED_BY_SCHEDULE])
    assert found.next_opening_at == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)  # 18:00
    assert answer(estate, EVENING).reason is Reason.GRANTED
    assert answer(estate, NOON, mode=Mode.NORMAL).reason is Reason.GRANTED, "by hand"
    estate.write(lambda: Door.update(block_schedule=None).execute())
    assert answer(estate, NOON).reason is Reason.GRANTED, "a locked door opens for cards"


def test_where_the_holder_was_at_that_moment_decides_at_a_door_of_an_area(estate: Estate) -> None:
    """Planted breaks that turn it red: ``_rule_state`` without ``at``; ``ask`` without it."""
    issue(estate, entitlements={"levels": [estate.level]})

    def with_area() -> None:
        area = Area.create(site=estate.site, name="院", passback=Passback.HARD.value).id
        Door.update(inside=area).where(Door.id == estate.gate).execute()

    estate.write(with_area)
    for minutes, point in ((10, estate.entrance), (20, estate.exit)):
        at = later(minutes=minutes)
        shown = estate.shown(UID, Reason.GRANTED, point=point, at=at, release_ms=5_000)
        entered = OutcomeFact(shown.fact.seq, Outcome.ENTERED)
        estate.project(shown, estate.stored(entered, at=at))
    found = [answer(estate, later(minutes=minutes)).reason for minutes in (9, 11, 19, 21)]
    assert found == [Reason.GRANTED, Reason.PASSBACK, Reason.PASSBACK, Reason.GRANTED]


def test_a_stored_event_is_asked_again_with_the_settings_of_now(estate: Estate) -> None:
    estate.project(estate.shown(UID, Reason.UNKNOWN_CARD))
    issue(estate, entitlements={"levels": [estate.level]})
    found = estate.read(lambda: ask_again(AccessEvent.select().first()))
    assert found is not None
    assert found.reason is Reason.GRANTED
