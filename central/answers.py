"""What an error looks like to the one who asked: a page, a redirection to the sign-in page, or JSON under ``/api/``."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from central.errors import CentralError, SignInRequiredError, StepUpRequiredError, TooManyError
from central.security import step_up
from central.security.guard import is_api
from central.web.pages import error_page, words_of
from central.web.render import settle

log = logging.getLogger(__name__)
_SUFFIX: Final = "Error"


@web.middleware
async def errors_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: nothing but an answer leaves it."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return await _answer(
            request, error.status, str(error.reason).lower().replace(" ", "_"), "", error.headers
        )
    except StepUpRequiredError as error:
        if is_api(request):
            return await _answer(request, error.status, code_of(error), str(error))
        return await step_up.ask(request)
    except SignInRequiredError as error:
        if is_api(request):
            return await _answer(
                request, error.status, code_of(error), str(error), {"WWW-Authenticate": "Bearer"}
            )
        return _to_sign_in(request)
    except CentralError as error:
        headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyError) else {}
        if error.status >= 500:
            log.error("%s %r: %s", request.method, request.path[:200], error)
        return await _answer(request, error.status, code_of(error), str(error), headers)
    except ConnectionError:
        raise  # the client is gone
    except Exception:
        if request.writer.output_size > 0:
            raise  # half an answer is on its way: the connection must be cut
        reference = secrets.token_hex(4)
        log.exception("%s: %s %r failed", reference, request.method, request.path[:200])
        return await _answer(request, 500, "failed", "", reference=reference)


def code_of(error: CentralError) -> str:
    """The stable name of an error in JSON: ``NotFoundError`` is ``not_found``."""
    name = type(error).__name__.removesuffix(_SUFFIX)
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


async def _answer(
    request: web.Request,
    status: int,
    code: str,
    message: str,
    headers: Any = None,
    reference: str = "",
) -> web.StreamResponse:
    response: web.StreamResponse
    if is_api(request):
        settle(request)
        body = {"error": {"code": code, "message": str(words_of(status, message))}}
        if reference:
            body["error"]["reference"] = reference
        response = web.Response(
            text=json.dumps(body, ensure_ascii=False), status=status, content_type="application/json"
        )
    else:
        response = await error_page(request, status, message, reference)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if headers and name in headers:
            response.headers[name] = headers[name]
    return response


def _to_sign_in(request: web.Request) -> web.Response:
    """To the sign-in page, and back to where a GET wanted to go."""
    wanted = request.path_qs if request.method == "GET" and request.path != "/" else ""
    address = f"/login?next={quote(wanted, safe='')}" if wanted else "/login"
    if "HX-Request" in request.headers:
        return web.Response(status=401, headers={"HX-Redirect": "/login"})
    return web.Response(status=303, headers={"Location": address})
