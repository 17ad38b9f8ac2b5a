"""Facts of terminals: what was shown at a time clock. They are numbered, chained and sent as all facts are, see ``protocol.facts``."""

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
