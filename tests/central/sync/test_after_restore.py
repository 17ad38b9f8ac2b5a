"""After a restore: the union of hotlists stands until an operator decides, whatever else is published meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from central.cards.model import Card, CardIssue
from central.cards.rules import Disable, Holding
from central.health import Level
from central.nodes.service import DeviceInput, create
from central.sync import publish, reported, storage
from central.sync.model import ReportedRestriction
from protocol.ids import CardKey, uid_key
from protocol.reasons import Reason
from protocol.records import Change, Kind, RestrictionRow, put
from tests.support.centre import RunningCentre
from tests.support.estate import card_row
from tests.support.hub_node import Node, WholeCentre

KNOWN, UNKNOWN = bytes.fromhex("04A1B2C3D4E5F6"), bytes.fromhex("04A1B2C3D4E5F7")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def dead(uid: bytes, reason: Reason = Reason.CARD_LOST, issue_no: int = 1) -> Change:
    return put(CardKey(uid_key(uid)), RestrictionRow(reason, issue_no, int(AT.timestamp())))


class Restored(WholeCentre):
    """A centre with one device and one card in use, restored from before both cards below were lost."""

    device = card = 0

    async def make(self) -> None:
        given = DeviceInput(site=1, organisation=1, name="east-gate", number=1, label="East gate")
        self.device = (await self.running.write(create, given, self.clock.now())).id
        self.card = await self.running.write(self._card)

    def _card(self) -> int:
        card = card_row(
            site=1,
            organisation=1,
            card_no="0001",
            uid=KNOWN,
            issue_no=1,
            holding=Holding.IN_USE.value,
            holder_unit="Reception",
            created_at=AT,
            changed_at=AT,
        )
        CardIssue.create(card=card.id, issue_no=1, issued_at=AT)
        publish.card_changed(card.id)
        return card.id

    async def report(self, *changes: Change) -> int:
        return await self.running.write(reported.keep, self.device, changes, self.clock.now())

    async def dead_uids(self) -> set[bytes]:
        def read() -> set[bytes]:
            return {uid for uid in (KNOWN, UNKNOWN) if publish.published_restriction(1, uid_key(uid))}

        return await self.running.read(read)


@pytest.fixture
async def centre(running_centre: RunningCentre) -> Restored:
    made = Restored(running_centre)
    await made.make()
    return made


async def test_reported_cards_stay_dead_whatever_is_published(centre: Restored) -> None:
    """Planted break: leave ``_union`` out of ``_publish_card``: the next edit of the card would bring it back to life."""
    assert await centre.report(dead(KNOWN), dead(UNKNOWN)) == 2
    assert await centre.report(dead(KNOWN), dead(UNKNOWN)) == 0, "another device says the same"
    assert await centre.dead_uids() == {KNOWN, UNKNOWN}
    await centre.running.write(publish.card_changed, centre.card)
    await centre.running.write(publish.everything_changed, 1)
    assert await centre.dead_uids() == {KNOWN, UNKNOWN}


async def test_the_operator_decides_on_the_page(centre: Restored) -> None:
    """Kept: the card itself says so from now on. Lifted: it lives, also when another device reports it later."""
    await centre.report(dead(KNOWN), dead(UNKNOWN))
    health = centre.running.centre.health
    await health.look()
    assert health.findings["reported"].level is Level.DEGRADED
    browser = await centre.running.as_role("administrator")
    page = (await browser.get("/devices/reported")).text
    assert "0001" in page
    assert "unknown card" in page
    rows = await centre.running.read(lambda: {bytes(row.key): row.id for row in ReportedRestriction.select()})
    await browser.post("/step-up", {"password": "correct horse battery"})
    kept = await browser.post(f"/devices/reported/{rows[uid_key(KNOWN)]}/keep")
    assert kept.status == 303, kept
    assert kept.location == "/devices/reported", kept
    assert await centre.dead_uids() == {KNOWN, UNKNOWN}
    reasons = await centre.running.read(lambda: Card.get_by_id(centre.card).reasons)
    assert reasons == [Disable.LOST.value], "its own page says it"
    lifted = await browser.post(f"/devices/reported/{rows[uid_key(UNKNOWN)]}/lift")
    assert lifted.status == 303, lifted
    assert await centre.dead_uids() == {KNOWN}
    assert await centre.report(dead(UNKNOWN)) == 0
    assert await centre.dead_uids() == {KNOWN}, "decided is decided"
    await health.look()
    assert health.findings["reported"].level is Level.RUNNING
    assert "Nothing waits" in (await browser.get("/devices/reported")).text


async def test_an_unknown_card_can_be_kept_dead_for_good(centre: Restored) -> None:
    await centre.report(dead(UNKNOWN, Reason.CARD_CANCELLED))
    browser = await centre.running.as_role("administrator")
    await browser.post("/step-up", {"password": "correct horse battery"})
    (row,) = await centre.running.read(lambda: [row.id for row in ReportedRestriction.select()])
    await browser.post(f"/devices/reported/{row}/keep")
    await centre.running.write(publish.everything_changed, 1)
    assert await centre.dead_uids() == {UNKNOWN}
    assert "Nothing waits" in (await browser.get("/devices/reported")).text


async def test_who_may_not_change_cards_decides_nothing(centre: Restored) -> None:
    await centre.report(dead(KNOWN))
    browser = await centre.running.as_role("guard", site=1)
    answer = await browser.post("/devices/reported/1/lift")
    assert answer.status == 403, answer
    assert await centre.dead_uids() == {KNOWN}


async def test_a_device_tells_its_hotlist_before_it_takes_the_new_one(centre: Restored) -> None:
    """The device that knew of the loss never grants in between: its report arrives before the rows that replace it."""
    node = Node(centre, "east-gate")
    await node.join(await centre.ticket(centre.device))
    await node.talk(10)

    def lose() -> None:
        card = Card.get_by_id(centre.card)
        card.reasons, card.dead_since = [Disable.LOST.value], AT
        card.save()
        publish.card_changed(card.id)

    def forget() -> None:
        card = Card.get_by_id(centre.card)
        card.reasons, card.dead_since = [], None
        card.save()
        publish.card_changed(card.id)
        storage.raise_config_epoch(centre.clock.now())

    await centre.running.write(lose)
    await node.talk(10)
    assert uid_key(KNOWN) in {key for _, _, key in node.store.disk}
    await centre.running.write(forget)  # as a restore from before the loss does, in one step
    await centre.hub._refresh()
    await node.talk(30)
    assert await centre.dead_uids() == {KNOWN}
    assert node.store.view.revisions.config_epoch > 1
    assert uid_key(KNOWN) in {key for _, kind, key in node.store.disk if kind == Kind.RESTRICTION}


async def test_each_restore_has_a_config_epoch_of_its_own(running_centre: RunningCentre) -> None:
    """Planted break: one more than the last: a backup restored twice gives two configurations one epoch, and devices that
    knew the first would refuse the second as old."""
    epochs = []
    for _ in range(2):
        epochs.append(await running_centre.write(_raised_and_taken_back, running_centre.clock.now()))
        running_centre.clock.advance(s=timedelta(hours=1).total_seconds())
    assert epochs[0] < epochs[1] < 2**32


def _raised_and_taken_back(now: datetime) -> int:
    before = storage.read_heads().config_epoch
    epoch = storage.raise_config_epoch(now)
    storage.Head.update(revision=before).where(storage.Head.stream == storage.CONFIG_EPOCH).execute()
    return epoch
