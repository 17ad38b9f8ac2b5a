"""Both passwords of a hand-over, given on the spot: who hands over is signed in, who takes over types number and password."""

from __future__ import annotations

from aiohttp import web

from central.centre import centre_of
from central.errors import ForbiddenError
from central.security import login, sessions
from central.security.model import Operator
from central.security.principal import Principal, principal_of


async def outgoing_signs(request: web.Request, password: str) -> bool:
    """Whether it is the password of the operator who is signed in.

    :raises TooManyError: no try is taken now.
    """
    principal = principal_of(request)
    return principal.kind == "operator" and await login.give_again(centre_of(request), principal, password)


async def incoming_signs(request: web.Request, number: str, password: str, code: str) -> Principal | None:
    """The operator who takes over, when number, password and (where one is used) the phone's code fit.

    :raises TooManyError: no try is taken now. :raises ForbiddenError: the account was disabled meanwhile.
    """
    centre, address = centre_of(request), principal_of(request).address
    proven = await login.check_password(centre, number, password, address)
    if proven is None:
        return None
    if proven.needs_code and not await login.check_code(centre, proven.operator_id, code, address):
        return None
    return await centre.db.read(_describe, proven.operator_id, address)


def _describe(operator_id: int, address: str) -> Principal:
    operator = Operator.get_by_id(operator_id)
    if operator.disabled_at is not None:
        raise ForbiddenError("Please sign in again.")
    return sessions.describe(operator, address)
