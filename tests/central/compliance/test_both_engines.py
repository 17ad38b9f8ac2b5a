"""What is added up and what waits to be sent, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from peewee import fn

from central.compliance import readings
from central.compliance.lines import Kind, Period, lines_of
from central.compliance.model import FigureDay
from central.sites.model import Site
from central.sites.scope import HEAD_OFFICE
from central.webhooks import outbox, stream
from central.webhooks.model import Delivery, Webhook
from protocol.figures import Figure, step_of
from tests.support.estate import NOON, Estate


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


def test_a_cursor_from_before_a_restore_goes_on_where_the_backup_ended(estate: Estate) -> None:
    before = estate.read(stream.head)
    estate.write(stream.restored, NOON)
    ahead = stream.Cursor(before.epoch, before.fact + 500)  # what the backup had not seen
    part = estate.read(stream.part, ahead, HEAD_OFFICE, stream.KIND_TEXT, 10)
    assert part.is_restored
    assert (part.next.fact, part.next.epoch) == (before.fact, int(NOON.timestamp() * 1_000))
    assert not estate.read(stream.part, part.next, HEAD_OFFICE, stream.KIND_TEXT, 10).is_restored
