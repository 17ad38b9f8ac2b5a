"""Spare SD cards at the hub: who waits, who becomes which device, who is refused, and what a repeat gets."""

from __future__ import annotations

import pytest

from central.access.model import AccessPoint, AlarmState
from central.errors import ConflictError
from central.nodes import approvals
from central.nodes.approvals import Kind
from central.nodes.model import Device
from central.sync import spares
from central.sync.model import Enrolment, EvidenceGap, SpareBoard, SpareTicket, Ticket
from central.sync.spares import State
from protocol.ids import UNASSIGNED
from protocol.messages import Enrolled, RefusalCode, Refused
from tests.central.sync.conftest import Node, Site
from tests.central.sync.test_hub_and_nodes import enrolled

SECRET = bytes([42]) * 32
SPARE = ("S1", SECRET)
GATE = Kind("door", 2, "pi-two-doors")


def make(site: Site, cards_max: int = 1, days: int = 30, name: str = "S1", kind: Kind = GATE) -> None:
    """A spare ticket of the estate."""
    estate = site.estate
    estate.write(
        approvals.make,
        estate.site,
        estate.organisation,
        name,
        SECRET,
        kind,
        "备件柜",
        cards_max,
        days,
        site.clock.now(),
    )


def spare(site: Site, key_number: int = 9, board: str = "100000008a2b3c4d") -> Node:
    """A board with a spare card in it."""
    node = Node(site, UNASSIGNED, key_number)
    node.board = board
    return node


async def code_of(node: Node, ticket: tuple[str, bytes] = SPARE) -> RefusalCode:
    """What it is refused with."""
    answer = await node.join(ticket)
    assert isinstance(answer, Refused), answer
    return answer.code


def boards(site: Site) -> list[tuple[str, str, str]]:
    query = SpareBoard.select().order_by(SpareBoard.id)
    return site.estate.read(lambda: [(row.serial, row.address, row.state) for row in query])


def approve(site: Site, device_id: int, number: int = 1) -> int:
    """As an operator; the installation whose place the board takes."""
    return site.estate.write(
        lambda: approvals.approve(SpareBoard.get_by_id(number), Device.get_by_id(device_id), site.clock.now())
    )


def alarms(site: Site) -> list[tuple[str, str]]:
    query = AlarmState.select().order_by(AlarmState.id)
    return site.estate.read(lambda: [(row.kind, row.detail) for row in query])


async def test_a_board_waits_is_approved_and_is_the_device_from_then_on(site: Site) -> None:
    """Planted breaks: ``admit`` giving the ticket of a board that only waits; ``has_joined`` left out."""
    make(site)
    node = spare(site)
    answer = await node.join(SPARE)
    assert isinstance(answer, Refused)
    assert (answer.code, answer.retry_after_s) == (RefusalCode.WAITING_FOR_APPROVAL, spares.ASK_SOON_S)
    site.clock.advance(minutes=30)
    answer = await node.join(SPARE)
    assert isinstance(answer, Refused)
    assert answer.retry_after_s == spares.ASK_LATER_S
    assert boards(site) == [("100000008a2b3c4d", "10.0.0.77", "waiting")]
    assert approve(site, site.estate.gate_device) == 0
    joined = await node.join(SPARE)
    assert isinstance(joined, Enrolled)
    assert (joined.node, joined.node_epoch, joined.scope) == ("east-gate", 1, "east-gate")
    await node.talk()
    assert node.store.disk, "it holds what the device is to hold"
    assert [state for _, _, state in boards(site)] == ["joined"]
    assert alarms(site) == []


async def test_a_lost_answer_costs_nothing_and_another_key_gets_nothing_but_an_alarm(site: Site) -> None:
    """Planted breaks: ``_too_many`` always False; ``tried_at`` not kept."""
    make(site)
    node = spare(site)
    await node.join(SPARE)
    approve(site, site.estate.gate_device)
    first = await node.join(SPARE)
    site.clock.advance(days=40)
    again = await node.join(SPARE)
    assert isinstance(first, Enrolled)
    assert isinstance(again, Enrolled)
    assert (again.node, again.node_epoch) == (first.node, first.node_epoch)
    for _ in range(3):
        assert await code_of(spare(site, 8, "other")) is RefusalCode.TICKET_USED
    assert alarms(site) == [("spare_reused", "S1 · 备件柜 · other 10.0.0.77")]
    site.clock.advance(minutes=11)
    assert await code_of(spare(site, 8, "other")) is RefusalCode.TICKET_USED
    assert len(alarms(site)) == 2, "a later try is another alarm"
    assert site.estate.read(lambda: AlarmState.get().device_id) == site.estate.gate_device


async def test_the_second_board_of_a_ticket_for_one_is_refused_while_the_first_waits(site: Site) -> None:
    """And may have its place when the operator has refused the first one."""
    make(site)
    first, second = spare(site), spare(site, 8, "other")
    assert await code_of(first) is RefusalCode.WAITING_FOR_APPROVAL
    assert await code_of(second) is RefusalCode.TICKET_USED
    assert [kind for kind, _ in alarms(site)] == ["spare_reused"]
    site.estate.write(lambda: approvals.refuse(SpareBoard.get_by_id(1)))
    assert await code_of(first) is RefusalCode.NOT_APPROVED
    site.clock.advance(minutes=11)
    assert await code_of(second) is RefusalCode.WAITING_FOR_APPROVAL
    with pytest.raises(ConflictError):
        site.estate.write(lambda: approvals.reconsider(SpareBoard.get_by_id(1)))
    site.estate.write(lambda: approvals.refuse(SpareBoard.get_by_id(2)))
    site.estate.write(lambda: approvals.reconsider(SpareBoard.get_by_id(1)))
    assert await code_of(first) is RefusalCode.WAITING_FOR_APPROVAL


async def test_a_ticket_for_several_serves_so_many(site: Site) -> None:
    make(site, cards_max=2)
    for key in (7, 8):
        assert await code_of(spare(site, key, f"board-{key}")) is RefusalCode.WAITING_FOR_APPROVAL
    assert await code_of(spare(site, 9)) is RefusalCode.TICKET_USED
    assert site.estate.read(lambda: approvals.cards_left(SpareTicket.get())) == 0


async def test_a_device_is_replaced_and_the_old_one_is_closed_when_the_new_one_joins(site: Site) -> None:
    """Planted break: ``close_epochs`` at the approval, before the board has called."""
    old = await enrolled(site)
    make(site)
    node = spare(site)
    await node.join(SPARE)
    assert approve(site, site.estate.gate_device) == 1
    assert site.estate.read(lambda: Enrolment.get().closed_at) is None, (
        "it goes on until the board has joined"
    )
    site.clock.advance(minutes=1)
    joined = await node.join(SPARE)
    assert isinstance(joined, Enrolled)
    assert joined.node_epoch == 2
    assert site.estate.read(lambda: Enrolment.get(Enrolment.node_epoch == 1).closed_at) == site.clock.now()
    assert site.estate.read(lambda: EvidenceGap.get().ends_at) == site.clock.now()
    await old.talk(10)
    assert [kind for kind, _ in alarms(site)] == ["closed_identity"]


async def test_an_approval_is_for_what_the_operator_saw(site: Site) -> None:
    """Another board number, another card for the device, or another that joined as it: the board waits again.

    Planted breaks: ``_holds`` always True; the serial not compared.
    """
    make(site, cards_max=3)
    node = spare(site)
    await node.join(SPARE)
    approve(site, site.estate.gate_device)
    node.board = "moved"
    assert await code_of(node) is RefusalCode.WAITING_FOR_APPROVAL
    assert boards(site)[0] == ("moved", "10.0.0.77", "waiting")
    approve(site, site.estate.gate_device)
    ticket = site.ticket(site.estate.gate_device, 3)
    assert await code_of(node) is RefusalCode.WAITING_FOR_APPROVAL, (
        "a card was made for that device meanwhile"
    )
    approve(site, site.estate.gate_device)
    site.estate.write(Ticket.update(revoked=False).where(Ticket.ticket_id == ticket[0]).execute)
    await Node(site, "east-gate", 5).join(ticket)
    assert await code_of(node) is RefusalCode.WAITING_FOR_APPROVAL, "another stands in its place"
    assert site.estate.read(Enrolment.select().count) == 1


async def test_the_ticket_of_an_approval_is_for_its_key_alone(site: Site) -> None:
    """Who holds the same spare ticket cannot go round the operator by the name of the device.

    Planted break: ``make_ticket_for`` without the key.
    """
    make(site, cards_max=3)
    await spare(site).join(SPARE)
    approve(site, site.estate.gate_device)
    inner = site.estate.read(lambda: Ticket.get().ticket_id)
    assert await code_of(Node(site, "east-gate", 8), (inner, SECRET)) is RefusalCode.TICKET_USED
    assert await code_of(Node(site, "east-gate", 8), SPARE) is RefusalCode.TICKET_UNKNOWN
    assert await code_of(Node(site, UNASSIGNED, 8), (inner, SECRET)) is RefusalCode.TICKET_UNKNOWN
    assert site.estate.read(Enrolment.select().count) == 0


async def test_expired_revoked_and_forged_tickets_are_refused(site: Site) -> None:
    """Planted break: ``_closed`` always None."""
    make(site, days=1, cards_max=5)
    early = spare(site)
    await early.join(SPARE)
    assert await code_of(spare(site, 8), ("S1", bytes(32))) is RefusalCode.TICKET_UNKNOWN
    assert await code_of(spare(site, 8), ("S2", SECRET)) is RefusalCode.TICKET_UNKNOWN
    site.clock.advance(days=2)
    assert await code_of(spare(site, 8)) is RefusalCode.TICKET_EXPIRED
    assert await code_of(early) is RefusalCode.WAITING_FOR_APPROVAL, "it called in time"
    approve(site, site.estate.gate_device)
    site.estate.write(lambda: approvals.revoke(SpareTicket.get(), site.clock.now()))
    assert await code_of(early) is RefusalCode.TICKET_UNKNOWN
    assert await code_of(spare(site, 8)) is RefusalCode.TICKET_UNKNOWN
    assert [state for _, _, state in boards(site)] == ["refused"]
    assert site.estate.read(lambda: Ticket.get().revoked)


async def test_a_board_that_waits_is_not_written_at_each_call_and_says_no_more_than_is_kept(
    site: Site,
) -> None:
    """Planted break: ``settled`` always None."""
    make(site)
    node = spare(site, board="9" * 150 + "\n")
    await node.join(SPARE)
    heard = site.estate.read(lambda: SpareBoard.get().heard_at)
    site.clock.advance(s=10)
    await node.join(SPARE)
    assert site.estate.read(lambda: SpareBoard.get().heard_at) == heard
    site.clock.advance(s=30)
    await node.join(SPARE)
    assert site.estate.read(lambda: SpareBoard.get().heard_at) == site.clock.now()
    assert boards(site)[0][0] == "9" * spares.TEXT_MAX


async def test_only_so_many_may_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spares, "WAITING_MAX", 2)
    make(site, cards_max=9)
    codes = [await code_of(spare(site, key)) for key in (7, 8, 9)]
    assert codes == [*[RefusalCode.WAITING_FOR_APPROVAL] * 2, RefusalCode.BUSY]


async def test_a_card_becomes_only_a_device_that_it_is_made_for(site: Site) -> None:
    """Planted break: ``fitting`` without the count of readers."""
    make(site, cards_max=2)
    make(site, name="S2", kind=Kind("issuer", 1, "pi-one-door"))
    await spare(site).join(SPARE)
    await spare(site, 8).join(("S2", SECRET))
    with pytest.raises(ConflictError):
        approve(site, site.estate.desk_device, 1)
    with pytest.raises(ConflictError):
        approve(site, site.estate.gate_device, 2)
    assert approve(site, site.estate.desk_device, 2) == 0
    third = AccessPoint.insert(device=site.estate.gate_device, reader=3, label="第三个")
    site.estate.write(third.execute)
    with pytest.raises(ConflictError):
        approve(site, site.estate.gate_device, 1)


async def test_who_has_joined_is_not_decided_on_again(site: Site) -> None:
    make(site)
    node = spare(site)
    await node.join(SPARE)
    approve(site, site.estate.gate_device)
    await node.join(SPARE)
    with pytest.raises(ConflictError):
        approve(site, site.estate.gate_device)
    with pytest.raises(ConflictError):
        site.estate.write(lambda: approvals.refuse(SpareBoard.get_by_id(1)))
    assert [state for _, _, state in boards(site)] == [State.JOINED]
