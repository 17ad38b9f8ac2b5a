"""Reading what a request brings before its handler begins: within its limit, within its time, or refused."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from central.config import Config
from central.errors import TooLargeError
from central.routes import Route
from central.web.i18n import _

T = TypeVar("T")
UNREADABLE: Final = (
    ValueError,
    LookupError,
    AssertionError,
    RuntimeError,
    EOFError,
    HttpProcessingError,
    web.PayloadAccessError,
    web.RequestPayloadError,
    zlib.error,
)
"""What aiohttp raises for a body that is not what its headers say: text, character set, parts, compression."""


def limited(request: web.Request, route: Route, config: Config) -> web.Request:
    """The request with the body limit of its route.

    :raises TooLargeError: its length, as announced, is over it.
    """
    most = route.body_bytes_max or config.limits.body_bytes_max
    if (request.content_length or 0) > most:
        raise TooLargeError(_("What was sent is larger than this page accepts."))
    return request if most == config.limits.body_bytes_max else request.clone(client_max_size=most)


async def read_form(request: web.Request, config: Config) -> Mapping[str, Any]:
    """The posted form, empty for another kind of body. Read once and kept by the request.

    :raises TooLargeError: the body is over the limit of the route.
    :raises HTTPBadRequest: it is not what its headers say. :raises HTTPRequestTimeout: it did not come in time.
    """
    return await _within(request.post(), config)


async def read_body(request: web.Request, config: Config) -> bytes:
    """The same for a body that is no form."""
    return await _within(request.read(), config)


async def _within(reading: Awaitable[T], config: Config) -> T:
    try:
        async with asyncio.timeout(config.limits.request_s_max):
            return await reading
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLargeError(_("What was sent is larger than this page accepts.")) from error
    except TimeoutError as error:
        raise web.HTTPRequestTimeout() from error
    except UNREADABLE as error:
        raise web.HTTPBadRequest() from error
