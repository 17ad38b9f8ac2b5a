"""An import from the upload to the roll-back. Reading and checking need no transaction; writing is one.

One transaction for up to 10,000 rows: others wait a second or two with their writing, pages and devices go on reading.
In exchange an import is there wholly or not at all, whatever happens.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from central.audit import Actor, Audit, act_on_many
from central.bulk import insert_rows
from central.db import current_transaction
from central.errors import ConflictError, InvalidInputError
from central.imports.importer import Doing, Effect, Importer, Place, Planned, Written
from central.imports.model import ImportedRow, ImportRun, ImportState
from central.security.principal import Principal
from central.web.i18n import _
from central.web.importing import ReadTable

MISTAKES_SHOWN_MAX: Final = 200
CHANGES_SHOWN_MAX: Final = 200
UNUSED_AFTER: Final = timedelta(days=1)
"""A file that was looked at and not imported is dropped after this time."""
UNDO_WITHIN: Final = timedelta(days=30)
"""So long an import can be rolled back and its failed rows fetched; then what it keeps of people is dropped."""
BLOCKED_SHOWN_MAX: Final = 20
EFFECTS: Final[tuple[Effect, ...]] = get_args(Effect)


class BlockedError(ConflictError):
    """Somebody has changed or used what the import wrote; the message says which."""


@dataclass(frozen=True)
class Check:
    """A file and what it would do."""

    table: ReadTable
    planned: list[Planned]

    @property
    def counts(self) -> dict[str, int]:
        """New, changed, removed, unchanged, wrong: every row of the file is one of these."""
        found = Counter(planned.effect for planned in self.planned)
        wrong = sum(not row.is_good for row in self.table.rows)
        return {**{effect: found[effect] for effect in EFFECTS}, "wrong": wrong}


def check(importer: Importer, place: Place, table: ReadTable) -> Check:
    """The dry run; inside ``db.read`` or ``db.write``. Call it once for a table: it adds the mistakes to its rows."""
    place = replace(place, columns=table.columns)
    planned = importer.plan(place, [row for row in table.rows if row.is_good])
    found = Check(table, planned)
    rows_count = sum(one.row.line > 0 for one in planned) + found.counts["wrong"]
    assert rows_count == len(table.rows), "a row is planned or wrong, never both or neither"
    return found


def keep(
    audit: Audit,
    actor: Actor,
    importer: Importer,
    place: Place,
    raw: bytes,
    file_name: str,
    found: Check,
    now: datetime,
) -> int:
    """Keep a file that was checked, for the operator to look at; returns the number of the import."""
    run = ImportRun.create(
        kind=importer.name,
        site=place.site_id,
        organisation=place.organisation_id or None,
        operator_id=actor.id,
        operator_name=actor.name,
        uploaded_at=now,
        file_name=file_name,
        sha256=hashlib.sha256(raw).hexdigest(),
        ignored=found.table.ignored,
        options=dict(place.options),
        changes=_shown(found) or None,
        mistakes=[[m.line, m.column, m.message] for m in found.table.mistakes[:MISTAKES_SHOWN_MAX]],
        content=raw,
        failed=importer.layout.failed(found.table) if found.counts["wrong"] else None,
        **{f"{name}_count": number for name, number in found.counts.items()},
    )
    record(audit, actor, "imports.check", run)
    return int(run.id)


def apply(
    audit: Audit,
    actor: Actor,
    importer: Importer,
    run: ImportRun,
    table: ReadTable,
    only_good: bool,
    now: datetime,
    *,
    who: Principal | None = None,
    removing: int | None = None,
) -> None:
    """Write the rows.

    :param table: the run's own file, read again.
    :param only_good: leave the wrong rows out; otherwise one wrong row keeps everything out.
    :param removing: how many lose everything, as who imports says it; asked for where ``Importer.asks_again`` says so.
    :raises ConflictError: it was imported already, or what it would do is no longer what was shown.
    :raises InvalidInputError: there are wrong rows, or no row that does something.
    """
    if run.state != ImportState.CHECKED.value:
        raise ConflictError("This file was imported already.")
    place = place_of(run, who, now)
    found = check(importer, place, table)
    if found.counts != shown_counts(run):
        raise ConflictError("The data changed since this file was checked. Please upload it again.")
    if run.wrong_count and (not only_good or importer.needs_every_row(run.options)):
        raise InvalidInputError("There are wrong rows. Nothing was imported.")
    asked = importer.asks_again(run)
    if asked and removing != asked:
        raise InvalidInputError(_("Say how many lose everything: %(n)s. Nothing was imported.", n=asked))
    effective = [planned for planned in found.planned if planned.changes]
    if not effective:
        raise InvalidInputError("There is nothing to import: everything stands like that already.")
    written = importer.write(Doing(audit, run, place, now), effective)
    rows = [
        {"run": run.id, "line": w.line, "object_id": w.object_id, "before": w.before, "version": w.version}
        for w in written
    ]
    insert_rows(ImportedRow, rows)
    run.state, run.done_at, run.content = ImportState.DONE.value, now, None
    run.save()
    # what it was handed on to, what had to be made for it
    act_on_many(current_transaction().audit_rows_count)
    record(audit, actor, "imports.apply", run)


def undo(
    audit: Audit,
    actor: Actor,
    importer: Importer,
    run: ImportRun,
    now: datetime,
    *,
    who: Principal | None = None,
) -> None:
    """Roll an import back as one act.

    :raises ConflictError: it is not there to be rolled back, or no longer.
    :raises BlockedError: somebody has changed or used some of it since; nothing is taken back.
    """
    if not can_undo(run, now):
        raise ConflictError("This import can no longer be rolled back.")
    rows = ImportedRow.select().where(ImportedRow.run == run).order_by(ImportedRow.id.desc())
    written = [Written(row.line, row.object_id, row.before, row.version) for row in rows]
    blocked = importer.undo(Doing(audit, run, place_of(run, who, now), now), written)
    if blocked:
        shown = ", ".join(blocked[:BLOCKED_SHOWN_MAX]) + ("…" if len(blocked) > BLOCKED_SHOWN_MAX else "")
        raise BlockedError(
            _("Nothing was rolled back: these were changed or used since the import: %(names)s", names=shown)
        )
    run.state, run.undone_at, run.failed = ImportState.UNDONE.value, now, None
    run.save()
    ImportedRow.update(before=None).where(ImportedRow.run == run).execute()
    act_on_many(current_transaction().audit_rows_count)
    record(audit, actor, "imports.undo", run)


def can_undo(run: ImportRun, now: datetime) -> bool:
    """Written, and not too long ago."""
    return run.state == ImportState.DONE.value and run.done_at + UNDO_WITHIN > now


def drop_old(now: datetime) -> int:
    """Drop what is kept of people in files past their time; inside ``db.write``. Returns the number of imports."""
    unused = ImportRun.delete().where(
        (ImportRun.state == ImportState.CHECKED.value) & (ImportRun.uploaded_at <= now - UNUSED_AFTER)
    )
    old = ImportRun.select(ImportRun.id).where(ImportRun.done_at <= now - UNDO_WITHIN)
    ImportedRow.update(before=None).where(
        ImportedRow.run.in_(old) & ImportedRow.before.is_null(False)
    ).execute()
    holds_some = ImportRun.failed.is_null(False) | ImportRun.changes.is_null(False)
    emptied = ImportRun.update(failed=None, mistakes=[], changes=None).where(
        (ImportRun.done_at <= now - UNDO_WITHIN) & holds_some
    )
    return int(unused.execute()) + int(emptied.execute())


def forget_object(kind: str, object_id: int) -> None:
    """Drop what imports of this kind keep of one thing, and every file of failed rows: who stands in them is not known."""
    of_kind = ImportRun.select(ImportRun.id).where(ImportRun.kind == kind)
    ImportedRow.update(before=None).where(
        (ImportedRow.object_id == object_id) & ImportedRow.run.in_(of_kind)
    ).execute()
    ImportRun.update(failed=None, mistakes=[]).where(
        (ImportRun.kind == kind) & ImportRun.failed.is_null(False)
    ).execute()
    ImportRun.delete().where(
        (ImportRun.kind == kind) & (ImportRun.state == ImportState.CHECKED.value)
    ).execute()


def shown_counts(run: ImportRun) -> dict[str, int]:
    """What the operator was shown."""
    return {name: getattr(run, f"{name}_count") for name in (*EFFECTS, "wrong")}


def place_of(run: ImportRun, who: Principal | None, now: datetime) -> Place:
    """Whose rows a run holds, for who goes on with it."""
    return Place(run.site_id, run.organisation_id or 0, who, now, dict(run.options))


def _shown(found: Check) -> list[list[Any]]:
    """What would change, the losses first."""
    named = [one for one in found.planned if one.changes and one.name]
    named.sort(key=lambda one: one.effect != "removed")
    return [[one.row.line, one.name, one.words] for one in named[:CHANGES_SHOWN_MAX]]


def record(audit: Audit, actor: Actor, action: str, run: ImportRun) -> None:
    """The audit row of something that was done with an import."""
    about: dict[str, Any] = {
        "kind": run.kind,
        "file": run.file_name,
        "sha256": run.sha256,
        **{name: number for name, number in shown_counts(run).items() if number or name != "removed"},
    }
    audit.record(
        actor,
        action,
        "import",
        run.id,
        after=about,
        site_id=run.site_id,
        organisation_id=run.organisation_id,
    )
