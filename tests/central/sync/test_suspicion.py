"""A used ticket in other hands, and two facts under one number: an alarm that pages show, and an audit row."""

from __future__ import annotations

from central.access.model import AlarmState
from central.sync.model import QuarantinedFact
from protocol.messages import RefusalCode, Refused
from protocol.reasons import Reason
from tests.central.sync.conftest import Node, Site
from tests.central.sync.test_hub_and_nodes import enrolled
from tests.central.sync.test_hub_under_attack import facts_of
from tests.protocol.memory_stores import Status


def alarms_of(site: Site) -> list[tuple[str, int, bool]]:
    return site.estate.read(
        lambda: [
            (row.kind, row.device_id, row.seq < 0) for row in AlarmState.select().order_by(AlarmState.id)
        ]
    )


async def test_a_used_ticket_shown_by_another_key_raises_an_alarm_once_and_is_noted(site: Site) -> None:
    """Planted break: leave out the call of ``suspicion.ticket_reused``."""
    noted: list[tuple[str, str]] = []
    site.hub._note = lambda action, device, detail: noted.append((action, device.name))
    ticket = site.ticket(site.estate.gate_device)
    await Node(site, "east-gate").join(ticket)
    for _ in range(3):
        thief = await Node(site, "east-gate", 8).join(ticket)
        assert isinstance(thief, Refused)
        assert thief.code is RefusalCode.TICKET_USED
    assert alarms_of(site) == [("ticket_reused", site.estate.gate_device, True)]
    assert noted == [("nodes.ticket_reused", "east-gate")]
    site.clock.advance(minutes=11)
    await Node(site, "east-gate", 8).join(ticket)
    assert len(alarms_of(site)) == 2, "a later try is another alarm"


async def test_a_fork_raises_one_alarm_however_often_it_is_sent(site: Site) -> None:
    """Planted break: leave out the call of ``suspicion.fork``."""
    noted: list[str] = []
    site.hub._note = lambda action, device, detail: noted.append(f"{action} {detail}")
    node = await enrolled(site)
    one_side = await facts_of(node, site)
    assert node.peer is not None
    node.outbox = type(node.outbox)()  # the same key, another storage: as a copied card has it
    node.peer = type(node.peer)(node.peer._identity, Status(), node.store.downlink, node.outbox, node.random)
    other_side = await facts_of(node, site, Reason.CARD_LOST)
    await site.hub.packet(one_side)
    for _ in range(3):
        await site.hub.packet(other_side)
    assert alarms_of(site) == [("records_differ", site.estate.gate_device, True)]
    assert len(noted) == 1
    assert noted[0].startswith("nodes.records_differ 1/")
    assert site.estate.read(lambda: {row.why for row in QuarantinedFact.select()}) == {"fork"}
