"""The real node process and a centre over real TLS: joins, carries facts up at once, takes rows and commands, survives cuts."""

from __future__ import annotations

import asyncio
import base64
import datetime
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.cache.outbox import NO_EPOCH, Outbox
from protocol.enrolment import ticket_verifier
from protocol.facts import (
    AccessFact,
    BootFact,
    ClockFact,
    CommandFact,
    CommandResult,
    ConfigFact,
    decode_body,
)
from protocol.ids import Stream
from protocol.messages import RemoteOpen
from protocol.reasons import Reason
from protocol.records import RestrictionRow, put
from tests.protocol.memory_stores import SALT
from tests.support.facts import WALL_MS, card_number, cards, one_door
from tests.support.node_process import Line, NodeProcess
from tests.support.small_centre import Authority, SmallCentre

SECRET = bytes(range(32))
TICKET = "T7." + base64.urlsafe_b64encode(SECRET).decode().rstrip("=")
YEAR_2000, YEAR_2100 = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2000, 2100))
CARD = {"kind": "classic1k", "uid": card_number(1)[1:].hex()}
OTHER = {"kind": "classic1k", "uid": card_number(2)[1:].hex()}


class Site:
    """A centre in this loop, a node in another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.centre = SmallCentre(self.now_ms, self.utc_ms)
        self.centre.verifier = ticket_verifier(SECRET)
        self.node: NodeProcess

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def utc_ms(self) -> int:
        return WALL_MS + self.now_ms()

    async def start(self, ticket: str = TICKET) -> None:
        authority = Authority()
        await self.centre.start(authority.server_context(self.folder, YEAR_2000, YEAR_2100))
        (self.folder / "ca.pem").write_text(authority.pem)
        more = f'centre = ["{self.centre.url}"]\nca_file = "ca.pem"\nticket = "{ticket}"\n'
        self.node = NodeProcess(self.folder, name="gate", more=more)
        # the small centre knows one key and one salt
        key = self.node.data_dir / "node.key"
        key.write_bytes(bytes([2]) * 32)
        key.chmod(0o600)
        outbox = Outbox(self.node.data_dir / "outbox.db")
        outbox.begin(NO_EPOCH, SALT)
        outbox.close()

    async def power_up(self) -> Line:
        self.node.start()
        return await asyncio.to_thread(self.node.line)

    def bodies(self) -> list[Any]:
        """What the centre holds, in order."""
        return [decode_body(entry.fact) for _, entry in sorted(self.centre.rows.facts.items())]

    def has(self, kind: type, **fields: Any) -> bool:
        """True when the centre holds such a fact."""
        return any(
            isinstance(body, kind) and all(getattr(body, name) == value for name, value in fields.items())
            for body in self.bodies()
        )

    async def publish(self, stream: Stream, *changes: Any) -> None:
        self.centre.rows.publish(stream, *changes)
        await self.centre.nudge()

    async def until_status(self, condition: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self.node.until_status, condition)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    yield made
    made.node.close()
    await made.centre.stop()


async def test_from_a_ticket_to_an_open_door(site: Site) -> None:
    await site.start()
    line = await site.power_up()
    await site.centre.until(lambda: site.has(BootFact))
    await site.centre.until(lambda: site.has(ClockFact, source="centre"))
    await site.publish(Stream.ACCESS, *one_door(), *cards(5))
    await site.centre.until(lambda: site.has(ConfigFact))
    line.watch()
    began = time.monotonic()
    await asyncio.to_thread(line.do, "tap", reader=1, card=CARD)
    await asyncio.to_thread(line.until_output, "lock.1", True)
    await site.centre.until(lambda: site.has(AccessFact, reason=Reason.GRANTED))
    assert time.monotonic() - began < 1.0, "an event is at the centre in under a second"
    status = await site.until_status(lambda status: status["link"]["state"] == "online")
    assert status["clock"]["trust"] == "trusted"
    assert status["node_epoch"] == 1


async def test_a_lost_card_and_a_remote_opening(site: Site) -> None:
    await site.start()
    line = await site.power_up()
    await site.publish(Stream.ACCESS, *one_door(), *cards(5))
    await site.publish(Stream.RESTRICTIONS, put(card_number(2), RestrictionRow(Reason.CARD_LOST, 9, 0)))
    await site.until_status(lambda status: status["configuration"]["restrictions"] == 1)
    line.watch()
    await asyncio.to_thread(line.do, "tap", reader=1, card=OTHER)
    await site.centre.until(lambda: site.has(AccessFact, reason=Reason.CARD_LOST))
    session = site.centre.sessions.of_node("gate")
    assert session is not None
    session.command(RemoteOpen(7, "gate", bytes(16), site.utc_ms(), 1), site.now_ms() + 10_000)
    await site.centre.nudge()
    await asyncio.to_thread(line.until_output, "lock.1", True)
    await site.centre.until(lambda: site.has(CommandFact, command_id=7, result=CommandResult.DONE))


async def test_with_the_network_cut_the_door_works_and_everything_arrives_once(site: Site) -> None:
    await site.start()
    line = await site.power_up()
    await site.publish(Stream.ACCESS, *one_door(), *cards(5))
    await site.until_status(lambda status: status["configuration"]["cards"] == 5)
    await asyncio.to_thread(line.do, "network", up=False)
    await site.until_status(lambda status: status["link"]["state"] == "offline")
    received = site.centre.rows.received_through
    line.watch()
    await asyncio.to_thread(line.do, "tap", reader=1, card=CARD)
    await asyncio.to_thread(line.until_output, "lock.1", True)
    await site.until_status(lambda status: status["storage"]["last_seq"] > received + 1)
    await asyncio.to_thread(line.do, "power_off")
    assert await asyncio.to_thread(site.node.wait) == 137
    assert site.centre.rows.received_through == received
    line = await site.power_up()
    await site.centre.until(lambda: sum(isinstance(body, BootFact) for body in site.bodies()) == 2)
    granted = [body for body in site.bodies() if isinstance(body, AccessFact)]
    assert [body.reason for body in granted] == [Reason.GRANTED]
    assert sorted(site.centre.rows.facts) == list(range(1, site.centre.rows.received_through + 1))
    assert site.centre.rows.forked == []


async def test_a_ticket_of_another_centre_joins_nothing_and_the_installer_sees_why(site: Site) -> None:
    await site.start(ticket="T7." + base64.urlsafe_b64encode(bytes([7]) * 32).decode().rstrip("="))
    line = await site.power_up()
    status = await site.until_status(lambda status: status["link"].get("detail"))
    assert status["link"]["state"] == "not_enrolled"
    line.do("state")
    assert not (site.node.data_dir / "member.json").exists()


async def test_a_card_whose_identity_was_lost_after_joining_begins_no_new_life(site: Site) -> None:
    """Its ticket was overwritten when it had joined; no key is born, the centre is not asked, and the reason is told.

    Planted break: ``_join_if_needed`` without ``is_spent``.
    """
    await site.start(ticket="T1." + base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="))
    (site.node.data_dir / "node.key").unlink()
    await site.power_up()
    status = await site.until_status(lambda status: status["link"].get("detail"))
    assert status["link"] == {
        "state": "not_enrolled",
        "detail": "this card has joined before and has lost its identity; replace the device",
    }
    assert not (site.node.data_dir / "node.key").exists()
    assert not (site.node.data_dir / "joining.json").exists()


async def test_an_outbox_that_was_damaged_after_joining_sends_nothing_under_used_numbers(site: Site) -> None:
    await site.start()
    await site.power_up()
    await site.centre.until(lambda: site.has(BootFact))
    await asyncio.to_thread(site.node.stop)
    received = site.centre.rows.received_through
    database = site.node.data_dir / "outbox.db"
    database.write_bytes(b"\xff" * database.stat().st_size)
    await site.power_up()
    status = await site.until_status(
        lambda status: status["trouble"].get("outbox") and status["link"]["state"] == "online"
    )
    assert status["trouble"]["outbox"] == "outbox.db.damaged-1"
    await site.publish(Stream.ACCESS, *one_door(), *cards(5))
    await site.until_status(lambda status: status["configuration"]["cards"] == 5)
    assert site.centre.rows.received_through == received
    assert site.centre.rows.forked == []
