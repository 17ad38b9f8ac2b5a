"""The routes, menu entries and numbers of stored value, together; and what it says of people."""

from __future__ import annotations

from typing import Final

from central.people import dossier, erasure
from central.purse import (
    book_pages,
    bulk,
    cash_pages,
    desk_pages,
    life_cycle,
    personal,
    posting_pages,
    refund_pages,
)
from central.routes import Route
from central.web.nav import NavItem

__all__ = ["FIGURES", "NAV", "ROUTES", "bulk", "life_cycle"]
FIGURES: Final = [*refund_pages.FIGURES, *cash_pages.FIGURES]
NAV: Final[list[NavItem]] = [
    *desk_pages.NAV,
    *cash_pages.NAV,
    *posting_pages.NAV,
    *refund_pages.NAV,
    *book_pages.NAV,
]
ROUTES: Final[list[Route]] = [
    *desk_pages.ROUTES,
    *cash_pages.ROUTES,
    *posting_pages.ROUTES,
    *refund_pages.ROUTES,
    *book_pages.ROUTES,
]
erasure.BLOCKERS.append(personal.has_money)
erasure.ERASERS.append(personal.forget)
dossier.SECTIONS.append(personal.movements_of)
