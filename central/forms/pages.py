"""The pages of pre-printed forms, in one list for ``central.parts``."""

from __future__ import annotations

from typing import Final

from central.forms import editor_pages, log_pages, printer_pages, scan_pages, template_pages
from central.routes import Route

NAV: Final = [*template_pages.NAV, *printer_pages.NAV, *log_pages.NAV]
ROUTES: Final[list[Route]] = [
    *template_pages.ROUTES,
    *editor_pages.ROUTES,
    *scan_pages.ROUTES,
    *printer_pages.ROUTES,
    *log_pages.ROUTES,
]
