"""巡更地圖: maps with their checkpoints, in one list for ``central.parts``."""

from __future__ import annotations

from typing import Final

from central.patrol_map import map_pages
from central.routes import Route

NAV: Final = [*map_pages.NAV]
ROUTES: Final[list[Route]] = [*map_pages.ROUTES]
