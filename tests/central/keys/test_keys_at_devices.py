"""Card keys at devices: each has the read keys of its zones and no others, in time, whatever becomes of the master."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.access.model import AccessPoint
from central.audit import SYSTEM
from central.cards import keys_in_force
from central.cards.keys_in_force import Part
from central.centre import Centre
from central.errors import StorageError
from central.keys import service, watch
from central.keys.model import Zone
from central.nodes import service as devices
from central.nodes.model import Device
from central.nodes.service import DeviceInput
from central.security.card_master import FILE, CardMaster, load
from central.sync import key_rows
from central.sync.model import PublishedRow
from protocol.card_layout.door_keys import DoorKeys
from protocol.errors import SignatureError
from protocol.ids import Stream
from protocol.records import Change, Kind
from protocol.sealed_keys import open_row
from protocol.unit_box import box_secret_of
from protocol.unit_file import part_in
from tests.support.centre import run_centre
from tests.support.hub_node import Node, WholeCentre


class Doors:
    """A gate with two doors and a hall, both joined."""

    def __init__(self, centre: WholeCentre) -> None:
        self.place = centre
        self.centre: Centre = centre.running.centre
        self.nodes: dict[str, Node] = {}

    async def join(self, name: str, number: int, purpose: str = "door") -> None:
        given = DeviceInput(site=1, organisation=1, name=name, number=number, label=name, purpose=purpose)
        device = await self.place.running.write(devices.create, given, self.place.clock.now())
        self.nodes[name] = Node(self.place, name, number + 6)
        await self.nodes[name].join(await self.place.ticket(device.id, number))

    async def keys_of(self, name: str) -> DoorKeys:
        """What the device holds after it has talked."""
        await self.nodes[name].talk(30)
        return self.nodes[name].store.view.door_keys

    async def versions_of(self, name: str) -> list[tuple[int, int]]:
        return [(key.zone, key.version) for key in (await self.keys_of(name)).read]

    async def act(self, what: object, *args: object) -> object:
        return await self.place.running.write(what, self.centre, SYSTEM, *args)

    async def reader(self, name: str, number: int = 1) -> int:
        def find() -> int:
            device = Device.get(Device.name == name)
            return AccessPoint.get((AccessPoint.device == device) & (AccessPoint.reader == number)).id

        return await self.place.running.read(find)

    @property
    def master(self) -> CardMaster:
        found = load(self.centre.keys.folder)
        assert found is not None
        return found


@pytest.fixture
async def doors(tmp_path: Path, database_url: str) -> AsyncIterator[Doors]:
    url = "" if database_url.startswith("sqlite") else database_url
    async with run_centre(tmp_path / "centre", database_url=url) as running:
        made = Doors(WholeCentre(running))
        await made.join("gate", 1, "two_doors")
        await made.join("hall", 2)
        yield made


async def test_every_device_with_readers_has_the_keys_of_zone_0(doors: Doors) -> None:
    """Planted break: ``key_tags`` without ``PUBLIC_TAG``."""
    keys = await doors.keys_of("hall")
    assert [(key.zone, key.version, key.key) for key in keys.read] == [(0, 1, doors.master.read_key(0, 1))]
    assert dict(keys.public) == {0: doors.master.signing_key(0).public_key().public_bytes_raw()}
    assert keys.usable


async def test_a_reader_that_moves_takes_and_leaves_keys(doors: Doors) -> None:
    """A device has the keys of all zones of its readers, and loses those of a zone that none of them stands in.

    Planted break: ``change_zone`` without ``publish.zones_changed``.
    """
    one = await doors.act(service.make_zone, "Laboratory")
    assert await doors.versions_of("gate") == [(0, 1)]
    await doors.act(service.change_zone, one, "Laboratory", [await doors.reader("gate", 1)])
    assert await doors.versions_of("gate") == [(0, 1), (1, 1)]
    both = [await doors.reader("gate", 1), await doors.reader("gate", 2)]
    await doors.act(service.change_zone, one, "Laboratory", both)
    assert await doors.versions_of("gate") == [(1, 1)]
    assert await doors.versions_of("hall") == [(0, 1)]
    await doors.act(service.change_zone, one, "Laboratory", [])
    assert await doors.versions_of("gate") == [(0, 1)]


@pytest.mark.parametrize("part", [0, "signing"])
async def test_an_exchange_and_its_end_reach_the_devices(doors: Doors, part: Part) -> None:
    async def held() -> list[int]:
        keys = await doors.keys_of("hall")
        return sorted(keys.public) if part == "signing" else [key.version for key in keys.read]

    (first,) = await held()
    await doors.act(service.exchange, part)
    assert sorted(await held()) == [first, first + 1]
    await doors.act(service.end_old, part)
    assert await held() == [first + 1]


async def test_rows_at_devices_have_the_digest_that_the_centre_expects(doors: Doors) -> None:
    """The centre counts keys as they are sent, not as they are kept. Planted break: digest over ``rows_of_scope``."""
    await doors.act(service.exchange, 0)
    await doors.keys_of("hall")
    storage = doors.place.hub.storage
    held = doors.nodes["hall"].store.view.revisions
    assert held.access == storage.heads("hall").access
    await doors.place.running.read(storage.snapshot_part, "hall", Stream.ACCESS, 0, 0)
    assert (
        storage.digests("hall")[Stream.ACCESS - 1] == doors.nodes["hall"].store.digests()[Stream.ACCESS - 1]
    )


async def test_out_of_use_changes_nothing_and_revoked_gets_nothing(doors: Doors) -> None:
    """A device out of use still judges cards, so it follows its zones; one that was revoked learns no new key."""
    await doors.keys_of("hall")
    await doors.keys_of("gate")

    def switch_off() -> None:
        devices.set_enabled(Device.get(Device.name == "hall"), False)
        devices.revoke(Device.get(Device.name == "gate").id, doors.place.clock.now())

    await doors.place.running.write(switch_off)
    assert await doors.versions_of("hall") == [(0, 1)]
    await doors.act(service.exchange, 0)
    assert await doors.versions_of("hall") == [(0, 2), (0, 1)]
    assert await doors.versions_of("gate") == [(0, 1)]


async def test_no_key_stands_in_the_database(doors: Doors) -> None:
    await doors.act(service.exchange, 0)
    master = doors.master
    secrets = [master.secret, master.read_key(0, 1), master.read_key(0, 2), master.issuer_key(1)]

    def bodies() -> list[bytes]:
        return [bytes(row.body) for row in PublishedRow.select()]

    for body in await doors.place.running.read(bodies):
        assert not any(secret in body for secret in secrets)


async def test_no_key_can_be_read_on_its_way(doors: Doors) -> None:
    """What is sent to a device holds its read keys for that device's own key alone: another device's does not open them, and
    one that joins anew with another key gets them sealed anew. Planted break: ``_open_key_for`` without its condition."""
    storage = doors.place.hub.storage

    async def sent(name: str) -> list[Change]:
        frame = await doors.place.running.read(storage.snapshot_part, name, Stream.ACCESS, 0, 0)
        return [row for row in part_in(frame).changes if row.kind == Kind.READ_KEY]

    secret = doors.master.read_key(0, 1)
    (row,) = await sent("hall")
    assert secret not in row.body
    seeds = {name: node.key.private_bytes_raw() for name, node in doors.nodes.items()}
    assert secret in open_row(row, box_secret_of(seeds["hall"])).body
    with pytest.raises(SignatureError):
        open_row(row, box_secret_of(seeds["gate"]))
    hall = await doors.place.running.read(lambda: Device.get(Device.name == "hall").id)
    again = Node(doors.place, "hall", 99)
    await again.join(await doors.place.ticket(hall, 77))
    (row,) = await sent("hall")
    assert secret in open_row(row, box_secret_of(again.key.private_bytes_raw())).body
    given = DeviceInput(site=1, organisation=1, name="new", number=9, label="new", purpose="door")
    await doors.place.running.write(devices.create, given, doors.place.clock.now())
    assert await sent("new") == [], "nobody has joined there"


async def test_without_the_master_doors_keep_their_keys_and_new_devices_get_them(doors: Doors) -> None:
    """Only what needs a new key waits. Planted break: keys made from the master as they are sent."""
    code = await doors.act(service.print_code)
    (doors.centre.keys.folder / FILE).unlink()
    assert await doors.place.running.read(watch.trouble_of, doors.centre) is watch.MISSING
    with pytest.raises(StorageError):
        await doors.act(service.exchange, 0)
    assert await doors.versions_of("hall") == [(0, 1)]
    await doors.join("late", 3)
    assert await doors.versions_of("late") == [(0, 1)]
    await doors.act(service.bring_back, code)
    assert await doors.place.running.read(watch.trouble_of, doors.centre) is None
    await doors.act(service.exchange, 0)
    assert await doors.versions_of("late") == [(0, 2), (0, 1)]


async def test_keys_sealed_by_other_keys_are_told_of_and_mended(doors: Doors) -> None:
    """As after a database was put beside another key folder: no device gets rubbish, and none loses its other rows."""

    def spoil() -> None:
        PublishedRow.update(body=b"x" * 60).where(PublishedRow.kind == Kind.READ_KEY.value).execute()

    await doors.place.running.write(spoil)
    assert await doors.place.running.read(watch.trouble_of, doors.centre) is watch.SEALED
    assert await doors.versions_of("hall") == []
    assert doors.nodes["hall"].store.view.access_points
    await doors.place.running.write(service.begin, doors.centre)
    assert await doors.place.running.read(watch.trouble_of, doors.centre) is None
    assert await doors.versions_of("hall") == [(0, 1)]


async def test_a_start_makes_the_keys_once(doors: Doors, tmp_path: Path) -> None:
    before = doors.master
    state = await doors.place.running.read(keys_in_force.current)
    heads = doors.place.hub.storage.heads("")
    await doors.place.running.write(service.begin, doors.centre)
    assert (doors.master, await doors.place.running.read(keys_in_force.current)) == (before, state)
    assert await doors.place.running.read(lambda: [zone.number for zone in Zone.select()]) == [0]
    assert doors.place.hub.storage.heads("") == heads
    assert not await doors.place.running.read(key_rows.broken, doors.centre.keys)
