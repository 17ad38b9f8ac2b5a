"""Facts of terminals: what was shown at a time clock or a till. They are numbered, chained and sent as all facts are, see ``protocol.facts``."""

from __future__ import annotations

import msgspec

from protocol.ids import Tier
from protocol.point_rows import PunchStatus
from protocol.reasons import Reason
from protocol.records import Revisions


class PunchFact(msgspec.Struct, frozen=True, array_like=True):
    """A card was shown at a time clock. The personal part is its key.

    ``reason``: granted for a punch that was taken, else why it was not. ``status``: what it says of itself; ``keyed``: a key
    said it, not the reader. ``schedule`` and ``floor_s``: what the decision used, as in ``AccessFact``.
    """

    point: int
    reason: Reason
    revisions: Revisions
    status: PunchStatus = PunchStatus.NONE
    keyed: bool = False
    tier: Tier = Tier.UID_ONLY
    issue_no: int = 0
    schedule: int = 0
    floor_s: int = 0


class PurchaseFact(msgspec.Struct, frozen=True, array_like=True):
    """A card was shown at a till. The personal part is its key.

    ``reason``: granted for what was sold (or undone), else why not. ``amount_fen``: the price, also of what was refused for its
    sake. ``balance_fen``: what was known to lie on the card before, true at ``balance_at_s``. ``counter``: of a debit, its
    number among those of issue ``issue_no`` at this point, from 1. ``undoes``: the counter of the debit that is taken back; 0
    for a debit. ``offline``: decided without the centre in reach. ``meal``: the number in the till's row. ``schedule`` and
    ``floor_s``: what the decision used, as in ``AccessFact``.
    """

    point: int
    reason: Reason
    revisions: Revisions
    amount_fen: int = 0
    balance_fen: int = 0
    balance_at_s: int = 0
    issue_no: int = 0
    counter: int = 0
    undoes: int = 0
    offline: bool = False
    meal: int = 0
    tier: Tier = Tier.UID_ONLY
    schedule: int = 0
    floor_s: int = 0
