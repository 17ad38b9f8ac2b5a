"""A hold of the police against the purge of doors, the purge of the patrol, and the erasure of a person (U11)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from central.access.model import AccessEvent
from central.cards.model import Card
from central.holds.holding import covered, in_force, why_not_erase
from central.holds.model import Hold
from central.oversight.rules import is_night, lines, nights
from central.people.model import Person
from central.rounds.model import PatrolScan
from central.sync import ingest
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from tests.central.access.test_purging import REVISIONS, ZONE, store, text
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

OURS, THEIRS = "04A1B2C3", "04A1B2C4"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.mark.requirement("U11")
async def test_a_purge_keeps_what_is_held_until_the_hold_is_lifted(
    estate: Estate, centre_client: Browser, running_centre: RunningCentre
) -> None:
    """Seen when: of three door records of 200 days ago that of the person asked for is named as held in the preview, stays
    in a purge and over a rebuild, while the others go; the person cannot be erased meanwhile; after the hold is lifted, with
    a reason and by who may, the next purge takes it, also over a rebuild.

    Planted breaks that turn it red: ``purge`` deleting without ``~covered``; ``PurgedEvents.kept`` left empty;
    ``covered`` without COALESCE (records without a person stay for ever); the blocker taken out of ``erasure.BLOCKERS``.
    """
    began = estate.now
    await estate.issue(centre_client, OURS, "00000001")
    bodies = [
        (AccessFact(estate.entrance, Reason.GRANTED, REVISIONS), uid_key(bytes.fromhex(OURS))),
        (AccessFact(estate.entrance, Reason.UNKNOWN_CARD, REVISIONS), uid_key(bytes.fromhex(THEIRS))),
        (AccessFact(estate.entrance, Reason.UNKNOWN_CARD, REVISIONS), uid_key(bytes.fromhex(THEIRS))),
    ]
    await running_centre.write(store, estate, bodies, began)

    def events() -> list[int]:
        return [row.seq for row in AccessEvent.select().order_by(AccessEvent.seq)]

    assert await running_centre.read(events) == [1, 2, 3]
    asked = {
        "site": "1",
        "document": "沪公调 17",
        "agency": "某派出所",
        "officer": "周警官 012345",
        "purpose": "盗窃案",
        "person": "0001",
        "from_at": text(began - timedelta(hours=1)),
        "until_at": text(began + timedelta(hours=1)),
    }
    entered = await centre_client.post("/oversight/requests/new", asked)
    assert entered.location == "/oversight/requests/1", entered.text[-2000:]
    refused = await centre_client.post("/oversight/requests/new", {**asked, "person": "nobody"})
    assert refused.status == 422

    running_centre.clock.advance(days=200)
    client = await running_centre.as_role()
    form: dict[str, Any] = {
        "site": "1",
        "from_at": asked["from_at"],
        "until_at": asked["until_at"],
        "reason": "期满",
    }
    look = (await client.post("/access/purge", form)).text
    assert ("1 record of this period is held" in look, "沪公调 17" in look) == (True, True)
    assert "Purge 2 records" in look
    assert (await client.post("/access/purge", {**form, "records": "2"})).status == 303
    for _turn in range(2):
        assert await running_centre.read(events) == [1], "held"
        await running_centre.write(ingest.rebuild)

    person = await running_centre.read(lambda: Person.get(Person.number == "0001"))
    assert await running_centre.read(lambda: why_not_erase(person) is not None)
    erase = await client.post(f"/people/{person.id}/erase", {"reason": "asked", "sure": "1"})
    assert (erase.status, "held for the police" in erase.text) == (422, True)

    reader = await running_centre.as_role("manager")
    assert (await reader.post("/oversight/requests/1/lift", {"reason": "结案"})).status == 403
    assert (await client.post("/oversight/requests/1/lift", {"reason": ""})).status == 422
    assert (await client.post("/oversight/requests/1/lift", {"reason": "结案"})).status == 303
    assert (await client.post("/oversight/requests/1/lift", {"reason": "结案"})).status == 422
    assert await running_centre.read(lambda: why_not_erase(person) is None)
    assert (await client.post("/access/purge", {**form, "records": "1"})).status == 303
    for _turn in range(2):
        assert await running_centre.read(events) == []
        await running_centre.write(ingest.rebuild)


async def test_a_scan_of_the_patrol_is_held_too(estate: Estate, running_centre: RunningCentre) -> None:
    """The purge of the patrol goes by the same condition and names what stays. Planted break: ``_scans_in`` without holds."""
    began = estate.now

    def make() -> None:
        person = Person.get(Person.number == "0001")
        for seq, whose in ((1, person), (2, None)):
            PatrolScan.create(
                site=1, organisation=1, device=estate.gate_device, node_epoch=0, seq=seq, at=began, wall_ms=0, clock=0,
                received_at=began, checkpoint=1, person=whose, told=1,
            )  # fmt: skip
        Hold.create(
            site=1,
            person=person,
            from_at=began,
            until_at=began + timedelta(hours=1),
            about="沪公调 18",
            made_at=began,
        )

    await running_centre.write(make)
    running_centre.clock.advance(days=9)
    client = await running_centre.as_role()
    form = {
        "site": "1",
        "from_at": text(began - timedelta(hours=1)),
        "until_at": text(began + timedelta(hours=2)),
        "reason": "期满",
    }
    look = (await client.post("/patrol/purge", form)).text
    assert ("1 record of this period is held" in look, "沪公调 18" in look) == (True, True)
    assert (await client.post("/patrol/purge", {**form, "records": "1"})).status == 303
    assert await running_centre.read(lambda: [row.seq for row in PatrolScan.select()]) == [1]


async def test_what_a_hold_covers(
    estate: Estate, centre_client: Browser, running_centre: RunningCentre
) -> None:
    """From inclusive, until exclusive; of a person or a card either; a door narrows it; another estate's hold covers nothing.

    Planted breaks: ``<=`` at the end; ``and`` between person and card.
    """
    began = estate.now
    bodies = [
        (AccessFact(estate.entrance, Reason.UNKNOWN_CARD, REVISIONS), uid_key(bytes.fromhex(THEIRS)))
    ] * 2
    await running_centre.write(store, estate, bodies, began)

    def count(**about: Any) -> int:
        span = {"from_at": began, "until_at": began + timedelta(hours=1), **about}
        hold = Hold(site=1, about="", made_at=began, **span)
        return int(AccessEvent.select().where(covered(AccessEvent, [hold])).count())

    def read() -> list[int]:
        first = AccessEvent.select().order_by(AccessEvent.at).first()
        return [
            count(),
            count(door=estate.gate),
            count(door=99),
            count(person=1),
            count(from_at=first.at, until_at=first.at + timedelta(milliseconds=1)),
            count(from_at=first.at + timedelta(milliseconds=1)),
            count(until_at=first.at),
            len(in_force(1, began, began + timedelta(days=1))),
            AccessEvent.select().where(~covered(AccessEvent, [])).count(),
        ]

    assert await running_centre.read(read) == [2, 2, 0, 0, 1, 1, 0, 0, 2]
    await estate.issue(centre_client, OURS, "00000001")

    def one_by_each() -> tuple[int, int]:
        card = Card.get()
        AccessEvent.update(person=card.person_id).where(AccessEvent.seq == 1).execute()
        AccessEvent.update(card=card.id).where(AccessEvent.seq == 2).execute()
        return card.person_id, card.id

    person, card = await running_centre.write(one_by_each)
    either = [{"person": person}, {"card": card}, {"person": person, "card": card}]
    assert [await running_centre.read(lambda about=about: count(**about)) for about in either] == [1, 1, 2]


def test_nights_and_limits() -> None:
    """22 to 6: 21:59 is day, 22:00 night, 6:00 day again; a limit is passed by the day, not by the sum.

    Planted breaks: ``is_night`` with ``<=``; ``Line.is_over`` by ``count``.
    """

    def at(hour: int, minute: int) -> datetime:
        return datetime(2026, 7, 1, hour, minute, tzinfo=ZONE)

    hours = (22, 6)
    seen = [is_night(at(*when), ZONE, hours) for when in ((21, 59), (22, 0), (5, 59), (6, 0))]
    assert seen == [False, True, True, False]
    spans = nights(date(2026, 7, 1), date(2026, 7, 2), ZONE, hours)
    for hour in range(24):
        inside = any(begins <= at(hour, 30) < ends for begins, ends in spans)
        assert inside == is_night(at(hour, 30), ZONE, hours)
    acts = [("0001", "王", "void", date(2026, 7, day)) for day in (1, 1, 2, 3)]
    acts += [("0002", "李", "void", date(2026, 7, 1))] * 3
    found = lines(acts, {"void": 2})
    assert [(line.who, line.count, line.busiest_count, line.is_over) for line in found] == [
        ("0002", 3, 3, True),
        ("0001", 4, 2, False),
    ]
