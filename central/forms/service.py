"""Making and changing templates and printers, and counting what is printed. Runs inside ``db``; pages write the audit row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from central.cards.acts import By
from central.errors import ConflictError
from central.faces.layout import mm
from central.forms.kinds import KINDS, Kind, Paper
from central.forms.layout import FormPage, first_page, page_of
from central.forms.model import FormPrinter, FormTemplate, FormVersion, PaperPrint
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.capitals import in_traditional


def make_template(scope: Scope, given: dict[str, Any], size_um: tuple[int, int], by: By) -> FormTemplate:
    """A template with its first look.

    :param given: ``name``, ``site``, ``organisation`` (None: all), ``kind``, ``active``.
    :raises ConflictError: the name is taken. :raises InvalidInputError: a place that is not the operator's.
    """
    made: FormTemplate = _save(scope, FormTemplate(site=given["site"]), given, by.at)
    page = first_page(KINDS[made.kind], size_um, traditional=in_traditional())
    FormVersion.create(
        template=made,
        version=1,
        page=msgspec.to_builtins(page),
        made_at=by.at,
        operator_name=by.operator_name,
    )
    return made


def change_template(
    scope: Scope, template: FormTemplate, given: dict[str, Any], at: datetime
) -> FormTemplate:
    """Change what a template is for; its kind of paper stays.

    :raises ConflictError: the name is taken. :raises InvalidInputError: a place that is not the operator's.
    """
    changed: FormTemplate = _save(scope, template, given, at)
    return changed


def add_version(template: FormTemplate, seen_version: int | None, page: FormPage, by: By) -> None:
    """A new look.

    :raises ConflictError: somebody else made one meanwhile.
    """
    if seen_version != template.version:
        raise ConflictError("This template was changed meanwhile. Look at it again.")
    template.version, template.changed_at = template.version + 1, by.at
    template.save()
    FormVersion.create(
        template=template,
        version=template.version,
        page=msgspec.to_builtins(page),
        made_at=by.at,
        operator_name=by.operator_name,
    )


def version_of(template: FormTemplate, version: int | None = None) -> tuple[FormVersion, FormPage]:
    """One look of a template, the newest unless said or when there is no such version."""
    looks = FormVersion.select().where(FormVersion.template == template.id)
    found = looks.where(FormVersion.version == (version or template.version)).first()
    if found is None:
        found = looks.where(FormVersion.version == template.version).get()
    return found, page_of(found.page)


def save_printer(
    scope: Scope, printer: FormPrinter | None, given: dict[str, Any], at: datetime
) -> FormPrinter:
    """Make a printer, or change it.

    :param given: ``name``, ``site``, ``organisation`` (None: all), ``active``, ``x_um``, ``y_um``.
    :raises ConflictError: the name is taken. :raises InvalidInputError: a place that is not the operator's.
    """
    row = FormPrinter(site=given["site"]) if printer is None else printer
    saved: FormPrinter = _save(scope, row, given, at)
    return saved


def _save(scope: Scope, row: Any, given: dict[str, Any], at: datetime) -> Any:
    model = type(row)
    if row.site_id != given["site"]:
        raise ConflictError("It stays in its estate.")
    if row.id is not None:
        check_place(scope, row.site_id, row.organisation_id)
    check_place(scope, given["site"], given["organisation"])
    same = model.select().where((model.site == given["site"]) & (model.name == given["name"]))
    if same.where(model.id != (row.id or 0)).exists():
        raise ConflictError("There is one with this name already.")
    for name, value in given.items():
        setattr(row, name, value)
    row.changed_at = at
    row.save()
    return row


def snapshot(row: FormTemplate | FormPrinter) -> dict[str, Any]:
    """What the audit row says."""
    said = {"name": row.name, "organisation": row.organisation_id, "active": row.active}
    if isinstance(row, FormTemplate):
        return {**said, "version": row.version}
    return {**said, "x_mm": mm(row.x_um), "y_mm": mm(row.y_um)}


@dataclass(frozen=True)
class Offer:
    """Into what a paper can be printed here, and what was printed of it already."""

    kind: Kind
    subject_id: int
    templates: list[FormTemplate]
    printers: list[FormPrinter]
    prints: list[PaperPrint]


def offer_of(scope: Scope, kind: Kind, subject_id: int, site_id: int, organisation_id: int) -> Offer:
    """For the part of a page that prints a paper (``forms/print.html``); the subject lies in the scope."""

    def fitting(model: Any, *conditions: Any) -> Any:
        everybody_or_own = model.organisation.is_null() | (model.organisation == organisation_id)
        query = model.select().where(model.active, model.site == site_id, everybody_or_own, *conditions)
        return query.where(scope.shared_condition(model)).order_by(model.name)

    return Offer(
        kind,
        subject_id,
        list(fitting(FormTemplate, FormTemplate.kind == kind.code)),
        list(fitting(FormPrinter)),
        prints_of(kind, subject_id),
    )


def prints_of(kind: Kind, subject_id: int) -> list[PaperPrint]:
    """Every printing of a paper, the first one first."""
    query = PaperPrint.select().where((PaperPrint.kind == kind.code) & (PaperPrint.subject_id == subject_id))
    return list(query.order_by(PaperPrint.number))


def record_print(
    kind: Kind, subject_id: int, paper: Paper, by: By, form: FormVersion | None = None
) -> PaperPrint:
    """Count one more printing of a paper. Inside ``db.write``."""
    made: PaperPrint = PaperPrint.create(
        site=paper.site_id,
        organisation=paper.organisation_id,
        kind=kind.code,
        subject_id=subject_id,
        about=paper.about,
        number=len(prints_of(kind, subject_id)) + 1,
        form=form,
        printed_at=by.at,
        operator_id=by.operator_id,
        operator_name=by.operator_name,
    )
    return made
