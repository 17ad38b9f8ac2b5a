"""Bulk acts over real HTTP: filter, preview, approval by somebody else, pieces that survive a stop, the report (U8)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from central import settings
from central.access.model import AccessLevel, CardLevel
from central.audit import AuditEntry
from central.bulk_acts import service
from central.bulk_acts.model import BulkAct, BulkCard
from central.bulk_acts.runner import RUNNER
from central.cards.model import Card, CardAct, CardClass
from central.sync.model import PublishedRow
from central.sync.publish import one_revision
from protocol.records import Kind
from tests.support.centre import Answer, Browser
from tests.support.estate_pages import Estate

SEAL = re.compile(r'name="seal" value="([0-9a-f]+)"')
FILTER = "q=B-"


async def some_cards(estate: Estate, client: Browser, count: int) -> list[int]:
    """Cards B-0001 ... of one person, until the end of 2026."""
    await estate.running.write(_raise_limit)
    return [
        await estate.issue(client, f"04AA{n:04X}", f"B-{n:04d}", valid_until="2026-12-31")
        for n in range(1, count + 1)
    ]


def _raise_limit() -> None:
    CardClass.update(active_max_count=1_000).execute()


async def preview(client: Browser, kind: str, filters: str = FILTER, **fields: str) -> Answer:
    given = "".join(f"&{name}={text}" for name, text in fields.items())
    return await client.get(f"/cards/bulk/new?{filters}&kind={kind}&preview=1{given}")


async def enter(
    client: Browser, kind: str, filters: str = FILTER, reason: str = "new lease", **fields: str
) -> Answer:
    """Preview and send."""
    page = await preview(client, kind, filters, **fields)
    seal = SEAL.search(page.text)
    assert seal is not None, page.text
    parts = dict(part.split("=") for part in filters.split("&"))
    return await client.post(
        "/cards/bulk/new",
        {**parts, "kind": kind, "preview": "1", "seal": seal[1], "reason": reason, **fields},
    )


async def number_of(answer: Answer) -> int:
    assert answer.status == 303, answer.text
    return int(answer.location.rpartition("/")[2])


async def drain(estate: Estate) -> None:
    """Until nothing is on its way."""
    await estate.running.server.apps.browsers[RUNNER].drain()


async def states(estate: Estate, bulk: int) -> list[tuple[str, str]]:
    """(card number, what became of it)."""
    return await estate.running.read(
        lambda: list(
            BulkCard.select(Card.card_no, BulkCard.state)
            .join(Card)
            .where(BulkCard.bulk == bulk)
            .order_by(Card.card_no)
            .tuples()
        )
    )


async def test_the_preview_says_how_many_and_who_would_be_refused_and_why(
    estate: Estate, centre_client: Browser
) -> None:
    first, second, *_rest = await some_cards(estate, centre_client, 4)
    await centre_client.post(f"/cards/{first}/lose", {"reason": ""})
    await centre_client.post(f"/cards/{second}/cancel", {"reason": "left"})
    page = (await preview(centre_client, "extend", valid_until="2027-12-31")).text
    assert "2 cards would be done" in page
    assert "2 cards would be refused" in page
    assert "This card is reported lost." in page
    assert "This card is not in use." in page
    for number in ("B-0001", "B-0002", "B-0003", "B-0004"):
        assert number in page
    earlier = (await preview(centre_client, "extend", valid_until="2026-06-30")).text
    assert "The new last day must lie behind the old one." in earlier
    assert "0 cards would be done" in earlier
    assert await estate.running.read(lambda: BulkAct.select().count()) == 0


async def test_few_cards_are_done_at_once_with_one_line_and_one_audit_row_each(
    estate: Estate, centre_client: Browser
) -> None:
    cards = await some_cards(estate, centre_client, 3)
    await estate.issue(centre_client, "04BB0001", "C-0001", valid_until="2026-12-31")
    bulk = await number_of(await enter(centre_client, "extend", valid_until="2027-12-31"))
    await drain(estate)
    assert {state for _number, state in await states(estate, bulk)} == {"done"}
    ends = await estate.running.read(
        lambda: {card.card_no: card.valid_until for card in Card.select().order_by(Card.card_no)}
    )
    assert {number: end.isoformat() for number, end in ends.items()} == {
        "B-0001": "2027-12-31T16:00:00+00:00",
        "B-0002": "2027-12-31T16:00:00+00:00",
        "B-0003": "2027-12-31T16:00:00+00:00",
        "C-0001": "2026-12-31T16:00:00+00:00",
    }

    def written() -> tuple[list[Any], list[Any]]:
        lines = CardAct.select(CardAct.card, CardAct.reason).where(CardAct.act == "extend").tuples()
        rows = AuditEntry.select(AuditEntry.object_id).where(AuditEntry.action == "cards.extend").tuples()
        return sorted(lines), sorted(rows)

    lines, rows = await estate.running.read(written)
    assert lines == [(card, "new lease") for card in cards]
    assert rows == sorted((str(card),) for card in cards)
    page = (await centre_client.get(f"/cards/bulk/{bulk}")).text
    assert "Carried out" in page
    assert "Administrator" in page


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("suspend", {}, {"reasons": ["suspended"]}),
        ("add_levels", {"right": "office"}, {"levels": ["level", "office"]}),
        ("remove_levels", {"right": "level"}, {"levels": []}),
        ("card_class", {"card_class": "other"}, {"class": "other"}),
        ("validity", {"valid_from": "2026-07-05", "valid_until": "2026-07-31"}, {"until": "2026-07-31"}),
    ],
)
async def test_every_kind_does_what_its_name_says(
    estate: Estate, centre_client: Browser, kind: str, fields: dict[str, str], expected: dict[str, Any]
) -> None:
    def make() -> dict[str, int]:
        office = AccessLevel.create(site=1, name="办公").id
        other = CardClass.create(site=1, name="员工卡").id
        return {"office": office, "other": other, "level": estate.level}

    ids = await estate.running.write(make)
    (card,) = await some_cards(estate, centre_client, 1)
    given = {name: str(ids.get(text, text)) for name, text in fields.items()}
    await number_of(await enter(centre_client, kind, **given))
    await drain(estate)

    def look() -> dict[str, Any]:
        row = Card.get_by_id(card)
        levels = [n for (n,) in CardLevel.select(CardLevel.level).where(CardLevel.card == card).tuples()]
        return {
            "reasons": row.reasons,
            "levels": sorted(levels),
            "class": row.card_class_id,
            "until": row.valid_until,
        }

    seen = await estate.running.read(look)
    for name, wanted in expected.items():
        if name == "levels":
            assert seen[name] == sorted(ids[level] for level in wanted)
        elif name == "until":
            assert seen[name] == datetime.fromisoformat("2026-07-31T16:00:00+00:00")
        else:
            assert seen[name] == (ids[wanted] if name == "class" else wanted)


async def test_above_the_limit_somebody_else_must_approve(estate: Estate, centre_client: Browser) -> None:
    cards = await some_cards(estate, centre_client, 3)
    await estate.running.write(lambda: settings.put(service.ALONE_MAX, 2, estate.now))
    bulk = await number_of(await enter(centre_client, "suspend"))
    await drain(estate)
    assert {state for _number, state in await states(estate, bulk)} == {"pending"}
    mine = await centre_client.post(f"/cards/bulk/{bulk}/approve")
    assert (mine.status, "Somebody else" in mine.text) == (403, True)
    assert (await (await estate.running.as_role("doors")).post(f"/cards/bulk/{bulk}/approve")).status == 403
    other = await estate.running.as_role("administrator")
    assert "Bulk acts to approve" in (await other.get("/")).text
    assert (await other.post(f"/cards/bulk/{bulk}/approve")).status == 303
    await drain(estate)
    assert [state for _number, state in await states(estate, bulk)] == ["done"] * len(cards)
    again = await other.post(f"/cards/bulk/{bulk}/approve")
    assert again.status == 409


async def test_a_list_that_changed_since_the_preview_is_not_acted_on(
    estate: Estate, centre_client: Browser
) -> None:
    (card, _other) = await some_cards(estate, centre_client, 2)
    seal = SEAL.search((await preview(centre_client, "suspend")).text)
    assert seal is not None
    await centre_client.post(f"/cards/{card}/suspend", {"reason": "meanwhile"})
    given = {"q": "B-", "kind": "suspend", "preview": "1", "seal": seal[1], "reason": "x"}
    answer = await centre_client.post("/cards/bulk/new", given)
    assert (answer.status, "changed since the preview" in answer.text) == (409, True)
    assert await estate.running.read(lambda: BulkAct.select().count()) == 0


async def test_what_becomes_impossible_on_the_way_is_reported_and_the_rest_is_done(
    estate: Estate, centre_client: Browser
) -> None:
    first, *_rest = await some_cards(estate, centre_client, 3)
    await estate.running.write(lambda: settings.put(service.ALONE_MAX, 0, estate.now))
    bulk = await number_of(await enter(centre_client, "suspend"))
    await centre_client.post(f"/cards/{first}/cancel", {"reason": "left"})
    await (await estate.running.as_role()).post(f"/cards/bulk/{bulk}/approve")
    await drain(estate)
    assert await states(estate, bulk) == [("B-0001", "failed"), ("B-0002", "done"), ("B-0003", "done")]
    report = (await centre_client.get(f"/cards/bulk/{bulk}/export?format=csv&state=failed")).text
    assert "B-0001" in report
    assert "This card is not in use." in report
    assert "B-0002" not in report


async def test_a_piece_is_done_once_whatever_stops_the_centre(
    estate: Estate, centre_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted break: items marked done in a transaction of their own are done twice after a stop in between."""
    await some_cards(estate, centre_client, 5)
    runner = estate.running.server.apps.browsers[RUNNER]
    await runner.stop()
    monkeypatch.setattr(service, "PIECE_CARDS", 2)
    await estate.running.write(lambda: settings.put(service.ALONE_MAX, 0, estate.now))
    bulk = await number_of(await enter(centre_client, "suspend"))
    await (await estate.running.as_role()).post(f"/cards/bulk/{bulk}/approve")
    audit = estate.running.centre.audit
    assert await estate.running.write(service.do_piece, audit, bulk, estate.now)
    done = [state for _number, state in await states(estate, bulk)]
    assert done == ["done", "done", "pending", "pending", "pending"]
    with pytest.raises(RuntimeError):
        await estate.running.write(_killed, audit, bulk, estate.now)
    assert [state for _number, state in await states(estate, bulk)] == done
    runner.start()  # as the next start of the centre does
    await drain(estate)
    assert {state for _number, state in await states(estate, bulk)} == {"done"}
    lines = await estate.running.read(lambda: CardAct.select().where(CardAct.act == "suspend").count())
    assert lines == 5


def _killed(audit: Any, bulk: int, now: datetime) -> None:
    service.do_piece(audit, bulk, now)
    raise RuntimeError("the power went off before the commit")


async def test_a_stopped_act_leaves_the_rest_as_it_was(estate: Estate, centre_client: Browser) -> None:
    await some_cards(estate, centre_client, 2)
    await estate.running.write(lambda: settings.put(service.ALONE_MAX, 0, estate.now))
    bulk = await number_of(await enter(centre_client, "suspend"))
    assert (await centre_client.post(f"/cards/bulk/{bulk}/stop")).status == 303
    await drain(estate)
    assert {state for _number, state in await states(estate, bulk)} == {"pending"}
    assert await estate.running.read(lambda: CardAct.select().where(CardAct.act == "suspend").count()) == 0
    assert "Stopped" in (await centre_client.get("/cards/bulk")).text


async def test_one_piece_is_one_publication(estate: Estate, centre_client: Browser) -> None:
    await some_cards(estate, centre_client, 4)
    await number_of(await enter(centre_client, "suspend"))
    await drain(estate)
    revisions = await estate.running.read(
        lambda: {
            row.revision for row in PublishedRow.select().where(PublishedRow.kind == Kind.RESTRICTION.value)
        }
    )
    assert len(revisions) == 1


async def test_publishing_together_publishes_nothing_when_nothing_changed(estate: Estate) -> None:
    def together() -> int:
        before = PublishedRow.select().count()
        with one_revision():
            pass
        return int(PublishedRow.select().count() - before)

    assert await estate.running.write(together) == 0


async def test_another_organisation_sees_none_of_it(estate: Estate, centre_client: Browser) -> None:
    await some_cards(estate, centre_client, 1)
    bulk = await number_of(await enter(centre_client, "suspend"))
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    for path in (f"/cards/bulk/{bulk}", f"/cards/bulk/{bulk}/progress", f"/cards/bulk/{bulk}/export"):
        assert (await other.get(path)).status == 404
    assert (await other.post(f"/cards/bulk/{bulk}/stop")).status == 404
    assert "new lease" not in (await other.get("/cards/bulk")).text
    assert "No card fits these filters" in (await preview(other, "suspend")).text


async def test_the_limit_is_head_offices(estate: Estate, centre_client: Browser) -> None:
    for text in ("", "many", "-1", "20001"):
        assert (await centre_client.post("/cards/bulk/limit", {"alone_max": text})).status == 422
    assert (await centre_client.post("/cards/bulk/limit", {"alone_max": "7"})).status == 303
    assert await estate.running.read(lambda: settings.get(service.ALONE_MAX)) == 7
    narrow = await estate.running.as_role("administrator", site=1)
    assert (await narrow.post("/cards/bulk/limit", {"alone_max": "9000"})).status == 403
    assert await estate.running.read(lambda: settings.get(service.ALONE_MAX)) == 7
