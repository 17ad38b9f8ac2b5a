"""Units at a clerk's desk: which devices are shown there, and what may be asked of them."""

from __future__ import annotations

import pytest

from central.nodes import without_network
from central.nodes.model import Device
from central.sync.model import DeviceStatus
from central.units.model import UnitCommand
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import Estate

LINE = "/devices/line"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def without(estate: Estate) -> set[int]:
    return await estate.running.centre.db.read(without_network.devices)


async def acts(estate: Estate) -> list[tuple[int, str]]:
    return await estate.running.centre.db.read(
        lambda: [(command.device_id, command.kind) for command in UnitCommand.select()]
    )


async def say(client: Browser, device: int, way: str) -> Answer:
    """Say on the page of a device how it is connected."""
    form = {"way": way, "line": "1", "address": "3", "port": "/dev/ttyUSB0"}
    return await client.post(
        f"/devices/{device}/connection", form | {"speed_baud": "115200", "direction": "auto"}
    )


async def test_any_device_but_a_card_desk_may_work_without_a_network_and_come_back(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: ``_set_way`` without its look at ``NEEDS_A_NETWORK``."""
    refused = await say(centre_client, estate.desk_device, "line")
    assert (refused.status, "A card desk needs a network" in refused.text) == (422, True)
    assert (await say(centre_client, estate.gate_device, "line")).status == 303
    assert await without(estate) == {estate.gate_device}
    assert f'id="line-{estate.gate_device}"' in (await centre_client.get(LINE)).text
    assert (await say(centre_client, estate.gate_device, "network")).status == 303
    assert await without(estate) == set()
    assert (await say(centre_client, 99999, "file")).status == 404
    on = await centre_client.get(f"{LINE}/connection?unit={estate.gate_device}")
    assert (on.status, on.headers["Location"]) == (303, f"/devices/{estate.gate_device}/connection")


async def test_only_units_of_the_page_that_are_in_use_are_asked(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: ``start`` taking every device that was sent."""
    await say(centre_client, estate.gate_device, "file")
    for form in ({"act": "test"}, {"act": "test", "unit": str(estate.desk_device)}):
        refused = await centre_client.post(LINE, form)
        assert (refused.status, "Choose a unit first" in refused.text) == (422, True)
    assert (await centre_client.post(LINE, {"act": "explode", "all": "1"})).status == 422
    asked = await centre_client.post(LINE, {"act": "test", "all": "1"})
    assert asked.status == 303
    assert await acts(estate) == [(estate.gate_device, "test")]
    shown = await centre_client.get(asked.headers["Location"])
    assert "Waiting for the unit" in shown.text
    await estate.running.write(
        lambda: Device.update(enabled=False).where(Device.id == estate.gate_device).execute()
    )
    assert (await centre_client.post(LINE, {"act": "test", "all": "1"})).status == 422


async def test_a_unit_that_is_not_there_is_waited_for(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ``progress`` over for a unit that is waited for."""
    await estate.running.write(
        lambda: DeviceStatus.update(online=False).where(DeviceStatus.device == estate.gate_device).execute()
    )
    await say(centre_client, estate.gate_device, "file")
    asked = await centre_client.post(LINE, {"act": "read", "unit": str(estate.gate_device)})
    shown = await centre_client.get(asked.headers["Location"])
    assert "Connect it now" in shown.text
    assert "Look again" in shown.text, "it goes on looking"
    assert await acts(estate) == []
