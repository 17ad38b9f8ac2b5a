"""A running centre with a small estate in it: a gate with two readers, an issuer, people, an access level."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, cast

from central.access import model as access
from central.access.projection import Stored, apply
from central.cards.model import CardClass
from central.clock import FakeClock
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Organisation
from central.sync import publish
from central.sync.model import DeviceStatus, Enrolment
from protocol.decide import Trust
from protocol.facts import CHAIN_START, AccessFact, Body, Fact, encode_body
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Revisions
from protocol.schedule import ALWAYS
from tests.support.centre import Browser, RunningCentre, ready_folder
from tests.support.estate import person_row
from tests.support.replay import Replay, record

SITE = 1
ORGANISATION = 1


async def fill_drawer(browser: Browser, yuan: str) -> None:
    """The drawer of whoever is signed in there gets a float from the bank."""
    assert (await browser.post("/purse/drawer/open", {"site": "1", "organisation": "1"})).status == 303
    page = (await browser.get("/purse/drawer")).text
    account = page.partition('name="account" value="')[2].partition('"')[0]
    flow = {"account": account, "amount": yuan, "way": "float", "key": f"float {yuan}"}
    assert (await browser.post("/purse/drawer/bring", flow)).status == 303


class Estate:
    """Rows made through the models, facts handed to the projection as the sync would."""

    def __init__(self, running: RunningCentre) -> None:
        self.running = running
        self.seq: dict[int, int] = {}

    @classmethod
    async def make(cls, running: RunningCentre) -> Estate:
        estate = cls(running)
        known, about = await _recorded()
        if await running.write(known.write):
            vars(estate).update(about)
        else:
            await running.write(estate._make)
        return estate

    @property
    def now(self) -> datetime:
        return self.running.clock.now()

    def _make(self) -> None:
        now = self.now
        self.other_organisation = Organisation.create(name="恒远科技", created_at=now).id
        self.gate_device = self._device("east-gate", 1, "东门控制器", ["door"])
        self.desk_device = self._device("desk", 2, "发卡器", ["issuer"])
        self.gate = access.Door.create(
            site=SITE, organisation=ORGANISATION, device=self.gate_device, number=1, label="东门"
        ).id
        self.entrance = self._point(self.gate_device, self.gate, 1, "东门进")
        self.exit = self._point(self.gate_device, self.gate, 2, "东门出", leaving=True)
        self.desk = self._point(self.desk_device, None, 1, "发卡台")
        self.level = access.AccessLevel.create(site=SITE, name="业主").id
        for point in (self.entrance, self.exit):
            access.LevelEntry.create(level=self.level, point=point, schedule=ALWAYS)
        self.card_class = CardClass.create(site=SITE, name="业主卡", active_max_count=5).id
        self.person = person_row(
            SITE,
            ORGANISATION,
            "0001",
            "张三",
            initials="zs",
            department="工程部",
            building="1栋",
            unit="101",
            phone="13812345678",
        ).id
        self.stranger = person_row(
            SITE, self.other_organisation, "0002", "李四", initials="ls", department="研发部"
        ).id
        publish.everything_changed(SITE)

    def _device(self, name: str, number: int, label: str, roles: list[str]) -> int:
        device = Device.create(
            site=SITE,
            organisation=ORGANISATION,
            name=name,
            number=number,
            label=label,
            roles=roles,
            created_at=self.now,
        )
        Enrolment.create(
            device=device,
            node_epoch=1,
            public_key=bytes(32),
            salt=bytes(16),
            enrolled_at=self.now,
            head=CHAIN_START,
        )
        DeviceStatus.create(device=device, online=True, heard_at=self.now, changed_at=self.now)
        return device.id

    def _point(self, device: int, door: int | None, reader: int, label: str, leaving: bool = False) -> int:
        return access.AccessPoint.create(
            device=device, door=door, reader=reader, label=label, leaving=leaving
        ).id

    def fact(self, body: Body, *, device: int | None = None, personal: bytes = b"") -> Stored:
        """The next fact of a device (the gate's, unless said), now."""
        device = device or self.gate_device
        seq = self.seq[device] = self.seq.get(device, 0) + 1
        kind, encoded = encode_body(body)
        wall_ms = self.running.clock.now_ms()
        fact = Fact(seq, kind, 1, 1_000 * seq, wall_ms, Trust.TRUSTED, encoded, personal)
        return Stored(1, fact, body, self.now)

    async def project(self, *facts: Stored, device: int | None = None) -> None:
        """Hand facts of one device to the projection."""
        await self.running.centre.db.write_grouped(apply, device or self.gate_device, list(facts))

    async def show(self, uid: str, reason: Reason = Reason.UNKNOWN_CARD, point: int | None = None) -> None:
        """Somebody shows a card at the gate."""
        body = AccessFact(point or self.entrance, reason, Revisions(1, 3, 5, 0))
        await self.project(self.fact(body, personal=uid_key(bytes.fromhex(uid))))

    async def show_at_desk(self, uid: str) -> None:
        """Somebody places a card on the issuer."""
        body = AccessFact(self.desk, Reason.NOT_CONFIGURED, Revisions(1, 3, 5, 0))
        fact = self.fact(body, device=self.desk_device, personal=uid_key(bytes.fromhex(uid)))
        await self.project(fact, device=self.desk_device)

    async def acknowledge(self, device: int, *, in_memory_only: bool = False) -> None:
        """The device has everything that was published."""
        from central.sync.status import delivered
        from central.sync.storage import read_heads

        def write() -> None:
            delivered(device, read_heads(), not in_memory_only, self.now)

        await self.running.write(write)

    async def set_online(self, device: int, online: bool) -> None:
        """The device came or went."""
        await self.running.write(
            lambda: (
                DeviceStatus.update(online=online, changed_at=self.now)
                .where(DeviceStatus.device == device)
                .execute()
            )
        )

    async def issue(self, browser: Browser, uid: str, card_no: str, **values: Any) -> int:
        """Issue a card through the page; returns its number."""
        answer = await browser.post(
            "/cards/issue",
            {
                "uid": uid,
                "card_no": card_no,
                "person": str(values.pop("person", self.person)),
                "card_class": str(self.card_class),
                "levels": str(self.level),
                **values,
            },
        )
        assert answer.status == 303, answer
        return int(answer.location.split("/")[2].split("?")[0])

    def later(self, **units: float) -> datetime:
        """So much after now."""
        return self.now + timedelta(**units)

    async def person_of(self, number: str) -> Person | None:
        """The person with this number."""
        return await self.running.read(lambda: Person.get_or_none(Person.number == number))


_RECORDED: Final[list[tuple[Replay, Mapping[str, Any]]]] = []


async def _recorded() -> tuple[Replay, Mapping[str, Any]]:
    """What :meth:`Estate.make` writes into a centre that has just been set up, and what it then knows of its rows."""
    if not _RECORDED:
        estate = Estate(cast(RunningCentre, SimpleNamespace(clock=FakeClock())))
        replay = record(await ready_folder(), estate._make)
        about = {name: value for name, value in vars(estate).items() if name not in ("running", "seq")}
        _RECORDED.append((replay, about))
    return _RECORDED[0]
