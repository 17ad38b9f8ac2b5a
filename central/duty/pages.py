"""值班: the pages of the desk of an estate: shift hand-overs, what is counted, papers to be delivered (U7)."""

from __future__ import annotations

from typing import Final

from central.duty import api, hand_over_pages, item_pages, paper_pages
from central.duty.papers import HAND_OVER
from central.forms.print_pages import route
from central.routes import Route

NAV: Final = [*hand_over_pages.NAV, *paper_pages.NAV, *item_pages.NAV]
FIGURES: Final = paper_pages.FIGURES
ROUTES: Final[list[Route]] = [
    *hand_over_pages.ROUTES,
    *api.ROUTES,
    *paper_pages.ROUTES,
    *item_pages.ROUTES,
    route(HAND_OVER, ("duty", "edit")),
]
