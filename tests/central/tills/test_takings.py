"""The takings of a day, till by till: what the purchases of that day add up to."""

from __future__ import annotations

from datetime import timedelta

from central.sites.scope import HEAD_OFFICE
from central.tills.takings import make_table
from protocol.reasons import Reason
from tests.central.tills.tills import TillOf, top_up
from tests.support.card_acts import issue
from tests.support.estate import NOON, Estate, later

DAY = {"at_from": "2026-07-01", "at_to": "2026-07-01"}


def test_takings_are_those_of_the_day_and_of_each_till(estate: Estate) -> None:
    """Planted breaks: the sums without the span; ``sold`` without what is in suspense."""
    first, second = TillOf(estate), TillOf(estate, 9, "canteen-b")
    card = issue(estate, entitlements={"levels": [first.level, second.level]})
    top_up(estate, card, 9_000)
    first.tell(
        first.sold(at=NOON - timedelta(hours=13)),
        first.sold(counter=2),
        first.sold(counter=3, offline=True),
        first.sold(undoes=3),
        first.sold(reason=Reason.NOT_ENOUGH_MONEY, counter=0),
        first.sold(800, uid=bytes.fromhex("04FFFFFF")),
        first.sold(counter=4, at=later(hours=12)),
    )

    def read() -> tuple[list[tuple[int, ...]], dict[str, int]]:
        view = make_table(DAY).view(DAY)
        rows = [
            (row.number, row.sold_count, row.sold_fen, row.undone_count, row.undone_fen, row.takings_fen)
            + (row.unsure_fen, row.offline_count, row.refused_count, row.first_no, row.last_no)
            for row in view.rows(HEAD_OFFICE, None, 10)
        ]
        return rows, view.totals(HEAD_OFFICE)

    rows, totals = estate.read(read)
    assert rows == [
        (8, 3, 3_800, 1, -1_500, 2_300, 800, 1, 1, 2, 6),
        (9, 0, 0, 0, 0, 0, 0, 0, 0, None, None),
    ]
    assert totals["takings_fen"] == 2_300
