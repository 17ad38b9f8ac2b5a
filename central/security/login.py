"""Signing in: number and password, then the code of the phone if the operator uses one (31, T16).

An unknown number, a wrong password and a disabled account get the same answer after the same time. Wrong tries slow
down the account and the address (:mod:`central.security.throttle`).
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from central.audit import ACTING, Actor
from central.centre import Centre
from central.errors import ForbiddenError, TooManyError
from central.security import sessions, throttle, totp
from central.security.model import Operator
from central.security.principal import Principal
from central.web.i18n import _, ngettext

TOTP_PURPOSE: Final = "totp"
_PENDING_PURPOSE: Final = "pending login"
PENDING_S: Final = 300
NUMBER_CHARS_MAX: Final = 40
number_hints: Final[list[Callable[[web.Request], Awaitable[str]]]] = []
"""Who knows whose card lies before this workstation (T16): each gives an operator number, or an empty text."""


@dataclass(frozen=True)
class Proven:
    """The number and password fit. ``needs_code``: the phone's code is still due."""

    operator_id: int
    number: str
    needs_code: bool


@dataclass(frozen=True)
class _Stored:
    operator_id: int
    password_hash: str
    has_totp: bool


def _find(number: str) -> _Stored | None:
    row = Operator.get_or_none(Operator.number == number)
    if row is None or row.disabled_at is not None:
        return None
    return _Stored(row.id, row.password_hash, row.totp_sealed is not None)


async def check_password(centre: Centre, number: str, password: str, address: str) -> Proven | None:
    """The operator, when number and password fit; a wrong try is counted.

    :raises TooManyError: no try is taken now, right or wrong.
    """
    config, now = centre.config.security, centre.clock.now()
    number = number.strip()[:NUMBER_CHARS_MAX]
    begun = await centre.db.write(throttle.begin, number, address, now, config)
    if begun.wait_s > 0:
        raise TooManyError(
            ngettext(
                "Too many wrong tries. Try again in %(n)s second.",
                "Too many wrong tries. Try again in %(n)s seconds.",
                begun.wait_s,
            ),
            retry_after_s=begun.wait_s,
        )
    stored = await centre.db.read(_find, number)
    fits = await centre.hasher.verify(stored.password_hash if stored is not None else "", password)
    if stored is None or not fits:
        await _note_failure(centre, begun, number, address)
        return None
    await centre.db.write(throttle.was_right, begun.keys)
    if centre.hasher.is_outdated(stored.password_hash):
        stronger = await centre.hasher.hash(password)
        await centre.db.write(_upgrade_hash, stored.operator_id, stored.password_hash, stronger)
    return Proven(stored.operator_id, number, stored.has_totp)


async def _note_failure(centre: Centre, begun: throttle.Try, number: str, address: str) -> None:
    if begun.count == centre.config.security.free_tries_count + 1:  # once, when the back-off begins
        actor = Actor("system", name="sign-in", address=address)
        await centre.db.write(centre.audit.record, actor, "operators.slowed_down", "operator_number", number)


def _upgrade_hash(operator_id: int, old: str, new: str) -> None:
    ACTING.set(
        None
    )  # in the copy of the context that this call runs in: not the operator's change: the same password in a stronger form
    Operator.update(password_hash=new).where(
        (Operator.id == operator_id) & (Operator.password_hash == old)
    ).execute()


def pending(centre: Centre, operator_id: int) -> str:
    """Carries "the password was right" from the first page to the page that asks for the code, for five minutes."""
    body = f"{operator_id}.{centre.clock.now_ms() // 1_000 + PENDING_S}"
    mac = hmac.digest(centre.keys.derive(_PENDING_PURPOSE), body.encode(), "sha256").hex()
    return f"{body}.{mac}"


def read_pending(centre: Centre, text: str) -> int:
    """The operator's id.

    :raises ForbiddenError: not ours, or its time is over.
    """
    body, _dot, mac = text.rpartition(".")
    expected = hmac.digest(centre.keys.derive(_PENDING_PURPOSE), body.encode(), "sha256").hex()
    if not hmac.compare_digest(mac.encode(), expected.encode()):
        raise ForbiddenError(_("Please sign in again."))
    operator_id, _dot, until_s = body.partition(".")
    if centre.clock.now_ms() // 1_000 >= int(until_s):
        raise ForbiddenError(_("Please sign in again."))
    return int(operator_id)


async def check_code(centre: Centre, operator_id: int, code: str, address: str) -> bool:
    """True when the phone's code fits; a wrong one is counted like a wrong password.

    :raises TooManyError: no try is taken now.
    """
    config, now = centre.config.security, centre.clock.now()
    number = await centre.db.read(_number_of, operator_id)
    begun = await centre.db.write(throttle.begin, number, address, now, config)
    if begun.wait_s > 0:
        raise TooManyError(_("Too many wrong tries."), retry_after_s=begun.wait_s)
    if await centre.db.write(_take_code, centre, operator_id, code):
        await centre.db.write(throttle.was_right, begun.keys)
        return True
    await _note_failure(centre, begun, number, address)
    return False


def _number_of(operator_id: int) -> str:
    return str(Operator.get_by_id(operator_id).number)


def _take_code(centre: Centre, operator_id: int, code: str) -> bool:
    operator = Operator.get_by_id(operator_id)
    if operator.totp_sealed is None or operator.disabled_at is not None:
        return False
    secret = centre.keys.unseal(TOTP_PURPOSE, bytes(operator.totp_sealed))
    step = totp.matching_step(secret, code, centre.clock.now_ms(), operator.totp_step)
    if step is None:
        return False
    operator.totp_step = step
    operator.save()
    return True


def sign_in(centre: Centre, operator_id: int, address: str, agent: str, how: str) -> str:
    """Open the session; inside ``db.write``. Returns the session's token.

    :param how: ``password`` or ``link``, for the audit trail.
    :raises ForbiddenError: the account was disabled meanwhile.
    """
    now = centre.clock.now()
    operator = Operator.get_or_none((Operator.id == operator_id) & Operator.disabled_at.is_null())
    if operator is None:
        raise ForbiddenError(_("Please sign in again."))
    keys = throttle.keys_for(operator.number, address, now, centre.config.security)
    throttle.forgive(keys, operator, address, now)
    token = sessions.open_session(operator, address, agent, now, centre.config.security)
    actor = sessions.describe(operator, address).actor
    centre.audit.record(actor, "operators.sign_in", "operator", operator.id, after={"how": how})
    return token


async def give_again(centre: Centre, principal: Principal, password: str) -> bool:
    """The step-up: true when it is the right password; the session remembers when.

    :raises TooManyError: no try is taken now.
    """
    proven = await check_password(centre, principal.number, password, principal.address)
    if proven is None or proven.operator_id != principal.id:
        return False
    await centre.db.write(sessions.password_given, principal.token_hash, centre.clock.now())
    return True
