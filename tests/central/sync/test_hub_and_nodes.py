"""Enrolment, delivery and ingest over a real database: the node's half of the engines against the hub."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from central.access.door_lines import door_lines
from central.access.model import AccessEvent, CardLevel, LevelEntry
from central.backup_record import Backup
from central.cards.model import Card, CardIssue
from central.cards.rules import Disable, Holding
from central.sites.model import Site as SiteRow
from central.sites.scope import Grant, Scope
from central.sync import ingest, publish, status
from central.sync.model import DeviceStatus, Enrolment, PublishedRow, QuarantinedFact, StoredFact
from central.sync.storage import rows_of_scope
from protocol.decide import Instant, PointState, Presentation, decide
from protocol.facts import AccessFact, encode_body
from protocol.ids import Stream, uid_key
from protocol.messages import Enrolled, RefusalCode, Refused
from protocol.reasons import Reason
from protocol.records import Kind, Revisions
from protocol.uplink import Purge
from tests.central.sync.conftest import Node, Site
from tests.support.estate import NOON, card_row

UID = bytes.fromhex("04A1B2C3D4E5F6")
NOW = Instant(int(NOON.timestamp() * 1_000))


def give_card(site: Site, uid: bytes = UID) -> int:
    def make() -> int:
        card = card_row(
            site=site.estate.site,
            organisation=site.estate.organisation,
            card_no=uid.hex(),
            uid=uid,
            issue_no=1,
            person=site.estate.person,
            holding=Holding.IN_USE.value,
            created_at=NOON,
            changed_at=NOON,
        )
        CardIssue.create(
            card=card.id, issue_no=1, person=site.estate.person, issued_at=datetime(2020, 1, 1, tzinfo=UTC)
        )
        CardLevel.create(card=card.id, level=site.estate.level)
        publish.card_changed(card.id)
        return card.id

    return site.estate.write(make)


def judged(node: Node, site: Site, uid: bytes = UID) -> Reason:
    view = node.store.view
    point = view.access_points[site.estate.entrance]
    return decide(Presentation(uid), view, point, PointState(), NOW).reason


async def enrolled(site: Site, name: str = "east-gate", key_number: int = 9) -> Node:
    node = Node(site, name, key_number)
    device = site.estate.gate_device if name == "east-gate" else site.estate.desk_device
    assert isinstance(await node.join(site.ticket(device, key_number)), Enrolled)
    return node


async def test_a_card_opens_once_the_rows_have_arrived_and_no_longer_once_it_is_lost(site: Site) -> None:
    card_id = give_card(site)
    node = await enrolled(site)
    await node.talk()
    assert judged(node, site) is Reason.GRANTED
    assert judged(node, site, bytes.fromhex("04000000000001")) is Reason.UNKNOWN_CARD

    def lose() -> None:
        card = Card.get_by_id(card_id)
        card.reasons = [Disable.LOST.value]
        card.dead_since = NOON
        card.save()
        publish.card_changed(card_id)

    site.estate.write(lose)
    delivery = {
        entry.device_id: entry
        for entry in site.estate.read(status.delivery_of_card, [uid_key(UID)], site.estate.site)
    }
    assert not delivery[site.estate.gate_device].acknowledged
    await node.talk()
    assert judged(node, site) is Reason.CARD_LOST
    delivery = {
        entry.device_id: entry
        for entry in site.estate.read(status.delivery_of_card, [uid_key(UID)], site.estate.site)
    }
    assert delivery[site.estate.gate_device].acknowledged
    assert not delivery[site.estate.desk_device].acknowledged, "the desk has not been heard at all"


async def test_the_rows_at_the_device_are_those_of_its_scope(site: Site) -> None:
    give_card(site)
    node = await enrolled(site)
    await node.talk()
    for stream in Stream:
        held = {(kind, key): body for (at, kind, key), body in node.store.disk.items() if at is stream}
        rows = site.estate.read(lambda stream=stream: list(rows_of_scope("east-gate", stream)))
        assert held == {(row.kind, row.key): row.body for row in rows}
    assert all(kind != Kind.CARD for _, kind, _ in node.store.disk) is False


async def test_a_device_without_a_right_to_a_card_does_not_hold_it(site: Site) -> None:
    give_card(site)
    desk = await enrolled(site, "desk")
    await desk.talk()
    assert not [key for _, kind, key in desk.store.disk if kind == Kind.CARD]
    assert desk.store.view.revisions.access > 0


async def test_a_level_that_loses_its_door_takes_the_cards_away(site: Site) -> None:
    give_card(site)
    node = await enrolled(site)
    await node.talk()

    def withdraw() -> None:
        LevelEntry.delete().where(LevelEntry.level == site.estate.level).execute()
        publish.level_changed(site.estate.level)

    site.estate.write(withdraw)
    await node.talk()
    assert judged(node, site) is not Reason.GRANTED


async def test_a_shrunk_right_is_refused_before_the_access_stream_has_arrived(site: Site) -> None:
    card_id = give_card(site)
    node = await enrolled(site)
    await node.talk()
    before = node.store.view

    def shrink() -> None:
        CardLevel.delete().where(CardLevel.card == card_id).execute()
        CardLevel.create(card=card_id, level=site.estate.office_level)
        publish.card_changed(card_id)

    site.estate.write(shrink)
    rows = site.estate.read(lambda: list(rows_of_scope("east-gate", Stream.RESTRICTIONS)))
    after = before.apply(rows, before.revisions.with_(Stream.RESTRICTIONS, 99))
    point = after.access_points[site.estate.entrance]
    decision = decide(Presentation(UID), after, point, PointState(), NOW)
    assert decision.reason is Reason.RIGHTS_CHANGING
    await node.talk()
    assert judged(node, site) is Reason.GRANTED, "the office level opens at noon"


async def test_nothing_is_published_twice(site: Site) -> None:
    give_card(site)
    heads = site.estate.read(lambda: {row.id: row.revision for row in PublishedRow.select()})
    site.estate.write(publish.everything_changed, site.estate.site)
    assert site.estate.read(lambda: {row.id: row.revision for row in PublishedRow.select()}) == heads


def access_fact(site: Site, reason: Reason) -> tuple[int, bytes]:
    kind, body = encode_body(AccessFact(site.estate.entrance, reason, Revisions(1, 1, 1, 0)))
    return int(kind), body


async def test_facts_arrive_once_whatever_is_repeated_and_a_rebuild_gives_the_same(site: Site) -> None:
    give_card(site)
    node = await enrolled(site)
    for reason in (Reason.GRANTED, Reason.UNKNOWN_CARD, Reason.CARD_LOST):
        kind, body = access_fact(site, reason)
        node.outbox.add(kind, body, uid_key(UID), at_ms=5_000)
    await node.talk()
    await node.talk()
    read = site.estate.read
    assert read(lambda: StoredFact.select().count()) == 3
    events = read(lambda: [(e.seq, e.reason, e.person_id, e.granted) for e in AccessEvent.select()])
    assert [seq for seq, *_ in events] == [1, 2, 3]
    assert events[0][2] == site.estate.person
    assert node.peer is not None
    assert node.peer.uplink.unsent_count == 0
    assert read(lambda: Enrolment.get().received_through) == 3
    site.estate.write(ingest.rebuild)
    assert read(lambda: [(e.seq, e.reason, e.person_id, e.granted) for e in AccessEvent.select()]) == events


async def test_the_same_key_gets_the_same_answer_and_another_is_refused(site: Site) -> None:
    ticket = site.ticket(site.estate.gate_device)
    node = Node(site, "east-gate")
    first, again = await node.join(ticket), await node.join(ticket)
    assert isinstance(first, Enrolled)
    assert isinstance(again, Enrolled)
    assert (first.node_epoch, first.centre_key) == (again.node_epoch, again.centre_key)
    thief = await Node(site, "east-gate", 8).join(ticket)
    assert isinstance(thief, Refused)
    assert thief.code is RefusalCode.TICKET_USED


async def test_an_old_ticket_and_an_unknown_one_are_refused(site: Site) -> None:
    ticket = site.ticket(site.estate.gate_device)
    site.clock.advance(days=15)
    late = await Node(site, "east-gate").join(ticket)
    assert isinstance(late, Refused)
    assert late.code is RefusalCode.TICKET_EXPIRED
    stranger = await Node(site, "east-gate").join(("nobody", bytes(32)))
    assert isinstance(stranger, Refused)
    assert stranger.code is RefusalCode.TICKET_UNKNOWN


async def test_a_replaced_device_speaks_into_quarantine(site: Site) -> None:
    old = await enrolled(site)
    kind, body = access_fact(site, Reason.UNKNOWN_CARD)
    old.outbox.add(kind, body)
    await old.talk()
    new = await enrolled(site, key_number=7)
    await new.talk()
    old.outbox.add(kind, body)
    old.peer.poll_now(old.now_ms)
    await old.talk()
    read = site.estate.read
    assert read(lambda: StoredFact.select().count()) == 1, "what came before the replacement stays"
    assert read(lambda: [row.why for row in QuarantinedFact.select()]) == ["closed"]
    assert read(lambda: sorted(e.node_epoch for e in Enrolment.select())) == [1, 2]


async def test_a_device_that_falls_silent_is_offline(site: Site) -> None:
    node = await enrolled(site)
    await node.talk(10)
    assert site.estate.read(lambda: DeviceStatus.get_by_id(site.estate.gate_device).online)
    site.clock.advance(s=200)
    await site.hub.look_for_silence()
    gone = site.estate.read(lambda: DeviceStatus.get_by_id(site.estate.gate_device))
    assert not gone.online
    assert gone.changed_at == site.clock.now()


async def test_on_a_live_connection_each_poll_says_how_far_everything_is_here(site: Site) -> None:
    """A visit is missed only behind that mark (B9), and alarms wait for it.

    Planted break: let a ping, which says nothing of records, take the turn of the poll after it.
    """
    node = await enrolled(site)
    await site.announced()
    node.peer.connected(node.now_ms, live=True)
    for _ping in range(60):
        await node.exchange(wake=lambda: None)
        site.clock.advance(s=5)
        through_ms = site.estate.read(lambda: Enrolment.get().uploaded_through_ms)
        assert site.clock.now_ms() - through_ms <= 45_000


@pytest.mark.parametrize("frame", [b"", b"\x01", bytes(64), b"\xff" * 200])
async def test_garbage_is_refused_and_counted(site: Site, frame: bytes) -> None:
    answers, link = await site.hub.packet([frame])
    assert link is None
    assert len(answers) == 1
    assert sum(site.hub.counts.values()) == 1


async def test_what_a_device_says_of_itself_is_kept_by_name(site: Site) -> None:
    """Planted break: store the message as it is on the wire, a list."""
    node = await enrolled(site)
    await node.talk()
    health = site.estate.read(lambda: DeviceStatus.get_by_id(site.estate.gate_device).health)
    assert health["storage_usable"] is True
    assert health["readers"] == []


async def test_a_device_is_told_how_much_of_its_facts_a_backup_holds(site: Site) -> None:
    """Planted break: leave out ``peer.backed_up`` when a session opens."""
    node = await enrolled(site)
    for _ in range(3):
        node.outbox.add(*access_fact(site, Reason.UNKNOWN_CARD))
    await node.talk()

    def back_up() -> None:
        marks = {"received": {str(Enrolment.get().id): 2}}
        Backup.create(begun_at=NOON, finished_at=NOON, file_name="a", marks=marks)

    site.estate.write(back_up)
    await node.talk()
    assert [effect.through for effect in node.answers if isinstance(effect, Purge)] == [2]


async def test_a_new_device_in_an_old_place_has_acknowledged_nothing(site: Site) -> None:
    """Planted break: keep the status of the former storage."""
    give_card(site)
    await (await enrolled(site)).talk()
    await enrolled(site, key_number=7)
    (gate, *_) = site.estate.read(status.delivery_of_card, [uid_key(UID)], site.estate.site)
    assert (gate.acknowledged, gate.online, gate.acknowledged_at) == (False, False, None)


async def test_a_card_that_moves_to_another_estate_is_withdrawn_from_the_first(site: Site) -> None:
    """Planted break: look for the former rows by their key alone."""
    card_id = give_card(site)

    def move() -> list[str]:
        other = SiteRow.create(name="第二花园", zone="Asia/Shanghai", created_at=NOON)
        Card.update(site=other.id).where(Card.id == card_id).execute()
        publish.card_changed(card_id)
        return [row.space for row in PublishedRow.select().where(PublishedRow.kind == Kind.CARD) if row.body]

    assert f"site:{site.estate.site}" not in site.estate.write(move)


# -- locks ----------------------------------------------------------------------------------------------------------


async def test_the_lock_of_a_door_is_known_while_its_device_is_online_and_last_known_afterwards(
    site: Site,
) -> None:
    def gate() -> tuple[str, datetime | None, str]:
        line = site.estate.read(door_lines, Scope.of([Grant()]), site.estate.gate)[0]
        return line.relay, line.relay_since, line.last_relay

    node = await enrolled(site)
    assert gate() == ("unknown", None, "")
    node.status.locks = ((1, False, 60_000),)
    await node.talk(5)
    told_at = site.clock.now() - timedelta(seconds=5)
    assert gate() == ("secured", told_at - timedelta(minutes=1), "")
    node.status.locks = ((1, True, 2_000),)
    await node.talk(5)
    assert gate()[0] == "released"
    site.clock.advance(s=1_000)
    await site.hub.look_for_silence()
    assert gate() == ("unknown", None, "released")
    node.status.locks = ()
    await node.talk(5)
    assert gate() == ("unknown", None, ""), "online again, and it says nothing of a lock: its board has none"


async def test_a_relay_that_moved_is_announced_to_the_open_pages(site: Site) -> None:
    node = await enrolled(site)
    await node.talk(5)
    announced = asyncio.Queue()
    site.db.subscribe(status.LOCKS, announced.put_nowait)
    node.status.locks = ((1, True, 0),)
    await node.talk(5)
    async with asyncio.timeout(10):
        assert await announced.get() == {"site": site.estate.site, "device": site.estate.gate_device}
