"""Who may do what, decided before any handler runs.

In this order: where the request comes from -> who asks -> is it from our own page -> does a role give what the route
declares -> was the password given lately. Whatever fails raises, changes nothing and is recorded (I13).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from central.audit import ACTING
from central.centre import Centre, centre_of
from central.config import Config
from central.errors import (
    CrossSiteError,
    ForbiddenError,
    SignInRequiredError,
    StepUpRequiredError,
)
from central.routes import Open, Route
from central.security import login, origin, sessions, tokens
from central.security.bodies import limited, read_body, read_form
from central.security.principal import OPERATOR, Principal
from central.web.i18n import _

log = logging.getLogger(__name__)
ROUTE_OF: Final[web.AppKey[Mapping[web.AbstractRoute, Route]]] = web.AppKey("route_of", Mapping)
CSRF: Final = "csrf"
"""``request["csrf"]``: the token for the forms of this page."""
ADDRESS: Final = "address"
"""``request["address"]``: the client's IP address."""
STEP_UP_FIELD: Final = "_password"
"""A form that was sent again with the password in this field is carried out at once."""
_CSRF_PURPOSE: Final = "csrf"


def csrf_of(centre: Centre, token_hash: bytes) -> str:
    """The token for the forms of a session."""
    return origin.csrf_token(centre.keys.derive(_CSRF_PURPOSE), token_hash)


def route_of(request: web.Request) -> Route | None:
    """The route that matched; ``None`` for an unknown address or a wrong method."""
    return request.app[ROUTE_OF].get(request.match_info.route)


def is_api(request: web.Request) -> bool:
    """True under ``/api/``: JSON, and tokens of other programs are taken."""
    return request.path.startswith("/api/")


@web.middleware
async def guard_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everything that stands before a handler of the browser listener."""
    centre = centre_of(request)
    request[ADDRESS] = client_address(request, centre.config)
    request[OPERATOR], request[CSRF] = None, ""
    route = route_of(request)
    principal = await _find_principal(request, centre, route)
    if principal is not None:
        request[OPERATOR] = principal
        request[CSRF] = csrf_of(centre, principal.token_hash)
    if route is None:
        return await handler(request)  # raises 404 or 405
    request = limited(request, route, centre.config)
    await _check_origin(request, centre, principal)
    await check_permission(request, centre, route, principal)
    if request.method not in origin.SAFE_METHODS:  # what cannot be read is refused before any handler begins
        await (read_body if is_api(request) else read_form)(request, centre.config)
    acting = ACTING.set(principal.actor if principal is not None else None)
    try:
        return await handler(request)
    finally:
        ACTING.reset(acting)


def client_address(request: web.Request, config: Config) -> str:
    """The address of the peer or, behind a trusted proxy, the last one in ``X-Forwarded-For`` that is not a proxy."""
    address = request.remote or ""
    proxies = config.browsers.trusted_proxies
    for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if address not in proxies or not hop.strip():
            break
        address = hop.strip()[:45]
    return address


def own_origins(request: web.Request, config: Config) -> frozenset[str]:
    """How our own pages name themselves in ``Origin``."""
    scheme = "https" if config.browsers.tls != "off" else "http"
    return origin.own_origins(scheme, request.host, config.browsers.public_url)


async def _find_principal(request: web.Request, centre: Centre, route: Route | None) -> Principal | None:
    config, now, address = centre.config.security, centre.clock.now(), request[ADDRESS]
    if is_api(request) and (token := tokens.bearer(request.headers.get(tokens.HEADER))) is not None:
        return await centre.db.read(tokens.find_integration, token, address, now)
    cookie = request.cookies.get(sessions.cookie_name(centre.config))
    if not cookie or len(cookie) > 100 or (route is not None and request.path.startswith("/static/")):
        return None
    token_hash = sessions.hash_token(cookie)
    found = await centre.db.read(sessions.find_principal, token_hash, address, now, config)
    if found is None:
        return None
    principal, is_touch_due = found
    if is_touch_due:
        await centre.db.write(sessions.touch, token_hash, now)
    return principal


async def _check_origin(request: web.Request, centre: Centre, principal: Principal | None) -> None:
    ours = own_origins(request, centre.config)
    if "websocket" in request.headers.get("Upgrade", "").lower():
        if not origin.is_socket_allowed(request.headers, ours):
            raise _refused(request, CrossSiteError(_("This did not come from a page of this system.")))
        return
    if request.method in origin.SAFE_METHODS or (principal is not None and principal.kind == "integration"):
        return
    if not origin.is_same_origin(request.headers, ours):
        raise _refused(request, CrossSiteError(_("This did not come from a page of this system.")))
    if principal is None:
        return
    given = request.headers.get(origin.HEADER) or str(
        (await read_form(request, centre.config)).get(origin.FIELD, "")
    )
    if not origin.fits(centre.keys.derive(_CSRF_PURPOSE), principal.token_hash, given):
        raise _refused(
            request, CrossSiteError(_("This page is out of date. Load it again and repeat the step."))
        )


async def check_permission(
    request: web.Request, centre: Centre, route: Route, principal: Principal | None
) -> None:
    """
    :raises SignInRequiredError: nobody is signed in and the route is not public.
    :raises ForbiddenError: no role gives what the route declares.
    :raises StepUpRequiredError: the route wants the password again.
    """
    if route.permission is Open.PUBLIC:
        return
    if principal is None:
        raise SignInRequiredError(_("Please sign in."))
    if not principal.may_use(route.permission):
        await record_refusal(request, centre, route, principal)
        raise ForbiddenError()
    if route.step_up and principal.kind == "operator" and not is_password_fresh(route, principal, centre):
        if request.method not in origin.SAFE_METHODS:
            password = (await read_form(request, centre.config)).get(STEP_UP_FIELD)
            if isinstance(password, str) and await login.give_again(centre, principal, password):
                return
        raise StepUpRequiredError(_("Please give your password again."))


def is_password_fresh(route: Route, principal: Principal, centre: Centre) -> bool:
    """True when the operator gave the password lately enough for this route."""
    security = centre.config.security
    age_max_s = security.step_up_shift_s if route.step_up_lasts == "shift" else security.step_up_s
    given = principal.password_at
    return given is not None and centre.clock.now() - given < timedelta(seconds=age_max_s)


async def record_refusal(request: web.Request, centre: Centre, route: Route, principal: Principal) -> None:
    """A row of the audit trail for an attempt without the permission."""
    _refused(request, ForbiddenError())
    await centre.db.write(
        centre.audit.record,
        principal.actor,
        "refused",
        "route",
        route.name,
        after={"path": request.path[:200], "permission": str(route.permission)},
    )


def _refused(request: web.Request, error: ForbiddenError) -> ForbiddenError:
    principal: Principal | None = request.get(OPERATOR)
    log.warning(
        "refused (%s): %s %r from %s by %s",
        type(error).__name__,
        request.method,
        request.path[:200],
        request[ADDRESS],
        principal.number if principal is not None else "nobody",
    )
    return error
