"""A dead device is replaced (B12): what was uploaded stays, what was not is said to be lost, the old identity is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from central.access.model import AlarmState
from central.audit import AuditEntry
from central.nodes import service
from central.nodes.service import DeviceInput, create
from central.sync import evidence
from central.sync.evidence import Lost, touches
from central.sync.model import QuarantinedFact, StoredFact
from protocol.facts import AccessFact, encode_body
from protocol.reasons import Reason
from protocol.records import Revisions
from tests.support.centre import run_centre
from tests.support.hub_node import Node, WholeCentre


@pytest.fixture
async def centre(tmp_path: Path, database_url: str) -> AsyncIterator[WholeCentre]:
    url = "" if database_url.startswith("sqlite") else database_url
    async with run_centre(tmp_path / "centre", database_url=url) as running:
        yield WholeCentre(running)


async def device_of(centre: WholeCentre) -> int:
    given = DeviceInput(site=1, organisation=1, name="east-gate", number=1, label="East gate")
    return (await centre.running.write(create, given, centre.clock.now())).id


async def joined(centre: WholeCentre, device_id: int, key: int) -> Node:
    node = Node(centre, "east-gate", key)
    await node.join(await centre.ticket(device_id, key))
    return node


def record(node: Node) -> None:
    kind, body = encode_body(AccessFact(1, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 0)))
    node.outbox.add(int(kind), body)


async def gaps(centre: WholeCentre, device_id: int) -> list[Lost]:
    return await centre.running.read(evidence.lost_of, [device_id])


async def test_the_span_from_the_last_upload_to_the_replacement_is_said_to_be_lost(
    centre: WholeCentre,
) -> None:
    """Seen when: a device that uploaded until 10 minutes before it fell silent is replaced two days later: nothing that was
    uploaded is lost or doubled, and page and API name exactly the span in between, in all three languages.

    Planted breaks: leave ``evidence.replaced`` out of ``_open_epoch``; begin the span when the enrolment was made.
    """
    device_id = await device_of(centre)
    began = centre.clock.now()
    old = await joined(centre, device_id, 7)
    record(old)
    await old.talk(60)
    uploaded = await centre.running.read(lambda: service.chains(device_id)[0].uploaded_through_ms)
    assert uploaded > began.timestamp() * 1_000
    last_upload = datetime.fromtimestamp(uploaded / 1_000, began.tzinfo)
    for _ in range(3):
        record(old)  # never uploaded: the device dies with them
    centre.clock.advance(days=2)
    replaced_at = centre.clock.now()
    new = await joined(centre, device_id, 8)
    record(new)
    await new.talk(60)
    (span,) = await gaps(centre, device_id)
    assert (span.node_epoch, span.begins_at, span.ends_at) == (1, last_upload, replaced_at)
    assert await centre.running.read(lambda: StoredFact.select().count()) == 2

    browser = await centre.running.as_role("administrator")
    body = json.loads((await browser.get(f"/api/devices/{device_id}")).text)
    (told,) = body["evidence_lost"]
    assert told["installation"] == 1
    assert datetime.fromisoformat(told["begins_at"]) == last_upload
    assert datetime.fromisoformat(told["ends_at"]) == replaced_at
    assert [line["number"] for line in body["installations"]] == [2, 1]
    assert [line["chain_intact"] for line in body["installations"]] == [True, True]
    for language, words in (("en", "evidence lost "), ("zh-Hans", "记录缺失 "), ("zh-Hant", "記錄缺失 ")):
        answer = await browser.post("/language", {"language": language})
        assert answer.status in (200, 204, 303), answer
        page = (await browser.get(f"/devices/{device_id}")).text
        assert words in page, language


async def test_a_revoked_device_leaves_a_span_that_ends_with_its_replacement(centre: WholeCentre) -> None:
    device_id = await device_of(centre)
    node = await joined(centre, device_id, 7)
    await node.talk(60)
    centre.clock.advance(hours=5)
    await centre.running.write(service.revoke, device_id, centre.clock.now())
    (span,) = await gaps(centre, device_id)
    assert span.ends_at is None
    browser = await centre.running.as_role("administrator")
    assert "not replaced yet" in (await browser.get(f"/devices/{device_id}")).text
    centre.clock.advance(hours=1)
    await joined(centre, device_id, 8)
    (ended,) = await gaps(centre, device_id)
    assert (ended.begins_at, ended.ends_at) == (span.begins_at, centre.clock.now())


async def test_nothing_is_lost_before_a_device_has_ever_been_replaced(centre: WholeCentre) -> None:
    device_id = await device_of(centre)
    node = await joined(centre, device_id, 7)
    centre.clock.advance(days=30)
    await node.talk(60)
    assert await gaps(centre, device_id) == []


def test_what_lies_in_a_lost_span_is_not_judged() -> None:
    at = datetime.fromisoformat("2026-07-01T00:00:00+00:00")
    hours = [at + timedelta(hours=n) for n in range(6)]
    closed, still = Lost(1, 1, hours[1], hours[3]), Lost(1, 2, hours[1], None)
    assert touches([closed], hours[2], hours[4])
    assert not touches([closed], hours[0], hours[1]), "the end is not part of what is asked for"
    assert not touches([closed], hours[3], hours[4]), "nor of the span"
    assert touches([still], hours[4], hours[5])
    assert not touches([], hours[0], hours[5])


async def test_the_old_identity_is_refused_with_an_alarm_and_an_audit_row(centre: WholeCentre) -> None:
    """Planted break: leave out the call of ``suspicion.closed_identity``."""
    device_id = await device_of(centre)
    old = await joined(centre, device_id, 7)
    await old.talk(10)
    await joined(centre, device_id, 8)

    def alarms() -> list[tuple[str, str]]:
        return [(row.kind, row.detail) for row in AlarmState.select() if row.kind != "device_offline"]

    def audited() -> int:
        return AuditEntry.select().where(AuditEntry.action == "nodes.closed_identity").count()

    assert await centre.running.read(alarms) == []
    record(old)
    for _ in range(3):
        await old.talk(60)
    assert await centre.running.read(alarms) == [("closed_identity", "1")], "once, however often it comes"
    assert await centre.running.read(audited) == 1
    assert await centre.running.read(lambda: [row.why for row in QuarantinedFact.select()]) == ["closed"]
    assert await centre.running.read(lambda: StoredFact.select().count()) == 0
    centre.clock.advance(days=1)
    await old.talk(10)
    assert await centre.running.read(audited) == 2
