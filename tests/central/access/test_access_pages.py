"""Doors, events, alarms, levels, schedules and special days over real HTTP (60, 62, 68, 69, U1)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import aiohttp
import msgspec
import pytest

from central.access import alarms
from central.access.model import (
    AccessEvent,
    AlarmState,
    Area,
    Door,
    DoorCommand,
    LevelEntry,
    Schedule,
    SpecialDay,
)
from central.audit import AuditEntry
from central.nodes.model import Device
from central.sync import status
from central.sync.model import PublishedRow
from protocol.door_rows import AreaRow, DoorRulesRow, Passback
from protocol.facts import (
    Alarm,
    AlarmFact,
    CommandFact,
    CommandResult,
    DoorEvent,
    DoorFact,
    Outcome,
    OutcomeFact,
)
from protocol.messages import Health
from protocol.reasons import Reason
from protocol.records import DoorRow, Kind, put
from protocol.schedule import ALWAYS
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate

UID = "04A1B2C3"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def published(estate: Estate, kind: Kind) -> list[bytes]:
    return await estate.running.read(
        lambda: [
            bytes(body)
            for (body,) in PublishedRow.select(PublishedRow.body)
            .where(PublishedRow.kind == kind.value)
            .tuples()
        ]
    )


# -- events ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def busy(estate: Estate, centre_client: Browser) -> Estate:
    """A card of 张三 granted at the entrance and refused at the exit, a stranger's card, an exit button."""
    await estate.issue(centre_client, UID, "00000001")
    await estate.show(UID, Reason.GRANTED)
    estate.running.clock.advance(minutes=1)
    await estate.show(UID, Reason.OUTSIDE_SCHEDULE, point=estate.exit)
    estate.running.clock.advance(minutes=1)
    await estate.show("04FFFFFF")
    return estate


def rows(text: str) -> int:
    return text.count('id="events-')


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ("", 3),
        ("result=granted", 1),
        ("result=denied", 2),
        (f"reason={int(Reason.OUTSIDE_SCHEDULE)}", 1),
        ("direction=out", 1),
        ("direction=in&result=denied", 1),
        ("person=zs", 2),
        ("person=张三", 2),
        ("person=0001", 2),
        ("person=00000001", 2),
        ("department=工程部", 2),
        ("door=1", 3),
        ("source=exit_button", 0),
        ("at_from=2026-07-01&at_to=2026-07-01", 3),
        ("at_from=2026-07-02", 0),
    ],
)
async def test_the_filters_of_the_event_list_stand_in_the_address(
    busy: Estate, centre_client: Browser, filters: str, count: int
) -> None:
    page = await centre_client.get(f"/access/events?{filters}")
    assert page.status == 200
    assert rows(page.text) == count
    listed = json.loads((await centre_client.get(f"/api/events?{filters}")).text)
    assert len(listed["items"]) == count


async def test_a_filter_that_cannot_be_used_is_named_not_dropped(
    busy: Estate, centre_client: Browser
) -> None:
    page = await centre_client.get("/access/events?door=999")
    assert page.status == 422
    assert rows(page.text) == 0


@pytest.mark.parametrize("file_format", ["csv", "xlsx", "print"])
async def test_events_leave_as_a_file_and_that_is_recorded(
    busy: Estate, centre_client: Browser, file_format: str
) -> None:
    answer = await centre_client.get(f"/access/events/export?format={file_format}&result=denied")
    assert answer.status == 200
    if file_format == "csv":
        assert answer.text.count("\r\n") == 3
        assert "Outside the permitted hours" in answer.text
    detail = await busy.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "access.export").get().detail
    )
    assert detail["after"] == {"filters": {"result": "denied"}, "format": file_format, "rows": 2}


async def test_pages_of_events_follow_by_key(estate: Estate, centre_client: Browser) -> None:
    for _number in range(60):
        estate.running.clock.advance(s=1)
        await estate.show("04FFFFFF")
    first = json.loads((await centre_client.get("/api/events?limit=25")).text)
    second = json.loads((await centre_client.get(f"/api/events?limit=25&after={first['next']}")).text)
    third = json.loads((await centre_client.get(f"/api/events?limit=25&after={second['next']}")).text)
    times = [row["at"] for part in (first, second, third) for row in part["items"]]
    assert len(times) == 60
    assert times == sorted(times, reverse=True)


async def test_a_refused_event_says_why_and_what_would_change_it(
    busy: Estate, centre_client: Browser
) -> None:
    event = await busy.running.read(
        lambda: AccessEvent.get(AccessEvent.reason == int(Reason.OUTSIDE_SCHEDULE)).id
    )
    page = await centre_client.get(f"/access/events/{event}")
    assert "Outside the permitted hours" in page.text
    assert "By the settings of today" in page.text
    assert "Settings version" in page.text
    unknown = await busy.running.read(
        lambda: AccessEvent.get(AccessEvent.reason == int(Reason.UNKNOWN_CARD)).id
    )
    page = await centre_client.get(f"/access/events/{unknown}")
    assert "Issue this card to somebody." in page.text
    assert "/cards/issue?uid=04FFFFFF" in page.text


async def test_what_if_is_answered_by_the_api_too(busy: Estate, centre_client: Browser) -> None:
    path = f"/api/ask?uid={UID}&reader={busy.entrance}"
    answer = json.loads((await centre_client.get(path)).text)
    assert (answer["granted"], answer["schedules"]) == (True, ["Always"])
    unknown = json.loads((await centre_client.get(f"/api/ask?uid=04FFFFFF&reader={busy.entrance}")).text)
    assert (unknown["granted"], unknown["reason"]) == (False, "unknown_card")
    for wrong in ("uid=x&reader=1", f"uid={UID}&reader=99999999999", f"{path}&at=soon"):
        assert (await centre_client.get(f"/api/ask?{wrong}")).status in (404, 422)


async def test_the_department_of_old_events_follows_the_person(busy: Estate, centre_client: Browser) -> None:
    form = {
        "name": "张三",
        "number": "0001",
        "kind": "staff",
        "organisation": "1",
        "site": "1",
        "department": "保安部",
        "active": "1",
    }
    await centre_client.post(f"/people/{busy.person}/edit", form)
    assert rows((await centre_client.get("/access/events?department=保安部")).text) == 2


async def test_no_organisation_sees_anothers_events(busy: Estate, running_centre: RunningCentre) -> None:
    other = await running_centre.as_role("doors", organisation=busy.other_organisation)
    assert rows((await other.get("/access/events")).text) == 0
    assert (await other.get("/access/events/1")).status == 404
    assert json.loads((await other.get("/api/events")).text)["items"] == []
    assert (await other.get(f"/doors/{busy.gate}")).status == 404
    assert (await other.post(f"/doors/{busy.gate}/open", {"reason": "x"})).status in (403, 404)
    assert "东门" not in (await other.get("/access/monitor/side")).text


# -- live -----------------------------------------------------------------------------------------------------------


async def next_message(stream: aiohttp.ClientResponse, topic: str) -> str:
    """The data of the next event with that name (the position of the feed)."""
    name, data = "", []
    async for raw in stream.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        elif not line:
            if name == topic:
                return "\n".join(data)
            name, data = "", []
    raise AssertionError("the stream ended")


async def test_a_shown_card_appears_live_under_the_filter_of_the_page(
    busy: Estate, centre_client: Browser
) -> None:
    url = busy.running.url + "/live?feed=monitor%3Fresult%3Ddenied"
    async with centre_client.session.get(url) as stream:
        assert await next_message(stream, "hello") == "-"
        await busy.show(UID, Reason.GRANTED)  # not on this page
        await busy.show("04EEEEEE")
        row = await next_message(stream, "0")
    assert "Unknown card" in row
    assert "monitor-" in row


async def test_a_placed_card_wakes_the_page_that_waits_for_it(estate: Estate, centre_client: Browser) -> None:
    url = estate.running.url + f"/live?feed=cards.shown%3Fpoint%3D{estate.desk}"
    async with centre_client.session.get(url) as stream:
        assert await next_message(stream, "hello") == "-"
        await estate.show("04EEEEEE")  # at the gate: not this page's reader
        await estate.show_at_desk(UID)
        assert await next_message(stream, "0") == "-"
    fragment = await centre_client.get(f"/cards/desk/presented?reader={estate.desk}")
    assert UID in fragment.text


async def test_another_organisation_hears_nothing_of_it(busy: Estate, running_centre: RunningCentre) -> None:
    other = await running_centre.as_role("doors", organisation=busy.other_organisation)
    await running_centre.as_role("administrator")
    async with other.session.get(busy.running.url + "/live?feed=monitor&feed=access.doors") as stream:
        assert await next_message(stream, "hello") == "-"
        await busy.show("04EEEEEE")
        await busy.project(busy.fact(DoorFact(1, DoorEvent.OPENED)))
        # The signal of the doors comes after the row: had the row been sent, it would have come first.
        name = await first_name(stream)
    assert name == "1"


async def first_name(stream: aiohttp.ClientResponse) -> str:
    async for raw in stream.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            return line.removeprefix("event: ")
    raise AssertionError("the stream ended")


# -- doors ----------------------------------------------------------------------------------------------------------


async def test_a_door_shows_three_facts(estate: Estate, centre_client: Browser) -> None:
    page = await centre_client.get(f"/doors/{estate.gate}")
    assert "Lock state unknown" in page.text
    await estate.project(
        estate.fact(DoorFact(1, DoorEvent.OPENED)),
        estate.fact(AlarmFact(Alarm.FORCED_OPEN, True, 1)),
    )
    told = Health(locks=((1, False, 60_000),))
    await estate.running.write(status.heard, estate.gate_device, estate.now, None, told, False)
    fragment = (await centre_client.get(f"/doors/{estate.gate}/facts")).text
    for word in ("Locked", "Forced open", "Normal", "Online", "since"):
        assert word in fragment
    api = json.loads((await centre_client.get(f"/api/doors/{estate.gate}")).text)["door"]
    assert (api["relay"], api["last_relay"]) == ("secured", "")
    await estate.running.write(status.gone, estate.gate_device, estate.now)
    fragment = (await centre_client.get(f"/doors/{estate.gate}/facts")).text
    for word in ("Lock state unknown", "last known at", "Locked", "Offline"):
        assert word in fragment
    api = json.loads((await centre_client.get(f"/api/doors/{estate.gate}")).text)["door"]
    assert (api["relay"], api["relay_since"], api["last_relay"]) == ("unknown", None, "secured")


async def test_a_contact_is_known_before_anybody_opened_the_door(
    estate: Estate, centre_client: Browser
) -> None:
    """Seen when a new door shows "closed" with the first word of its device; what facts tell later is newer (60).

    Planted break: the page looks at facts alone.
    """

    async def told(seq: int, is_open: bool) -> str:
        health = Health(contacts=((1, is_open),))
        await estate.running.write(status.heard, estate.gate_device, estate.now, seq, health, True, b"", 1)
        return await shown()

    async def shown() -> str:
        return str(json.loads((await centre_client.get(f"/api/doors/{estate.gate}")).text)["door"]["contact"])

    assert await shown() == "unknown"
    assert await told(0, False) == "closed"
    await estate.project(estate.fact(DoorFact(1, DoorEvent.OPENED)))
    assert await shown() == "open"
    await estate.project(estate.fact(AlarmFact(Alarm.HELD_OPEN, True, 1)))
    assert (await shown(), await told(estate.seq[estate.gate_device], True)) == ("held", "held")
    assert await told(estate.seq[estate.gate_device], False) == "closed", (
        "it was closed while the device was off"
    )
    assert await told(estate.seq[estate.gate_device], True) == "held"


SETTINGS = {
    "label": "东门",
    "mode": "0",
    "release_s": "8",
    "extended_release_s": "20",
    "held_open_s": "60",
    "pre_alarm_s": "10",
    "storage_policy": "0",
    "clock_policy": "1",
    "unit": "2",
    "persons": "1",
    "contact_fitted": "1",
    "enabled": "1",
    "version": "1",
}


async def test_the_settings_of_a_door_are_published_at_once(estate: Estate, centre_client: Browser) -> None:
    before = await published(estate, Kind.DOOR)
    answer = await centre_client.post(f"/doors/{estate.gate}/edit", SETTINGS)
    assert answer.status == 303, answer.text
    door = await estate.running.read(Door.get_by_id, estate.gate)
    assert (door.release_ms, door.extended_release_ms, door.clock_policy) == (8_000, 20_000, 1)
    assert door.unit == 2
    assert await published(estate, Kind.DOOR) != before
    stale = await centre_client.post(f"/doors/{estate.gate}/edit", SETTINGS)
    assert stale.status == 422
    assert "changed meanwhile" in stale.text


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"extended_release_s": "5"}, "cannot be shorter"),
        ({"pre_alarm_s": "60"}, "before the alarm"),
        ({"release_s": "0"}, "Must lie between"),
        ({"release_s": "soon"}, "whole number"),
        ({"mode": "9"}, "Choose one"),
        ({"unlock_schedule": "99"}, "Choose one"),
        ({"lock_schedule": "99"}, "Choose one"),
        ({"block_schedule": "99"}, "Choose one"),
        ({"unit": "9"}, "Choose one"),
        ({"inside": "77"}, "Choose one"),
        ({"persons": "3"}, "Choose one"),
        ({"interlock": "2", "unlock_schedule": "1"}, "cannot be held open"),
        ({"interlock": "2", "mode": "1"}, "cannot be held open"),
    ],
)
async def test_settings_that_cannot_be(
    estate: Estate, centre_client: Browser, changes: dict[str, str], complaint: str
) -> None:
    answer = await centre_client.post(f"/doors/{estate.gate}/edit", {**SETTINGS, **changes})
    assert answer.status == 422
    assert complaint in answer.text
    assert (await estate.running.read(Door.get_by_id, estate.gate)).version == 1


async def test_other_programs_set_the_hours_in_which_a_door_is_locked_or_blocked(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted breaks that turn it red: ``change_door`` not asking whose schedule it is; ``snapshot`` without one of them;
    the schedules' count of doors without one."""
    path = f"/api/doors/{estate.gate}"
    hours = await estate.running.write(
        lambda: Schedule.create(site=SITE, name="夜间", periods=[[127, 1_320, 360]]).id
    )

    async def change(**given: Any) -> int:
        headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": centre_client.csrf}
        body = {"settings": {**settings, **given}}
        return (await centre_client.request("PUT", path, json=body, headers=headers)).status

    settings = json.loads((await centre_client.get(path)).text)["settings"]
    assert (settings["lock_schedule"], settings["block_schedule"], settings["exit_fitted"]) == (
        None,
        None,
        True,
    )
    given = {"lock_schedule": hours, "block_schedule": ALWAYS, "exit_fitted": False}
    assert await change(**given) == 200
    assert json.loads((await centre_client.get(path)).text)["settings"] == {**settings, **given}
    (row,) = [msgspec.msgpack.decode(body, type=DoorRow) for body in await published(estate, Kind.DOOR)]
    assert (row.unlock_schedule, row.lock_schedule, row.block_schedule) == (0, hours, ALWAYS)
    for name in ("lock_schedule", "block_schedule", "pin_schedule"):
        assert await change(**{name: 99}) == 422
        assert await change(**{name: hours}) == 200
        rows = json.loads((await centre_client.get("/api/schedules")).text)["items"]
        assert {row["id"]: row["doors_count"] for row in rows}[hours] == 1, name
        assert await change(**{name: None}) == 200


async def test_two_doors_of_a_device_cannot_have_the_same_lock_output(
    estate: Estate, centre_client: Browser
) -> None:
    def second() -> int:
        gate = Door.get_by_id(estate.gate)
        return int(
            Door.create(
                site=gate.site_id,
                organisation=gate.organisation_id,
                device=gate.device_id,
                number=2,
                unit=2,
                label="西门",
            ).id
        )

    west = await estate.running.write(second)
    before = await published(estate, Kind.DOOR)
    answer = await centre_client.post(f"/doors/{estate.gate}/edit", SETTINGS)
    assert answer.status == 422
    assert "Another door of this device has this lock output" in answer.text
    assert await published(estate, Kind.DOOR) == before
    for unit, door in (("", west), ("2", estate.gate), ("", west)):
        version = str((await estate.running.read(Door.get_by_id, door)).version)
        moved = {**SETTINGS, "unit": unit, "version": version}
        assert (await centre_client.post(f"/doors/{door}/edit", moved)).status == 303
    assert [await estate.running.read(lambda n=n: Door.get_by_id(n).unit) for n in (estate.gate, west)] == [
        2,
        None,
    ]


async def test_a_guard_opens_but_does_not_set(estate: Estate, running_centre: RunningCentre) -> None:
    guard = await running_centre.as_role("guard")
    assert (await guard.post(f"/doors/{estate.gate}/edit", SETTINGS)).status == 403
    assert (await guard.post(f"/doors/{estate.gate}/open", {"reason": "送货"})).status == 303


# -- commands -------------------------------------------------------------------------------------------------------


async def ask_to_open(estate: Estate, browser: Browser, reason: str = "送货") -> int:
    answer = await browser.post(f"/doors/{estate.gate}/open", {"reason": reason})
    assert answer.status == 303, answer.text
    return int(answer.location.rsplit("/", 1)[1])


async def state_of(estate: Estate, browser: Browser, command: int) -> str:
    body = await browser.get(f"/api/commands/{command}")
    return str(json.loads(body.text)["state"])


async def test_a_remote_open_is_written_down_with_operator_and_reason_before_it_is_sent(
    estate: Estate, centre_client: Browser
) -> None:
    command = await ask_to_open(estate, centre_client)
    row = await estate.running.read(DoorCommand.get_by_id, command)
    assert (row.reason, row.door_id) == ("送货", estate.gate)
    entry = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "access.open").get().detail
    )
    assert entry["reason"] == "送货"
    assert entry["after"]["command"] == command


async def test_a_device_that_is_not_connected_fails_at_once_and_says_so(
    estate: Estate, centre_client: Browser
) -> None:
    command = await ask_to_open(estate, centre_client)
    for _try in range(200):
        if await state_of(estate, centre_client, command) == "failed":
            break
        await estate.running.read(lambda: None)
    page = await centre_client.get(f"/doors/commands/{command}")
    assert "The device is not connected." in page.text
    assert "Confirmed" not in page.text


async def test_accepted_then_confirmed_and_never_opened_before(
    estate: Estate, centre_client: Browser
) -> None:
    command = await estate.running.write(
        lambda: (
            DoorCommand.create(
                site=SITE,
                organisation=1,
                device=estate.gate_device,
                door=estate.gate,
                kind="open",
                operator_name="x",
                reason="x",
                created_at=estate.now,
                state="sent",
            ).id
        )
    )
    assert await state_of(estate, centre_client, command) == "sent"
    accepted = estate.fact(CommandFact(command, 1, CommandResult.DONE, 5_000))
    await estate.project(accepted)
    assert await state_of(estate, centre_client, command) == "accepted"
    await estate.project(estate.fact(OutcomeFact(accepted.fact.seq, Outcome.RELEASED)))
    assert await state_of(estate, centre_client, command) == "confirmed"
    assert "Operator" in (await centre_client.get("/access/events?source=remote")).text


async def test_without_an_answer_it_times_out_on_the_page(estate: Estate, centre_client: Browser) -> None:
    command = await estate.running.write(
        lambda: (
            DoorCommand.create(
                site=SITE,
                organisation=1,
                device=estate.gate_device,
                door=estate.gate,
                kind="open",
                operator_name="x",
                reason="x",
                created_at=estate.now,
                state="sent",
            ).id
        )
    )
    estate.running.clock.advance(s=15)
    page = await centre_client.get(f"/doors/commands/{command}")
    assert "Timed out" in page.text
    assert "every 2s" not in page.text


@pytest.mark.parametrize("reason", ["", "   ", "\x00"])
async def test_no_opening_without_a_reason(estate: Estate, centre_client: Browser, reason: str) -> None:
    answer = await centre_client.post(f"/doors/{estate.gate}/open", {"reason": reason})
    assert answer.status == 422
    assert "A reason is required." in answer.text
    assert await estate.running.read(lambda: DoorCommand.select().count()) == 0


async def test_an_offline_door_says_why_its_button_does_nothing(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.set_online(estate.gate_device, False)
    page = await centre_client.get(f"/doors/{estate.gate}")
    assert re.search(r'<button[^>]*disabled[^>]*aria-label="Open the door: 东门"', page.text)
    assert "The device is offline." in page.text


async def test_opening_asks_for_the_password_once_a_shift(
    estate: Estate, running_centre: RunningCentre
) -> None:
    guard = await running_centre.as_role("guard")
    running_centre.clock.advance(minutes=50)  # longer than a task, shorter than a shift
    assert (await guard.post(f"/doors/{estate.gate}/open", {"reason": "x"})).status == 303


# -- alarms ---------------------------------------------------------------------------------------------------------


async def test_an_alarm_is_open_until_somebody_takes_it(estate: Estate, centre_client: Browser) -> None:
    await estate.project(estate.fact(AlarmFact(Alarm.FORCED_OPEN, True, 1)))
    assert "1 open alarm" in (await centre_client.get("/doors")).text
    page = (await centre_client.get("/alarms/open")).text
    assert "Door forced open" in page
    alarm = re.search(r'name="alarm" value="(\d+)"', page)
    assert alarm is not None
    assert (
        await centre_client.post("/alarms/acknowledge", {"alarm": alarm[1], "note": "已查看"})
    ).status == 303
    assert "No open alarm." in (await centre_client.get("/alarms/open")).text
    assert "已查看" in (await centre_client.get("/alarms?state=acknowledged")).text
    again = await centre_client.post("/alarms/acknowledge", {"alarm": alarm[1]})
    assert again.status == 409
    await estate.project(estate.fact(AlarmFact(Alarm.FORCED_OPEN, False, 1)))
    assert "已查看" in (await centre_client.get("/alarms?state=closed")).text


async def test_an_alarm_that_is_over_still_wants_to_be_seen(estate: Estate, centre_client: Browser) -> None:
    await estate.project(
        estate.fact(AlarmFact(Alarm.FORCED_OPEN, True, 1)),
        estate.fact(AlarmFact(Alarm.FORCED_OPEN, False, 1)),
        estate.fact(AlarmFact(Alarm.HELD_OPEN_SOON, True, 1)),
        estate.fact(AlarmFact(Alarm.HELD_OPEN_SOON, False, 1)),
    )
    page = (await centre_client.get("/alarms/open")).text
    assert "Door forced open" in page
    assert "soon be open" not in page  # a note that is over closes by itself


async def test_a_lost_card_that_is_used_raises_an_alarm_with_place_and_holder(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "00000001")
    await centre_client.post(f"/cards/{card}/lose")
    await estate.show(UID, Reason.CARD_LOST, point=estate.exit)
    page = (await centre_client.get("/alarms/open")).text
    for word in ("Lost or cancelled card used", "东门出", "00000001", "张三"):
        assert word in page


async def test_a_device_that_goes_offline_is_an_alarm_and_its_return_ends_it(
    estate: Estate, centre_client: Browser
) -> None:
    async def settle() -> None:
        wrong = await estate.running.read(alarms.unsettled, [estate.gate_device])
        await estate.running.write(alarms.settle_offline, wrong, estate.now)

    await estate.set_online(estate.gate_device, False)
    await settle()
    assert "Device offline" in (await centre_client.get("/alarms/open")).text
    assert await estate.running.read(alarms.unsettled, [estate.gate_device]) == []
    estate.running.clock.advance(minutes=1)
    await estate.set_online(estate.gate_device, True)
    await settle()
    cleared = await estate.running.read(lambda: AlarmState.select().get().cleared_at)
    assert cleared == estate.now


async def test_alarms_of_others_cannot_be_taken(estate: Estate, running_centre: RunningCentre) -> None:
    await estate.project(estate.fact(AlarmFact(Alarm.FORCED_OPEN, True, 1)))
    other = await running_centre.as_role("doors", organisation=estate.other_organisation)
    assert "Door forced open" not in (await other.get("/alarms/open")).text
    assert (await other.post("/alarms/acknowledge", {"alarm": "1"})).status == 404


# -- the hotlist ----------------------------------------------------------------------------------------------------


async def test_the_hotlist_says_at_how_many_doors_a_dead_card_is_refused(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.acknowledge(estate.gate_device)
    card = await estate.issue(centre_client, UID, "00000001")
    assert "00000001" not in (await centre_client.get("/access/hotlist")).text
    await centre_client.post(f"/cards/{card}/lose")
    (row,) = json.loads((await centre_client.get("/api/hotlist?delivery=pending")).text)["items"]
    assert (row["card_no"], row["reason"], row["acknowledged_count"], row["doors_count"]) == (
        "00000001",
        str(int(Reason.CARD_LOST)),
        0,
        1,
    )
    await estate.acknowledge(estate.gate_device)
    (row,) = json.loads((await centre_client.get("/api/hotlist?delivery=delivered")).text)["items"]
    assert row["acknowledged_count"] == 1
    await centre_client.post(f"/cards/{card}/lift", {"identity_checked": "1", "reason": "找到"})
    assert json.loads((await centre_client.get("/api/hotlist")).text)["items"] == []


# -- levels, schedules, special days --------------------------------------------------------------------------------


async def test_an_access_level_is_readers_with_schedules(estate: Estate, centre_client: Browser) -> None:
    form = {"name": "访客", "site": "1", "active": "1", f"point_{estate.entrance}": str(ALWAYS)}
    assert (await centre_client.post("/access/levels/new", form)).status == 303
    assert len(await published(estate, Kind.LEVEL)) == 2
    entries = await estate.running.read(
        lambda: list(
            LevelEntry.select(LevelEntry.point, LevelEntry.schedule).order_by(LevelEntry.id.desc()).tuples()
        )
    )
    assert entries[0] == (estate.entrance, ALWAYS)
    twice = await centre_client.post("/access/levels/new", form)
    assert twice.status == 422
    foreign = await centre_client.post("/access/levels/new", {**form, "name": "x", "point_999": "1"})
    assert foreign.status == 422
    assert "not in this estate" in foreign.text


def grid(*lines: tuple[str, str, str]) -> dict[str, str]:
    """The fields of the grid: (from, to, days as digits 0..9)."""
    fields: dict[str, str] = {}
    for number, (start, end, days) in enumerate(lines):
        fields |= {f"start_{number}": start, f"end_{number}": end}
        fields |= {f"day_{number}_{day}": "1" for day in days}
    return fields


async def test_a_week_is_typed_line_by_line(estate: Estate, centre_client: Browser) -> None:
    form = {
        "name": "办公",
        "site": "1",
        **grid(("08:00", "12:00", "01234"), ("13:30", "18:00", "01234"), ("", "", "")),
    }
    assert (await centre_client.post("/access/schedules/new", form)).status == 303
    schedule = await estate.running.read(lambda: Schedule.get(Schedule.name == "办公"))
    assert schedule.periods == [[31, 480, 720], [31, 810, 1080]]
    page = await centre_client.get(f"/access/schedules/{schedule.id}")
    assert re.search(r'name="start_1"[^>]*value="13:30"', page.text)
    assert page.text.count('class="bar"') == 10
    assert "Monday to Friday 08:00 – 12:00" in (await centre_client.get("/access/schedules")).text
    assert len(await published(estate, Kind.SCHEDULE)) == 1


async def test_a_mistake_in_the_grid_stands_at_its_line_and_what_was_typed_stays(
    estate: Estate, centre_client: Browser
) -> None:
    form = {"name": "x", "site": "1", **grid(("08:00", "12:00", "0"), ("25:00", "18:00", "1"))}
    answer = await centre_client.post("/access/schedules/new", form)
    assert answer.status == 422
    assert 'id="line-1-error"' in answer.text
    assert 'value="25:00"' in answer.text


async def test_always_is_nobodys_to_edit(estate: Estate, centre_client: Browser, running_centre: Any) -> None:
    local = await running_centre.as_role("doors", site=SITE)
    assert (await local.get(f"/access/schedules/{ALWAYS}")).status == 404
    form = {"name": "x", "site": "1", **grid(("08:00", "12:00", "0"))}
    answer = await centre_client.post(f"/access/schedules/{ALWAYS}", form)
    assert answer.status in (404, 422)
    assert (await estate.running.read(Schedule.get_by_id, ALWAYS)).periods == []


async def upload(browser: Browser, raw: bytes) -> Any:
    form = aiohttp.FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("site", "1")
    form.add_field("file", raw, filename="days.csv", content_type="text/csv")
    return await browser.request(
        "POST", "/access/special-days/import", data=form, headers={"Sec-Fetch-Site": "same-origin"}
    )


async def test_special_days_are_entered_imported_and_taken_away(
    estate: Estate, centre_client: Browser
) -> None:
    day = {"day_on": "2026-10-01", "group": "1", "name": "国庆节", "site": "1"}
    assert (await centre_client.post("/access/special-days", day)).status == 303
    answer = await upload(
        centre_client, "日期,类别,名称\n2026-10-01,节假日,国庆\n2026-10-10,班,\n".encode("gb18030")
    )
    assert answer.location == "/access/special-days?imported=2"
    days = await estate.running.read(
        lambda: [(str(d.day_on), d.group, d.name) for d in SpecialDay.select().order_by(SpecialDay.day_on)]
    )
    assert days == [("2026-10-01", 1, "国庆"), ("2026-10-10", 2, "")]
    assert len(await published(estate, Kind.SPECIAL_DAY)) == 2
    await centre_client.post("/access/special-days/1/delete")
    assert [bool(body) for body in await published(estate, Kind.SPECIAL_DAY)].count(True) == 1


async def test_a_file_with_mistakes_imports_nothing_and_names_each_line(
    estate: Estate, centre_client: Browser
) -> None:
    answer = await upload(centre_client, b"date,group,name\n2026-10-01,holiday,\n2026-13-01,holiday,\n")
    assert answer.status == 422
    assert "Not a date" in answer.text
    assert await estate.running.read(lambda: SpecialDay.select().count()) == 0


# -- search ---------------------------------------------------------------------------------------------------------


async def test_one_search_for_people_cards_and_doors(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, UID, "00000077")
    assert (await centre_client.get("/search?q=东门")).location == f"/doors/{estate.gate}"
    assert (await centre_client.get("/search?q=李四")).location == f"/people/{estate.stranger}"
    page = await centre_client.get("/search?q=00000077")  # the card, and the person who holds it
    assert f"/cards/{card}" in page.text
    assert f"/people/{estate.person}" in page.text
    assert "Nothing found" in (await centre_client.get("/search?q=xyzzy")).text


async def test_the_rules_of_a_door_are_published_and_taken_back(
    estate: Estate, centre_client: Browser
) -> None:
    def areas() -> list[tuple[str, int, int, int | None]]:
        rows = Area.select(Area.name, Area.passback, Area.forget_min, Area.reset_minute)
        return list(rows.order_by(Area.name).tuples())

    path, site = f"/doors/{estate.gate}/edit", {"site": SITE}
    yard = {
        **site,
        "name": "Yard",
        "passback": "3",
        "forget_min": "30",
        "reset": "04:00",
        "occupancy_max": "25",
    }
    assert (await centre_client.post("/access/areas/new", {**yard, "forget_min": ""})).status == 422
    assert (await centre_client.post("/access/areas/new", {**yard, "reset": "25:00"})).status == 422
    assert (await centre_client.post("/access/areas/new", yard)).status == 303
    assert (await centre_client.post("/access/areas/new", yard)).status == 422, "the name is taken"
    assert await estate.running.read(areas) == [("Yard", 3, 30, 240)]
    (area,) = await estate.running.read(lambda: [row.id for row in Area.select()])
    rules = {**SETTINGS, "inside": str(area), "interlock": "4", "persons": "2"}
    same = await centre_client.post(path, {**rules, "outside": str(area)})
    assert "two areas" in same.text
    assert (await centre_client.post(path, rules)).status == 303
    assert await published(estate, Kind.DOOR_RULES) == [put(1, DoorRulesRow(area, 0, 4, 2)).body]
    second = math.ceil(estate.now.timestamp())
    assert await published(estate, Kind.AREA) == [
        put(area, AreaRow(Passback.TIMED, 30, 240, second, 25)).body
    ], "a new area begins with a reset: its number may have been another's, whose places doors remember"
    kept = await centre_client.post(f"/access/areas/{area}/delete", {})
    assert "Doors lead to this area" in kept.text
    assert (await centre_client.post(f"/access/areas/{area}/reset", {})).status == 303
    assert await published(estate, Kind.AREA) == [
        put(area, AreaRow(Passback.TIMED, 30, 240, second + 1, 25)).body
    ]
    assert (await centre_client.post(f"/access/areas/{area}/reset", {})).status == 303
    assert await published(estate, Kind.AREA) == [
        put(area, AreaRow(Passback.TIMED, 30, 240, second + 2, 25)).body
    ], "a second reset has a later number in the same second too"
    assert (await centre_client.post(path, {**SETTINGS, "version": "2"})).status == 303
    assert await published(estate, Kind.DOOR_RULES) == [b""]
    assert await published(estate, Kind.AREA) == [b""]
    assert (await centre_client.post(f"/access/areas/{area}/delete", {})).status == 303


async def test_devices_are_told_that_others_lead_to_an_area_too(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break that turns it red: ``change_door`` publishing its own device alone."""

    def second_door() -> int:
        device = Device.create(
            site=SITE,
            organisation=1,
            name="other",
            number=77,
            label="other",
            roles=["door"],
            created_at=estate.now,
        )
        door = Door.create(site=SITE, organisation=1, device=device.id, number=1, label="other")
        return int(door.id)

    async def rules() -> set[bytes]:
        return {body for body in await published(estate, Kind.AREA) if body}

    yard = {"site": str(SITE), "name": "Yard", "passback": "2", "occupancy_max": "9"}
    assert (await centre_client.post("/access/areas/new", yard)).status == 303
    (area,) = await estate.running.read(lambda: [row.id for row in Area.select()])
    made = math.ceil(estate.now.timestamp())
    alone = put(area, AreaRow(Passback.HARD, reset_no=made, occupancy_max=9)).body
    shared = put(area, AreaRow(Passback.HARD, reset_no=made, occupancy_max=9, shared=True)).body
    inside = {**SETTINGS, "inside": str(area)}
    assert (await centre_client.post(f"/doors/{estate.gate}/edit", inside)).status == 303
    assert await rules() == {alone}
    other = await estate.running.write(second_door)
    assert (await centre_client.post(f"/doors/{other}/edit", {**inside, "label": "other"})).status == 303
    assert await rules() == {shared}
    back = {**SETTINGS, "label": "other", "version": "2"}
    assert (await centre_client.post(f"/doors/{other}/edit", back)).status == 303
    assert await rules() == {alone}
