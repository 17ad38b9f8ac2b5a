"""The first page says what needs somebody now; each number is the length of the list that it leads to."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from central.access.model import AccessEvent
from central.nodes.model import Device
from protocol.facts import Alarm, AlarmFact
from protocol.reasons import Reason
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

TILE = re.compile(
    r'<a class="tile (\w+)" href="([^"]+)"><span class="tile-number">(?:<svg.*?</svg>)?([\d,+]+)</span>'
    r'<span class="tile-title">([^<]+)</span>'
)
COUNT = re.compile(r'<p class="count" role="status">(\d+) rows?</p>')
UID = "04A1B2C3"


@pytest.fixture
async def busy(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """A forced door, a lost card that one device has not heard of, one grant and two refusals today, one yesterday.

    The clock stands still: devices that nobody has heard for long would go offline by themselves.
    """
    estate = await Estate.make(running_centre)
    card = await estate.issue(centre_client, UID, "00000001")
    await estate.show("04FFFFFF")
    yesterday = running_centre.clock.now() - timedelta(days=1)
    await running_centre.write(lambda: AccessEvent.update(at=yesterday).execute())
    await estate.show(UID, Reason.GRANTED)
    await estate.show("04FFFFFF")
    await estate.show("04FFFFFE")
    await estate.project(estate.fact(AlarmFact(Alarm.FORCED_OPEN, True, 1)))
    await estate.acknowledge(estate.desk_device)
    await estate.acknowledge(estate.gate_device)
    assert (await centre_client.post(f"/cards/{card}/lose")).status == 303
    await estate.acknowledge(estate.desk_device)
    await estate.set_online(estate.gate_device, False)
    return estate


async def tiles(browser: Browser) -> dict[str, tuple[str, str, str]]:
    """Title -> (number, tone, link)."""
    page = await browser.get("/")
    assert page.status == 200
    found = {t[3]: (t[2], t[0], t[1].replace("&amp;", "&")) for t in TILE.findall(page.text)}
    assert found
    return found


async def test_the_numbers_are_those_of_the_lists_behind_them(busy: Estate, centre_client: Browser) -> None:
    """Planted break: count the offline devices of a table of its own."""
    found = await tiles(centre_client)
    assert {title: (number, tone) for title, (number, tone, _link) in found.items()} == {
        "Open alarms": ("1", "bad"),
        "Messages about alarms given up": ("0", "good"),
        "Open musters": ("0", "good"),
        "Faults to repair or confirm": ("0", "good"),
        "Papers to be delivered": ("0", "good"),
        "Devices offline": ("1", "bad"),
        "Devices waiting to join": ("0", "good"),
        "Devices with changes not delivered": ("1", "warn"),
        "Dead cards that a door does not refuse yet": ("1", "warn"),
        "Loss reports not confirmed in time": ("0", "good"),
        "Provisional loss reports to confirm": ("0", "good"),
        "Bulk acts to approve": ("0", "good"),
        "Card transfers not confirmed": ("0", "good"),
        "Stock-takings to sign": ("0", "good"),
        "Refunds to approve": ("0", "good"),
        "Counts of drawers to sign": ("0", "good"),
        "Passages": ("1", "idle"),
        "Refusals": ("2", "idle"),
    }
    for title, (number, _tone, link) in found.items():
        listed = COUNT.search((await centre_client.get(link)).text)
        assert listed, link
        assert listed[1] == number, title


async def test_the_lines_say_which_and_since_when(busy: Estate, centre_client: Browser) -> None:
    page = await centre_client.get("/")
    assert "Door forced open" in page.text
    assert f'href="/devices/{busy.gate_device}"' in page.text
    assert "Enter the devices" not in page.text, "a step that is done needs nobody"
    assert 'href="/first-steps"' in page.text


async def test_when_all_is_well_every_number_is_a_good_zero(busy: Estate, centre_client: Browser) -> None:
    await busy.set_online(busy.gate_device, True)
    await busy.acknowledge(busy.gate_device)
    await centre_client.post("/alarms/acknowledge", {"alarm": "1", "note": "seen"})
    found = await tiles(centre_client)
    needs = {title: found[title][:2] for title in list(found)[:11]}
    assert set(needs.values()) == {("0", "good")}


async def test_a_device_that_is_out_of_use_is_not_missed(busy: Estate, centre_client: Browser) -> None:
    await busy.running.write(
        lambda: Device.update(enabled=False).where(Device.id == busy.gate_device).execute()
    )
    found = await tiles(centre_client)
    assert found["Devices offline"][0] == "0"
    assert found["Devices with changes not delivered"][0] == "0"


@pytest.mark.parametrize(
    ("role", "organisation", "titles", "sees_alarm"),
    [
        ("guard", None, 12, True),
        ("personnel", None, 1, False),
        ("guard", 2, 12, False),
    ],
)
async def test_nobody_sees_more_than_the_lists_would_show(
    busy: Estate,
    running_centre: RunningCentre,
    role: str,
    organisation: int | None,
    titles: int,
    sees_alarm: bool,
) -> None:
    """Personnel may open one of these lists; the guard of another organisation finds them empty."""
    browser = await running_centre.as_role(role, organisation=organisation)
    page = await browser.get("/")
    found = TILE.findall(page.text)
    assert len(found) == titles
    assert ("Door forced open" in page.text) is sees_alarm
    assert ("Your roles give no right" in page.text) is (titles == 0)
    if organisation is not None:
        assert {number for _tone, _link, number, _title in found} == {"0"}


async def test_only_who_may_change_the_system_is_told_of_first_steps(
    busy: Estate, running_centre: RunningCentre
) -> None:
    guard = await running_centre.as_role("guard")
    assert "First steps" not in (await guard.get("/")).text.partition("<main")[2]
