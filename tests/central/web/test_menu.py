"""The menu shows what the operator may open, by the permissions that the routes themselves declare."""

from __future__ import annotations

import pytest
from aiohttp import web

from central.routes import NODE, PUBLIC, SIGNED_IN, Route
from central.web.i18n import lazy
from central.web.nav import UNFOLDED_MAX, Nav, NavItem
from tests.support.pages import FakeOperator


async def page(request: web.Request) -> web.Response:
    raise AssertionError


ROUTES = [
    Route("GET", "/", page, SIGNED_IN),
    Route("GET", "/cards", page, ("cards", "view")),
    Route("GET", "/cards/issue", page, ("cards", "edit")),
    Route("POST", "/cards/issue", page, ("cards", "approve")),
    Route("GET", "/manual", page, PUBLIC),
    Route("GET", "/node/hello", page, NODE),
]
NAV = Nav.build(
    [
        NavItem("cards", lazy("Issue"), "/cards/issue", order=20),
        NavItem("cards", lazy("Cards"), "/cards", order=10),
        NavItem("overview", lazy("Home"), "/"),
    ],
    ROUTES,
)


def titles(operator: FakeOperator | None) -> list[list[str]]:
    return [[i.title.message for i in section.items] for section in NAV.sections(operator)]


def test_an_operator_sees_what_the_roles_allow_in_order() -> None:
    assert titles(FakeOperator()) == [["Home"], ["Cards", "Issue"]]
    assert titles(FakeOperator(permissions={("cards", "view")})) == [["Home"], ["Cards"]]
    assert titles(FakeOperator(permissions={("cards", "approve")})) == [["Home"]]
    assert titles(None) == []


def test_links_on_pages_follow_the_same_permissions() -> None:
    clerk = FakeOperator(permissions={("cards", "view")})
    assert NAV.may_open("/cards", clerk)
    assert not NAV.may_open("/cards/issue", clerk)
    assert not NAV.may_open("/node/hello", FakeOperator())
    assert not NAV.may_open("/nothing", FakeOperator())
    assert NAV.may_open("/manual", None)
    assert not NAV.may_open("/", None)


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/", "/"),
        ("/cards", "/cards"),
        ("/cards/7", "/cards"),
        ("/cards/issue", "/cards/issue"),
        ("/cardsx", None),
    ],
)
def test_one_entry_is_marked_as_the_current_one(path: str, entry: str | None) -> None:
    found = NAV.current(path)
    assert (found.path if found else None) == entry


def test_a_long_menu_opens_at_the_section_of_the_page() -> None:
    """Planted break: fold by the number of sections instead of entries."""
    many = [Route("GET", f"/cards/{n}", page, SIGNED_IN) for n in range(UNFOLDED_MAX)]
    items = [NavItem("cards", lazy("Cards"), route.path) for route in many]
    more = [NavItem("system", lazy("Home"), "/"), NavItem("system", lazy("Issue"), "/manual")]

    def unfolded(path: str, *items: NavItem) -> list[str]:
        nav = Nav.build(items, [*many, *ROUTES])
        return [section.name for section in nav.sections(FakeOperator(), path) if section.is_open]

    assert unfolded("/", *items) == ["cards"]
    assert unfolded("/cards/3", *items, *more) == ["cards"]
    assert unfolded("/manual", *items, *more) == ["system"]
    assert unfolded("/manual", *items, *more, NavItem("cards", lazy("Cards"), "/manual")) == [
        "cards",
        "system",
    ]
    assert unfolded("/account", *items, *more) == []


def test_an_entry_without_a_route_or_section_stops_the_start() -> None:
    with pytest.raises(KeyError):
        Nav.build([NavItem("cards", lazy("Lost"), "/lost")], ROUTES)
    with pytest.raises(ValueError):
        Nav.build([NavItem("nowhere", lazy("Cards"), "/cards")], ROUTES)
