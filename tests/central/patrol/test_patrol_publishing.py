"""What devices are given of the patrol: the visits of guards' cards, as far as a row holds, and renewed before they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from central.cards.model import Card
from central.patrol import renewal
from central.patrol.model import PlanSpan
from central.patrol.publishing import HORIZON_DAYS
from central.rounds.marks import units_of_site
from central.sync import publish
from central.sync.model import PublishedRow
from protocol.ids import uid_key
from protocol.limits import VISITS_PER_GUARD_MAX
from protocol.records import Change, CheckpointRow, GuardRow, Kind, PlaceRow, decode_row
from tests.central.patrol.test_patrol_pages import estate, route_form
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate

__all__ = ["estate"]
UID = "04A1B2C3D4E501"


@pytest.fixture
async def guarded(estate: Estate, centre_client: Browser) -> int:
    """The guard has a card; its id."""
    return await estate.issue(centre_client, UID, "10000001")


async def rows(running: RunningCentre, kind: Kind) -> dict[tuple[str, bytes], Any]:
    """What is published of a kind, by space and key."""

    def read() -> dict[tuple[str, bytes], Any]:
        query = PublishedRow.select().where((PublishedRow.kind == kind.value) & (PublishedRow.body != b""))
        return {
            (row.space, bytes(row.key)): decode_row(Change(row.kind, bytes(row.key), bytes(row.body)))
            for row in query
        }

    return await running.read(read)


async def visits(running: RunningCentre) -> list[tuple[int, ...]]:
    """The visits of the one guard's card at the gate."""
    (row,) = (await rows(running, Kind.GUARD)).values()
    assert isinstance(row, GuardRow)
    return list(row.visits)


async def test_only_devices_with_a_checkpoint_hold_the_guards_cards(
    guarded: int, estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``_wanted`` going over all readers of the estate."""
    await estate.issue(centre_client, "04A1B2C3D4E502", "10000002", person=estate.stranger)
    points = await rows(running_centre, Kind.CHECKPOINT)
    assert {row.checkpoint for row in points.values() if isinstance(row, CheckpointRow)} == {1, 2}
    assert {space for space, _key in points} == {f"device:{estate.gate_device}"}
    guards = await rows(running_centre, Kind.GUARD)
    assert list(guards) == [(f"device:{estate.gate_device}", bytes(uid_key(bytes.fromhex(UID))))]
    assert b"\xe5\xbc\xa0" not in repr(guards).encode()


async def test_a_card_holds_as_many_visits_as_fit_and_says_until_when(
    guarded: int, estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``visits_of`` without its look at ``VISITS_PER_GUARD_MAX``."""
    form = route_form(estate, starts="22:00", opens="0", early="0")
    assert (await centre_client.post("/patrol/routes/new", form)).status == 303
    found = await visits(running_centre)
    assert len(found) == 2 * (HORIZON_DAYS - 1)
    assert {visit[2:] for visit in found} == {(0, 300, 0, 1_200)}
    hourly = route_form(
        estate, number="8", name="密巡", starts="", every_hours="1", first="00:00", until="23:00"
    )
    assert (await centre_client.post("/patrol/routes/new", hourly)).status == 303
    found = await visits(running_centre)
    assert VISITS_PER_GUARD_MAX - 2 <= len(found) <= VISITS_PER_GUARD_MAX
    reach = {row.plan_until_s for row in (await rows(running_centre, Kind.CHECKPOINT)).values()}
    assert len(reach) == 1
    assert max(visit[1] - visit[4] for visit in found) < reach.pop()
    warning = "guards are due so often"
    assert warning not in (await centre_client.get("/patrol/routes")).text
    for number in range(9, 18):
        often = {**hourly, "number": str(number), "name": f"特巡{number}"}
        assert (await centre_client.post("/patrol/routes/new", often)).status == 303
    assert warning in (await centre_client.get("/patrol/routes")).text, "less than a day fits"


async def test_a_span_is_renewed_before_it_ends_and_by_one_of_all(
    guarded: int, estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``renew_ms`` at the end of the span."""
    assert (await centre_client.post("/patrol/routes/new", route_form(estate))).status == 303
    assert await renewal.look(running_centre.centre) == 0
    before = await visits(running_centre)
    running_centre.clock.advance(days=HORIZON_DAYS / 4)
    assert await renewal.look(running_centre.centre) == 1
    after = await visits(running_centre)
    assert after[0][1] > before[0][1]
    assert after[-1][1] > before[-1][1]
    assert await renewal.look(running_centre.centre) == 0
    span = await running_centre.read(PlanSpan.get_by_id, SITE)
    await running_centre.write(renewal.renew, SITE, estate.now)
    assert (await running_centre.read(PlanSpan.get_by_id, SITE)).from_ms == span.from_ms


async def test_what_happens_to_the_guard_or_the_card_follows_at_once(
    guarded: int, estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``publish.cards_changed`` without its followers; ``guards_cards`` without ``Guard.active``."""

    async def keys() -> set[bytes]:
        return {key for _space, key in await rows(running_centre, Kind.GUARD)}

    first = bytes(uid_key(bytes.fromhex(UID)))
    assert await keys() == {first}
    assert (await centre_client.post(f"/cards/{guarded}/lose", {"identity_checked": "1"})).status == 303
    assert await keys() == set()
    version = await running_centre.read(lambda: str(Card.get_by_id(guarded).version))
    new = {"uid": "04A1B2C3D4E503", "card_no": "10000003", "version": version}
    answer = await centre_client.post(f"/cards/{guarded}/replace", new)
    assert answer.status == 303, answer
    assert await keys() == {bytes(uid_key(bytes.fromhex(new["uid"])))}
    assert (await centre_client.post("/patrol/guards/1/delete")).status == 303
    assert await keys() == set()
    assert (await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "0001"})).status == 303
    assert await keys() == {bytes(uid_key(bytes.fromhex(new["uid"])))}


async def test_a_special_day_changes_the_visits(
    guarded: int, estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``publish.special_days_changed`` without its followers."""
    assert (await centre_client.post("/patrol/routes/new", route_form(estate))).status == 303
    before = await visits(running_centre)
    feast = (estate.now + timedelta(days=3)).date().isoformat()
    day = {"site": SITE, "day_on": feast, "group": "1", "name": "中秋节"}
    assert (await centre_client.post("/access/special-days", day)).status == 303
    assert len(before) - len(await visits(running_centre)) == 4


async def test_visits_outside_the_validity_of_a_card_are_not_given_to_it(
    guarded: int, estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``visits_of`` without its look at ``card.until_ms``."""
    assert (await centre_client.post("/patrol/routes/new", route_form(estate))).status == 303
    before = await visits(running_centre)

    def cut() -> None:
        Card.update(valid_until=estate.now + timedelta(days=2)).where(Card.id == guarded).execute()
        publish.card_changed(guarded)

    await running_centre.write(cut)
    assert 0 < len(await visits(running_centre)) < len(before)


async def test_location_cards_go_to_devices_with_a_carried_unit_alone(
    guarded: int, estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted breaks: ``_wanted`` giving places to all; ``here`` without the places of a carried unit."""
    uid = "04A1B2C3D4E510"
    place = {"number": "7", "name": "水泵房", "site": SITE, "organisation": "1", "place_card": uid}
    assert (await centre_client.post("/patrol/checkpoints/new", place)).status == 303
    assert await rows(running_centre, Kind.PLACE) == {}
    unit = {"name": "一号棒", "point": estate.desk, "idle_min": "90"}
    assert (await centre_client.post("/patrol/carried/new", unit)).status == 303
    form = route_form(estate, stop_1="3")
    assert (await centre_client.post("/patrol/routes/new", form)).status == 303
    desk = f"device:{estate.desk_device}"
    assert await rows(running_centre, Kind.PLACE) == {(desk, bytes(uid_key(bytes.fromhex(uid)))): PlaceRow(3)}
    points = {space: row for (space, _key), row in (await rows(running_centre, Kind.CHECKPOINT)).items()}
    assert (points[desk].checkpoint, points[desk].carried, points[desk].round_idle_s) == (0, True, 5_400)
    guards = await rows(running_centre, Kind.GUARD)
    visited = {space: {visit[0] for visit in row.visits} for (space, _key), row in guards.items()}
    assert visited == {desk: {3}, f"device:{estate.gate_device}": {1}}
    units = await running_centre.read(units_of_site, SITE)
    serving = {number: units.serving(number) for number in (1, 2, 3)}
    assert serving == {1: {estate.gate_device}, 2: {estate.gate_device}, 3: {estate.desk_device}}
    unit |= {"point": estate.exit}
    answer = await centre_client.post("/patrol/carried/1", unit)
    assert answer.status == 422, "its records are at its device"
