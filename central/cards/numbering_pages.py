"""Numbers on cards (U4): show one card, type what is printed on it, and the form that fits is kept for the estate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from multidict import MultiMapping

from central.cards.model import CardNumbering
from central.cards.number_forms import TEXT_CHARS_MAX, NumberForm, fitting_all, write
from central.cards.numbering import FORM_TEXT, numbering_of
from central.cards.numbers import parse_uid, show_uid
from central.cards.ports import Reader
from central.cards.presented import choose_reader, presented_at, readers_in
from central.centre import centre_of
from central.errors import InvalidInputError
from central.people.inputs import one_line, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.places import check_place
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

SAMPLES_MAX: Final = 10
Sample = tuple[bytes, str]


@dataclass(frozen=True)
class Page:
    """What the page shows, read at once."""

    sites: list[tuple[int, str]]
    site_id: int | None
    readers: list[Reader]
    reader: Reader | None
    samples: list[Sample]
    """UID and what is printed, the newest last."""
    numbering: CardNumbering | None
    problem: str = ""

    @property
    def forms(self) -> tuple[NumberForm, ...]:
        """Forms that fit every sample."""
        return fitting_all(self.samples)

    @property
    def offered(self) -> tuple[NumberForm, ...]:
        """What may be kept: a running number always."""
        return (*self.forms, NumberForm.SERIAL)

    @property
    def fits_choice(self) -> bool:
        """The newest sample has the number that the kept form gives it."""
        assert self.numbering is not None
        return NumberForm(self.numbering.form) in fitting_all(self.samples[-1:])


def _read(request: web.Request, given: MultiMapping[Any]) -> Page:
    """Inside ``db.read``."""
    scope = scope_of(request)
    sites, readers = sites_in(scope), readers_in(scope)
    reader = choose_reader(readers, str(given.get("reader", "")))
    wanted = row_id(str(given.get("site", "")))
    site_id = wanted if wanted in dict(sites) else next(iter(dict(sites)), None)
    numbering = None if site_id is None else numbering_of(site_id)
    samples, problem = _samples(str(text) for text in given.getall("sample", [])), ""
    printed = one_line(given.get("printed", ""), TEXT_CHARS_MAX)
    if printed:
        try:
            samples = [*samples, (_uid(request, reader, str(given.get("uid", ""))), printed)]
        except InvalidInputError as error:
            problem = str(error)
    return Page(sites, site_id, readers, reader, samples[-SAMPLES_MAX:], numbering, problem)


def _samples(texts: Iterable[str]) -> list[Sample]:
    """Samples that the page carries along, each as ``UID printed``."""
    found = []
    for text in texts:
        uid, _space, printed = text.partition(" ")
        try:
            found.append((parse_uid(uid), one_line(printed, TEXT_CHARS_MAX)))
        except InvalidInputError:
            continue
    return found[-SAMPLES_MAX:]


def _uid(request: web.Request, reader: Reader | None, typed: str) -> bytes:
    if typed.strip():
        return parse_uid(typed[:TEXT_CHARS_MAX])
    now = centre_of(request).clock.now()
    presented = presented_at(scope_of(request), reader, now) if reader is not None else None
    if presented is None or not presented.uid:
        raise InvalidInputError("Place the card on the reader first, or type its UID.")
    return presented.uid


async def show_numbering(request: web.Request) -> web.Response:
    """GET /cards/numbering: which forms fit the samples."""
    settle(request)
    return await _render(request, await centre_of(request).db.read(_read, request, request.query))


async def keep_numbering(request: web.Request) -> web.Response:
    """POST /cards/numbering: keep a form for the estate."""
    settle(request)
    centre, posted = centre_of(request), await request.post()
    page = await centre.db.read(_read, request, posted)
    try:
        form = NumberForm(str(posted.get("form", "")))
    except ValueError:
        raise InvalidInputError("Choose one of the list.") from None
    if not page.samples or form not in page.offered:
        return await _render(request, page, _("This form does not fit the sample cards."))
    site_id, uid, actor, now = page.site_id, page.samples[-1][0], actor_of(request), centre.clock.now()

    def keep() -> None:
        assert site_id is not None
        check_place(scope_of(request), site_id)
        before = numbering_of(site_id)
        after = {"form": form.value, "uid_bytes": len(uid)}
        CardNumbering.delete().where(CardNumbering.site == site_id).execute()
        CardNumbering.create(site=site_id, chosen_at=now, chosen_by=actor.name, **after)
        was = None if before is None else {"form": before.form, "uid_bytes": before.uid_bytes}
        centre.audit.record(actor, "cards.numbering", "site", site_id, was, after, site_id=site_id)

    await centre.db.write(keep)
    raise web.HTTPSeeOther(f"/cards/numbering?site={site_id}&done=1")


async def check_numbering(request: web.Request) -> web.Response:
    """POST /cards/numbering/check: note whether a further sample fits what was kept."""
    settle(request)
    centre, posted = centre_of(request), await request.post()
    page = await centre.db.read(_read, request, posted)
    if page.numbering is None or not page.samples:
        raise InvalidInputError("Place the card on the reader first, or type its UID.")
    fits, site_id, actor, now = page.fits_choice, page.site_id, actor_of(request), centre.clock.now()

    def note() -> None:
        assert site_id is not None
        check_place(scope_of(request), site_id)
        counted = {
            CardNumbering.checked_at: now,
            CardNumbering.checks_count: CardNumbering.checks_count + 1,
            CardNumbering.misfits_count: CardNumbering.misfits_count + (not fits),
        }
        CardNumbering.update(counted).where(CardNumbering.site == site_id).execute()
        after = {"fits": fits, "printed": page.samples[-1][1]}
        centre.audit.record(actor, "cards.numbering_check", "site", site_id, None, after, site_id=site_id)

    await centre.db.write(note)
    raise web.HTTPSeeOther(f"/cards/numbering?site={site_id}&noted={'fits' if fits else 'misfit'}")


async def _render(request: web.Request, page: Page, problem: str = "") -> web.Response:
    problem = problem or (_(page.problem) if page.problem else "")
    context = {
        "desk": page,
        "problem": problem,
        "form_text": FORM_TEXT,
        "serial": NumberForm.SERIAL,
        "chosen": None if page.numbering is None else NumberForm(page.numbering.form),
        "show_uid": show_uid,
        "write": write,
        "done": request.query.get("done", ""),
        "noted": request.query.get("noted", ""),
    }
    return await render(request, "cards/numbering.html", context, status=422 if problem else 200)


NAV: Final = [NavItem("cards", lazy("Numbers on cards"), "/cards/numbering", order=45)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/numbering", show_numbering, ("cards", "approve")),
    Route("POST", "/cards/numbering", keep_numbering, ("cards", "approve")),
    Route("POST", "/cards/numbering/check", check_numbering, ("cards", "approve")),
]
