"""A small estate in a database of its own: one gate with two readers, an issuer, people, an access level.

``Estate(tmp_path)`` gives plain rows to work on; ``estate.write(fn)`` and ``estate.read(fn)`` run as the centre would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from central.access import model as access
from central.access.projection import Stored, apply
from central.cards import model as cards
from central.cards.acts import By
from central.cards.rules import Origin
from central.db import Database
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Organisation, Site
from central.sync import ingest
from central.sync.model import Enrolment
from central.web import fold
from protocol.decide import Trust
from protocol.facts import CHAIN_START, AccessFact, Body, Entry, Fact, chained, encode_body
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Revisions
from protocol.schedule import ALWAYS
from tests.support.ready import lay_sqlite

T = TypeVar("T")
NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai, a Wednesday."""
NOON_MS = int(NOON.timestamp() * 1_000)


def person_row(site: int, organisation: int, number: str, name: str, **values: Any) -> Person:
    """A person, entered at noon."""
    return Person.create(
        site=site,
        organisation=organisation,
        number=number,
        name=name,
        kind=values.pop("kind", "staff"),
        fold_key=name.lower(),
        place_key=fold.fold(f"{values.get('building', '')}{values.get('unit', '')}"),
        created_at=NOON,
        changed_at=NOON,
        **values,
    )


def card_row(**values: Any) -> cards.Card:
    """A card with the columns that are given, alone in its intake; entered at noon unless said."""
    values = {"created_at": NOON, "changed_at": NOON, **values}
    intake = cards.CardIntake.create(
        site=values["site"],
        organisation=values["organisation"],
        origin=Origin.FIRST_ISSUE.value,
        cards_count=1,
        first_no=values["card_no"],
        last_no=values["card_no"],
        at=values["created_at"],
    )
    return cards.Card.create(intake=intake, **values)


class Estate:
    """The database and the ids of its rows.

    :param url: of a database with today's tables; else one is laid into the folder.
    """

    def __init__(self, directory: Path, url: str = "") -> None:
        if not url:
            lay_sqlite(directory / "estate.db")
        self.db = Database(url or f"sqlite:///{directory / 'estate.db'}")
        self.seq: dict[int, int] = {}
        self.db.call_write(self._make)

    @classmethod
    def found(cls, path: Path, ids: Mapping[str, int]) -> Estate:
        """One that stands in a file already.

        :param ids: of its rows, as ``ids`` gave them when it was made.
        """
        estate = cls.__new__(cls)
        estate.db, estate.seq = Database(f"sqlite:///{path}"), {}
        vars(estate).update(ids)
        return estate

    @property
    def ids(self) -> dict[str, int]:
        """Of the rows, by their names here."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}

    def _make(self) -> None:
        self.organisation = Organisation.create(name="和谐物业", created_at=NOON).id
        self.other_organisation = Organisation.create(name="恒远科技", created_at=NOON).id
        self.site = Site.create(name="锦绣花园", zone="Asia/Shanghai", created_at=NOON).id
        self.office_hours = access.Schedule.create(
            site=self.site, name="办公时间", periods=[[0b0011111, 8 * 60, 18 * 60]]
        ).id
        self.gate_device = self._device("east-gate", 1, "东门控制器", ["door"])
        self.desk_device = self._device("desk", 2, "发卡器", ["issuer"])
        self.gate = access.Door.create(
            site=self.site,
            organisation=self.organisation,
            device=self.gate_device,
            number=1,
            label="东门",
        ).id
        self.entrance = self._point(self.gate_device, self.gate, 1, "东门进")
        self.exit = self._point(self.gate_device, self.gate, 2, "东门出", leaving=True)
        self.desk = self._point(self.desk_device, None, 1, "发卡台")
        self.level = access.AccessLevel.create(site=self.site, name="业主").id
        for point in (self.entrance, self.exit):
            access.LevelEntry.create(level=self.level, point=point, schedule=ALWAYS)
        self.office_level = access.AccessLevel.create(site=self.site, name="办公").id
        access.LevelEntry.create(level=self.office_level, point=self.entrance, schedule=self.office_hours)
        self.card_class = cards.CardClass.create(site=self.site, name="业主卡", active_max_count=2).id
        self.person = person_row(
            self.site, self.organisation, "0001", "张三", department="工程部", building="1栋", unit="101"
        ).id
        self.stranger = person_row(self.site, self.other_organisation, "0002", "李四", department="研发部").id

    def _device(self, name: str, number: int, label: str, roles: list[str]) -> int:
        return Device.create(
            site=self.site,
            organisation=self.organisation,
            name=name,
            number=number,
            label=label,
            roles=roles,
            created_at=NOON,
        ).id

    def _point(self, device: int, door: int | None, reader: int, label: str, leaving: bool = False) -> int:
        return access.AccessPoint.create(
            device=device, door=door, reader=reader, label=label, leaving=leaving
        ).id

    def write(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.db.call_write(fn, *args, **kwargs)

    def read(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.db.call_read(fn, *args, **kwargs)

    def close(self) -> None:
        self.db.call_close()

    # -- facts of the devices ----------------------------------------------------------------------------------------

    def stored(
        self,
        body: Body,
        *,
        device: int | None = None,
        at: datetime = NOON,
        personal: bytes = b"",
        epoch: int = 1,
    ) -> Stored:
        """The next fact of a device (the gate's, unless said)."""
        device = device or self.gate_device
        seq = self.seq[device] = self.seq.get(device, 0) + 1
        kind, encoded = encode_body(body)
        wall_ms = int(at.timestamp() * 1_000)
        fact = Fact(seq, kind, 1, wall_ms % 10**9, wall_ms, Trust.TRUSTED, encoded, personal)
        return Stored(epoch, fact, body, at)

    def shown(
        self,
        uid: str,
        reason: Reason = Reason.UNKNOWN_CARD,
        *,
        point: int | None = None,
        device: int | None = None,
        at: datetime = NOON,
        release_ms: int = 0,
    ) -> Stored:
        """The fact of a card shown at a reader (the gate's entrance, unless said)."""
        body = AccessFact(point or self.entrance, reason, Revisions(1, 3, 5, 0), release_ms=release_ms)
        return self.stored(body, device=device, at=at, personal=uid_key(bytes.fromhex(uid)))

    def project(self, *facts: Stored, device: int | None = None) -> None:
        """Hand facts of one device to the projection."""
        self.write(apply, device or self.gate_device, list(facts))

    def show_at_desk(self, uid: str, at: datetime = NOON) -> None:
        """The card was shown at the issuer just now."""
        fact = self.shown(uid, Reason.NOT_CONFIGURED, point=self.desk, device=self.desk_device, at=at)
        self.project(fact, device=self.desk_device)


def by(at: datetime = NOON, number: int = 1) -> By:
    """The operator at the desk."""
    return By(number, "值班员", at)


def later(**units: float) -> datetime:
    """So much after noon."""
    return NOON + timedelta(**units)


class Chain:
    """The gate's device as the ingest knows it: joined once, its facts chained and stored."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self.entries: list[Entry] = []
        self.enrolment = estate.write(self._enrol)

    def _enrol(self) -> int:
        made = Enrolment.create(
            device=self._estate.gate_device,
            node_epoch=1,
            public_key=bytes(32),
            salt=bytes(16),
            enrolled_at=NOON,
            head=CHAIN_START,
        )
        return int(made.id)

    def store(self, *bodies: Body, received_ms: int = NOON_MS) -> None:
        """A batch of facts, each a second after the one before; accesses are of card 04A1B2C3."""
        batch = []
        for body in bodies:
            seq, (kind, encoded) = len(self.entries) + 1, encode_body(body)
            personal = uid_key(b"\x04\xa1\xb2\xc3") if isinstance(body, AccessFact) else b""
            fact = Fact(seq, kind, 1, 1_000 * seq, NOON_MS + 1_000 * seq, Trust.TRUSTED, encoded, personal)
            before = self.entries[-1].hash if self.entries else CHAIN_START
            self.entries.append(chained(before, fact, bytes(16)))
            batch.append(self.entries[-1])
        self._estate.write(ingest.store, self.enrolment, batch, received_ms)
