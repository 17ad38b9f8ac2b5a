"""The receipt of a hand-over, for 58 and 80 mm printers and for forms (U7, U9)."""

from __future__ import annotations

from typing import Final

from central.duty.model import HandOver
from central.duty.rules import ITEM_TEXT
from central.forms.kinds import Kind, Paper, register
from central.forms.service import Offer, offer_of
from central.sites.scope import Scope
from central.web.formats import moment, money
from central.web.i18n import _, lazy

CHECKSUM_SHOWN: Final = 16


def offer(scope: Scope, row: HandOver) -> Offer:
    """For the page of a hand-over. Inside ``db.read``."""
    return offer_of(scope, HAND_OVER, row.id, row.site_id, row.organisation_id)


def _read(scope: Scope, row_no: int) -> Paper:
    row = scope.get(HandOver, row_no)
    content = row.content
    items = [
        _counted(
            f"{ITEM_TEXT[line['kind']]} {line['name']}",
            line["counted_count"],
            line["expected_count"],
            line["why"],
        )
        for line in content["items"]
    ]
    cash = [
        _counted(line["place"], money(line["counted_fen"]), money(line["expected_fen"]), line["why"])
        for line in content["cash"]
    ]
    texts = {
        "number": f"{row.number:06d}",
        "estate": row.site.name,
        "signed_at": moment(row.signed_at),
        "outgoing": row.outgoing_name,
        "incoming": row.incoming_name,
        "alarms": str(content["alarms_count"]),
        "visitors": str(content["visitors_count"]),
        "kept_papers": str(content["papers_count"]),
        "tickets": str(content["tickets_count"]),
        "items": "; ".join(items),
        "cash": "; ".join(cash),
        "remarks": content["remarks"],
        "checksum": row.sha256[:CHECKSUM_SHOWN],
    }
    return Paper(row.site_id, row.organisation_id, texts["number"], texts)


def _counted(name: str, found: int | str, expected: int | str, why: str) -> str:
    if found == expected:
        return f"{name} {found}"
    return f"{name} {found} ({_('must be %(n)s', n=expected)}; {why})"


HAND_OVER: Final = register(
    Kind(
        "shift_hand_over",
        lazy("Shift hand-over"),
        {
            "number": lazy("Number"),
            "estate": lazy("Estate"),
            "signed_at": lazy("Time"),
            "outgoing": lazy("Handed over by"),
            "incoming": lazy("Taken over by"),
            "alarms": lazy("Open alarms"),
            "visitors": lazy("Visitors inside"),
            "kept_papers": lazy("Papers to be delivered"),
            "tickets": lazy("Open fault tickets"),
            "items": lazy("What was counted"),
            "cash": lazy("Cash"),
            "remarks": lazy("Remarks"),
            "checksum": lazy("Checksum"),
        },
        {
            "number": "000123",
            "estate": lazy("Garden Estate (sample)"),
            "signed_at": "2026-12-31 20:00:00",
            "outgoing": "0001",
            "incoming": "0002",
            "alarms": "0",
            "visitors": "2",
            "kept_papers": "1",
            "tickets": "3",
            "items": lazy("Keys 12 (sample)"),
            "cash": "¥300.00",
            "remarks": lazy("Lift 2 is out of order (sample)"),
            "checksum": "0123456789abcdef",
        },
        _read,
    )
)
