"""Door controllers: the list, the type of each, and what a change of type takes and leaves."""

from __future__ import annotations

import pytest

from central.access.model import AccessPoint, Door, LevelEntry
from central.audit import AuditEntry
from central.nodes.model import Device
from central.units.controllers import type_of
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def form_of(client: Browser, path: str, kind: str) -> str:
    """Set a type; what the page then says."""
    answer = await client.post(path, {"type": kind})
    return answer.text if answer.status != 303 else (await client.get(path)).text


async def test_each_type_is_read_from_doors_and_readers(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ``PARTS`` with the readers of both sides exchanged."""
    listed = (await centre_client.get("/doors/controllers")).text
    assert "东门" in listed
    only = (await centre_client.get("/doors/controllers?type=both_ways")).text
    assert "东门" in only
    assert "东门" not in (await centre_client.get("/doors/controllers?type=two_doors")).text


async def test_a_type_is_changed_and_nothing_is_lost(estate: Estate, centre_client: Browser) -> None:
    """Planted breaks: ``refit`` without its look at the access levels; the second reader deleted instead of detached."""
    path = f"/doors/controllers/{estate.gate_device}"
    kept = await form_of(centre_client, path, "two_doors")
    assert "Take it out of them first" in kept, "who may go out would get the second door"

    def drop() -> None:
        LevelEntry.delete().where(LevelEntry.point == estate.exit).execute()

    await estate.running.write(drop)

    def stands() -> tuple[str, list[tuple[int, bool]], tuple[int | None, bool]]:
        doors = [(door.number, door.enabled) for door in Door.select().order_by(Door.number)]
        second = AccessPoint.get_by_id(estate.exit)
        number = second.door.number if second.door_id else None
        return type_of(estate.gate_device).value, doors, (number, second.leaving)

    read = estate.running.centre.db.read
    for wanted, doors, second in (
        ("two_doors", [(1, True), (2, True)], (2, False)),
        ("one_way", [(1, True), (2, False)], (None, False)),
        ("both_ways", [(1, True), (2, False)], (1, True)),
        ("two_doors", [(1, True), (2, True)], (2, False)),
    ):
        await form_of(centre_client, path, wanted)
        assert await read(stands) == (wanted, doors, second)
    refused = await centre_client.post(path, {"type": "other"})
    assert refused.status == 422


async def test_acts_of_each_group_stay_on_its_pages(estate: Estate, centre_client: Browser) -> None:
    """An act on a door controller is not shown to the patrol, and a device without a door is none. Planted break: ``acts``
    without its look at the group."""
    asked = await centre_client.post("/doors/controllers/act", {"act": "test", "all": "1"})
    assert asked.status == 303, asked.text
    location = asked.headers["Location"]
    assert "东门控制器" in (await centre_client.get(location)).text
    number = location.rpartition("=")[2]
    assert "东门控制器" not in (await centre_client.get(f"/patrol/units/acts?act={number}")).text
    assert (await centre_client.get(f"/doors/controllers/{estate.desk_device}")).status == 404
    desk = {"act": "clear", "unit": str(estate.desk_device)}
    assert (await centre_client.post("/doors/controllers/act", desk)).status == 422
    cancel = f"/doors/controllers/acts/{number}/cancel"
    assert (await centre_client.post(cancel)).headers["Location"].endswith(str(estate.gate_device))


async def test_several_are_asked_at_once_each_with_its_audit_row(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: ``commands.ask`` without ``act_on_many``."""

    def second() -> int:
        device = Device.create(
            site=1,
            organisation=1,
            name="back-gate",
            number=9,
            label="西门",
            roles=["door"],
            created_at=estate.now,
        )
        Door.create(site=1, organisation=1, device=device.id, number=1, label="西门")
        return int(device.id)

    await estate.running.write(second)
    asked = await centre_client.post("/doors/controllers/act", {"act": "load", "all": "1"})
    assert asked.status == 303, asked.text
    assert asked.headers["Location"].count("act=") == 2
    rows = await estate.running.centre.db.read(lambda: [row.action for row in AuditEntry.select()])
    assert rows.count("units.load") == 2
