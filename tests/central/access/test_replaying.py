"""Records that do not follow from the settings of their moment are found as they come, shown and counted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from central.access import replaying
from central.access.model import Disagreement
from central.sync import publish
from central.sync.model import HistoryBegin
from central.sync.storage import read_heads
from protocol.basis import Basis
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import TEXT, Reason
from tests.central.access.test_purging import store, text
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

KEY = uid_key(bytes.fromhex("04A1B2C3"))


@pytest.mark.requirement("B6")
async def test_a_record_that_does_not_follow_is_counted_and_never_hidden(
    running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Two records of a card that nobody knows, one of which says "expired": the page says what comes out instead, the list finds
    it, the state of the service says so for a week; a purge takes it away with the record. Deciding again goes on where it was.

    Planted breaks that turn it red: ``_put`` without the insert; ``is_unexplained`` without ``seq``; ``_next`` not asking for the
    verdict; ``check`` without ``since``; ``forget_purged`` or ``row_history.prune`` left out of ``purge``.
    """
    estate, centre = await Estate.make(running_centre), running_centre.centre
    await running_centre.write(publish.everything_changed, 1)
    heads = await running_centre.read(read_heads)
    reasons = (Reason.UNKNOWN_CARD, Reason.EXPIRED)
    bodies = [(AccessFact(estate.entrance, reason, heads, basis=Basis()), KEY) for reason in reasons]
    began = estate.now
    await running_centre.write(store, estate, bodies, began)
    assert await replaying.look(centre) > 0
    assert await replaying.look(centre) == 0
    found = await running_centre.read(lambda: [(row.seq, row.again) for row in Disagreement.select()])
    assert found == [(2, Reason.UNKNOWN_CARD)]
    listed = json.loads((await centre_client.get("/api/events?again=other")).text)["items"]
    assert [row["reason"] for row in listed] == [str(int(Reason.EXPIRED))]
    number = listed[0]["id"]
    page = (await centre_client.get(f"/access/events/{number}")).text
    assert f"something else comes out. · {TEXT[Reason.UNKNOWN_CARD]}" in page
    told = json.loads((await centre_client.get(f"/api/events/{number}/explanation")).text)
    assert (told["again"], told["reason"], told["again_reason"]) == ("other", "expired", "unknown_card")
    assert (await replaying.check(centre)).values == {"count": 1}
    await centre.health.look()
    assert "1 door records of the last days" in (await centre_client.get("/system")).text
    running_centre.clock.advance(s=timedelta(days=8).total_seconds())
    assert (await replaying.check(centre)).text is None

    running_centre.clock.advance(days=200)
    client = await running_centre.as_role()
    form: dict[str, Any] = {
        "site": "1",
        "from_at": text(began - timedelta(hours=1)),
        "until_at": text(began + timedelta(hours=1)),
        "reason": "期满",
    }
    await client.post("/access/purge", form)
    assert (await client.post("/access/purge", {**form, "records": "2"})).status == 303
    assert await running_centre.read(Disagreement.select().count) == 0
    assert await running_centre.read(HistoryBegin.select().count) == 1
