"""Sums of entries as expressions for lists: credits less debits, what a holder sees as his; integer fen on both engines."""

from __future__ import annotations

from typing import Any

import peewee

from central.ledger.model import LedgerEntry


def owed_sum(entries: Any = LedgerEntry) -> Any:
    """Credits less debits of the rows that a query finds; NULL for none.

    :param entries: the model, or an alias of it. (The minus sign of peewee means "descending".)
    """
    return peewee.fn.SUM(entries.amount_fen * -1).cast("bigint")
