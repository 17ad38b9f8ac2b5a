"""What the source asks of the card centre, seen from the pages and from what a device then decides by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from central.sync.storage import rows_of_scope
from protocol.decide import Decision, Instant, PointState, Presentation, decide
from protocol.ids import Stream
from protocol.reasons import Reason
from protocol.records import Revisions
from protocol.view import View
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

UID = "04A1B2C3"
MIDNIGHT = datetime(2026, 7, 9, 16, 0, tzinfo=UTC)
"""The first moment of 10 July 2026 in Shanghai."""
INSTANT = timedelta(milliseconds=1)


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def decided(estate: Estate, at: datetime) -> Decision:
    """What the device at the gate decides by the rows that are published for it."""

    def read() -> View:
        changes = [change for stream in Stream for change in rows_of_scope("east-gate", stream)]
        return View().apply(changes, Revisions(1, 10**6, 10**6, 0))

    view = await estate.running.read(read)
    now = Instant(utc_ms=int(at.timestamp() * 1_000))
    shown = Presentation(uid=bytes.fromhex(UID))
    return decide(shown, view, view.access_points[estate.entrance], PointState(), now)


@pytest.mark.requirement(41)
async def test_a_card_opens_from_its_first_valid_day_to_the_end_of_its_last(
    estate: Estate, centre_client: Browser
) -> None:
    """開通有效日期: from and to, both days included, in the estate's time.

    Seen when a card issued for 10 to 12 July is refused a millisecond before 10 July begins and from the first moment of
    13 July on, and opens in between. Planted break: keep the last valid day itself as the end (``LastDayField``).
    """
    await estate.issue(centre_client, UID, "1", valid_from="2026-07-10", valid_until="2026-07-12")
    end = MIDNIGHT + timedelta(days=3)
    assert (await decided(estate, MIDNIGHT - INSTANT)).reason is Reason.NOT_YET_VALID
    assert (await decided(estate, MIDNIGHT)).reason is Reason.GRANTED
    assert (await decided(estate, end - INSTANT)).reason is Reason.GRANTED
    assert (await decided(estate, end)).reason is Reason.EXPIRED
    page = (await centre_client.get("/cards?q=1")).text
    assert "2026-07-10" in page
    assert "2026-07-12" in page


@pytest.mark.requirement(49)
async def test_a_returned_card_was_there_and_opens_nothing_afterwards(
    estate: Estate, centre_client: Browser
) -> None:
    """退卡: the card must be present; afterwards it is off every list of rights and refused as returned.

    Seen when the return is refused without the card, accepted while it lies on a reader, the device refuses the card as
    returned, and the card can be issued to somebody else only after it was checked, while the first holder keeps the
    events of then. Planted break: leave out ``is_present`` in ``acts.take_back``.
    """
    card = await estate.issue(centre_client, UID, "1")
    await estate.show(UID, Reason.GRANTED)
    assert (await decided(estate, estate.now)).granted
    estate.running.clock.advance(minutes=3)
    assert (await centre_client.post(f"/cards/{card}/return")).status == 409
    assert (await decided(estate, estate.now)).granted
    await estate.show_at_desk(UID)
    assert (await centre_client.post(f"/cards/{card}/return")).status == 303
    assert (await decided(estate, estate.now)).reason is Reason.CARD_RETURNED
    assert "Returned" in (await centre_client.get(f"/cards/{card}")).text

    again = {"uid": UID, "card_no": "1", "person": str(estate.stranger), "levels": str(estate.level)}
    assert (await centre_client.post("/cards/issue", again)).status == 422
    assert (await centre_client.post(f"/cards/{card}/restock")).status == 303
    assert (await centre_client.post("/cards/issue", again)).status == 303
    assert (await decided(estate, estate.now)).granted
    assert "张三" in (await centre_client.get("/access/events?person=0001")).text
