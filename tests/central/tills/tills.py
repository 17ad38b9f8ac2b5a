"""A till of the small estate: what it is told, and what it tells."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import central.purse.life_cycle
import central.tills.publishing  # noqa: F401  (balances follow the ledger)
from central.access.model import AccessLevel, LevelEntry
from central.cards.model import Card
from central.ledger.accounts import AccountKind
from central.ledger.trial import trials
from central.nodes.model import Device
from central.purse import service
from central.purse.rules import Means
from central.sites.scope import HEAD_OFFICE
from central.sync import publish
from central.sync.model import PublishedRow, RowTag
from central.tills import projection, tills
from central.tills.model import Purchase
from central.tills.settings import Limits, Meal
from central.tills.tills import TillInput
from protocol.facts import PurchaseFact
from protocol.ids import CardKey, uid_key
from protocol.reasons import Reason
from protocol.records import BalanceRow, Change, Kind, Revisions, decode_row
from protocol.schedule import ALWAYS
from tests.support.card_acts import UID
from tests.support.estate import NOON, Estate, by

REVISIONS = Revisions(1, 3, 5, 7)
LUNCH = Meal(number=2, name="午餐", start_min=660, end_min=810, price_fen=1_500)


class TillOf:
    """One till with its level."""

    def __init__(
        self, estate: Estate, number: int = 8, name: str = "canteen-a", *, is_set: bool = True
    ) -> None:
        self.estate, self.label = estate, f"食堂{number}号机"
        self.device = estate.write(lambda: estate._device(name, number, self.label, ["pos"]))
        self.point = estate.write(lambda: estate._point(self.device, None, 1, self.label))
        estate.write(publish.device_changed, self.device)
        if is_set:
            self.put(TillInput(shop="员工食堂", meals=(LUNCH,), limits=Limits()))
        self.level = estate.write(self._level)

    def _level(self) -> int:
        level = AccessLevel.create(site=self.estate.site, name=f"消费{self.device}")
        LevelEntry.create(level=level.id, point=self.point, schedule=ALWAYS)
        publish.level_changed(level.id)
        return int(level.id)

    def put(self, given: TillInput) -> None:
        self.estate.write(lambda: tills.put(Device.get_by_id(self.device), given, NOON))

    def sold(self, fen: int = 1_500, *, counter: int = 1, uid: bytes = UID, **more: Any) -> Any:
        """The fact of a debit, or with ``undoes`` of one that was taken back."""
        at: datetime = more.pop("at", NOON)
        received: datetime = more.pop("received", at)
        more = {"issue_no": 1, "meal": 2, "counter": 0 if more.get("undoes") else counter, **more}
        body = PurchaseFact(self.point, more.pop("reason", Reason.GRANTED), REVISIONS, fen, **more)
        stored = self.estate.stored(body, device=self.device, at=at, personal=uid_key(uid) if uid else b"")
        return stored.__class__(stored.node_epoch, stored.fact, body, at, int(received.timestamp() * 1_000))

    def tell(self, *facts: Any, live: bool = True) -> list[Purchase]:
        self.estate.write(projection.apply, self.device, list(facts), live=live)
        return self.rows()

    def rows(self) -> list[Purchase]:
        return self.estate.read(lambda: list(Purchase.select().order_by(Purchase.id)))


def top_up(estate: Estate, card_id: int, fen: int, key: str = "t") -> None:
    estate.write(lambda: service.top_up(by(), Card.get_by_id(card_id), fen, Means.CASH, f"{card_id}:{key}"))


def on_card(estate: Estate, card_id: int) -> int:
    return estate.read(lambda: service.standing(Card.get_by_id(card_id)).total_fen)


def sums(estate: Estate) -> dict[AccountKind, int]:
    """Each kind of account on its own side, over all organisations; the books must balance."""

    def read() -> dict[AccountKind, int]:
        found = trials(HEAD_OFFICE)
        assert all(trial.is_balanced for trial in found)
        totals: dict[AccountKind, int] = {}
        for trial in found:
            for one in trial.sums:
                totals[one.kind] = totals.get(one.kind, 0) + (one.debit_fen or one.credit_fen)
        return {kind: fen for kind, fen in totals.items() if fen}

    return estate.read(read)


def published(estate: Estate, key: CardKey | None = None) -> tuple[BalanceRow, set[str]] | None:
    """The balance that devices are told of a card, and which of them."""

    def read() -> tuple[BalanceRow, set[str]] | None:
        row = PublishedRow.get_or_none(
            (PublishedRow.kind == Kind.BALANCE.value) & (PublishedRow.key == (key or uid_key(UID)))
        )
        if row is None or not row.body:
            return None
        found = decode_row(Change(row.kind, bytes(row.key), bytes(row.body)))
        assert isinstance(found, BalanceRow)
        return found, {tag.tag for tag in RowTag.select().where(RowTag.row == row.id) if not tag.removed}

    return estate.read(read)
