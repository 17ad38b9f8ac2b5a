"""Scopes: whose rows one may touch (U1)."""

from __future__ import annotations

import pytest

from central.clock import FakeClock
from central.db import Database
from central.errors import NotFoundError
from central.nodes.model import Device
from central.sites.model import Organisation, Site
from central.sites.scope import HEAD_OFFICE, Grant, Scope

NOW = FakeClock().now()


def scope(*grants: tuple[int | None, int | None]) -> Scope:
    return Scope.of(Grant(*grant) for grant in grants)


@pytest.mark.parametrize(
    ("mine", "inside", "outside"),
    [
        (scope((None, None)), [(1, 1), (2, 9)], []),
        (scope((1, None)), [(1, 1), (1, 2)], [(2, 1)]),
        (scope((None, 2)), [(1, 2), (9, 2)], [(1, 1)]),
        (scope((1, 2)), [(1, 2)], [(1, 1), (2, 2)]),
        (scope((1, 2), (2, 1)), [(1, 2), (2, 1)], [(1, 1), (2, 2)]),
        (scope(), [], [(1, 1)]),
    ],
)
def test_allows(mine: Scope, inside: list[tuple[int, int]], outside: list[tuple[int, int]]) -> None:
    assert all(mine.allows(*place) for place in inside)
    assert not any(mine.allows(*place) for place in outside)


def test_contains() -> None:
    assert HEAD_OFFICE.contains(scope((1, None)))
    assert not scope((1, None)).contains(HEAD_OFFICE)
    assert scope((1, None)).contains(scope((1, 1), (1, 2)))
    assert not scope((1, 1)).contains(scope((1, None)))
    assert scope((1, 1)).contains(scope()), "nothing is inside anything"


@pytest.fixture
async def devices(database: Database) -> Database:
    def make() -> None:
        for number in (1, 2):
            Site.create(id=number, name=f"s{number}", zone="Asia/Shanghai", created_at=NOW)
            Organisation.create(id=number, name=f"o{number}", created_at=NOW)
        for site in (1, 2):
            for organisation in (1, 2):
                name = f"d{site}{organisation}"
                Device.create(
                    site=site,
                    organisation=organisation,
                    name=name,
                    number=organisation,
                    label=name,
                    created_at=NOW,
                )

    await database.write(make)
    return database


@pytest.mark.parametrize(
    ("mine", "seen"),
    [
        (HEAD_OFFICE, ["d11", "d12", "d21", "d22"]),
        (scope((1, None)), ["d11", "d12"]),
        (scope((None, 2)), ["d12", "d22"]),
        (scope((1, 2), (2, 1)), ["d12", "d21"]),
        (scope(), []),
    ],
)
async def test_a_query_shows_what_is_inside_and_get_finds_nothing_else(
    devices: Database, mine: Scope, seen: list[str]
) -> None:
    """Planted break: return ``1 = 1`` for an empty scope."""

    def read() -> tuple[list[str], list[str]]:
        listed = [row.name for row in mine.filter(Device.select().order_by(Device.name))]
        got = []
        for row in Device.select().order_by(Device.name):
            try:
                got.append(mine.get(Device, row.id).name)
            except NotFoundError:
                continue
        return listed, got

    assert await devices.read(read) == (seen, seen)


async def test_estates_and_organisations_are_judged_by_their_own_id(devices: Database) -> None:
    def read() -> tuple[list[str], list[str]]:
        mine = scope((1, 2))
        return [s.name for s in mine.filter(Site.select())], [
            o.name for o in mine.filter(Organisation.select())
        ]

    assert await devices.read(read) == (["s1"], ["o2"])


@pytest.mark.parametrize("row_id", [0, -1, 99, 2**31, 2**63, 10**40])
async def test_odd_numbers_are_not_found(devices: Database, row_id: int) -> None:
    with pytest.raises(NotFoundError):
        await devices.read(HEAD_OFFICE.get, Device, row_id)
