"""The few pages and addresses that belong to no sub-system: static files, language, live stream, manual, patterns."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from central.routes import PUBLIC, SIGNED_IN, Route
from central.web import assets, help, i18n, live, openapi
from central.web.patterns import pattern_context
from central.web.render import SHELL, render

LANGUAGE_COOKIE_S = 365 * 24 * 3600
SHORTCUTS_COOKIE = "shortcuts"


async def choose_language(request: web.Request) -> web.Response:
    """``POST /language``: remember the language of this browser; the account keeps an operator's own choice."""
    posted = await request.post()
    language = i18n.parse_language(str(posted.get("language", "")))
    response = web.Response(status=303, headers={"Location": local_path(str(posted.get("back", "/")))})
    if language is not None:
        remember = request.app[SHELL].remember_language
        if request.get("operator") is not None and remember is not None:
            await remember(request, language)
        response.set_cookie(
            i18n.LANGUAGE_COOKIE, language.value, max_age=LANGUAGE_COOKIE_S, samesite="Lax", httponly=True
        )
    return response


async def choose_shortcuts(request: web.Request) -> web.Response:
    """``POST /shortcuts``: single-key shortcuts on or off, kept with this browser (WCAG 2.1.4)."""
    wanted = str((await request.post()).get("shortcuts", ""))
    response = web.Response(status=303, headers={"Location": "/account"})
    if wanted in ("on", "off"):
        response.set_cookie(
            SHORTCUTS_COOKIE, wanted, max_age=LANGUAGE_COOKIE_S, samesite="Lax", httponly=True
        )
    return response


def local_path(text: str) -> str:
    """A path of this server to return to; anything else (another site, ``//host``) becomes the home page."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_local and len(text) <= 1_000 else "/"


TITLES: dict[int, Any] = {
    400: i18n.lazy("This request cannot be used"),
    401: i18n.lazy("Please sign in"),
    403: i18n.lazy("You may not do this"),
    404: i18n.lazy("There is no such page"),
    405: i18n.lazy("This request cannot be used"),
    409: i18n.lazy("Somebody else was faster"),
    413: i18n.lazy("Too large"),
    422: i18n.lazy("Please correct this"),
    429: i18n.lazy("Too many requests"),
    500: i18n.lazy("Something went wrong here"),
    503: i18n.lazy("The service cannot work just now"),
}
MESSAGES: dict[int, Any] = {
    400: i18n.lazy("What was sent cannot be understood. Go back and try again."),
    401: i18n.lazy("Nobody is signed in, or the session has ended."),
    403: i18n.lazy(
        "Your roles do not include this. An administrator can change them. The attempt was recorded."
    ),
    404: i18n.lazy("The address may be misspelt, or the thing no longer exists or lies outside your site."),
    405: i18n.lazy("What was sent cannot be understood. Go back and try again."),
    409: i18n.lazy("It was changed meanwhile. Go back, look at it again and repeat what is still right."),
    413: i18n.lazy("What was sent is larger than this page accepts."),
    422: i18n.lazy("What was sent cannot be accepted. Go back and correct it."),
    429: i18n.lazy("Please wait a little and try again."),
    500: i18n.lazy(
        "The mistake was recorded. Nothing was changed. Try again, or tell support the reference."
    ),
    503: i18n.lazy("Nothing was changed. Doors go on working by themselves. Please try again in a minute."),
}


async def error_page(
    request: web.Request, status: int, message: str = "", reference: str = ""
) -> web.Response:
    """A whole page for a refused or failed request, in the reader's language.

    :param message: an English msgid for the operator (CentralError carries one), or empty for the usual text.
    :param reference: what support needs to find the entry in the log.
    """
    context = {
        "title": TITLES[_known(status)],
        "message": words_of(status, message),
        "reference": reference,
    }
    return await render(request, "web/error.html", context, status=status)


def words_of(status: int, message: str = "") -> i18n.LazyText:
    """What is said about a status, when there is nothing better to say."""
    words: i18n.LazyText = i18n.lazy(message) if message else MESSAGES[_known(status)]
    return words


def _known(status: int) -> int:
    return status if status in TITLES else (500 if status >= 500 else 400)


async def shell_state(request: web.Request) -> web.Response:
    """``GET /shell``: the service light and the open alarms, for the head of pages that are open already."""
    return await render(request, "web/shell.html")


async def patterns(request: web.Request) -> web.Response:
    """``GET /patterns``: every widget on one page, in development only."""
    if not request.app[SHELL].is_development:
        raise web.HTTPNotFound()
    return await render(request, "web/patterns.html", pattern_context(request))


ROUTES: list[Route] = [
    Route("GET", "/static/{digest}/{name:.+}", assets.serve, PUBLIC),
    Route("GET", "/favicon.ico", assets.serve_favicon, PUBLIC),
    Route("POST", "/language", choose_language, PUBLIC),
    Route("POST", "/shortcuts", choose_shortcuts, SIGNED_IN),
    Route("GET", "/live", live.serve_live, SIGNED_IN),
    Route("GET", "/api/openapi.json", openapi.serve_document, PUBLIC),
    Route("GET", "/manual", help.show_first, PUBLIC),
    Route("GET", r"/manual/{chapter:[a-z-]+}", help.show_chapter, PUBLIC),
    Route("GET", "/shell", shell_state, SIGNED_IN),
    Route("GET", "/patterns", patterns, PUBLIC),
]
