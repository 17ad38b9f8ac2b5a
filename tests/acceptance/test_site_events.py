"""Events for other programs: sent to a receiver that fails in every way, and read from the stream while the centre is killed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from edge.status import ask
from provisioning.demo.browser import Page
from provisioning.demo.story import until
from tests.support.receiver import Receiver
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
OWN_SITE = True
KINDS = ("access.granted", "access.denied", "alarm.raised", "alarm.cleared", "door.opened")


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    await found.start()
    yield found
    await found.stop()
    found.close()


async def enter(site: Site, url: str) -> Page:
    """Enter an address for the kinds of events that are counted here; the page that answers."""
    page = await site.browser.get("/webhooks/new")
    fields = dict(page.form("/webhooks/new").fields) | {
        "label": "停车场",
        "url": url,
        "site": "all",
        "organisation": "all",
    }
    fields.pop("kinds", None)
    sent = [*fields.items(), *(("kinds", kind) for kind in KINDS)]
    return await site.browser.post("/webhooks/new", sent)


async def restart(site: Site, give_up_s: int) -> None:
    """The centre with another configuration: it may send to this computer, and gives an event up after so long."""
    file = site.demo.folder / "centre" / "centre.toml"
    before = file.read_text("utf-8").partition("[webhooks]")[0]
    more = f'[webhooks]\nallow = ["127.0.0.1/32"]\nretry_first_s = 1\ngive_up_s = {give_up_s}\n'
    file.write_text(before + more, "utf-8")
    await site.demo.centre.stop()
    await site.demo.centre.start()
    await site.demo.centre_answers()
    await site.until_joined()


async def streamed(site: Site, after: str, seen: list[dict[str, Any]]) -> str:
    """Everything behind the cursor, added to what was seen; the next cursor."""
    while True:
        part = await site.browser.read(f"/api/events/stream?after={after}&limit=7")
        seen += part["items"]
        after = part["next"]
        assert part["restored"] is False
        if not part["more"] and not part["items"]:
            return str(after)


async def quiet(site: Site) -> None:
    """Until the hall is shut and the centre has every record of it."""
    node = site.demo.nodes["hall"]

    async def look() -> bool | None:
        is_open = node.line.now.get("input contact.1", {}).get("active", False)
        storage = ask(site.demo.folder / "hall" / "data" / "status.sock")["storage"]
        return (not is_open and storage["acked_through"] == storage["last_seq"]) or None

    for _ in range(3):  # a record may still be on its way from the contact to the medium
        await until(look, "the hall is shut and everything is uploaded", 60.0)
        await asyncio.sleep(0.5)


async def until_received(receiver: Receiver, wanted: set[str]) -> None:
    """By itself: the pauses grow, and one may just have begun."""

    async def look() -> bool:
        return wanted <= set(receiver.ids)

    await until(look, "every event is received", 300.0)


def wanted_of(seen: list[dict[str, Any]]) -> list[str]:
    return [event["id"] for event in seen if event["kind"] in KINDS]


@pytest.mark.timeout(900)
async def test_events_reach_a_program_that_fails_hangs_and_dies_and_the_stream_loses_nothing(
    site: Site, receiver: Receiver
) -> None:
    """Seen when: the centre refuses to send to its own computer until the configuration allows it; then taps, refusals,
    a forced door and a lost card that is used (with its number) arrive signed and in order at a receiver that answers 500,
    leads elsewhere, hangs and is killed meanwhile, and the centre is killed in between: each event is there, with the id that the stream has; a program that reads the
    stream by its cursor over the kills has each event once; an event that nobody takes is given up where the page says
    so, and can be sent again.

    Planted breaks that turn it red: ``addresses.is_allowed`` always true; ``outbox.settled`` taking a failure for a success;
    the cursor of ``stream.part`` one fact ahead; ``alarm_events.put`` leaving its followers out.
    """
    refused = await enter(site, receiver.url)
    assert refused.status == 422
    assert "leads to the centre itself" in refused.words
    for address in (
        "http://[::1]:9/",
        "http://169.254.1.1/",
        "http://0.0.0.0/",
        "http://localhost:9/",
        "ftp://a.b/",
    ):
        assert (await enter(site, address)).status == 422, address
    await restart(site, 3_600)  # however slow the machine, nothing is given up while the receiver fails
    await site.sign_in_again()
    made = await enter(site, receiver.url)
    assert re.fullmatch(r"/webhooks/\d+", made.path), made.words[-500:]
    secret = re.search(r"<code>([0-9a-f]{64})</code>", made.html)
    assert secret is not None
    receiver.secret = secret[1]

    seen: list[dict[str, Any]] = []
    cursor = str((await site.browser.read("/api/events/stream"))["next"])
    lost = await site.resident()
    await site.report_lost(lost.card_no)
    await site.until_dead(lost.card_no)
    await site.is_refused("hall", lost.uid, f"{lost.query}&result=denied")
    card = await site.resident()
    for answer in ("ok", "500", "redirect"):
        receiver.answers = answer
        await site.opens("hall", card.uid)
        await site.shuts("hall")
        await site.is_refused("hall", f"04EE{site.next_number():010X}", "reason=20")
    await quiet(site)
    cursor = await streamed(site, cursor, seen)
    (found,) = [event for event in seen if event.get("alarm") == "dead_card_used"]
    assert (found["card_no"], found["person_no"]) == (lost.card_no, lost.person_no)
    assert receiver.requests_count > 1
    page = await site.until_page(made.path, lambda page: "HTTP 307" in page.words)
    assert "Not received" in page.words

    receiver.answers = "hang"
    await site.do("hall", "force", unit=1, open=True)
    await asyncio.sleep(1.0)
    await site.demo.centre.kill()  # while a request is under way
    await site.do("hall", "force", unit=1, open=False)
    await receiver.stop()
    await site.demo.centre.start()
    await site.demo.centre_answers()
    await site.until_joined()
    receiver.answers = "ok"
    await receiver.start()
    edit = f"{made.path}/edit"  # an address that is entered anew is tried at once, however long its pause has become
    saved = await site.browser.post(edit, (await site.browser.get(edit)).form(edit).filled())
    assert saved.path == made.path
    await site.opens("hall", card.uid)
    await site.shuts("hall")
    await quiet(site)
    cursor = await streamed(site, cursor, seen)
    wanted = wanted_of(seen)
    await until_received(receiver, set(wanted))
    assert receiver.ids == wanted  # in order, and nothing else
    assert receiver.wrong_signatures == receiver.followed_count == 0
    ids = [event["id"] for event in seen]
    assert len(set(ids)) == len(ids)
    everything: list[dict[str, Any]] = []
    await streamed(site, "start", everything)
    assert [event for event in everything if event["id"] in set(ids)] == seen
    kinds = {event["kind"] for event in seen}
    assert {"alarm.raised", "alarm.cleared", "access.granted", "access.denied"} <= kinds, seen
    (granted, *_rest) = [event for event in seen if event["kind"] == "access.granted"]
    assert (granted["card_no"], granted["person_no"], granted["door"]) == (
        card.card_no,
        card.person_no,
        "大堂",
    )
    assert not {"name", "phone"} & set(granted)

    waiting = asyncio.create_task(site.browser.read(f"/api/events/stream?after={cursor}&wait=20"))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await site.opens("hall", card.uid)
    held = await waiting
    assert held["items"][0]["kind"] == "access.granted"
    await site.shuts("hall")

    await quiet(site)
    await streamed(site, cursor, seen)
    assert held["items"][0] in seen
    await until_received(receiver, set(wanted_of(seen)))
    await receiver.stop()
    await restart(site, 5)
    await site.browser.send(await site.browser.get(made.path), f"{made.path}/test")
    page = await site.until_page(made.path, lambda page: page.facts["Given up"] == "1", 120.0)
    assert "Some given up" in (await site.browser.get("/webhooks")).words or "Not received" in page.words
    await receiver.start()
    before = len(receiver.events)
    await site.browser.send(await site.browser.get(made.path), f"{made.path}/again")
    await site.until_page(
        made.path, lambda page: page.facts["Given up"] == "0" and page.facts["Waits to be sent"] == "0"
    )
    assert [event["kind"] for event in receiver.events[before:]] == ["test"]
