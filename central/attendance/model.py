"""原始打卡: every showing at a time clock, as it was received. Never edited, merged or deleted by a rule (domain-rules section 1)."""

from __future__ import annotations

import peewee

from central.access.model import Showing
from central.fields import InstantField
from protocol.ids import Tier


class Punch(Showing):
    """One showing. ``organisation``: the holder's; the device's when nobody is known to hold the card."""

    received_at = InstantField()
    department = peewee.TextField(default="")
    status = peewee.IntegerField(default=0)
    """``protocol.records.PunchStatus``."""
    keyed = peewee.BooleanField(default=False)
    """A key said the status, not the reader."""
    reason = peewee.IntegerField()
    """``protocol.reasons.Reason``."""
    result = peewee.TextField()
    """A value of ``words.PunchResult``."""
    tier = peewee.IntegerField(default=Tier.UID_ONLY.value)
    issue_no = peewee.IntegerField(default=0)

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("at",), False),
            (("site", "at"), False),
            (("organisation", "at"), False),
            (("device", "at"), False),
            (("person", "at"), False),
            (("card", "at"), False),
            (("department", "at"), False),
            (("site", "result", "at"), False),
        )
