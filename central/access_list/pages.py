"""The pages and the API of the import of access lists, for ``central.parts``."""

from __future__ import annotations

from typing import Final

from central.access_list.importer import ACCESS_LIST_IMPORTER
from central.imports.pages import import_routes
from central.routes import Route

ROUTES: Final[list[Route]] = import_routes(ACCESS_LIST_IMPORTER)
