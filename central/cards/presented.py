"""Cards at a reader just now, and cards that nobody holds yet. Runs inside ``db.read``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from central.cards.acts import PRESENT_WITHIN, suggest_card_no
from central.cards.inspected import Inspected, inspected_of
from central.cards.model import Card, Showing
from central.cards.numbering import printed
from central.cards.ports import Reader, places
from central.cards.rows import card_of_key, keys_of
from central.cards.rules import Holding, shown_status
from central.cards.table import VOCABULARY
from central.sites.scope import Scope
from protocol.ids import is_random_uid

WAITING_FOR: Final = timedelta(hours=24)
WAITING_ROWS: Final = 100


@dataclass(frozen=True)
class Presented:
    """A card that a reader has just seen."""

    uid: bytes
    """Empty for a card that is known by its credential."""
    shown_at: datetime
    reader: Reader
    card: Card | None
    """None: a new card (36)."""
    status: str
    """Name in the vocabulary's group "card"."""
    is_foreign: bool
    """It belongs to another estate or organisation: nothing of it may be shown."""
    inspected: Inspected | None = None
    """What an issuer found on it; None at any other reader."""
    last_seen: tuple[datetime, str] | None = None
    """When and at which other reader it was shown last, as far as that is kept."""
    printed: str = ""
    """The number that the chip has in the form of its estate; empty where none was chosen."""

    @property
    def can_issue(self) -> bool:
        """It is new, or in stock; no copy, and not damaged."""
        if self.inspected is not None and self.inspected.verdict in ("copy", "damaged"):
            return False
        is_stock = self.card is not None and self.card.holding == Holding.STOCK.value
        return not self.is_foreign and (self.card is None or is_stock) and not is_random_uid(self.uid)


def readers_in(scope: Scope) -> list[Reader]:
    """Readers that the operator may choose, issuers first."""
    return places().readers(scope)


def choose_reader(readers: list[Reader], wanted: str) -> Reader | None:
    """The reader asked for, else the first that is online, else the first."""
    by_number = {str(reader.point): reader for reader in readers}
    online = next((reader for reader in readers if reader.is_online), None)
    return by_number.get(wanted) or online or next(iter(readers), None)


def presented_at(scope: Scope, reader: Reader, now: datetime) -> Presented | None:
    """The card shown last at this reader, if that was within ``PRESENT_WITHIN``."""
    showing = (
        Showing.select()
        .where((Showing.point == reader.point) & (Showing.shown_at >= now - PRESENT_WITHIN))
        .order_by(Showing.shown_at.desc())
        .first()
    )
    return None if showing is None else _presented(scope, showing, reader, now)


def waiting(scope: Scope, now: datetime) -> list[Presented]:
    """Cards shown within a day at a reader of the scope that are new or in stock: they wait to be issued."""
    readers = {reader.point: reader for reader in readers_in(scope)}
    query = (
        Showing.select()
        .where((Showing.shown_at >= now - WAITING_FOR) & Showing.point.in_(list(readers)))
        .order_by(Showing.shown_at.desc())
    )
    found: list[Presented] = []
    for showing in query.iterator():
        presented = _presented(scope, showing, readers[showing.point], now)
        if presented.can_issue:
            found.append(presented)
            if len(found) == WAITING_ROWS:
                break
    return found


def card_no_for(presented: Presented | None, site_id: int) -> str:
    """What the card number field begins with: the card's own, what its chip says in the estate's form, else the next running number."""
    if presented is not None and presented.card is not None:
        return str(presented.card.card_no)
    if presented is not None and presented.printed:
        return presented.printed.replace(",", "")
    return suggest_card_no(site_id)


def _presented(scope: Scope, showing: Showing, reader: Reader, now: datetime) -> Presented:
    key = bytes(showing.key)
    card = card_of_key(key)
    is_foreign = card is not None and not scope.allows(card.site_id, card.organisation_id)
    if card is None or is_foreign:
        status = "blank"
    else:
        status = VOCABULARY[shown_status(card.state, card.valid_from, card.valid_until, now)]
        assert card.person is None or card.person.name  # read here, shown by the page
    inspected = inspected_of(showing, card)
    if is_foreign:
        status = "foreign"
    elif inspected is not None and inspected.verdict:
        status = inspected.verdict
    uid = key[1:] if key[:1] == b"U" else b""
    return Presented(
        uid=uid,
        shown_at=showing.shown_at,
        reader=reader,
        card=None if is_foreign else card,
        status=status,
        is_foreign=is_foreign,
        inspected=None if is_foreign else inspected,
        last_seen=None if card is None or is_foreign else _last_seen(scope, card, reader.point),
        printed=printed(uid, showing.site_id),
    )


def _last_seen(scope: Scope, card: Card, here: int) -> tuple[datetime, str] | None:
    labels = {reader.point: reader.label for reader in readers_in(scope)}
    elsewhere = (
        Showing.select()
        .where(Showing.key.in_([bytes(key) for key in keys_of(card)]) & (Showing.point != here))
        .order_by(Showing.shown_at.desc())
        .first()
    )
    return None if elsewhere is None else (elsewhere.shown_at, labels.get(elsewhere.point, ""))
