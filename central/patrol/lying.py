"""The card that lies on an issuer just now, for forms that take a card's UID. Inside ``db.read``."""

from __future__ import annotations

from datetime import datetime

from central.cards.presented import choose_reader, presented_at, readers_in
from central.sites.scope import Scope


def uid_on_issuer(scope: Scope, now: datetime) -> str:
    """Its UID in hexadecimal; empty when none lies there, or it is somebody's."""
    reader = choose_reader([one for one in readers_in(scope) if one.is_online], "")
    shown = None if reader is None else presented_at(scope, reader, now)
    return shown.uid.hex().upper() if shown is not None and shown.can_issue else ""
