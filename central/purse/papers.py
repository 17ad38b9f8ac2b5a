"""The receipt of a top-up or a refund, for 58 and 80 mm printers and for forms (U9)."""

from __future__ import annotations

from typing import Final

import peewee

from central.errors import NotFoundError
from central.forms.kinds import WHOLE_NAME, Kind, Paper, register
from central.ledger.accounts import POSTING_TEXT, REVERSAL_TEXT, AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.people.rules import mask_name
from central.purse.rules import MEANS_TEXT, REVERSIBLE, Means
from central.sites.scope import Scope
from central.web.capitals import capitals, in_traditional
from central.web.formats import moment, money
from central.web.i18n import lazy

_KINDS: Final = frozenset(kind.value for kind in REVERSIBLE - {PostingKind.PURCHASE})


def has_receipt(posting: Posting) -> bool:
    """A holder gets paper for it."""
    return posting.kind in _KINDS


def amount_of(posting: Posting) -> int:
    """What was moved, in fen. Inside ``db``."""
    debits = (LedgerEntry.posting == posting.id) & (LedgerEntry.amount_fen > 0)
    return int(LedgerEntry.select(peewee.fn.SUM(LedgerEntry.amount_fen)).where(debits).scalar() or 0)


def _balance(posting: Posting) -> str:
    """What lies on the card behind it; nothing where no purse took part."""
    mine = LedgerEntry.get_or_none((LedgerEntry.posting == posting.id) & LedgerEntry.purse.is_null(False))
    if mine is None:
        return ""
    earlier = (LedgerEntry.purse == mine.purse_id) & (LedgerEntry.id <= mine.id)
    return money(-int(LedgerEntry.select(peewee.fn.SUM(LedgerEntry.amount_fen)).where(earlier).scalar()))


def means_of(posting: Posting) -> str:
    """How the money was handed over, in words."""
    query = LedgerEntry.select(LedgerAccount.kind).join(
        LedgerAccount, on=(LedgerEntry.account == LedgerAccount.id)
    )
    query = query.where(LedgerEntry.posting == posting.id)
    kinds = {kind for (kind,) in query.tuples()}
    if AccountKind.CASH.value in kinds:
        return str(MEANS_TEXT[Means.CASH.value])
    return str(MEANS_TEXT[Means.BANK.value]) if AccountKind.BANK.value in kinds else ""


def kind_text(posting: Posting) -> str:
    """What it is, in words; a reversal says so."""
    return str((REVERSAL_TEXT if posting.reverses_id else POSTING_TEXT)[posting.kind])


def _read(scope: Scope, posting_id: int) -> Paper:
    posting = scope.get(Posting, posting_id)
    if not has_receipt(posting):
        raise NotFoundError("There is no such paper for this.")
    fen, person = amount_of(posting), posting.person
    card_no = posting.card.card_no if posting.card is not None else ""
    texts = {
        "number": f"{posting.number:08d}",
        "kind": kind_text(posting),
        "card_no": card_no,
        "holder": mask_name(person.name) if person is not None else "",
        WHOLE_NAME: person.name if person is not None else "",
        "amount": money(fen),
        "amount_words": capitals(fen, traditional=in_traditional()),
        "balance": _balance(posting),
        "means": means_of(posting),
        "booked_at": moment(posting.at),
        "operator": posting.operator_name,
    }
    return Paper(posting.site_id, posting.organisation_id, f"{texts['number']} {card_no}".strip(), texts)


RECEIPT: Final = register(
    Kind(
        "purse_receipt",
        lazy("Receipt of top-up or refund"),
        {
            "number": lazy("Receipt number"),
            "kind": lazy("Type"),
            "card_no": lazy("Card number"),
            "holder": lazy("Holder"),
            WHOLE_NAME: lazy("Whole name of the holder"),
            "amount": lazy("Amount"),
            "amount_words": lazy("Amount in capitals"),
            "balance": lazy("Balance after"),
            "means": lazy("Paid by"),
            "booked_at": lazy("Time"),
            "operator": lazy("Operator"),
        },
        {
            "number": "00000123",
            "kind": lazy("Top-up"),
            "card_no": "00001234",
            "holder": "林*",
            WHOLE_NAME: lazy("Lin Xiaomei (sample)"),
            "amount": "¥100.00",
            "amount_words": capitals(10_000),
            "balance": "¥128.50",
            "means": lazy("Cash"),
            "booked_at": "2026-12-31 10:00:00",
            "operator": "0001",
        },
        _read,
    )
)
