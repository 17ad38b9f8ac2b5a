"""What a sub-system says about its import. All methods run inside ``db.read`` or ``db.write``; the caller audits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from central.routes import Pair
from central.web.i18n import Text
from central.web.importing import ImportRow, Layout


@dataclass(frozen=True)
class Place:
    """Whose rows are imported: chosen by the operator, inside the operator's scope."""

    site_id: int
    organisation_id: int


@dataclass(frozen=True)
class Planned:
    """A row without mistakes and what it would do."""

    row: ImportRow
    object_id: int | None = None
    """What it would change; None makes something new."""
    changes: bool = True
    """False when everything stands like that already."""
    thing: Any = None
    """Whatever the importer needs again when it writes."""


@dataclass(frozen=True)
class Written:
    """What a row did: the thing, as it was before (None: it was not there), and its version now."""

    line: int
    object_id: int
    before: dict[str, Any] | None
    version: int


class Importer(ABC):
    """One kind of import.

    ``name`` and ``object_kind`` are texts for programs, ``path`` is where its pages are (``/people/import``),
    ``back`` the list that shows what was imported, ``permission`` who may import.
    """

    name: str
    title: Text
    path: str
    back: str
    permission: Pair
    layout: Layout
    help_section: str = "people"

    @abstractmethod
    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        """What the rows, all good so far, would do. May call ``row.wrong(...)``; such rows are left out of the result.

        Called for the dry run, and again inside the transaction that writes.
        """

    @abstractmethod
    def write(self, place: Place, planned: Sequence[Planned], now: datetime) -> list[Written]:
        """Make and change things; ``planned`` holds only rows that do something. Thousands: write in groups."""

    @abstractmethod
    def undo(self, written: Sequence[Written], now: datetime) -> list[str]:
        """Take everything back, or nothing and say which things somebody has changed or used since (as shown names).

        A thing counts as changed when its version differs. What the import made is deleted, and blocked when
        something refers to it.
        """
