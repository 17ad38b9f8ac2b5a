"""Where holders are by what devices told: late, doubtful and lost passages, and what an operator and a restore do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import central.access.pages  # noqa: F401  (brings its sheets)
from central.access import presence
from central.access.dossier import alarms_of, places_of
from central.access.forgetting import forget
from central.access.model import AccessEvent, AccessPoint, Area, CardLevel, Door, HolderPlace
from central.access.projection import apply
from central.cards.model import CardIssue, CardUse
from central.cards.rules import Holding
from central.nodes.model import Device
from central.people.dossier import SECTIONS
from central.people.model import Person
from central.sync import publish
from central.sync.model import PublishedRow
from protocol.decide import Trust
from protocol.door_rows import Passback
from protocol.facts import AccessFact, Fact, Outcome, OutcomeFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Kind, Revisions
from tests.support.estate import NOON, Estate, card_row, later, person_row

UID, GUEST = bytes.fromhex("04A1B2C3D4E5F6"), bytes.fromhex("04A1B2C3D4E5F7")


class Hall(Estate):
    """The gate and a second device lead into one hard area."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.write(self._furnish)

    def _furnish(self) -> None:
        self.other = self._device("hall", 3, "大堂", ["door"])
        self.area = Area.create(site=self.site, name="院内", passback=Passback.HARD.value).id
        door = Door.create(
            site=self.site, organisation=self.organisation, device=self.other, number=1, label="大堂"
        )
        self.of_other = AccessPoint.create(device=self.other, door=door.id, reader=1, label="大堂进").id
        Door.update(inside=self.area).execute()
        card = card_row(
            site=self.site,
            organisation=self.organisation,
            card_no="1",
            uid=UID,
            issue_no=1,
            person=self.person,
            holding=Holding.IN_USE.value,
        )
        CardIssue.create(card=card.id, issue_no=1, person=self.person, issued_at=NOON)
        CardLevel.create(card=card.id, level=self.level)
        for device in Device.select():
            publish.device_changed(device.id)

    def passes(
        self, device: int, point: int, into: int, at: datetime, clock: Trust = Trust.TRUSTED, **more: Any
    ) -> None:
        """Somebody goes through."""
        shown = self.stored(
            AccessFact(point, Reason.GRANTED, Revisions()), device=device, at=at, personal=uid_key(UID)
        )
        outcome = more.pop("outcome", Outcome.ENTERED)
        went = self.stored(OutcomeFact(shown.fact.seq, outcome, into), device=device, at=at)
        fields = {name: getattr(went.fact, name) for name in Fact.__struct_fields__}
        went = type(went)(1, Fact(**{**fields, "clock": clock}), went.body, at, **more)
        self.write(apply, device, [shown, went])

    def place(self) -> tuple[bool, int | None]:
        """(known, area) of the holder."""
        row = self.read(lambda: HolderPlace.get())
        return row.is_known, row.area_id

    def told(self) -> int:
        """Rows that devices are told of."""
        is_there = (PublishedRow.kind == Kind.PRESENCE.value) & (PublishedRow.body != b"")
        return int(self.read(lambda: PublishedRow.select().where(is_there).count()))


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path)
    yield made
    made.close()


@pytest.mark.requirement("B3")
def test_a_passage_that_comes_late_does_not_move_the_holder_back(hall: Hall) -> None:
    """Planted break: ``merge`` keeping the passage that came last."""
    hall.passes(hall.other, hall.of_other, hall.area, later(minutes=9))
    hall.passes(hall.gate_device, hall.exit, 0, later(minutes=5))
    assert hall.place() == (True, hall.area)
    hall.passes(hall.gate_device, hall.exit, 0, later(minutes=10))
    assert hall.place() == (True, None)
    assert hall.told() == 1


@pytest.mark.requirement("B3")
def test_a_passage_by_a_clock_that_was_not_trusted_leaves_the_place_unknown(hall: Hall) -> None:
    """Planted break: ``_went`` taking every time for sure."""
    hall.passes(hall.other, hall.of_other, hall.area, later(minutes=1))
    received_ms = int(later(minutes=30).timestamp() * 1_000)
    hall.passes(hall.gate_device, hall.exit, 0, later(minutes=2), Trust.FLOOR_ONLY, received_ms=received_ms)
    assert hall.place() == (False, None)
    hall.passes(hall.other, hall.of_other, hall.area, later(minutes=29))
    assert hall.place() == (False, None), "the other one may have been later"
    hall.passes(hall.other, hall.of_other, hall.area, later(minutes=31))
    assert hall.place() == (True, hall.area)


@pytest.mark.requirement("B3")
def test_a_release_that_a_power_cut_left_open_leaves_the_place_unknown(hall: Hall) -> None:
    """Planted break: ``places.outcome`` passing over unknown outcomes."""
    hall.passes(hall.other, hall.of_other, hall.area, later(minutes=1))
    hall.passes(hall.gate_device, hall.exit, -1, later(minutes=5), outcome=Outcome.UNKNOWN)
    assert hall.place() == (False, None)
    assert hall.told() == 1


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("cut", range(5), ids=lambda cut: f"a batch ends behind record {cut}")
@pytest.mark.parametrize("outcome", [Outcome.ENTERED, Outcome.NOT_ENTERED, Outcome.UNKNOWN])
def test_whoever_was_let_in_along_is_where_the_other_is(hall: Hall, outcome: Outcome, cut: int) -> None:
    """His record stands behind the grant that let him in: it ends as that one did, his use counts, and nobody else's does.

    Planted breaks that turn it red: ``let_in`` without ``ALONG_MAX``; without looking at what is stored, or at the
    batch once the grant is stored; taking every next record.
    """
    device, point, guest = hall.other, hall.of_other, uid_key(GUEST)
    hall.write(lambda: _guest(hall))
    shown = [
        hall.stored(AccessFact(point, reason, Revisions(), **more), device=device, at=NOON, personal=key)  # type: ignore[arg-type]
        for reason, key, more in (
            (Reason.ESCORT, guest, {}),
            (Reason.GRANTED, uid_key(UID), {}),
            (Reason.GRANTED_ALONG, guest, {"use_no": 1, "use_issue": 1}),
            (Reason.UNKNOWN_CARD, uid_key(bytes(4)), {}),
        )
    ]
    into = hall.area if outcome is Outcome.ENTERED else -1
    went = hall.stored(OutcomeFact(shown[1].fact.seq, outcome, into), device=device, at=NOON)
    facts = [*shown, went]
    for batch in filter(None, (facts[:cut], facts[cut:])):
        hall.write(apply, device, batch)
    places = hall.read(lambda: [(row.is_known, row.area_id) for row in HolderPlace.select()])
    assert (
        places
        == {
            Outcome.ENTERED: [(True, hall.area)] * 2,
            Outcome.NOT_ENTERED: [],
            Outcome.UNKNOWN: [(False, None)] * 2,
        }[outcome]
    )
    events = hall.read(lambda: list(AccessEvent.select().order_by(AccessEvent.seq)))
    assert [row.outcome for row in events] == [None, outcome, outcome, None]
    assert hall.read(lambda: [use.count for use in CardUse.select()]) == [1]


def _guest(hall: Hall) -> None:
    person = person_row(hall.site, hall.organisation, "0099", "访客").id
    ids = {"site": hall.site, "organisation": hall.organisation}
    card = card_row(**ids, card_no="2", uid=GUEST, issue_no=1, person=person, holding=Holding.IN_USE.value)
    CardIssue.create(card=card.id, issue_no=1, person=person, issued_at=NOON)


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("rule", [{}, {"passback": Passback.NONE.value, "occupancy_max": 5}])
def test_after_a_restore_every_area_begins_anew_at_every_device(hall: Hall, rule: dict[str, int]) -> None:
    """Planted breaks: ``after_restore`` publishing nothing; asking for areas with anti-passback alone."""
    if rule:
        hall.write(lambda: Area.update(**rule).execute())
        hall.write(lambda: [publish.device_changed(device.id) for device in Device.select()])

    def areas() -> list[bytes]:
        query = PublishedRow.select(PublishedRow.body).where(PublishedRow.kind == Kind.AREA.value)
        return [bytes(body) for (body,) in query.tuples()]

    before = hall.read(areas)
    hall.write(presence.after_restore, later(hours=1))
    after = hall.read(areas)
    assert len(after) == len(before) == 2
    assert not set(after) & set(before)


def test_a_person_is_told_where_the_doors_believe_him_until_he_is_erased(hall: Hall) -> None:
    """The workbook of a person has the place that is kept for anti-passback; erasing takes it. Planted breaks: ``places_of`` taken
    out of the sections; ``presence.erase`` left out of ``forget``.
    """
    hall.passes(hall.gate_device, hall.entrance, hall.area, NOON)
    person = hall.read(lambda: Person.get_by_id(hall.person))

    def sheet() -> list[list[object]]:
        assert {places_of, alarms_of} <= set(SECTIONS)
        return [list(row) for row in places_of(person).rows]

    assert hall.read(sheet) == [[NOON, "院内", "东门进"]]
    hall.write(forget, person)
    assert hall.read(sheet) == []
