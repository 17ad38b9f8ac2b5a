"""Purging door records by a range of dates: what goes, what stays, and from when on it is allowed (61)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.access.model import AccessEvent, AlarmState, PurgedEvents
from central.access.purging import KEPT, Kept, kept_from, months_before
from central.audit import AuditEntry
from central.ledger.model import LedgerEntry, Posting
from central.nodes.service import chains
from central.sync import ingest
from central.sync.model import Enrolment, StoredFact
from protocol.decide import Trust
from protocol.facts import (
    CHAIN_START,
    AccessFact,
    Alarm,
    AlarmFact,
    Body,
    ExitFact,
    Fact,
    PurchaseFact,
    chained,
    encode_body,
)
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Revisions
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate, fill_drawer

ZONE = ZoneInfo("Asia/Shanghai")
KEY = uid_key(bytes.fromhex("04A1B2C3"))
REVISIONS = Revisions(1, 1, 1, 0)


def text(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M}"


def store(estate: Estate, bodies: list[tuple[Body, bytes]], at: datetime, first_seq: int = 1) -> None:
    """Facts through the sync, a minute apart: a chain that can be verified. Inside ``db.write``."""
    enrolment = Enrolment.get(Enrolment.device == estate.gate_device)
    head = bytes(enrolment.head) if first_seq > 1 else CHAIN_START
    entries = []
    for seq, (body, personal) in enumerate(bodies, first_seq):
        kind, encoded = encode_body(body)
        wall_ms = int((at + timedelta(minutes=seq)).timestamp() * 1_000)
        fact = Fact(seq, kind, 1, seq, wall_ms, Trust.TRUSTED, encoded, personal)
        entries.append(chained(head, fact, bytes(enrolment.salt)))
        head = entries[-1].hash
    ingest.store(enrolment.id, entries, int(at.timestamp() * 1_000))


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.mark.requirement(61)
async def test_records_of_a_range_of_dates_are_purged_and_money_and_chains_stay(
    estate: Estate, centre_client: Browser, running_centre: RunningCentre
) -> None:
    """Seen when: with the compliance profile on, records of yesterday and of 179 days ago are refused, those of 200 days ago
    are counted by kind and purged with a reason and the password; who came in is gone from pages and from the stored facts,
    also after a rebuild, while the device's chain verifies, an alarm of that time, a purchase at the same device with its card,
    and every posting of the ledger stand as before, and a record of that time that is uploaded afterwards is kept. Without
    the profile three calendar months can be set, and then so much is purged and no more. A guard finds no such page.

    Planted breaks that turn it red: ``ingest.forget`` left out of ``purge``; ``Batch.is_purged`` always False; ``_check_span``
    without ``kept_from``; ``is_purged`` without its look at ``through``.
    """
    began = estate.now
    await fill_drawer(centre_client, "500.00")
    entrance, gate = estate.entrance, 1
    bodies: list[tuple[Body, bytes]] = [
        (AccessFact(entrance, Reason.UNKNOWN_CARD, REVISIONS), KEY),
        (AccessFact(entrance, Reason.GRANTED, REVISIONS), KEY),
        (ExitFact(gate, 5_000), b""),
        (AlarmFact(Alarm.HELD_OPEN, True, gate, "30 s"), b""),
        (PurchaseFact(entrance, Reason.GRANTED, REVISIONS), KEY),
    ]
    await running_centre.write(store, estate, bodies, began)
    form: dict[str, Any] = {
        "site": "1",
        "from_at": text(began - timedelta(hours=1)),
        "until_at": text(began + timedelta(hours=1)),
        "reason": "期满",
    }

    def left() -> dict[str, Any]:
        return {
            "events": [(row.seq, row.reason) for row in AccessEvent.select().order_by(AccessEvent.seq)],
            "personal": [bytes(row.personal) for row in StoredFact.select().order_by(StoredFact.seq)],
            "alarms": AlarmState.select().where(AlarmState.kind == "held_open").count(),
            "money": (
                Posting.select().count(),
                sorted(amount for (amount,) in LedgerEntry.select(LedgerEntry.amount_fen).tuples()),
            ),
        }

    before = await running_centre.read(left)
    assert len(before["events"]) == 3
    assert before["money"][0] > 0
    for days in (1, 178):
        running_centre.clock.advance(days=days)
        young = await (await running_centre.as_role()).post("/access/purge", form)
        assert young.status == 422, "179 days old"
        assert "reaches into the time for which door records are kept" in young.text
    running_centre.clock.advance(days=21)
    client = await running_centre.as_role()
    guard = await running_centre.as_role("guard")
    assert (await guard.get("/access/purge")).status == 403
    assert (await guard.post("/access/purge", {**form, "records": "3"})).status == 403
    look = await client.post("/access/purge", form)
    for said in (
        "Purge 3 records",
        "Opened by a card: 1",
        "Cards refused: 1",
        "Opened by the exit button: 1",
    ):
        assert said in look.text, look.text
    assert (await client.post("/access/purge", {**form, "records": "2"})).status == 200, "another number"
    assert (await running_centre.read(left)) == before
    assert (await client.post("/access/purge", {**form, "records": "3"})).status == 303
    for _turn in range(2):
        after = await running_centre.read(left)
        assert after["events"] == []
        assert after["personal"] == [b"", b"", b"", b"", KEY], "the purchase keeps its card"
        assert (after["alarms"], after["money"]) == (before["alarms"], before["money"])
        (chain,) = await running_centre.read(chains, estate.gate_device)
        assert (chain.intact, chain.gaps_count) == (True, 0)
        await running_centre.write(ingest.rebuild)
    late = [(AccessFact(entrance, Reason.UNKNOWN_CARD, REVISIONS), KEY)]
    await running_centre.write(store, estate, late, began, 6)
    assert [seq for seq, _reason in (await running_centre.read(left))["events"]] == [6]
    (span,) = await running_centre.read(lambda: list(PurgedEvents.select()))
    assert span.counts == {"card": 1, "refused": 1, "exit_button": 1}
    (entry,) = await running_centre.read(
        lambda: list(AuditEntry.select().where(AuditEntry.action == "access.purge"))
    )
    assert entry.detail["reason"] == "期满"
    assert "期满" in (await client.get("/access/purge")).text


@pytest.mark.requirement(61)
async def test_three_calendar_months_can_be_set_where_no_profile_is_on(
    estate: Estate, running_centre: RunningCentre
) -> None:
    """Seen when: records of 95 days ago are refused until an administrator has set three calendar months, which the page then
    says, and are purged from then on; the doors' role may purge and not set this.

    Planted breaks that turn it red: ``kept_from`` without its look at the rule; the route of ``keep`` with ("access", "edit").
    """
    began = estate.now
    await running_centre.write(
        store, estate, [(AccessFact(estate.entrance, Reason.UNKNOWN_CARD, REVISIONS), KEY)], began
    )
    day = began.astimezone(ZONE).date()
    until = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE)
    form = {
        "site": "1",
        "from_at": text(until - timedelta(days=1)),
        "until_at": text(until),
        "reason": "期满",
    }
    running_centre.clock.advance(days=95)
    doors, administrator = await running_centre.as_role("doors"), await running_centre.as_role()
    assert (await doors.post("/access/purge", form)).status == 422
    assert (await doors.post("/access/purge/kept", {"kept": "months"})).status == 403
    assert (await administrator.post("/access/purge/kept", {"kept": "months"})).status == 303
    assert "Three calendar months" in (await doors.get("/access/purge")).text
    assert (await doors.post("/access/purge", {**form, "records": "1"})).status == 303
    assert await running_centre.read(lambda: AccessEvent.select().count()) == 0


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 5, 31), 3, date(2026, 2, 28)),
        (date(2028, 5, 31), 3, date(2028, 2, 29)),
        (date(2026, 3, 1), 3, date(2025, 12, 1)),
        (date(2026, 1, 15), 3, date(2025, 10, 15)),
        (date(2026, 12, 31), 3, date(2026, 9, 30)),
    ],
)
def test_calendar_months_end_where_the_month_does(day: date, months: int, expected: date) -> None:
    assert months_before(day, months) == expected


def test_the_kept_time_begins_with_a_local_day() -> None:
    """Planted break: the day of the centre's own zone (UTC)."""
    now = datetime(2026, 8, 31, 17, 0, tzinfo=ZoneInfo("UTC"))  # 1 September in Shanghai
    assert kept_from(Kept.MONTHS, ZONE, now) == datetime(2026, 6, 1, tzinfo=ZONE)
    assert kept_from(Kept.DAYS, ZONE, now) == datetime(2026, 3, 5, tzinfo=ZONE)
    assert kept_from(Kept.PROFILE, ZONE, now) == kept_from(Kept.DAYS, ZONE, now)
    assert KEPT == "access.records_kept"
