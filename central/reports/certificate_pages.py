"""掛失生效證明 (U16): issue it for a lost card, print it in any language, check one that somebody brings."""

from __future__ import annotations

from typing import Any, Final

import segno
from aiohttp import web
from markupsafe import Markup

from central.cards.model import Card
from central.cards.words import CHANNEL_TEXT
from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.people.inputs import path_id, row_id
from central.reports.certificate import TEXT_CHARS_MAX, decode_record
from central.reports.certifying import check, issue_certificate
from central.reports.model import LossCertificate
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.web import i18n
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import SHELL, render, render_text, settle


async def issue(request: web.Request) -> web.Response:
    """POST /reports/certificates: sign what is known now of the card in the form."""
    settle(request)
    posted = await request.post()
    card_id = row_id(str(posted.get("card", "")))
    if card_id is None:
        raise NotFoundError("There is no such record, or it belongs to another organisation.")
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    organisation, zone = request.app[SHELL].organisation(request), i18n.current().zone.key
    operator = principal_of(request).actor.name

    def write() -> int:
        card = scope.get(Card, card_id)
        made = issue_certificate(centre.keys.signing, card, organisation, operator, zone, centre.clock.now())
        centre.audit.record(
            actor,
            "cards.certificate",
            "card",
            card.id,
            after={"certificate": made.number},
            site_id=card.site_id,
            organisation_id=card.organisation_id,
        )
        return int(made.id)

    raise web.HTTPSeeOther(f"/reports/certificates/{await centre.db.write(write)}")


async def show(request: web.Request) -> web.Response:
    """GET /reports/certificates/{id}: the paper. ``?language=`` prints it for a reader of another language."""
    settle(request)
    scope, certificate_id = scope_of(request), path_id(request)
    made = await centre_of(request).db.read(scope.get, LossCertificate, certificate_id)
    language = i18n.parse_language(request.query.get("language")) or i18n.current().language
    with i18n.using(language):
        text = render_text(
            request,
            "reports/certificate.html",
            {
                "record": decode_record(made.record),
                "seal": made.seal,
                "qr": _picture(made.seal),
                "channels": CHANNEL_TEXT,
                "card_id": made.card_id,
            },
        )
    response = web.Response(text=text, content_type="text/html", charset="utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = language.value
    return response


async def look(request: web.Request) -> web.Response:
    """GET /reports/certificates/check: ``?text=`` is what the QR code says."""
    settle(request)
    text, status = request.query.get("text", "").strip(), 200
    context: dict[str, Any] = {"checked": None, "problem": ""}
    if text:
        centre, scope = centre_of(request), scope_of(request)
        public = centre.keys.signing.public_key()
        try:
            context["checked"] = await centre.db.read(check, public, text, scope)
        except InvalidInputError as error:
            context["problem"], status = _(str(error)), error.status
    shown: dict[str, Any] = {**context, "channels": CHANNEL_TEXT, "text": text, "text_max": TEXT_CHARS_MAX}
    return await render(request, "reports/check.html", shown, status=status)


def _picture(text: str) -> Markup:
    drawn = segno.make(text, error="m").svg_inline(scale=3, border=4, dark="#000", light="#fff")
    return Markup(drawn)  # noqa: S704 (drawn by segno from our own text)


NAV: Final = [NavItem("reports", lazy("Check a certificate"), "/reports/certificates/check", order=30)]
ROUTES: Final[list[Route]] = [
    Route("POST", "/reports/certificates", issue, ("cards", "export")),
    Route("GET", r"/reports/certificates/{id:\d+}", show, ("cards", "view")),
    Route("GET", "/reports/certificates/check", look, ("cards", "view")),
]
