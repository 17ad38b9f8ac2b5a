"""The editor of a card face: rows in millimetres, drag and arrow keys, a preview drawn by the server as it will print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.faces import template_service as service
from central.faces.box_form import Row, are_valid, bind_rows, boxes_of, parameters, rows_of
from central.faces.card_fields import FIXED, SAMPLE_CARD_NO, TITLES, sample_texts
from central.faces.drawing import Content, draw_card, png
from central.faces.fonts import Script, typeface
from central.faces.images import ACCEPT, UPLOAD_BYTES_MAX, Crop, decode, fitted
from central.faces.layout import CARD_PX, CARD_UM, SIDES, Face, Side
from central.faces.model import FaceTemplate, FaceVersion
from central.faces.photo_pages import FORM_ROOM_BYTES, upload_in
from central.faces.worker import apart
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.i18n import LazyText, _, lazy
from central.web.render import render, settle

SIDE_TITLES: Final[dict[str, LazyText]] = {"front": lazy("Front side"), "back": lazy("Back side")}
SCRIPTS: Final[dict[Script, LazyText]] = {"SC": lazy("Simplified"), "TC": lazy("Traditional")}
VERSIONS_SHOWN: Final = 20


@dataclass(frozen=True)
class Edited:
    """What the editor shows: a template, the face it begins with, earlier versions."""

    template: FaceTemplate
    face: Face
    versions: list[FaceVersion]


def _read(scope: Scope, template_id: int, version: int | None) -> Edited:
    template = scope.get_shared(FaceTemplate, template_id)
    _version, face = service.version_of(template, version)
    versions = (
        FaceVersion.select().where(FaceVersion.template == template_id).order_by(FaceVersion.version.desc())
    )
    return Edited(template, face, list(versions.limit(VERSIONS_SHOWN)))


async def edit_face(request: web.Request) -> web.Response:
    """GET /faces/templates/{id}?side=&version="""
    settle(request)
    edited = await centre_of(request).db.read(
        _read, scope_of(request), path_id(request), row_id(request.query.get("version", ""))
    )
    side = _side(request.query)
    shown = edited.face.side(side)
    return await _page(
        request, edited, side, rows_of(TITLES, shown.boxes, FIXED), shown.picture, edited.face.script
    )


async def save_face(request: web.Request) -> web.Response:
    """POST /faces/templates/{id}: a new version, or with ``act=preview`` only a look at it."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    template_id, posted = path_id(request), await request.post()
    edited = await centre.db.read(_read, scope, template_id, None)
    side, script = _side(posted), _script(posted)
    rows, picture = bind_rows(TITLES, posted, FIXED, CARD_UM), str(posted.get("picture", ""))
    problem = ""
    try:
        raw = upload_in(posted, "file")
        background = None if raw is None else await apart(_background, raw)
    except InvalidInputError as error:
        background, problem = None, _(str(error))
    if problem or not are_valid(rows) or posted.get("act") == "preview":
        status = 422 if problem or not are_valid(rows) else 200
        return await _page(request, edited, side, rows, picture, script, problem, status=status)

    def write() -> None:
        template = scope.get_shared(FaceTemplate, template_id)
        check_place(scope, template.site_id, template.organisation_id)
        before = service.snapshot(template)
        kept = "" if posted.get("plain") else picture
        if background is not None:
            kept = service.keep_picture(template_id, background)
        if kept and service.picture(template_id, kept) is None:
            raise InvalidInputError("There is no such picture.")
        _newest, face = service.version_of(template)
        new = msgspec.structs.replace(face, script=script, **{side: Side(boxes=boxes_of(rows), picture=kept)})
        seen = row_id(str(posted.get("seen", "")))
        service.add_version(template, seen, new, by.operator_name, by.at)
        centre.audit.record(
            actor,
            "cards.face_change",
            "face_template",
            template_id,
            before,
            {**service.snapshot(template), "side": side},
            site_id=template.site_id,
            organisation_id=template.organisation_id,
        )

    try:
        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await _page(request, edited, side, rows, picture, script, _(str(error)), status=422)
    raise web.HTTPSeeOther(f"/faces/templates/{template_id}?side={side}&saved=1")


async def preview(request: web.Request) -> web.Response:
    """GET /faces/templates/{id}/preview.png: the rows of the address, drawn for a sample holder."""
    settle(request)
    scope, template_id, query = scope_of(request), path_id(request), request.query
    rows, script = bind_rows(TITLES, query, FIXED, CARD_UM), _script(query)
    if not are_valid(rows):
        raise InvalidInputError("A length, size or colour cannot be used.")
    digest = query.get("picture", "")

    def read() -> bytes | None:
        return service.picture(scope.get_shared(FaceTemplate, template_id).id, digest)

    background = await centre_of(request).db.read(read)
    side, content = Side(boxes=boxes_of(rows)), Content(sample_texts(), None, SAMPLE_CARD_NO)
    body = await apart(lambda: png(draw_card(side, content, background, typeface(script))))
    return web.Response(body=body, headers={"Content-Type": "image/png", "Cache-Control": "no-store"})


def _background(raw: bytes) -> bytes:
    return png(fitted(decode(raw), CARD_PX, Crop()))


def _side(given: Mapping[str, Any]) -> str:
    return "back" if given.get("side") == "back" else "front"


def _script(given: Mapping[str, Any]) -> Script:
    return "TC" if given.get("script") == "TC" else "SC"


async def _page(
    request: web.Request,
    edited: Edited,
    side: str,
    rows: list[Row],
    picture: str,
    script: Script,
    problem: str = "",
    status: int = 200,
) -> web.Response:
    address = f"/faces/templates/{edited.template.id}/preview.png"
    shown = {**parameters(rows), "script": script, "picture": picture} if are_valid(rows) else {}
    context = {
        "template": edited.template,
        "versions": edited.versions,
        "side": side,
        "sides": [(name, SIDE_TITLES[name]) for name in SIDES],
        "rows": rows,
        "picture": picture,
        "script": script,
        "scripts": SCRIPTS,
        "problem": problem,
        "page_um": CARD_UM,
        "preview": address,
        "preview_src": f"{address}?{urlencode(shown)}" if shown else "",
        "has_chinese": typeface(script).has_chinese,
        "accept": ACCEPT,
        "is_saved": request.query.get("saved") == "1",
        "may_edit": principal_of(request).may("cards", "approve"),
    }
    return await render(request, "faces/editor.html", context, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/faces/templates/{id:\d+}", edit_face, ("cards", "view")),
    Route(
        "POST",
        r"/faces/templates/{id:\d+}",
        save_face,
        ("cards", "approve"),
        body_bytes_max=UPLOAD_BYTES_MAX + FORM_ROOM_BYTES,
    ),
    Route("GET", r"/faces/templates/{id:\d+}/preview.png", preview, ("cards", "view")),
]
