"""What the life of cards should be, without a database: the rules of domain-rules.md section 6 said a second time.

Written from the rules, not from ``central.cards``: where the two differ, one of them is wrong. Every method says whether
the act is possible, and does it when it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DEPOSIT_FEN, COST_FEN = 2_000, 1_550
ACTIVE_MAX = 3
MISSING = {"lost", "stolen"}


@dataclass
class ModelCard:
    """One card as the rules have it."""

    number: str
    uid: bytes | None = None
    holding: str = "stock"
    reasons: set[str] = field(default_factory=set)
    issue_no: int = 0
    person: int | None = None
    desk: int | None = None
    in_transit: bool = False
    deposit_fen: int = 0
    is_provisional: bool = False
    """Reported at night, not yet confirmed."""
    until_day: int = 0

    @property
    def is_in_hand(self) -> bool:
        """It lies at a desk or travels between two."""
        return self.holding in ("stock", "returned") or (
            self.holding == "replaced" and "damaged" in self.reasons
        )

    @property
    def works(self) -> bool:
        """It may open a door."""
        return self.holding == "in_use" and not self.reasons

    @property
    def is_banned(self) -> bool:
        """Every door must know that it is dead."""
        return self.holding not in ("stock", "in_use") or (self.holding == "in_use" and bool(self.reasons))

    @property
    def part(self) -> str:
        """Where the stock counts it."""
        if self.in_transit:
            return "in_transit"
        if self.holding == "stock":
            return "in_stock"
        if self.is_in_hand:
            return "returned"
        return "not_recovered" if self.holding in ("replaced", "cancelled") else self.holding


@dataclass
class Model:
    """All cards of an estate with the desk where the operator works."""

    desk: int
    cards: dict[str, ModelCard] = field(default_factory=dict)
    bought: int = 0

    def with_uid(self, uid: bytes) -> ModelCard | None:
        """The card of this chip."""
        return next((card for card in self.cards.values() if card.uid == uid), None)

    def enter(self, numbers: list[str], desk: int | None, uid: bytes | None = None) -> bool:
        """Cards come into the books."""
        if any(number in self.cards for number in numbers) or (uid is not None and self.with_uid(uid)):
            return False
        for number in numbers:
            self.cards[number] = ModelCard(number, uid=uid, desk=desk)
        self.bought += len(numbers)
        return True

    def issue(self, uid: bytes, number: str, person: int, until_day: int, **given: int) -> ModelCard | None:
        """A card is given out; ``deposit_fen``: what lies on it then. None when that cannot be."""
        if sum(card.works and card.person == person for card in self.cards.values()) >= ACTIVE_MAX:
            return None
        card = self.with_uid(uid)
        if card is None:
            card = self.cards.get(number)
            if card is not None and (card.uid is not None or card.holding != "stock"):
                return None
        if card is None:
            self.enter([number], None, uid)
            card = self.cards[number]
        if card.holding != "stock" or card.in_transit:
            return None
        card.uid, card.holding, card.person, card.desk = uid, "in_use", person, None
        card.issue_no += 1
        card.until_day = until_day
        card.deposit_fen = given.get("deposit_fen", DEPOSIT_FEN)
        return card

    def take_place(self, old: ModelCard, uid: bytes, number: str, *, damaged: bool) -> ModelCard | None:
        """補卡 or 換卡: all of it or nothing; the caller gives a copy of the books and keeps it when it went well."""
        if old.holding != "in_use" or (damaged and old.reasons & MISSING):
            return None
        if not damaged and "lost" not in old.reasons:
            return None
        assert old.person is not None
        was_suspended = "suspended" in old.reasons
        old.holding = "replaced"
        old.reasons |= {"replaced", "damaged"} if damaged else {"replaced"}
        deposit_fen, old.deposit_fen, old.is_provisional = old.deposit_fen, 0, False
        if damaged:
            old.desk = self.desk
        new = self.issue(uid, number, old.person, old.until_day, deposit_fen=deposit_fen)
        if new is not None and was_suspended:
            new.reasons.add("suspended")
        return new

    def report(self, card: ModelCard, kind: str) -> bool:
        """掛失: lost, stolen or at night."""
        if card.holding != "in_use" or ("stolen" if kind == "stolen" else "lost") in card.reasons:
            return False
        card.reasons |= MISSING if kind == "stolen" else {"lost"}
        card.is_provisional = card.is_provisional or kind == "night"
        return True

    def confirm(self, card: ModelCard) -> bool:
        """A clerk confirms what a guard took down."""
        possible, card.is_provisional = card.is_provisional, False
        return possible

    def lift(self, card: ModelCard) -> bool:
        """解掛."""
        if card.holding != "in_use" or "lost" not in card.reasons:
            return False
        card.reasons -= MISSING
        card.is_provisional = False
        return True

    def suspend(self, card: ModelCard, *, on: bool) -> bool:
        """停用 and 恢復."""
        if card.holding != "in_use" or ("suspended" in card.reasons) is on:
            return False
        card.reasons ^= {"suspended"}
        return True

    def change(self, card: ModelCard, until_day: int, *, only_longer: bool) -> bool:
        """改寫 and 延期."""
        if (
            card.holding != "in_use"
            or card.reasons & MISSING
            or (only_longer and until_day <= card.until_day)
        ):
            return False
        card.until_day = until_day
        return True

    def hand_in(self, card: ModelCard, *, is_shown: bool) -> bool:
        """退卡, and taking in a card that was given up."""
        given_up = card.holding in ("replaced", "cancelled") and "damaged" not in card.reasons
        if not is_shown or not (card.holding == "in_use" or given_up):
            return False
        card.holding, card.desk, card.deposit_fen, card.is_provisional = "returned", self.desk, 0, False
        card.reasons.clear()
        return True

    def cancel(self, card: ModelCard) -> bool:
        """註銷."""
        if card.holding != "in_use":
            return False
        card.holding, card.deposit_fen, card.is_provisional = "cancelled", 0, False
        return True

    def restock(self, card: ModelCard) -> bool:
        """Wiped and checked."""
        if card.holding != "returned" or card.in_transit:
            return False
        card.holding, card.person = "stock", None
        return True

    def destroy(self, card: ModelCard) -> bool:
        """銷毀."""
        if card.holding in ("in_use", "destroyed") or card.in_transit:
            return False
        card.holding, card.desk = "destroyed", None
        return True

    def send(self, cards: list[ModelCard], start: int | None, end: int) -> bool:
        """調撥: they leave a desk."""
        fits = all(card.desk == start and card.is_in_hand and not card.in_transit for card in cards)
        if not fits or start == end:
            return False
        for card in cards:
            card.desk, card.in_transit = None, True
        return True

    def arrive(self, cards: list[ModelCard], desk: int) -> None:
        """... and come to another."""
        for card in cards:
            card.desk, card.in_transit = desk, False

    def write_off(self, card: ModelCard) -> None:
        """盤虧, or it never arrived."""
        card.holding, card.desk, card.in_transit = "cancelled", None, False
