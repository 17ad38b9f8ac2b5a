"""What is added up and what waits to be sent, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from peewee import fn

from central.access import alarms
from central.access.model import AlarmEvent, AlarmState
from central.compliance import readings
from central.compliance.lines import Kind, Period, lines_of
from central.compliance.model import FigureDay
from central.sites.model import Site
from central.sites.scope import HEAD_OFFICE
from central.sync import ingest
from central.webhooks import outbox, stream
from central.webhooks.model import Delivery, Webhook
from protocol.facts import (
    AccessFact,
    Alarm,
    AlarmFact,
    BootFact,
    DoorEvent,
    DoorFact,
)
from protocol.figures import Figure, step_of
from protocol.reasons import Reason
from protocol.records import Revisions
from tests.support.estate import NOON, Chain, Estate


@pytest.fixture
def estate(database_url: str, tmp_path: Path) -> Iterator[Estate]:
    made = Estate(tmp_path, database_url)
    yield made
    made.close()


def test_counts_grow_and_are_summed(estate: Estate) -> None:
    step = step_of(300)
    for count in (3, 5, 5):
        told = [(Figure.SWIPE.value, step, count)]
        estate.write(readings.take, estate.gate_device, 1, 1, told, NOON)
    estate.write(readings.take, estate.gate_device, 1, 2, [(Figure.SWIPE.value, step, 4)], NOON)
    assert estate.read(lambda: FigureDay.select(fn.SUM(FigureDay.count)).scalar()) == 9
    day = NOON.date()
    period = Period(day - timedelta(days=1), day + timedelta(days=1))
    lines = estate.read(lambda: lines_of(HEAD_OFFICE, Site.get(), period, NOON))
    assert next(line.count for line in lines if line.kind is Kind.SWIPE) == 9


def test_an_address_is_served_by_one_process_at_a_time_and_given_up_by_age(estate: Estate) -> None:
    def put() -> int:
        hook = Webhook.create(label="x", url="http://192.0.2.1/", kinds=["alarm.raised"], created_at=NOON)
        for number in range(3):
            Delivery.create(
                webhook=hook.id, event=str(number), kind="alarm.raised", body="{}", created_at=NOON
            )
        return int(hook.id)

    number = estate.write(put)
    assert estate.read(outbox.due, NOON) == [number]
    taken = estate.write(outbox.claim, number, NOON, 60)
    assert taken is not None
    ids = [row.id for row in taken[1]]
    assert len(ids) == 3
    assert estate.write(outbox.claim, number, NOON, 60) is None
    assert estate.read(outbox.due, NOON) == []
    after_lease = NOON + timedelta(seconds=outbox.LEASE_S)
    assert estate.read(outbox.due, after_lease) == [number]  # the process was killed
    estate.write(outbox.settled, number, ids, "HTTP 500", NOON, 5)
    assert estate.read(outbox.due, NOON + timedelta(seconds=4)) == []
    later = NOON + timedelta(seconds=61)
    taken = estate.write(outbox.claim, number, later, 60)
    assert taken is not None
    assert taken[1] == []
    states = estate.read(lambda: {row.state for row in Delivery.select()})
    assert states == {"given_up"}
    assert estate.write(outbox.again, number, later) == 3
    estate.write(outbox.settled, number, ids, "", later, 5)
    assert estate.read(lambda: {row.state for row in Delivery.select()}) == {"sent"}


def test_what_finds_no_room_at_an_address_is_counted(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted break that turns it red: ``outbox._put`` not writing ``dropped_count``, or without a limit."""
    monkeypatch.setattr(outbox, "WAITING_MAX", 2)

    def put() -> None:
        Webhook.create(label="x", url="http://192.0.2.1/", kinds=["alarm.raised"], created_at=NOON)

    estate.write(put)
    for minute in range(5):
        at = NOON + timedelta(minutes=minute)
        assert estate.write(alarms.raise_by_centre, estate.gate_device, "clock_jumped", at, now=at)
    waiting = estate.read(lambda: Delivery.select().where(Delivery.state == "waiting").count())
    hook = estate.read(Webhook.get)
    assert (waiting, hook.dropped_count, hook.dropped_at) == (2, 3, NOON + timedelta(minutes=4))


def test_a_cursor_from_before_a_restore_goes_on_where_the_backup_ended(estate: Estate) -> None:
    before = estate.read(stream.head)
    estate.write(stream.restored, NOON)
    ahead = stream.Cursor(before.epoch, before.fact + 500, before.own + 500)  # what the backup had not seen
    part = estate.read(stream.part, ahead, HEAD_OFFICE, stream.KIND_TEXT, 10)
    assert part.is_restored
    assert part.next == stream.Cursor(int(NOON.timestamp() * 1_000), before.fact, before.own)
    assert not estate.read(stream.part, part.next, HEAD_OFFICE, stream.KIND_TEXT, 10).is_restored


@pytest.mark.parametrize("at_once", [2, 3, 500])
def test_alarms_of_the_centre_stand_in_one_order_however_the_stream_is_read(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Planted breaks: ``after_fact`` always 0; ``_raised_by_centre`` always empty; an own event read beyond the facts of a full page; ``own`` of the cursor
    never moved; the device's notice of a dead card told beside the centre's.
    """

    def enter() -> int:
        hook = Webhook.create(label="x", url="http://192.0.2.1/", kinds=[*stream.KIND_TEXT], created_at=NOON)
        return int(hook.id)

    def offline(is_so: bool, minute: int) -> None:
        at = NOON + timedelta(minutes=minute)
        act = alarms.raise_by_centre if is_so else alarms.clear_by_centre
        estate.write(act, estate.desk_device, "device_offline", at)

    hook, chain = estate.write(enter), Chain(estate)
    lost = AccessFact(estate.entrance, Reason.CARD_LOST, Revisions(1, 3, 5, 0))
    notice = AlarmFact(Alarm.DEAD_CARD_USED, True, estate.entrance, "card_lost")
    offline(True, 0)
    chain.store(lost, notice, DoorFact(1, DoorEvent.OPENED), DoorFact(1, DoorEvent.CLOSED))
    offline(False, 1)
    offline(True, 2)
    chain.store(AlarmFact(Alarm.TAMPER, True), BootFact("b", "1", 0, True), DoorFact(1, DoorEvent.OPENED))
    offline(False, 3)
    for kind in ("tamper", "dead_card_used"):
        of_kind = estate.read(lambda kind=kind: AlarmState.get(AlarmState.kind == kind).id)
        estate.write(alarms.acknowledge, HEAD_OFFICE, of_kind, None, "王", "", NOON + timedelta(minutes=4))

    everything = estate.read(stream.part, stream.Cursor(0, 0, 0), HEAD_OFFICE, stream.KIND_TEXT, 500)
    names = [" ".join(filter(None, (event.kind, event.alarm))) for event in everything.events]
    assert names == [
        "alarm.raised device_offline",
        "access.denied",
        "door.opened",
        "door.closed",
        "alarm.raised dead_card_used",
        "alarm.cleared device_offline",
        "alarm.raised device_offline",
        "alarm.raised tamper",
        "door.opened",
        "alarm.cleared tamper",
        "alarm.cleared device_offline",
        "alarm.acknowledged tamper",
        "alarm.acknowledged dead_card_used",
    ]
    assert [event.of for event in everything.events[-2:]] == [
        everything.events[7].id,
        everything.events[4].id,
    ]
    dead = everything.events[4]
    assert (dead.door, dead.reader, dead.detail) == ("东门", "东门进", "card_lost")
    ids = [event.id for event in everything.events]
    assert len(set(ids)) == len(ids)
    queue = estate.read(
        lambda: [row.event for row in Delivery.select().where(Delivery.webhook == hook).order_by(Delivery.id)]
    )
    assert queue == ids

    monkeypatch.setattr(stream, "FACTS_AT_ONCE_MAX", at_once)
    for limit in (1, 2, 500):
        cursor, read, is_all = stream.Cursor(0, 0, 0), [], False
        while not is_all:
            part = estate.read(
                stream.part, stream.cursor_of(cursor.text()), HEAD_OFFICE, stream.KIND_TEXT, limit
            )
            assert part.next != cursor or part.is_all
            cursor, is_all = part.next, part.is_all
            read += [event.id for event in part.events]
        assert read == ids, limit
    assert cursor == estate.read(stream.head)

    estate.write(ingest.rebuild)
    assert estate.read(lambda: AlarmEvent.select().count()) == 8
