"""Offline: nothing valid for 2.5 periods; 20 seconds at most where a connection was open. Said by page and API with its time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from central.nodes.service import DeviceInput, create
from central.sync.model import DeviceStatus
from central.sync.silence import SILENT_S
from tests.support.centre import RunningCentre
from tests.support.hub_node import Node, WholeCentre


async def joined(centre: WholeCentre) -> Node:
    given = DeviceInput(site=1, organisation=1, name="east-gate", number=1, label="East gate")
    device = await centre.running.write(create, given, centre.clock.now())
    node = Node(centre, "east-gate")
    await node.join(await centre.ticket(device.id))
    await centre.announced()
    return node


async def status_of(centre: WholeCentre) -> DeviceStatus:
    return await centre.running.read(lambda: DeviceStatus.get())


async def is_online_after(centre: WholeCentre, seconds: float) -> bool:
    centre.clock.advance(s=seconds)
    await centre.hub.look_for_silence()
    return (await status_of(centre)).online


@pytest.mark.parametrize("broken", [False, True])
async def test_a_live_connection_that_falls_silent_is_offline_within_20_s(
    running_centre: RunningCentre, broken: bool
) -> None:
    """Planted break: take the polls' limit for live connections. ``broken``: the connection ended instead of falling silent."""
    centre = WholeCentre(running_centre)
    node = await joined(centre)
    node.peer.connected(node.now_ms, live=True)
    link = await node.exchange(wake=lambda: None)
    assert link is not None
    if broken:
        await centre.hub.lost(link)
    heard_at = centre.clock.now()
    assert await is_online_after(centre, 14)
    assert not await is_online_after(centre, 5), "19 s, and the watch looks each second"
    row = await status_of(centre)
    assert row.changed_at == centre.clock.now()
    assert row.heard_at == heard_at, "to the moment, though a poll is not written each time"

    browser = await running_centre.as_role("administrator")
    page = (await browser.get("/devices/1")).text
    assert "Offline since" in page
    assert "East gate" in page
    body = json.loads((await browser.get("/api/devices/1")).text)
    assert body["state"] == "offline"
    assert body["since"][:19] == centre.clock.now().isoformat()[:19]
    await node.exchange(wake=lambda: None)
    centre.clock.advance(s=5)
    await node.exchange(wake=lambda: None)
    assert (await status_of(centre)).online
    assert "Offline since" not in (await browser.get("/devices/1")).text


async def test_a_device_that_polls_is_offline_after_two_and_a_half_periods(
    running_centre: RunningCentre,
) -> None:
    centre = WholeCentre(running_centre)
    node = await joined(centre)
    node.peer.connected(node.now_ms, live=False)
    assert await node.exchange() is not None
    limit_s = 30 * 2.5
    assert await is_online_after(centre, limit_s)
    assert not await is_online_after(centre, 1)


async def test_a_device_of_a_process_that_died_does_not_stay_online(running_centre: RunningCentre) -> None:
    """Planted break: leave out ``Silence._sweep``. Nobody is left who could miss its messages."""
    centre = WholeCentre(running_centre)
    node = await joined(centre)
    node.peer.connected(node.now_ms, live=False)
    assert await node.exchange() is not None
    centre.hub._links.clear()  # as in a process that never had this session
    assert await is_online_after(centre, 60), "another process may have heard it"
    assert not await is_online_after(centre, SILENT_S - 59)
    row = await status_of(centre)
    assert row.changed_at - row.heard_at < timedelta(seconds=SILENT_S + 5)
