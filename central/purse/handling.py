"""What the pages of stored value share: a booking with its one audit row, and the keys that forms carry."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from aiohttp import web

from central.cards.acts import By
from central.cards.desk import by_of
from central.centre import centre_of
from central.ledger.model import Posting
from central.purse.model import Refund
from central.purse.service import snapshot
from central.security.principal import actor_of, principal_of


def fresh_key() -> str:
    """For a form: sent twice, it is booked once."""
    return secrets.token_urlsafe(18)


def key_of(request: web.Request, nonce: str) -> str:
    """The key of a posting: the form's, kept apart by who sends it."""
    who = principal_of(request)
    return f"{who.kind}:{who.id}:{nonce}"


async def book(
    request: web.Request,
    action: str,
    act: Callable[[By], Posting | Refund],
    *,
    key: str = "",
    reason: str = "",
) -> Posting | Refund:
    """Book in one transaction with its audit row; what was booked before under this key is answered as it was."""
    centre, actor, by = centre_of(request), actor_of(request), by_of(request)

    def write() -> Posting | Refund:
        is_known = bool(key) and any(
            model.select().where(model.key == key).exists() for model in (Posting, Refund)
        )
        made = act(by)
        if not is_known:
            centre.audit.record(
                actor,
                action,
                "posting" if isinstance(made, Posting) else "refund",
                made.id,
                after=snapshot(made) if isinstance(made, Posting) else refund_snapshot(made),
                reason=reason,
                site_id=made.site_id,
                organisation_id=made.organisation_id,
            )
        return made

    return await centre.db.write(write)


def refund_snapshot(asked: Refund) -> dict[str, Any]:
    """What the audit row says of a refund above the limit."""
    return {"account": asked.account_id, "amount_fen": asked.amount_fen, "state": asked.state}


def place_of_answer(made: Posting | Refund) -> str:
    """The page of what was booked, or of what waits."""
    return f"/purse/postings/{made.id}" if isinstance(made, Posting) else f"/purse/refunds/{made.id}"
