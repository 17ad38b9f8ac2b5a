"""The pages of photos and card faces, in one list for ``central.parts``."""

from __future__ import annotations

from typing import Final

from central.faces import bulk_pages, photo_pages
from central.routes import Route

NAV: Final = bulk_pages.NAV
ROUTES: Final[list[Route]] = [*photo_pages.ROUTES, *bulk_pages.ROUTES]
