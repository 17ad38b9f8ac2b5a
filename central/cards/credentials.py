"""What is written on cards: recorded when an issuing device has read it back, forgotten when the card is wiped.

Runs inside ``db``; whoever writes publishes the card afterwards.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from central.cards.keys_in_force import KeysInForce, Part
from central.cards.model import Card, CardCredential, CardZone
from central.cards.rules import Holding
from protocol.card_layout.credential import Credential, Medium
from protocol.ids import Tier

TIER: Final[dict[Medium, Tier]] = {
    Medium.CLASSIC: Tier.CLASSIC_MAC,
    Medium.DESFIRE: Tier.AES,
    Medium.NTAG424: Tier.AES,
}
TIER_WORD: Final[dict[Tier, str]] = {
    Tier.UID_ONLY: "number",
    Tier.CLASSIC_MAC: "credential",
    Tier.AES: "aes",
}
"""Names in the vocabulary's group "tier"."""


def record_written(
    card: Card, credential: Credential, medium: Medium, state: KeysInForce, at: datetime
) -> None:
    """The card carries this credential, with the newest keys of ``state``."""
    card.credential_id = credential.credential_id
    card.save()
    values: dict[str, Any] = {
        "medium": medium.value,
        "seq": credential.seq,
        "generation": credential.generation,
        "issuer_version": state.issuer[0],
        "written_at": at,
    }
    CardCredential.insert(card=card.id, **values).on_conflict(
        conflict_target=[CardCredential.card], update=values
    ).execute()
    CardZone.delete().where(CardZone.card == card.id).execute()
    for zone in credential.zone_numbers:
        CardZone.insert(card=card.id, zone=zone, version=state.zones[zone][0]).execute()


def forget(card: Card) -> None:
    """The card was wiped: it is known by its UID alone."""
    card.credential_id = None
    card.save()
    CardZone.delete().where(CardZone.card == card.id).execute()
    CardCredential.delete().where(CardCredential.card == card.id).execute()


def zone_bits(card: Card) -> int:
    """Bit z is set when the card's credential is read in zone z."""
    if card.credential_id is None:
        return 0
    zones = CardZone.select(CardZone.zone).where(CardZone.card == card.id).tuples()
    return sum(1 << zone for (zone,) in zones)


def tier_of(card: Card) -> Tier:
    """What the card can prove where its zone is read."""
    if card.credential_id is None:
        return Tier.UID_ONLY
    written = CardCredential.get_or_none(CardCredential.card == card.id)
    return Tier.UID_ONLY if written is None else TIER[Medium(written.medium)]


def proof_of(medium: int | None) -> str:
    """Name in the vocabulary of what a card with this medium proves; None: no credential is written on it."""
    return TIER_WORD[Tier.UID_ONLY if medium is None else TIER[Medium(medium)]]


def proves(word: str) -> Any:
    """The condition for cards that prove just that."""
    written = CardCredential.select(CardCredential.card)
    media = [medium.value for medium, tier in TIER.items() if TIER_WORD[tier] == word]
    return Card.id.in_(written.where(CardCredential.medium.in_(media))) if media else Card.id.not_in(written)


def cards_written_count(zone: int) -> int:
    """Cards in use whose credential is read in this zone."""
    query = Card.select(Card.id).join(CardZone, on=(CardZone.card == Card.id))
    return int(query.where((Card.holding == Holding.IN_USE.value) & (CardZone.zone == zone)).count())


def old_cards_count(part: Part, newest: int) -> int:
    """Cards in use that still have an older version of this key: they open nothing once it is ended."""
    query = Card.select(Card.id).where(Card.holding == Holding.IN_USE.value)
    if isinstance(part, int):
        query = query.join(CardZone, on=(CardZone.card == Card.id))
        return int(query.where((CardZone.zone == part) & (CardZone.version < newest)).count())
    query = query.join(CardCredential, on=(CardCredential.card == Card.id))
    column = CardCredential.generation if part == "signing" else CardCredential.issuer_version
    return int(query.where(column < newest).count())
