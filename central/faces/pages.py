"""The pages of photos and card faces, in one list for ``central.parts``."""

from __future__ import annotations

from typing import Final

from central.faces import (
    archive_pages,
    bulk_pages,
    editor_pages,
    personal,
    photo_pages,
    print_pages,
    template_pages,
)
from central.faces.sample import load
from central.people import dossier, erasure
from central.routes import Route

NAV: Final = [*bulk_pages.NAV, *template_pages.NAV, *print_pages.NAV]
SAMPLES: Final = [load]
ROUTES: Final[list[Route]] = [
    *photo_pages.ROUTES,
    *bulk_pages.ROUTES,
    *template_pages.ROUTES,
    *editor_pages.ROUTES,
    *print_pages.ROUTES,
    *archive_pages.ROUTES,
]

erasure.ERASERS.append(personal.forget)
dossier.SECTIONS.append(personal.photo_of)
