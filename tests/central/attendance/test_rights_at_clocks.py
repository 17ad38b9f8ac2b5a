"""Whose cards a time clock takes: by access levels as at a door; what the device is given, what "what if" and history say."""

from __future__ import annotations

import pytest

from central.access.explain import REMEDY, ask
from central.access.model import AccessLevel, LevelEntry
from central.cards import entitlements
from central.cards.model import CardAct
from central.nodes import service
from central.nodes.model import Device
from central.sync import publish
from central.sync.model import DeviceScope, PublishedRow
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Kind
from protocol.schedule import ALWAYS
from tests.central.attendance.test_punches import Clock
from tests.support.card_acts import UID, issue
from tests.support.estate import NOON, Estate


@pytest.fixture
def clock(estate: Estate) -> Clock:
    made = Clock(estate)
    estate.write(publish.device_changed, made.device)
    return made


def level_of(clock: Clock) -> int:
    def make() -> int:
        level = AccessLevel.create(site=clock.estate.site, name="考勤")
        LevelEntry.create(level=level.id, point=clock.point, schedule=ALWAYS)
        publish.level_changed(level.id)
        return int(level.id)

    return clock.estate.write(make)


def clock_rows_published(clock: Clock) -> list[bool]:
    """For each row that says that a reader is a time clock, whether it stands."""
    rows = clock.estate.read(
        lambda: list(PublishedRow.select().where(PublishedRow.kind == Kind.TIME_CLOCK.value))
    )
    return [bool(row.body) for row in rows]


def test_a_level_gives_the_right_and_the_reasons_are_those_of_the_clock(clock: Clock) -> None:
    """Planted break: ``explain._view`` without the rows of terminals."""
    estate, level = clock.estate, level_of(clock)
    card = issue(estate, entitlements={"levels": [estate.level]})
    assert estate.read(ask, uid_key(UID), clock.point, NOON).reason is Reason.NO_ACCESS_HERE
    estate.write(entitlements.choose, card, {"levels": [estate.level, level]})
    assert estate.read(ask, uid_key(UID), clock.point, NOON).reason is Reason.GRANTED
    closed = [
        number for number in entitlements.NUMBER_OF.values() if number != entitlements.NUMBER_OF["attendance"]
    ]
    estate.write(entitlements.choose, card, {"sub_systems": closed})
    answer = estate.read(ask, uid_key(UID), clock.point, NOON)
    assert (answer.reason, answer.remedy) == (
        Reason.SUB_SYSTEM_CLOSED,
        REMEDY[Reason.SUB_SYSTEM_CLOSED],
    )
    assert estate.read(ask, uid_key(UID), estate.entrance, NOON).reason is Reason.GRANTED


def test_the_history_says_what_a_card_was_good_for_and_where(clock: Clock) -> None:
    """Planted break: ``Levels.good_for`` without terminals."""
    estate, level = clock.estate, level_of(clock)
    issue(estate, entitlements={"levels": [estate.level, level]})
    issued = estate.read(lambda: CardAct.get())
    assert (issued.sub_systems, issued.details["doors"]) == (["access", "attendance"], ["东门", "大堂考勤机"])


def test_a_closed_sub_system_is_not_among_what_a_card_is_good_for(clock: Clock) -> None:
    estate, level = clock.estate, level_of(clock)
    issue(estate, entitlements={"levels": [estate.level, level], "sub_systems": [3]})
    issued = estate.read(lambda: CardAct.get())
    assert (issued.sub_systems, issued.details["doors"]) == (["attendance"], ["大堂考勤机"])


def test_the_device_holds_the_cards_of_its_levels_and_no_longer_when_it_is_out_of_use(clock: Clock) -> None:
    """Planted break: ``terminals.rows_of`` not asking whether the device is in use."""
    estate, level = clock.estate, level_of(clock)
    tags = estate.read(lambda: DeviceScope.get(DeviceScope.device == clock.device).tags)
    assert f"level:{level}" in tags
    assert f"level:{estate.level}" not in tags
    assert clock_rows_published(clock) == [True]
    estate.write(lambda: service.set_enabled(Device.get_by_id(clock.device), False))
    assert clock_rows_published(clock) == [False]
    assert estate.read(ask, uid_key(UID), clock.point, NOON).reason is Reason.NOT_CONFIGURED
