"""Write orders at the centre: made with what one card needs, ended by the device's word, followed by one act (42)."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.access import projection
from central.audit import AuditEntry
from central.cards import write_facts
from central.cards.keys_in_force import begin
from central.cards.model import Card, CardAct, WriteOrder
from central.cards.write_desk import WRITE_DESK, WriteDesk
from central.cards.write_orders import COMMANDS_FROM, ENDED, message_of, next_seq
from central.cards.write_rules import OPEN, OrderState, after
from central.people.model import Person
from protocol.card_layout.card_keys import read_card_keys
from protocol.card_layout.credential import verify
from protocol.facts import CommandFact, CommandResult, Content, InspectionFact, WriteFact, WriteResult
from protocol.ids import uid_key
from protocol.messages import CancelWrite, WriteCard
from protocol.sealed_keys import open_card_keys
from protocol.unit_box import box_secret_of
from tests.support.centre import RunningCentre
from tests.support.estate_pages import Estate

UID = bytes.fromhex("04A1B2C3D4E5F6")
UNIT_SEED = bytes(range(32))
UNIT_KEY = Ed25519PrivateKey.from_private_bytes(UNIT_SEED).public_key().public_bytes_raw()


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


class Clerk:
    """Orders through the pages; the device's words are handed in as facts."""

    def __init__(self, estate: Estate) -> None:
        self.estate, self.running = estate, estate.running

    async def lay(
        self, uid: bytes = UID, content: Content = Content.BLANK, medium: int = 1, **more: Any
    ) -> None:
        body = InspectionFact(self.estate.desk, medium, content, 8, **more)
        await self._facts(self.estate.fact(body, device=self.estate.desk_device, personal=uid_key(uid)))

    async def order(self, uid: bytes = UID, card_no: str = "00000007") -> Any:
        browser = await self.running.as_role("card_centre")
        given = {"uid": uid.hex(), "card_no": card_no, "person": str(self.estate.person), "card_class": ""}
        given |= {"levels": str(self.estate.level), "reader": str(self.estate.desk)}
        return await browser.post("/cards/issue", given)

    async def says(self, result: WriteResult, seq: int = 1) -> None:
        number = COMMANDS_FROM + (await self.newest()).id
        body = WriteFact(number, self.estate.desk, result, seq)
        await self._facts(self.estate.fact(body, device=self.estate.desk_device, personal=uid_key(UID)))

    async def _facts(self, *facts: Any) -> None:
        def write() -> None:
            projection.apply(self.estate.desk_device, facts)
            write_facts.apply(self.estate.desk_device, facts)

        await self.running.write(write)

    async def newest(self) -> WriteOrder:
        return await self.running.read(lambda: WriteOrder.select().order_by(WriteOrder.id.desc()).get())

    @property
    def desk(self) -> WriteDesk:
        return self.running.server.apps.nodes[WRITE_DESK]

    async def counts(self) -> tuple[int, int]:
        """Acts of issue, and audit rows of them."""
        return await self.running.read(
            lambda: (
                CardAct.select().where(CardAct.act == "issue").count(),
                AuditEntry.select().where(AuditEntry.action == "cards.issue").count(),
            )
        )


@pytest.fixture
def clerk(estate: Estate) -> Clerk:
    return Clerk(estate)


@pytest.mark.parametrize("state", OrderState)
def test_an_order_that_ended_is_not_ended_again(state: OrderState) -> None:
    for result in WriteResult:
        changed = after(state, result, 1)
        assert changed is state or (state in OPEN and state is not OrderState.WRITTEN)


def test_a_card_that_is_ahead_gets_its_order_anew_but_not_for_ever() -> None:
    assert after(OrderState.WAITING, WriteResult.CARD_AHEAD, 1) is OrderState.QUEUED
    assert after(OrderState.WAITING, WriteResult.CARD_AHEAD, 3) is OrderState.REFUSED
    assert after(OrderState.CANCELLING, WriteResult.CARD_AHEAD, 1) is OrderState.CANCELLED


async def test_the_act_follows_the_fact_and_happens_once(clerk: Clerk) -> None:
    """Planted breaks: ``_answered`` settling DONE by itself; ``_commit`` not looking at the state."""
    await clerk.lay()
    answer = await clerk.order()
    assert answer.headers["Location"] == "/cards/orders/1"
    assert await clerk.counts() == (0, 0)
    await clerk.says(WriteResult.LEFT)
    await clerk.says(WriteResult.WRITTEN)
    order = await clerk.newest()
    await clerk.desk.commit(order.id)
    await clerk.desk.commit(order.id)
    await clerk.says(WriteResult.WRITTEN)
    assert await clerk.counts() == (1, 1)
    card = await clerk.running.read(lambda: Card.get(Card.uid == UID))
    assert (await clerk.newest()).state == OrderState.DONE.value
    assert bytes(card.credential_id) == bytes(order.credential_id)
    row = await clerk.running.read(lambda: AuditEntry.get(AuditEntry.action == "cards.issue"))
    assert row.actor_id == order.operator_id


async def test_what_the_device_gets_is_for_this_card_and_no_master(clerk: Clerk) -> None:
    await clerk.lay()
    await clerk.order()
    folder = clerk.running.centre.keys.folder

    def read() -> tuple[WriteCard, Any]:
        order = WriteOrder.get()
        assert order.device.name
        message = message_of(order, folder, bytes(16), clerk.running.clock.now(), UNIT_KEY)
        assert isinstance(message, WriteCard)
        return message, begin(folder, clerk.running.clock.now())

    message, (master, state) = await clerk.running.write(read)
    keys = read_card_keys(open_card_keys(message.keys, UID, box_secret_of(UNIT_SEED)))
    assert verify(message.slot, message.medium, UID, dict(keys.public)) is not None
    assert verify(message.slot, message.medium, bytes(7), dict(keys.public)) is None
    held = {key for place in keys.places for key in place.keys}
    assert held
    assert not any(key in message.keys for key in held), "whoever carries the order reads no key of the card"
    secrets = [master.read_key(0, 1), master.issuer_key(1), master.signing_key(0).private_bytes_raw()]
    assert not any(secret.startswith(key) for secret in secrets for key in held)
    assert state.fingerprint == master.fingerprint


async def test_one_order_for_a_card_and_one_for_a_reader(clerk: Clerk) -> None:
    other = bytes.fromhex("04A1B2C3D4E5F7")
    await clerk.lay()
    await clerk.lay(other)
    await clerk.order()
    assert "still waits for another card" in (await clerk.order(other, "00000008")).text
    assert "being written already" in (await clerk.order()).text


async def test_what_stands_in_the_way_is_said_before_the_card_is_written(clerk: Clerk) -> None:
    """Planted break: leave ``_rehearse`` out."""
    await clerk.lay()
    await clerk.running.write(
        lambda: Person.update(active=False).where(Person.id == clerk.estate.person).execute()
    )
    answer = await clerk.order()
    assert (answer.status, "has left" in answer.text) == (422, True)
    assert await clerk.running.read(WriteOrder.select().count) == 0


async def test_a_card_that_turns_out_impossible_to_issue_fails_and_is_no_act(clerk: Clerk) -> None:
    await clerk.lay()
    await clerk.order()
    await clerk.running.write(
        lambda: Person.update(active=False).where(Person.id == clerk.estate.person).execute()
    )
    await clerk.says(WriteResult.WRITTEN)
    await clerk.desk.commit(1)
    order = await clerk.newest()
    assert (order.state, "has left" in order.trouble) == (OrderState.FAILED.value, True)
    assert await clerk.counts() == (0, 0)


async def test_cancelling_ends_at_once_what_no_device_got_and_else_waits_for_its_word(clerk: Clerk) -> None:
    """Planted break: ``cancel`` settling CANCELLED whatever the device may have got."""
    await clerk.lay()
    await clerk.order()
    browser = await clerk.running.as_role("card_centre")
    await browser.post("/cards/orders/1/cancel")
    assert (await clerk.newest()).state == OrderState.CANCELLED.value
    await clerk.order()
    await clerk.running.write(
        lambda: WriteOrder.update(state=OrderState.WAITING.value).where(WriteOrder.id == 2).execute()
    )
    await browser.post("/cards/orders/2/cancel")
    order = await clerk.newest()
    assert order.state == OrderState.CANCELLING.value
    message = await clerk.running.write(
        lambda: message_of(
            WriteOrder.get_by_id(2),
            clerk.running.centre.keys.folder,
            bytes(16),
            clerk.running.clock.now(),
            UNIT_KEY,
        )
    )
    assert isinstance(message, CancelWrite)
    await clerk.says(WriteResult.WRITTEN, 2)
    await clerk.desk.commit(2)
    assert await clerk.counts() == (1, 1), "it was written before: the act follows"


async def test_an_order_that_is_taken_up_after_its_end_is_taken_back(clerk: Clerk) -> None:
    """Sent again after a new connection, while the word that it is written was on its way: the device is told to forget it.

    Planted break that turns it red: ``write_facts._accepted`` without its look at the end of the order.
    """
    running, told = clerk.running, []
    running.centre.db.subscribe(ENDED, told.append)
    await clerk.lay()
    await clerk.order()
    order = await clerk.newest()

    async def accepts(command_id: int) -> None:
        body = CommandFact(command_id, 0, CommandResult.DONE)
        await clerk._facts(clerk.estate.fact(body, device=clerk.estate.desk_device))

    await accepts(COMMANDS_FROM + order.id)
    assert told == []
    await clerk.says(WriteResult.WRITTEN)
    await accepts(COMMANDS_FROM + order.id)
    assert told == [{"ids": [order.id]}]
    message = await running.read(clerk.desk._forgotten, order.id)
    assert isinstance(message, CancelWrite)
    assert message.order == COMMANDS_FROM + order.id
    await accepts(message.command_id)
    await clerk.says(WriteResult.CANCELLED)
    assert len(told) == 1, "what the device says of that is not answered"
    assert (await clerk.newest()).state == OrderState.DONE.value


async def test_a_card_ahead_of_a_restored_centre_is_ordered_behind_it(clerk: Clerk) -> None:
    await clerk.lay()
    await clerk.order()
    await clerk.says(WriteResult.CARD_AHEAD, 41)
    order = await clerk.newest()
    assert (order.state, order.seq) == (OrderState.QUEUED.value, 42)
    assert await clerk.running.read(next_seq, UID) == 43


@pytest.mark.parametrize(
    ("content", "medium", "more", "expected"),
    [
        (Content.NONE, 0, {}, "/cards/"),
        (Content.LOCKED, 1, {}, "/cards/"),
        (Content.UNREAD, 0, {}, "could not be read"),
        (Content.UNREAD, 0, {"copy": True}, "copy card"),
    ],
)
async def test_cards_without_room_are_issued_by_number_and_doubtful_ones_not_at_all(
    clerk: Clerk, content: Content, medium: int, more: dict[str, Any], expected: str
) -> None:
    await clerk.lay(content=content, medium=medium, **more)
    answer = await clerk.order()
    if answer.status == 303:
        assert answer.headers["Location"].startswith(expected)
        assert await clerk.running.read(WriteOrder.select().count) == 0
    else:
        assert expected in answer.text


async def test_the_list_of_orders_says_who_what_and_why_not(clerk: Clerk) -> None:
    """Planted breaks: leave ``trouble`` out of ``why``; take ``created_at`` instead of ``expires_at`` for what is stuck."""
    await clerk.lay()
    await clerk.order()
    browser = await clerk.running.as_role("card_centre")
    page = (await browser.get("/cards/orders?state=open&q=00000007")).text
    assert all(word in page for word in ("Issue a card", "00000007", "..E5F6", "card_centre-1", "发卡器"))
    assert "00000007" not in (await browser.get("/cards/orders?state=stuck")).text
    assert "Stuck write orders" not in (await browser.get("/cards/desk")).text

    clerk.running.clock.advance(minutes=3)
    assert "00000007" in (await browser.get("/cards/orders?state=stuck")).text
    desk = (await browser.get("/cards/desk")).text
    assert "Stuck write orders" in desk
    assert "/cards/orders/1/cancel" in desk
    assert (await browser.post("/cards/orders/1/cancel")).status == 303
    assert "Stuck write orders" not in (await browser.get("/cards/desk")).text
    assert "00000007" in (await browser.get("/cards/orders?state=cancelled")).text

    await clerk.lay()
    await clerk.order()
    await clerk.says(WriteResult.DAMAGED)
    refused = (await browser.get("/cards/orders?state=refused")).text
    assert "The card is damaged and must be swapped" in refused

    await clerk.lay()
    await clerk.order()
    order = await clerk.newest()
    await clerk.running.write(lambda: Person.update(active=False).execute())
    await clerk.says(WriteResult.WRITTEN, order.seq)
    await clerk.desk.commit(order.id)
    failed = (await browser.get("/cards/orders?state=failed&act=issue")).text
    assert "This person has left and cannot be given a card" in failed


async def test_orders_of_another_estate_are_not_listed(clerk: Clerk) -> None:
    """Planted break: leave the scope out of ``stuck_orders``."""
    await clerk.lay()
    await clerk.order()
    clerk.running.clock.advance(minutes=3)
    other = await clerk.running.as_role("card_centre", organisation=clerk.estate.other_organisation)
    for path in ("/cards/orders", "/cards/orders?state=stuck", "/cards/desk"):
        assert "00000007" not in (await other.get(path)).text
