"""What a new device begins with, by its purpose."""

from __future__ import annotations

import pytest

from central.access.model import AccessPoint, Door
from central.nodes import service
from central.nodes.model import Device
from central.nodes.service import DeviceInput
from tests.support.estate import NOON, Estate


@pytest.mark.parametrize("purpose", ["patrol", "issuer"])
def test_a_device_without_a_door_has_one_reader(estate: Estate, purpose: str) -> None:
    """Planted break: make a door for a patrol point."""

    def make() -> Device:
        site, organisation = estate.site, estate.organisation
        given = DeviceInput(
            site=site, organisation=organisation, name="boiler", number=77, label="Boiler", purpose=purpose
        )
        return service.create(given, NOON)

    device = estate.write(make)
    points = estate.read(lambda: list(AccessPoint.select().where(AccessPoint.device == device.id)))
    doors = estate.read(lambda: Door.select().where(Door.device == device.id).count())
    assert (device.roles, [(p.reader, p.door_id) for p in points], doors) == ([purpose], [(1, None)], 0)
    role = "issuer" if purpose == "issuer" else "door"
    assert f'role = "{role}"' in service.node_file(device.name, service.role_of(device), "t.s", [], "", 1)
