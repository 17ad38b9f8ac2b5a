"""``rebuild`` makes every projection again as it was (I4), on both engines: with late, estimated and set-aside facts among them."""

from __future__ import annotations

from typing import Any

from central import schema
from central.access.model import AccessEvent, AlarmState, DoorState
from central.cards.model import Showing
from central.sync import ingest
from central.sync.model import QuarantinedFact, StoredFact
from protocol.decide import Trust
from protocol.facts import (
    AccessFact,
    Alarm,
    AlarmFact,
    Body,
    BootFact,
    ClockFact,
    DoorEvent,
    DoorFact,
    ExitFact,
    Outcome,
    OutcomeFact,
    encode_body,
)
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Revisions
from tests.central.sync.conftest import Node, Site
from tests.central.sync.test_hub_and_nodes import UID, enrolled, give_card
from tests.support.estate import NOON

NOON_MS = int(NOON.timestamp() * 1_000)


def everything(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for numbers that mean nothing outside their table."""

    def read() -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for model in schema.models():
            if not model.table_exists():
                continue
            fields = [f for f in model._meta.sorted_fields if type(f).__name__ != "AutoField"]
            rows = [tuple(_plain(v) for v in row) for row in model.select(*fields).tuples()]
            found[model._meta.table_name] = sorted(rows, key=repr)
        return found

    return site.estate.read(read)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def add(node: Node, body: Body, personal: bytes = b"", **more: Any) -> int:
    kind, encoded = encode_body(body)
    node.outbox.add(int(kind), encoded, personal, **more)
    return node.outbox.last_seq


async def busy(site: Site) -> None:
    """Two installations of one device: sure facts, some from before the clock was set, a fork's other side, late ones."""
    give_card(site)
    old = await enrolled(site)
    point = site.estate.entrance
    revisions = Revisions(1, 3, 5, 0)
    add(old, BootFact("boot", "1.0", 0, False))
    for reason in (Reason.GRANTED, Reason.CARD_LOST, Reason.UNKNOWN_CARD):
        seq = add(old, AccessFact(point, reason, revisions, release_ms=3_000), uid_key(UID), at_ms=1_000)
        if reason is Reason.GRANTED:
            add(old, OutcomeFact(seq, Outcome.RELEASED), at_ms=1_500)
            add(old, OutcomeFact(seq, Outcome.ENTERED), at_ms=1_900)
    add(old, DoorFact(1, DoorEvent.OPENED), at_ms=2_000)
    add(old, AlarmFact(Alarm.HELD_OPEN, True, 1), at_ms=9_000)
    await old.talk(10)
    add(old, DoorFact(1, DoorEvent.CLOSED), at_ms=12_000)
    add(old, AlarmFact(Alarm.HELD_OPEN, False, 1), at_ms=12_000)
    add(old, ExitFact(1, 3_000), at_ms=13_000)
    await old.talk(10)

    new = await enrolled(site, key_number=7)
    for at_ms in (1_000, 2_000):
        add(new, AccessFact(point, Reason.GRANTED, revisions), uid_key(UID), at_ms=at_ms, clock=Trust.NONE)
    await new.talk(10)  # late: their time is estimated until the clock is set
    estimated = site.estate.read(lambda: StoredFact.select().where(StoredFact.estimated).count())
    assert estimated == 2
    add(new, ClockFact("sync", NOON_MS, 5_000, 0, 100), at_ms=5_000)
    add(new, AlarmFact(Alarm.TAMPER, True), at_ms=6_000)
    await new.talk(10)
    add(old, AccessFact(point, Reason.GRANTED, revisions), uid_key(UID))
    old.peer.poll_now(old.now_ms)
    await old.talk(60)  # the replaced device: set aside


async def test_a_rebuild_gives_every_table_as_it_was(site: Site) -> None:
    """Planted breaks: replay without the corrected time; let ``rebuild`` announce or write anything outside the projections."""
    await busy(site)
    before = everything(site)
    for model in (AccessEvent, AlarmState, DoorState, Showing, QuarantinedFact):
        assert before[model._meta.table_name], model
    count = site.estate.write(ingest.rebuild)
    assert count == len(before["stored_fact"])
    after = everything(site)
    assert {name for name in before if before[name] != after[name]} == set()
    site.estate.write(ingest.rebuild)
    assert everything(site) == before, "however often"
