"""Time-based one-time codes (RFC 6238 over RFC 4226): HMAC-SHA1, 30 s, six digits, as every phone app knows them."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final
from urllib.parse import quote, urlencode

STEP_S: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
STEPS_EARLY_OR_LATE: Final = 1
"""A phone may be up to 30 s off."""


def new_secret() -> bytes:
    """160 random bits (RFC 4226 section 4, R6)."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of one time step: RFC 4226 section 5.3 with the step as its counter."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: bytes, code: str, now_ms: int, after_step: int) -> int | None:
    """The time step whose code this is, or ``None``.

    :param after_step: the last step that was taken; it and earlier ones are refused, so that no code works twice
        (RFC 6238 section 5.2).
    """
    typed = code.replace(" ", "")
    current = now_ms // 1_000 // STEP_S
    found = None
    for step in range(current - STEPS_EARLY_OR_LATE, current + STEPS_EARLY_OR_LATE + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed.encode()) and step > after_step:
            found = step
    return found


def enrolment_uri(secret: bytes, number: str, issuer: str) -> str:
    """The ``otpauth:`` address that an app reads from a QR picture."""
    issuer = issuer or "onecard"
    query = urlencode(
        {"secret": base64.b32encode(secret).decode(), "issuer": issuer, "digits": DIGITS, "period": STEP_S},
        quote_via=quote,
    )
    return f"otpauth://totp/{quote(issuer)}:{quote(number)}?{query}"
