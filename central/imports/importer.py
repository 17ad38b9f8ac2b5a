"""What a sub-system says about its import. All methods run inside ``db.read`` or ``db.write``; the caller audits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

import msgspec

from central.audit import Audit
from central.imports.model import ImportRun
from central.routes import Pair
from central.security.principal import Principal
from central.sites.scope import Scope
from central.web.fields import ChoiceField, Choices
from central.web.forms import Form
from central.web.i18n import Text, lazy
from central.web.importing import ImportRow, Layout

Effect = Literal["new", "changed", "removed", "unchanged"]
WORDS: Final[Mapping[str, Text]] = {
    "new": lazy("New"),
    "changed": lazy("Differs"),
    "removed": lazy("Taken away"),
    "unchanged": lazy("Unchanged"),
    "wrong": lazy("Wrong"),
}


class UploadForm(msgspec.Struct, kw_only=True):
    """Whose rows the file holds."""

    organisation: str
    site: str


FORM: Final[Form[Any]] = Form(
    UploadForm,
    ChoiceField("organisation", lazy("Organisation")),
    ChoiceField("site", lazy("Estate")),
)


@dataclass(frozen=True)
class Place:
    """Whose rows are imported: chosen by the operator, inside the operator's scope.

    ``organisation_id`` 0: of every organisation of the estate, where the importer takes such files. ``who`` imports, ``at``:
    now; both are there where a page or a program asks. ``options``: what else was chosen, by the importer's own fields.
    """

    site_id: int
    organisation_id: int
    who: Principal | None = None
    at: datetime | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    """Names of the columns that the file has, once it was read."""


@dataclass(frozen=True)
class Planned:
    """A row without mistakes and what it would do."""

    row: ImportRow
    """Line 0: it stands in no line of the file, and is done because of that."""
    object_id: int | None = None
    """What it would change; None makes something new."""
    changes: bool = True
    """False when everything stands like that already."""
    thing: Any = None
    """Whatever the importer needs again when it writes."""
    counts_as: Effect | None = None
    """Where making and changing are not the words for it."""
    name: str = ""
    words: str = ""
    """What is shown of it before it is done; nothing without a name."""

    @property
    def effect(self) -> Effect:
        """What it counts as."""
        if not self.changes:
            return "unchanged"
        return self.counts_as or ("new" if self.object_id is None else "changed")


@dataclass(frozen=True)
class Written:
    """What a row did: the thing, as it was before (None: it was not there), and its version now."""

    line: int
    object_id: int
    before: dict[str, Any] | None
    version: int


@dataclass(frozen=True)
class Doing:
    """One import that is carried out or taken back now."""

    audit: Audit
    run: ImportRun
    place: Place
    now: datetime


class Importer(ABC):
    """One kind of import.

    ``name`` and ``object_kind`` are texts for programs, ``path`` is where its pages are (``/people/import``), ``api_path``
    where programs import (``/api/people/imports``), ``back`` the list that shows what was imported, ``permission`` who may
    import. ``words``: what the counts are called.
    """

    name: str
    title: Text
    path: str
    api_path: str = ""
    back: str
    permission: Pair
    layout: Layout
    help_section: str = "people"
    form: ClassVar[Form[Any]] = FORM
    """Whose rows, and what else is asked; its values beside estate and organisation are the options."""
    words: ClassVar[Mapping[str, Text]] = WORDS
    hints: Sequence[Text] = (
        lazy(
            "The first row names the columns, the second is an example. Columns may be left out and come in any order; a column that is there and empty clears the value."
        ),
    )
    name_title: Text = lazy("Name")
    """Heading over the names of what changes."""
    example: tuple[str, Text] | None = None
    """A file in this form that the centre makes: its address and the words of the button."""
    removes: bool = False
    """Things can lose everything that this kind of import gives."""
    is_for_estates: bool = False
    """A file may hold rows of every organisation of an estate."""

    def choices(self, scope: Scope) -> dict[str, Choices]:
        """What the further fields of the form offer."""
        return {}

    def layout_of(self, place: Place) -> Layout:
        """The columns of files for this place."""
        return self.layout

    def option_facts(self, options: Mapping[str, Any]) -> list[tuple[Text, Text]]:
        """The options as the page of an import shows them."""
        return []

    def needs_every_row(self, options: Mapping[str, Any]) -> bool:
        """With these options one wrong row keeps everything out."""
        return False

    def asks_again(self, run: ImportRun) -> int:
        """How many lose everything because they stand in no row: the operator says that number before it is done."""
        return 0

    def warning(self, count: int) -> Text:
        """What the question says that is asked again."""
        return ""

    @abstractmethod
    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        """What the rows, all good so far, would do. May call ``row.wrong(...)``; such rows are left out of the result.

        Called for the dry run, and again inside the transaction that writes.

        :raises InvalidInputError: the options do not fit the place.
        """

    @abstractmethod
    def write(self, doing: Doing, planned: Sequence[Planned]) -> list[Written]:
        """Make and change things; ``planned`` holds only rows that do something. Thousands: write in groups.

        Work may be handed on; ``doing.run.followed_at`` then says where it is followed.
        """

    @abstractmethod
    def undo(self, doing: Doing, written: Sequence[Written]) -> list[str]:
        """Take everything back, or nothing and say which things somebody has changed or used since (as shown names).

        A thing counts as changed when its version differs. What the import made is deleted, and blocked when
        something refers to it.
        """
