"""After a restore: dead cards that the devices still know and the centre had forgotten. Runs inside ``db``.

The union of all hotlists stands (design.md section 4): a row is published as long as nobody has lifted it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from central.cards.rows import card_of_key
from central.nodes.model import Device
from central.sync import publish
from central.sync.model import ReportedRestriction
from protocol.records import Change, Kind, RestrictionRow, decode_row

KEPT, CARD, LIFTED = "kept", "card", "lifted"
DECISIONS: Final = (KEPT, CARD, LIFTED)


def keep(device_id: int, changes: Iterable[Change], now: datetime) -> int:
    """Take over what a device reports and this centre does not know; what was decided before stays so. Returns how many."""
    device = Device.get_by_id(device_id)
    site_id, count = device.site_id, 0
    for change in changes:
        if change.deleted or change.kind != Kind.RESTRICTION:
            continue
        row = decode_row(change)
        assert isinstance(row, RestrictionRow)
        known = publish.published_restriction(site_id, bytes(change.key))
        if known is not None and known.issue_no_max >= row.issue_no_max:
            continue
        same = (ReportedRestriction.site == site_id) & (ReportedRestriction.key == change.key)
        if not ReportedRestriction.select().where(same).exists():
            ReportedRestriction.insert(
                site=site_id, key=change.key, body=change.body, device=device_id, reported_at=now
            ).execute()
            publish.reported_changed(site_id, bytes(change.key))
            count += 1
    return count


def decide(reported: ReportedRestriction, decision: str) -> None:
    """An operator has decided."""
    assert decision in DECISIONS
    reported.decision = decision
    reported.save()
    publish.reported_changed(reported.site_id, bytes(reported.key))


def row_of(reported: ReportedRestriction) -> RestrictionRow:
    """What the device said of the card."""
    row = decode_row(Change(Kind.RESTRICTION, bytes(reported.key), bytes(reported.body)))
    assert isinstance(row, RestrictionRow)
    return row


def card_of(reported: ReportedRestriction) -> Any:
    """The card in question, None when the restored data knows none."""
    card = card_of_key(bytes(reported.key))
    return card if card is not None and card.site_id == reported.site_id else None


def undecided_count() -> int:
    """How many wait for an operator."""
    return int(ReportedRestriction.select().where(ReportedRestriction.decision == "").count())
