"""A paper as a slip, the same for every sub-system: counted, then bytes for the receipt printer or a narrow page (U9)."""

from __future__ import annotations

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.forms.kinds import Kind
from central.forms.service import prints_of, record_print
from central.forms.slip import COLUMNS, Line, Slip, escpos, layout
from central.forms.slips import slip_of
from central.people.inputs import path_id
from central.security.principal import actor_of, scope_of
from central.web.exports import attachment
from central.web.render import SHELL, render, settle


async def print_slip(
    request: web.Request, kind: Kind, action: str, object_kind: str, page: str
) -> web.Response:
    """Count one printing of the record in the path, with its audit row; ``page`` is the address of the record."""
    settle(request)
    subject_id, posted = path_id(request), await request.post()
    paper_mm, as_bytes = paper_width(str(posted.get("width", ""))), posted.get("as") == "printer"
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    organisation = request.app[SHELL].organisation(request)

    def write() -> tuple[int, list[Line]]:
        said = kind.read(scope, subject_id)
        printed = record_print(kind, subject_id, said, by)
        centre.audit.record(
            actor,
            action,
            object_kind,
            subject_id,
            after={"slip": kind.code, "number": printed.number, "width_mm": paper_mm},
            site_id=said.site_id,
            organisation_id=said.organisation_id,
        )
        return printed.id, layout(slip_of(kind, said, [], printed, organisation), paper_mm)

    print_id, lines = await centre.db.write(write)
    if not as_bytes:
        raise web.HTTPSeeOther(f"{page}/slip?width={paper_mm}")
    return web.Response(
        body=escpos(lines),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": attachment(f"slip-{print_id}-{paper_mm}mm.bin"),
            "Cache-Control": "no-store",
        },
    )


async def show_slip(request: web.Request, kind: Kind, page: str) -> web.Response:
    """The last printing of the record in the path as a narrow page.

    :raises NotFoundError: it was never printed.
    """
    settle(request)
    scope, subject_id = scope_of(request), path_id(request)
    paper_mm = paper_width(request.query.get("width", "58"))
    organisation = request.app[SHELL].organisation(request)

    def read() -> Slip:
        said = kind.read(scope, subject_id)
        prints = [one for one in prints_of(kind, subject_id) if one.form_id is None]
        if not prints:
            raise NotFoundError("There is no such paper for this.")
        return slip_of(kind, said, [], prints[-1], organisation)

    slip = await centre_of(request).db.read(read)
    return await render(request, "reports/slip.html", {"slip": slip, "paper_mm": paper_mm, "back": page})


def paper_width(text: str) -> int:
    """A width in millimetres that receipt printers have.

    :raises InvalidInputError: there is no paper of that width.
    """
    if text not in {str(mm) for mm in COLUMNS}:
        raise InvalidInputError("There is no paper of this width.")
    return int(text)
