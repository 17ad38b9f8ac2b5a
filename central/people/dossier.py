"""Everything that is held on one person, as one workbook: each sub-system adds its sheet (查閱、複製個人信息)."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from central.audit import AuditEntry
from central.people.model import KIND_TEXT, Person, PersonKind
from central.people.table import PRESENCE
from central.web.columns import neutral
from central.web.exports import sheet_name
from central.web.formats import moment
from central.web.i18n import Text, lazy


@dataclass(frozen=True)
class Section:
    """One sheet: what of, and its rows; ``image`` is a JPEG."""

    title: Text
    headings: Sequence[Text]
    rows: list[Sequence[Any]] = field(default_factory=list)
    image: bytes = b""


SECTIONS: Final[list[Callable[[Person], Section]]] = []
"""Sub-systems append what they hold; each runs inside ``db.read``."""


def sections_of(person: Person) -> list[Section]:
    """All sheets, the person's own data first; inside ``db.read``."""
    return [_own(person), *(section(person) for section in SECTIONS), _audit(person)]


def workbook(sections: Sequence[Section]) -> bytes:
    """The sheets as an XLSX file, in the operator's language."""
    buffer = io.BytesIO()
    import xlsxwriter  # as the process starts, nobody needs it yet

    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    bold = book.add_format({"bold": True})
    for section in sections:
        sheet = book.add_worksheet(sheet_name(str(section.title)))
        sheet.set_column(0, len(section.headings), 20)
        for at, heading in enumerate(section.headings):
            sheet.write_string(0, at, str(heading), bold)
        for line, row in enumerate(section.rows, start=1):
            for at, value in enumerate(row):
                sheet.write_string(line, at, neutral(_text(value)))
        if section.image:
            sheet.insert_image(
                len(section.rows) + 2, 0, "photo.jpg", {"image_data": io.BytesIO(section.image)}
            )
    book.close()
    return buffer.getvalue()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return "" if value is None else str(value)


def _own(person: Person) -> Section:
    pairs: list[Sequence[Any]] = [
        (lazy("Person number"), person.number),
        (lazy("Name"), person.name),
        (lazy("Kind of person"), KIND_TEXT[PersonKind(person.kind)]),
        (lazy("Organisation"), person.organisation.name),
        (lazy("Estate"), person.site.name),
        (lazy("Department"), person.department),
        (lazy("Building"), person.building),
        (lazy("Unit"), person.unit),
        (lazy("Telephone"), person.phone),
        (lazy("Identity document number"), person.id_number),
        (lazy("Pinyin initials"), person.initials),
        (lazy("Note"), person.note),
        (lazy("Status"), PRESENCE["yes" if person.active else "no"]),
        (lazy("Entered"), person.created_at),
        (lazy("Changed on"), person.changed_at),
    ]
    return Section(lazy("Person"), (lazy("Field"), lazy("Value")), pairs)


def _audit(person: Person) -> Section:
    from central.security.audit_words import (  # it names the acts of cards, which name people
        action_text,
        line_of,
    )

    entries = AuditEntry.select().where(
        (AuditEntry.object_kind == "person") & (AuditEntry.object_id == str(person.id))
    )
    rows = [
        (
            entry.at,
            action_text(entry.action),
            (entry.detail or {}).get("actor", ""),
            line_of((entry.detail or {}).get("before")),
            line_of((entry.detail or {}).get("after")),
        )
        for entry in entries.order_by(AuditEntry.seq)
    ]
    headings = (lazy("Time"), lazy("What"), lazy("Who"), lazy("Before"), lazy("After"))
    return Section(lazy("Audit trail"), headings, list(rows))
