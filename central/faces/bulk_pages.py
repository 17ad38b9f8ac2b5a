"""Photos of many people at once: files named by the person number, with a result for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

from aiohttp import web
from aiohttp.web_request import FileField

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import InvalidInputError
from central.faces import photos
from central.faces.images import ACCEPT, Crop, photo_of
from central.faces.photo_pages import FORM_ROOM_BYTES, bytes_of
from central.faces.worker import apart
from central.people.inputs import one_line, row_id
from central.people.model import Person
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

FILES_MAX: Final = 200
TOGETHER_MB_MAX: Final = 64
NAME_CHARS_MAX: Final = 100


@dataclass(frozen=True)
class Result:
    """What became of one file. ``person`` is set when its photo was taken over, else ``problem`` says why not."""

    file: str
    person: Person | None = None
    problem: str = ""
    pictures: tuple[bytes, bytes] | None = None


async def choose_photos(request: web.Request) -> web.Response:
    """GET /people/photos"""
    return await _page(request)


async def take_photos(request: web.Request) -> web.Response:
    """POST /people/photos: what is right is taken over, what is not is named."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    posted = await request.post()
    uploads = [f for f in posted.getall("files", []) if isinstance(f, FileField) and f.filename]
    site_id = row_id(str(posted.get("site", ""))) or 0
    if not uploads:
        return await _page(request, problem=_("Choose files first."))
    if len(uploads) > FILES_MAX:
        return await _page(request, problem=_("Too many files at a time."))
    people = await centre.db.read(
        _people_by_number, scope, site_id, [_number_in(f.filename) for f in uploads]
    )
    results = [await _read(upload, people) for upload in uploads]
    results = [_only_first(result, results[:at]) for at, result in enumerate(results)]

    def write() -> list[Result]:
        written = []
        for result in results:
            if result.person is not None and result.pictures is not None:
                person = scope.get(Person, result.person.id)
                photos.put(person.id, result.pictures, (by.operator_id, by.operator_name), by.at)
            written.append(replace(result, pictures=None))
        about = {
            "numbers": [r.person.number for r in written if r.person is not None],
            "refused": sum(r.person is None for r in written),
        }
        centre.audit.record(actor, "people.photos_import", "site", site_id, after=about, site_id=site_id)
        return written

    if not any(result.person for result in results):
        return await _page(request, results=results)
    return await _page(request, results=await centre.db.write(write))


async def _read(upload: FileField, people: dict[str, Person]) -> Result:
    name = one_line(upload.filename, NAME_CHARS_MAX)
    person = people.get(_number_in(upload.filename))
    if person is None:
        return Result(name, problem=_("There is no person with this number in the estate."))
    try:
        return Result(name, person, pictures=await apart(photo_of, bytes_of(upload), Crop()))
    except InvalidInputError as error:
        return Result(name, problem=_(str(error)))


def _only_first(result: Result, before: list[Result]) -> Result:
    """Of two files for one person the first counts; the other is named."""
    if result.person is not None and any(r.person and r.person.id == result.person.id for r in before):
        return Result(result.file, problem=_("Another file is named by the same person number."))
    return result


def _number_in(filename: str) -> str:
    """``0101.jpg`` is the photo of 0101."""
    return PurePosixPath(filename).stem.strip()[:NAME_CHARS_MAX]


def _people_by_number(scope: Scope, site_id: int, numbers: list[str]) -> dict[str, Person]:
    query = scope.filter(Person.select().where((Person.site == site_id) & Person.number.in_(numbers)))
    return {person.number: person for person in query}


async def _page(
    request: web.Request, *, results: list[Result] | None = None, problem: str = ""
) -> web.Response:
    context: dict[str, Any] = {
        "results": results or [],
        "problem": problem,
        "sites": await centre_of(request).db.read(sites_in, scope_of(request)),
        "accept": ACCEPT,
        "files_max": FILES_MAX,
        "mb_max": TOGETHER_MB_MAX,
    }
    failed = problem or (results and not any(result.person for result in results))
    return await render(request, "faces/bulk.html", context, status=422 if failed else 200)


NAV: Final = [NavItem("people", lazy("Photos of many people"), "/people/photos", order=15)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/people/photos", choose_photos, ("people", "edit")),
    Route(
        "POST",
        "/people/photos",
        take_photos,
        ("people", "edit"),
        body_bytes_max=TOGETHER_MB_MAX * 1024 * 1024 + FORM_ROOM_BYTES,
    ),
]
