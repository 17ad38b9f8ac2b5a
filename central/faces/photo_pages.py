"""The photo of a person: taking or choosing it, cropping it, showing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.web_request import FileField

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.faces import photos
from central.faces.images import ACCEPT, UPLOAD_BYTES_MAX, ZOOM_MAX_PERCENT, Crop, photo_of
from central.faces.worker import apart
from central.people.inputs import path_id
from central.people.model import Person
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.assets import assets
from central.web.fields import NumberField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import render, settle

KEPT: Final = "private, max-age=86400"
"""A browser keeps a photo for a day, and only this operator's browser does."""
FORM_ROOM_BYTES: Final = 16_384
"""What a form takes beside its files."""

CROP: Final = Form(
    Crop,
    NumberField("zoom", lazy("Enlarge"), least=100, most=ZOOM_MAX_PERCENT, unit="%"),
    NumberField("across", lazy("Left – right"), least=0, most=100, unit="%"),
    NumberField("down", lazy("Up – down"), least=0, most=100, unit="%"),
)


def upload_in(posted: Mapping[str, Any], name: str) -> bytes | None:
    """The bytes of a file field; None when no file was chosen."""
    upload = posted.get(name)
    return bytes_of(upload) or None if isinstance(upload, FileField) else None


def bytes_of(upload: FileField) -> bytes:
    """What was sent, one byte more than is allowed at most; the temporary file is gone afterwards."""
    with upload.file:
        return upload.file.read(UPLOAD_BYTES_MAX + 1)


async def edit_photo(request: web.Request) -> web.Response:
    """GET /people/{id}/photo"""
    return await _page(request, CROP.show(Crop()))


async def save_photo(request: web.Request) -> web.Response:
    """POST /people/{id}/photo"""
    settle(request)
    centre, scope, actor, by, person_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        by_of(request),
        path_id(request),
    )
    await centre.db.read(scope.get, Person, person_id)
    posted = await request.post()
    form = CROP.bind(posted)
    raw = upload_in(posted, "file")
    if raw is None:
        form.fail(_("Choose a picture first, or take one with the camera."))
    if not form.is_valid or raw is None:
        return await _page(request, form, status=422)
    try:
        pictures = await apart(photo_of, raw, form.value)
    except InvalidInputError as error:
        form.fail(_(str(error)))
        return await _page(request, form, status=422)

    def write() -> None:
        person = scope.get(Person, person_id)
        before = photos.digest_of(person_id)
        digest = photos.put(person_id, pictures, (by.operator_id, by.operator_name), by.at)
        centre.audit.record(
            actor,
            "people.photo_set",
            "person",
            person_id,
            before={"photo": before},
            after={"photo": digest},
            site_id=person.site_id,
            organisation_id=person.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/people/{person_id}")


async def remove_photo(request: web.Request) -> web.Response:
    """POST /people/{id}/photo/remove"""
    centre, scope, actor, person_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        path_id(request),
    )

    def write() -> None:
        person = scope.get(Person, person_id)
        before = photos.digest_of(person_id)
        if not photos.erase(person_id):
            raise NotFoundError("There is no such record, or it belongs to another organisation.")
        centre.audit.record(
            actor,
            "people.photo_remove",
            "person",
            person_id,
            before={"photo": before},
            site_id=person.site_id,
            organisation_id=person.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/people/{person_id}/photo")


async def show_photo(request: web.Request) -> web.Response:
    """GET /people/{id}/photo.jpg: the photo, or the drawing that stands for it."""
    return await _answer(request, is_thumb=False)


async def show_thumb(request: web.Request) -> web.Response:
    """GET /people/{id}/thumb.jpg: the small one, for those who watch the doors."""
    return await _answer(request, is_thumb=True)


async def _answer(request: web.Request, *, is_thumb: bool) -> web.Response:
    found = await centre_of(request).db.read(
        photos.picture_of, scope_of(request), path_id(request), is_thumb=is_thumb
    )
    if found is None:
        drawing = assets()["no-photo.svg"]
        return web.Response(
            body=drawing.body,
            headers={"Content-Type": drawing.content_type, "Cache-Control": "private, no-cache"},
        )
    digest, body = found
    tag = f'"{digest[: photos.DIGEST_SHOWN]}"'
    is_named = request.query.get("v") == digest[: photos.DIGEST_SHOWN]
    headers = {"ETag": tag, "Cache-Control": KEPT if is_named else "private, no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers={**headers, "Content-Type": "image/jpeg"})


async def _page(request: web.Request, form: BoundForm[Crop], status: int = 200) -> web.Response:
    scope, person_id = scope_of(request), path_id(request)

    def read() -> tuple[Person, str]:
        return scope.get(Person, person_id), photos.digest_of(person_id)

    person, digest = await centre_of(request).db.read(read)
    context = {"form": form, "person": person, "digest": digest, "accept": ACCEPT}
    return await render(request, "faces/photo.html", context, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/people/{id:\d+}/photo", edit_photo, ("people", "edit")),
    Route(
        "POST",
        r"/people/{id:\d+}/photo",
        save_photo,
        ("people", "edit"),
        body_bytes_max=UPLOAD_BYTES_MAX + FORM_ROOM_BYTES,
    ),
    Route("POST", r"/people/{id:\d+}/photo/remove", remove_photo, ("people", "edit")),
    Route("GET", r"/people/{id:\d+}/photo.jpg", show_photo, ("people", "view")),
    Route("GET", r"/people/{id:\d+}/thumb.jpg", show_thumb, ("access", "view")),
]
