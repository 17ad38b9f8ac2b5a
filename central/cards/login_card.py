"""The operator's own card, laid on the issuer of the desk, fills in the number at sign-in (31, T16).

Only the number: without the password it opens nothing. A card that is lost, ended or not yet valid fills in nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from aiohttp import web

from central import settings
from central.cards.desk_settings import DEVICE
from central.cards.presented import choose_reader, presented_at, readers_in
from central.cards.rules import Shown, shown_status
from central.centre import centre_of
from central.security import login
from central.security.model import Operator
from central.sites.scope import Grant, Scope

READER_COOKIE: Final = "onecard_reader"
"""The reader that this workstation chose last on the page of the desk."""
LAID_WITHIN: Final = timedelta(seconds=60)


async def number_on_the_issuer(request: web.Request) -> str:
    """The number of the operator whose card was laid on this workstation's issuer just now; empty when there is none."""
    centre, chosen = centre_of(request), request.cookies.get(READER_COOKIE, "")
    now = centre.clock.now()

    def read() -> str:
        everywhere = Scope.of([Grant()])
        issuers = [reader for reader in readers_in(everywhere) if reader.is_issuer]
        own = next((str(r.point) for r in issuers if r.device_id == settings.get(DEVICE)), "")
        reader = choose_reader(issuers, chosen or own)
        shown = presented_at(everywhere, reader, now) if reader is not None else None
        if shown is None or shown.card is None or shown.shown_at < now - LAID_WITHIN:
            return ""
        card = shown.card
        if shown_status(card.state, card.valid_from, card.valid_until, now) is not Shown.ACTIVE:
            return ""
        operator = Operator.get_or_none(Operator.number == card.card_no)
        return "" if operator is None else str(operator.number)

    return await centre.db.read(read)


login.number_hints.append(number_on_the_issuer)
