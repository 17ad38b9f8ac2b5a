"""Is this change from one of our own pages? Pure checks against requests that another site makes in our name (CSRF)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD: Final = "csrf"
HEADER: Final = "X-CSRF-Token"


def is_same_origin(headers: Mapping[str, str], own_origins: frozenset[str]) -> bool:
    """True when the browser says so. ``Sec-Fetch-Site`` cannot be set by a page; ``Origin`` is there on every POST.

    A request with neither does not come from a browser of today, and is refused.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return headers.get("Origin", "").lower() in own_origins


def is_socket_allowed(headers: Mapping[str, str], own_origins: frozenset[str]) -> bool:
    """For a WebSocket handshake: browsers always send ``Origin`` and any page may open one anywhere."""
    return headers.get("Origin", "").lower() in own_origins


def own_origins(scheme: str, host: str, public_url: str) -> frozenset[str]:
    """How our own pages name themselves: as the browser reached us, and as the configuration says."""
    origins = {f"{scheme}://{host}".lower()}
    if public_url:
        origins.add(public_url.lower())
    return frozenset(origins)


def csrf_token(key: bytes, token_hash: bytes) -> str:
    """The token of one session's forms: it is worth nothing in another session."""
    return hmac.digest(key, token_hash, "sha256").hex()


def fits(key: bytes, token_hash: bytes, given: str) -> bool:
    """True when the form was made for this session."""
    return hmac.compare_digest(csrf_token(key, token_hash).encode(), given.encode(errors="replace"))
