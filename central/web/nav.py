"""The menu: each sub-system names its entries; an operator sees those that the roles allow.

A package says ``NAV = [NavItem("doors", lazy("Doors"), "/doors", order=10)]`` in its ``pages.py``. The permission is
the one that the route of that path declares, so that the menu and the router cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

from markupsafe import Markup

from central.routes import Open, Permission, Route
from central.web.i18n import Text, lazy

SECTIONS: Final[dict[str, Text]] = {
    "overview": lazy("Overview"),
    "duty": lazy("Duty desk"),
    "access": lazy("Access control"),
    "access_set_up": lazy("Access set-up"),
    "attendance": lazy("Attendance"),
    "patrol": lazy("Patrol"),
    "patrol_set_up": lazy("Patrol set-up"),
    "cards": lazy("Card centre"),
    "stock": lazy("Card stock"),
    "purse": lazy("Stored value"),
    "people": lazy("People and units"),
    "reports": lazy("Reports"),
    "devices": lazy("Devices"),
    "system": lazy("System"),
}
"""The headings of the menu, in order."""
UNFOLDED_MAX: Final = 16
"""So many entries stand in the menu at once; a longer one opens at the section of the page, the others fold."""


class Operator(Protocol):
    """What pages need to know of the signed-in operator (``request["operator"]``)."""

    language: str
    name: str
    number: str

    def may(self, subsystem: str, verb: str, /) -> bool:
        """True when a role of this operator gives the permission."""


@dataclass(frozen=True)
class NavItem:
    """One entry of the menu. ``path`` is the path of a GET route without parameters."""

    section: str
    title: Text
    path: str
    order: int = 100


@dataclass(frozen=True)
class NavSection:
    """A heading with the entries that the operator may use. One that is not ``is_open`` shows its heading only."""

    name: str
    title: Text
    items: tuple[NavItem, ...]
    is_open: bool = True


@dataclass
class Nav:
    """The whole menu of one application. Raises KeyError when an entry has no route or no such section."""

    items: Sequence[NavItem] = ()
    permissions: dict[str, Permission] = field(default_factory=dict)
    written: dict[Any, Markup] = field(default_factory=dict)
    """Menus that were written already, by language, entry of the page and all entries: a third of the work for a page."""

    @classmethod
    def build(cls, items: Iterable[NavItem], routes: Iterable[Route]) -> Nav:
        """Join the entries with the permissions that their routes declare."""
        permissions = {route.path: route.permission for route in routes if route.method == "GET"}
        ordered = sorted(items, key=lambda item: (list(SECTIONS).index(item.section), item.order))
        missing = [item.path for item in ordered if item.path not in permissions]
        if missing:
            raise KeyError(f"menu entries without a route: {missing}")
        return cls(ordered, permissions)

    def may_open(self, path: str, operator: Any) -> bool:
        """True when this operator (or, for None, a visitor) may open the page at ``path``; False if there is none."""
        permission = self.permissions.get(path)
        if permission is None or permission is Open.NODE:
            return False
        if permission is Open.PUBLIC:
            return True
        if operator is None:
            return False
        return bool(operator.may_use(permission))

    def current(self, path: str) -> NavItem | None:
        """The entry that a page belongs to: the one with the longest path that leads to it."""
        while path and path not in self._by_path:
            path = path.rpartition("/")[0]
        return self._by_path.get(path)

    @cached_property
    def _by_path(self) -> dict[str, NavItem]:
        return {item.path: item for item in reversed(self.items)}

    def allowed(self, operator: Any) -> list[NavItem]:
        """The entries that this operator may use; none for a visitor."""
        return [] if operator is None else [i for i in self.items if self.may_open(i.path, operator)]

    def sections(self, operator: Any, path: str = "/") -> list[NavSection]:
        """The menu as this operator sees it on the page at ``path``; empty for a visitor."""
        return self.sections_of(self.allowed(operator), self.current(path))

    @staticmethod
    def sections_of(allowed: Sequence[NavItem], current: NavItem | None) -> list[NavSection]:
        """The menu of these entries on a page of ``current``."""
        found = []
        for name, title in SECTIONS.items():
            items = tuple(item for item in allowed if item.section == name)
            if items:
                is_here = current is not None and any(item.path == current.path for item in items)
                is_open = len(allowed) <= UNFOLDED_MAX or len(items) == 1 or is_here
                found.append(NavSection(name, title, items, is_open))
        return found
