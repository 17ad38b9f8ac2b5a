"""Headers of every answer: no script, frame or form of a stranger; no version of ours."""

from __future__ import annotations

from typing import Final

from aiohttp import web, web_response

from central.centre import centre_of

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "onecard",
}
STRICT_TRANSPORT: Final = "max-age=31536000"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal ``on_response_prepare``: pages, files, streams and errors alike."""
    response.headers.update(HEADERS)
    if centre_of(request).config.browsers.tls == "supplied":
        # Not with our own CA: a browser that does not know it yet could not get past its warning to the install page.
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    response.headers.setdefault("Cache-Control", "no-store")


def hide_version() -> None:
    """Answers that aiohttp makes before any application is asked (malformed requests) name no version either."""
    web_response.SERVER_SOFTWARE = "onecard"  # type: ignore[attr-defined]  # there is no setting for it
