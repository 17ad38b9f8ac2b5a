"""Who asks about people inside, and what the filters of the lists offer: for pages and for programs."""

from __future__ import annotations

from aiohttp import web

from central.centre import centre_of
from central.muster.tables import Asker, places
from central.security.principal import principal_of, scope_of
from central.web.fields import Choices


def asker_of(request: web.Request, muster_id: int = 0, *, is_file: bool = False) -> Asker:
    """The operator of a request, now. Telephone numbers go into files only, whose taking is written down."""
    principal, now = principal_of(request), centre_of(request).clock.now()
    sees_people = principal.may("people", "view")
    sees_phones = is_file and sees_people and principal.may("personal", "view")
    return Asker(scope_of(request), now, sees_people, sees_phones, muster_id)


async def choices_of(request: web.Request) -> dict[str, Choices]:
    """Estates and areas of the operator."""
    return await centre_of(request).db.read(places, scope_of(request))
