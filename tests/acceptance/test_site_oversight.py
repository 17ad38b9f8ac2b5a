"""What head office looks at on a whole site: exceptions with limits, and requests of the police with a signed file (U11)."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.clock import SystemClock
from central.oversight.evidence import CONTEXT
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


@pytest.mark.requirement("U11")
async def test_head_office_sees_exceptions_and_answers_the_police(site: Site) -> None:
    """Seen when: two doors opened by hand by one guard are over the limit of one a day, in the sums and each as a row that
    leads to its door and its row of the audit trail, in the file too; a lost card that is shown counts; the guard himself has
    no such page; the police's document holds the records of a card, its file has the entry of that card and not of another,
    fits its manifest and its signature, is listed with its checksum and in the audit trail, and is changed by no second one;
    the person cannot be erased until the hold is lifted.

    Planted breaks that turn it red: ``Line.is_over`` always False; ``KINDS["remote_open"]`` without "access.open";
    ``archive`` signing the ZIP; ``rows_of`` without the card; ``hand_out`` without its PoliceExport.
    """
    ours, other = await site.resident(), await site.resident()
    for resident in (ours, other):
        await site.opens("hall", resident.uid)
        await site.shuts("hall")
        await site.arrival(f"{resident.query}&result=granted", 0)
    await site.sign_in_again()
    page = await site.browser.get("/oversight/limits")
    await site.browser.send(page, "/oversight/limits", remote_open="1")
    doors = await site.browser.get("/doors")
    (door,) = {
        link
        for row in doors.rows
        if "大堂" in " ".join(row.cells)
        for link in row.links
        if link[7:].isdigit()
    }
    async with site.operator("guard") as guard:
        for reason in ("visitor for 101", "delivery for 102"):
            before = await site.count("source=remote")
            await guard.send(await guard.get(door), f"{door}/open", reason=reason)
            await site.arrival("source=remote", before)
            await site.until_lock("hall", False)
        assert (await guard.get("/oversight")).status == 403
        number = guard.number
    await site.browser.post(
        f"{other.path}/lose",
        {**(await site.browser.get(other.path)).form("/logout").fields, "reason": "lost", "reporter": "他"},
    )
    await site.until_joined()
    await site.tap("hall", other.uid)
    await site.until_page("/oversight", lambda page: "card used: 0" not in page.words)

    seen = await site.browser.get("/oversight")
    mine = {row.cells[1]: row.cells for row in seen.rows if row.cells and row.cells[0].startswith(number)}
    assert mine.keys() == {"Door or barrier opened by hand", "Tried without the right"}
    line = mine["Door or barrier opened by hand"]
    assert (line[1], line[2], line[4], "Over the limit" in line[5]) == (
        "Door or barrier opened by hand",
        "2",
        "1",
        True,
    )
    rows = (await site.browser.get(f"/oversight?kind=remote_open&who={number}")).rows_of("exceptions")
    assert ["delivery for 102" in " ".join(row.cells) for row in rows] == [True, False]
    assert door in rows[0].links
    (audit,) = [link for link in rows[0].links if link.startswith("/audit")]
    assert "delivery for 102" in (await site.browser.get(audit.replace("&amp;", "&"))).words
    exported = (await site.browser.load(f"/oversight/export?format=csv&who={number}")).decode("utf-8-sig")
    assert exported.count("Door or barrier opened by hand") == 2

    now = SystemClock().now() + timedelta(hours=8)
    document = f"沪公调 {site.next_number()}"
    asked = {
        "document": document,
        "agency": "某派出所",
        "officer": "周警官 012345",
        "purpose": "盗窃案",
        "card": ours.card_no,
        "from_at": f"{now - timedelta(hours=3):%Y-%m-%dT%H:%M}",
        "until_at": f"{now + timedelta(hours=3):%Y-%m-%dT%H:%M}",
    }
    page = await site.browser.get("/oversight/requests/new")
    made = await site.browser.send(page, "/oversight/requests/new", **asked)
    assert made.facts["Number of the police document"] == document, made.words[-800:]
    csrf = {"csrf": made.form("/logout").fields["csrf"]}
    files = [await site.browser.load(f"{made.path}/export", csrf) for _ in range(2)]
    assert files[0] == files[1], "the same records make the same file"
    with zipfile.ZipFile(io.BytesIO(files[0])) as book:
        content = {name: book.read(name) for name in book.namelist()}
    events = content["events.csv"].decode("utf-8-sig")
    assert (ours.person_no in events, other.person_no in events) == (True, False)
    manifest = json.loads(content["manifest.json"])
    assert set(manifest) == {"events.csv", "scans.csv", "request.json"}
    assert all(hashlib.sha256(content[name]).hexdigest() == told for name, told in manifest.items())
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(content["public_key.hex"].decode()))
    key.verify(content["manifest.sig"], CONTEXT + content["manifest.json"])
    assert json.loads(content["request.json"])["document"] == document
    shown = await site.browser.get(made.path)
    assert shown.words.count(hashlib.sha256(files[0]).hexdigest()) == 2
    log = await site.browser.get("/audit?action=oversight.data_out")
    assert hashlib.sha256(files[0]).hexdigest() in log.words
    paper = await site.browser.get(f"{made.path}/print")
    assert (document in paper.words, "Signature of the officer" in paper.words) == (True, True)

    (person,) = {
        link
        for link in (await site.browser.get(ours.path)).links
        if link.startswith("/people/") and link[8:].isdigit()
    }
    assert "held for the police" in (await site.browser.get(f"{person}/erase")).words
    lifted = await site.browser.send(await site.browser.get(made.path), f"{made.path}/lift", reason="结案")
    assert "Hold lifted" in lifted.words
    assert "held for the police" not in (await site.browser.get(f"{person}/erase")).words
    await site.browser.send(await site.browser.get("/oversight/limits"), "/oversight/limits", remote_open="")
