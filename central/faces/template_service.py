"""Making and changing templates, and which of them a card takes. Runs inside ``db``; pages write the audit row."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from central.cards.model import Card, CardClass
from central.errors import ConflictError, InvalidInputError
from central.faces.layout import Face, face_of
from central.faces.model import FacePicture, FaceTemplate, FaceVersion
from central.sites.places import check_place
from central.sites.scope import Scope


def save_settings(
    scope: Scope,
    template: FaceTemplate | None,
    given: dict[str, Any],
    face: Face,
    operator_name: str,
    at: datetime,
) -> FaceTemplate:
    """Make a template with its first look, or change what it is for.

    :param given: ``name``, ``site``, ``organisation`` (None: all), ``card_class`` (None: all), ``active``.
    :raises ConflictError: the name is taken. :raises InvalidInputError: a place or class that is not the operator's.
    """
    is_new = template is None
    row = FaceTemplate(site=given["site"]) if template is None else template
    if row.site_id != given["site"]:
        raise ConflictError("A template stays in its estate.")
    if not is_new:
        check_place(scope, row.site_id, row.organisation_id)
    check_place(scope, given["site"], given["organisation"])
    if given["card_class"] is not None and not (
        CardClass.select()
        .where((CardClass.id == given["card_class"]) & (CardClass.site == given["site"]))
        .exists()
    ):
        raise InvalidInputError("There is no such card class in this estate.")
    same = FaceTemplate.select().where(
        (FaceTemplate.site == given["site"]) & (FaceTemplate.name == given["name"])
    )
    if same.where(FaceTemplate.id != (row.id or 0)).exists():
        raise ConflictError("There is a template with this name already.")
    row.name, row.organisation, row.card_class = given["name"], given["organisation"], given["card_class"]
    row.active, row.changed_at = given["active"], at
    row.save()
    if is_new:
        FaceVersion.create(
            template=row,
            version=1,
            face=msgspec.to_builtins(face),
            made_at=at,
            operator_name=operator_name,
        )
    return row


def add_version(
    template: FaceTemplate, seen_version: int | None, face: Face, operator_name: str, at: datetime
) -> FaceVersion:
    """A new look.

    :raises ConflictError: somebody else made one meanwhile.
    """
    if seen_version != template.version:
        raise ConflictError("This template was changed meanwhile. Look at it again.")
    template.version, template.changed_at = template.version + 1, at
    template.save()
    made: FaceVersion = FaceVersion.create(
        template=template,
        version=template.version,
        face=msgspec.to_builtins(face),
        made_at=at,
        operator_name=operator_name,
    )
    return made


def keep_picture(template_id: int, image: bytes) -> str:
    """Keep a background; its digest."""
    digest = hashlib.sha256(image).hexdigest()
    FacePicture.insert(template=template_id, digest=digest, image=image).on_conflict_ignore().execute()
    return digest


def picture(template_id: int, digest: str) -> bytes | None:
    """The background of that digest, None when there is none."""
    found = FacePicture.get_or_none((FacePicture.template == template_id) & (FacePicture.digest == digest))
    return None if found is None else bytes(found.image)


def version_of(template: FaceTemplate, version: int | None = None) -> tuple[FaceVersion, Face]:
    """One look of a template, the newest unless said.

    :raises InvalidInputError: there is no such version.
    """
    wanted = version or template.version
    found = FaceVersion.get_or_none((FaceVersion.template == template.id) & (FaceVersion.version == wanted))
    if found is None:
        raise InvalidInputError("There is no such version.")
    return found, face_of(found.face)


def template_for(card: Card) -> FaceTemplate | None:
    """The template in use that fits a card most closely: its organisation counts before its class."""
    fitting = FaceTemplate.select().where(
        FaceTemplate.active,
        FaceTemplate.site == card.site_id,
        FaceTemplate.organisation.is_null() | (FaceTemplate.organisation == card.organisation_id),
        FaceTemplate.card_class.is_null() | (FaceTemplate.card_class == card.card_class_id),
    )
    found = sorted(
        fitting, key=lambda row: (row.organisation_id is None, row.card_class_id is None, row.name, row.id)
    )
    return found[0] if found else None


def snapshot(row: FaceTemplate) -> dict[str, Any]:
    """What the audit row says about a template."""
    return {
        "name": row.name,
        "organisation": row.organisation_id,
        "card_class": row.card_class_id,
        "active": row.active,
        "version": row.version,
    }
