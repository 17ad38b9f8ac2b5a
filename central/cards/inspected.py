"""What an issuer found on a card (35, 36): its kind, what it carries, and whether it is what the books say. Inside ``db.read``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from central.cards.credentials import TIER
from central.cards.model import Card, Showing, WriteOrder
from central.cards.write_rules import OrderState
from central.web.i18n import LazyText, lazy
from protocol.card_layout import credential
from protocol.card_layout.credential import Credential, Medium
from protocol.errors import MalformedError
from protocol.facts import Content, WriteResult
from protocol.ids import Tier

_SIZE: Final[dict[int, str]] = {0x09: "Mini", 0x08: "1K", 0x88: "1K", 0x28: "1K", 0x18: "4K", 0x38: "4K"}
_NAME: Final[dict[Medium, str]] = {Medium.DESFIRE: "MIFARE DESFire", Medium.NTAG424: "NTAG 424 DNA"}
TIER_TEXT: Final[dict[Tier, LazyText]] = {
    Tier.UID_ONLY: lazy("By its number only (legacy tier)"),
    Tier.CLASSIC_MAC: lazy("Signed credential (MIFARE Classic)"),
    Tier.AES: lazy("Signed credential, AES"),
}
CONTENT_TEXT: Final[dict[Content, LazyText]] = {
    Content.NONE: lazy("A number and no memory for a credential"),
    Content.BLANK: lazy("Empty: can be written"),
    Content.CREDENTIAL: lazy("A credential of this system"),
    Content.LOCKED: lazy("Locked by other keys"),
    Content.ERASED: lazy("Erased: can be written"),
    Content.UNREAD: lazy("It could not be read. Show it again."),
}
assert CONTENT_TEXT.keys() == set(Content)


@dataclass(frozen=True)
class Inspected:
    """A card as an issuer found it."""

    kind: str
    """Name of the chip; empty when it has no memory that we know."""
    content: Content
    is_copy: bool
    carries: Credential | None
    tier: LazyText
    """The best that it can prove as it is now."""
    verdict: str
    """``copy``, ``damaged``, ``foreign``, or empty: the state in the books says it."""

    @property
    def text(self) -> LazyText:
        """What it carries, in words."""
        return CONTENT_TEXT[self.content]

    @property
    def zones(self) -> str:
        """Numbers of the zones that it counts in."""
        return ", ".join(map(str, self.carries.zone_numbers)) if self.carries is not None else ""

    @property
    def valid_from(self) -> datetime | None:
        """As it stands on the card; None for no limit."""
        return _instant(self.carries.valid_from_s) if self.carries is not None else None

    @property
    def valid_until(self) -> datetime | None:
        """As it stands on the card, exclusive; None for no limit."""
        return _instant(self.carries.valid_until_s) if self.carries is not None else None


def inspected_of(showing: Showing, card: Card | None) -> Inspected | None:
    """What was found when the card was shown; None when it was not shown to an issuer."""
    if not showing.content:
        return None
    content, carries = Content(showing.content), _decoded(showing.credential)
    medium = Medium(showing.medium) if showing.medium else None
    tier = TIER[medium] if medium is not None and carries is not None else Tier.UID_ONLY
    return Inspected(
        kind=_kind(medium, showing.sak),
        content=content,
        is_copy=bool(showing.copy),
        carries=carries,
        tier=TIER_TEXT[tier],
        verdict=_verdict(showing, content, carries, card),
    )


def _kind(medium: Medium | None, sak: int) -> str:
    if medium is Medium.CLASSIC:
        return f"MIFARE Classic {_SIZE.get(sak, '')}".strip()
    return "" if medium is None else _NAME[medium]


def _verdict(showing: Showing, content: Content, carries: Credential | None, card: Card | None) -> str:
    if showing.copy:
        return "copy"
    if _was_damaged(bytes(showing.key)[1:]):
        return "damaged"
    if card is not None and card.credential_id is not None and showing.has_keys:
        if content is Content.UNREAD:
            return ""
        shows = carries is not None and carries.credential_id == bytes(card.credential_id)
        return "" if shows else "damaged"
    return "foreign" if card is None and content is Content.LOCKED else ""


def _was_damaged(uid: bytes) -> bool:
    """The last order for this card ended because no key fits any more."""
    last = WriteOrder.select().where(WriteOrder.uid == uid).order_by(WriteOrder.id.desc()).first()
    return (
        last is not None
        and last.state == OrderState.REFUSED.value
        and last.result == WriteResult.DAMAGED.value
    )


def _decoded(stored: bytes | None) -> Credential | None:
    try:
        return None if stored is None else credential.decode(bytes(stored))
    except MalformedError:
        return None


def _instant(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
