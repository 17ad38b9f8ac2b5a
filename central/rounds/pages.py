"""Everything that the rounds bring to the centre, in one place for ``central.parts``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from central.audit import SYSTEM
from central.parts import Apps
from central.patrol.publishing import relief_sources
from central.people import erasure
from central.rounds import limit_pages, list_pages, month_pages, purge_pages, relief_pages, upload_pages
from central.rounds.acts import late_proved
from central.rounds.forgetting import forget
from central.rounds.judging import reliefs_of
from central.rounds.projection import late_proof_followers
from central.routes import Route
from central.web.nav import NavItem

_PAGES: Final = (list_pages, relief_pages, upload_pages, month_pages, limit_pages, purge_pages)
NAV: Final[list[NavItem]] = [item for module in _PAGES for item in module.NAV]
ROUTES: Final[list[Route]] = [route for module in _PAGES for route in module.ROUTES]

if reliefs_of not in relief_sources:
    relief_sources.append(reliefs_of)
erasure.ERASERS.insert(0, forget)  # before others have facts projected again without their cards


def install(apps: Apps) -> None:
    """Late proofs are noted in the audit trail."""
    centre = apps.centre
    follow = partial(late_proved, centre, SYSTEM)

    async def life(app: web.Application) -> AsyncIterator[None]:
        late_proof_followers.append(follow)
        yield
        late_proof_followers.remove(follow)

    apps.browsers.cleanup_ctx.append(life)
