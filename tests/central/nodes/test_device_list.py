"""The list of devices: one that is out of use is nothing but out of use, and what has not arrived is counted."""

from __future__ import annotations

import re

import pytest

from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def cells(browser: Browser, device: int, query: str = "") -> list[str]:
    """The texts of a device's line in the list; empty when it is not there."""
    page = (await browser.get(f"/devices{query}")).text
    found = re.search(rf'<tr id="devices-{device}".*?</tr>', page, re.DOTALL)
    if found is None:
        return []
    texts = re.findall(r"<td[^>]*>(.*?)</td>", found[0], re.DOTALL)
    return [re.sub(r"<svg.*?</svg>|<[^>]*>", "", text, flags=re.DOTALL).strip() for text in texts]


async def test_a_device_out_of_use_is_never_offline(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ``state_of`` looking at the connection first."""
    await estate.set_online(estate.gate_device, False)
    line = await cells(centre_client, estate.gate_device)
    assert "Offline" in line
    await centre_client.post(f"/devices/{estate.gate_device}/enabled", {"enabled": "0"})
    line = await cells(centre_client, estate.gate_device)
    assert "Out of use" in line
    for path in (f"/devices/{estate.gate_device}", "/doors", f"/doors/{estate.gate}"):
        page = (await centre_client.get(path)).text
        assert "Out of use" in page, path
        assert ">Offline" not in page, path
        assert "Offline since" not in page, path
    assert not await cells(centre_client, estate.gate_device, "?online=no")


async def test_the_list_counts_what_each_device_has_not_got(estate: Estate, centre_client: Browser) -> None:
    """Planted break: count for every device what the first one lacks."""
    for device in (estate.gate_device, estate.desk_device):
        await estate.acknowledge(device)
    counts = [(await cells(centre_client, device))[5] for device in (estate.gate_device, estate.desk_device)]
    assert counts == ["0", "0"]
    assert not await cells(centre_client, estate.gate_device, "?delivery=pending")
    await estate.issue(centre_client, "04A1B2C3", "00000001")
    await estate.acknowledge(estate.desk_device)
    counts = [(await cells(centre_client, device))[5] for device in (estate.gate_device, estate.desk_device)]
    assert counts == ["1", "0"]
    assert f"<dd>{counts[0]}</dd>" in (await centre_client.get(f"/devices/{estate.gate_device}")).text
    assert await cells(centre_client, estate.gate_device, "?delivery=pending")
    assert not await cells(centre_client, estate.desk_device, "?delivery=pending")
