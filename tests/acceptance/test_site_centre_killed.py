"""The centre's process is killed again and again while cards are shown: nothing is lost, nothing is there twice."""

from __future__ import annotations

import pytest

from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")
KILLS = 3


@pytest.mark.slow
@pytest.mark.requirement(14)
@pytest.mark.requirement("B1")
async def test_a_centre_that_is_killed_loses_and_doubles_nothing(site: Site) -> None:
    """Seen when: the hall opens, the centre is killed while the record is on its way, the hall opens once more without
    it; after the start both records are on the page, once each, with no gap and an intact chain; the operator is still
    signed in.

    Planted break: let the device go on after what it has sent, instead of after what the centre says it holds.
    """
    resident = await site.resident()
    query = f"{resident.query}&result=granted"
    for number in range(KILLS):
        await site.opens("hall", resident.uid)
        await site.demo.centre.kill()
        await site.shuts("hall")
        await site.opens("hall", resident.uid)
        await site.shuts("hall")
        await site.demo.centre.start()
        await site.demo.centre_answers()
        await site.until_page(
            "/access/events?" + query, lambda page, n=number: len(page.rows_of("events")) >= 2 * n + 2, 60.0
        )
        await site.until_joined()
        assert await site.count(query) == 2 * (number + 1)
