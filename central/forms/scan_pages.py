"""A scan of the empty form, shown under the preview so that places are seen and not guessed. Never printed."""

from __future__ import annotations

import hashlib
from typing import Final

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.faces.images import UPLOAD_BYTES_MAX, Crop, decode, fitted, jpeg
from central.faces.photo_pages import FORM_ROOM_BYTES, upload_in
from central.faces.worker import apart
from central.forms import service
from central.forms.model import FormScan, FormTemplate
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.places import check_place
from central.web.render import settle

WIDTH_PX: Final = 1_400
"""Twice what the editor shows."""


async def save_scan(request: web.Request) -> web.Response:
    """POST /forms/templates/{id}/scan: the picture of the whole form, or with ``act=remove`` none any more."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    template_id, posted = path_id(request), await request.post()
    raw = None if posted.get("act") == "remove" else upload_in(posted, "file")
    if raw is None and posted.get("act") != "remove":
        raise InvalidInputError("Choose a picture first.")

    def size() -> tuple[int, int]:
        page = service.version_of(scope.get_shared(FormTemplate, template_id))[1]
        return WIDTH_PX, max(1, WIDTH_PX * page.height_um // page.width_um)

    size_px = await centre.db.read(size)
    image = None if raw is None else await apart(lambda: jpeg(fitted(decode(raw), size_px, Crop())))

    def write() -> None:
        template = scope.get_shared(FormTemplate, template_id)
        check_place(scope, template.site_id, template.organisation_id)
        FormScan.delete().where(FormScan.template == template_id).execute()
        if image is not None:
            digest = hashlib.sha256(image).hexdigest()
            FormScan.create(template=template_id, digest=digest, made_at=by.at, image=image)
        centre.audit.record(
            actor,
            "forms.scan",
            "form_template",
            template_id,
            after={"template": template.name, "scan": image is not None},
            site_id=template.site_id,
            organisation_id=template.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/forms/templates/{template_id}")


async def show_scan(request: web.Request) -> web.Response:
    """GET /forms/templates/{id}/scan.jpg"""
    scope, template_id = scope_of(request), path_id(request)

    def read() -> bytes:
        scope.get_shared(FormTemplate, template_id)
        found = FormScan.get_or_none(FormScan.template == template_id)
        if found is None:
            raise NotFoundError("There is no such picture.")
        return bytes(found.image)

    body = await centre_of(request).db.read(read)
    return web.Response(body=body, headers={"Content-Type": "image/jpeg", "Cache-Control": "no-store"})


ROUTES: Final[list[Route]] = [
    Route(
        "POST",
        r"/forms/templates/{id:\d+}/scan",
        save_scan,
        ("cards", "approve"),
        body_bytes_max=UPLOAD_BYTES_MAX + FORM_ROOM_BYTES,
    ),
    Route("GET", r"/forms/templates/{id:\d+}/scan.jpg", show_scan, ("cards", "view")),
]
