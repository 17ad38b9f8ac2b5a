"""The shells round the node's peer, against the real centre halves over real TLS on loopback.

Time is a clock that tests move; they wait for conditions, never for time.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge.link.errors import LinkError, NotTrustedError
from edge.link.https import Https
from edge.link.link import Link, LinkConfig, send_enrol
from edge.link.tls import centre_context
from edge.link.way import Route
from protocol.downlink import Apply
from protocol.enrolment import raw_public, read_answer, ticket_verifier, write_enrol
from protocol.ids import Stream, uid_key
from protocol.messages import Enrol, Enrolled, RemoteOpen
from protocol.node_peer import CommandReceived, Identity, Lost, NodePeer
from protocol.reasons import Reason
from protocol.records import RestrictionRow, put
from protocol.uplink import Acked
from tests.protocol.memory_stores import (
    SALT,
    CountingRandom,
    MemoryNode,
    MemoryOutbox,
    Status,
    private_key,
)
from tests.support.small_centre import Authority, SmallCentre

YEAR_2000, YEAR_2100 = (
    datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
    datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC),
)
UTC_MS = 1_790_000_000_000
CARD = uid_key(b"\x01\x02\x03\x04")


class MovedTime:
    """Boot time that runs, and that a test may push on."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return int(time.monotonic() * 1_000) + self.ahead_ms


class Site:
    """A node's link and a small centre."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = MovedTime()
        self.started_ms = self.now()
        self.authority = Authority()
        self.centre = SmallCentre(self.now, self.utc_ms)
        self.outbox = MemoryOutbox()
        self.node = MemoryNode()
        self.trusted = True
        self.effects: list[object] = []
        self.task: asyncio.Task[None] | None = None

    def utc_ms(self) -> int:
        return UTC_MS + self.now() - self.started_ms

    async def start(
        self, start: datetime.datetime = YEAR_2000, end: datetime.datetime = YEAR_2100, ca_pem: str = ""
    ) -> None:
        await self.centre.start(self.authority.server_context(self.folder, start, end))
        self.link_to((self.centre.url,), ca_pem)

    def link_to(self, urls: tuple[str, ...], ca_pem: str = "") -> None:
        self.peer = NodePeer(
            Identity("gate", 1, private_key(2), private_key(1).public_key()),
            Status(),
            self.node.downlink,
            self.outbox,
            CountingRandom(),
        )
        self.link = Link(
            LinkConfig(urls, ca_pem or self.authority.pem),
            self.peer,
            self.handle,
            self.now,
            lambda: self.trusted,
            lambda: 0.5,
            lambda _state: self.tell(),
        )
        self.task = asyncio.create_task(self.link.run())

    def handle(self, effect: object) -> None:
        self.effects.append(effect)
        if isinstance(effect, Apply):
            self.node.apply(effect, self.now())
        self.tell()

    def tell(self) -> None:
        """Whoever waits for a condition looks again."""
        self.telling = asyncio.get_running_loop().create_task(self.centre.tell())

    def push(self, ms: int) -> None:
        """Time goes on by so much, at once."""
        self.now.ahead_ms += ms
        self.link.wake()

    def add_facts(self, count: int) -> None:
        for _ in range(count):
            self.outbox.add(at_ms=self.now())
        self.link.wake()

    async def until_route(self, route: Route) -> None:
        await self.centre.until(lambda: self.link.state.route is route)

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task
        await self.centre.stop()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    yield site
    await site.stop()


async def test_everything_rides_on_the_websocket(site: Site) -> None:
    site.centre.rows.publish(Stream.ACCESS)
    await site.start()
    site.add_facts(3)
    await site.centre.until(lambda: site.centre.rows.received_through == 3)
    await site.centre.until(lambda: site.node.view.revisions == site.centre.rows.revisions)
    assert site.link.state.route is Route.LIVE
    assert site.centre.posts == 0
    assert not site.peer.is_offline(site.now())


async def test_a_lost_card_is_refused_at_once_and_a_door_opened_by_command(site: Site) -> None:
    await site.start()
    await site.centre.until(lambda: len(site.centre.live) == 1 and site.node.view.revisions.config_epoch == 1)
    site.centre.rows.publish(Stream.RESTRICTIONS, put(CARD, RestrictionRow(Reason.CARD_LOST, 1, 5)))
    session = site.centre.sessions.of_node("gate")
    assert session is not None
    session.command(RemoteOpen(7, "gate", bytes(16), 0, 1), site.now() + 10_000)
    await site.centre.nudge()
    await site.centre.until(lambda: site.node.view.restriction(CARD) is not None)
    await site.centre.until(lambda: any(isinstance(effect, CommandReceived) for effect in site.effects))


async def test_without_a_websocket_packets_are_posted(site: Site) -> None:
    site.centre.gives_live = False
    await site.start()
    site.add_facts(1_200)
    await site.centre.until(lambda: site.centre.rows.received_through == 1_200)
    await site.centre.until(lambda: site.node.view.revisions == site.centre.rows.revisions)
    assert site.link.state.route is Route.HTTPS
    assert "404" in site.link.state.problem
    site.centre.gives_live = True
    site.push(3 * 60_000)
    await site.until_route(Route.LIVE)


async def test_a_lost_websocket_comes_back_and_nothing_is_lost(site: Site) -> None:
    await site.start()
    site.add_facts(2)
    await site.centre.until(lambda: site.centre.rows.received_through == 2)
    await site.centre.drop_live()
    site.add_facts(2)
    await site.until_route(Route.NONE)
    site.push(60_000)
    await site.centre.until(lambda: site.centre.rows.received_through == 4)
    assert site.link.state.route is Route.LIVE


async def test_a_silent_line_is_given_up(site: Site) -> None:
    await site.start()
    await site.centre.until(lambda: site.node.view.revisions.config_epoch == 1)
    site.centre.is_silent = True
    site.push(16_000)
    await site.centre.until(lambda: any(isinstance(effect, Lost) for effect in site.effects))
    site.centre.is_silent = False
    site.push(60_000)
    site.add_facts(1)
    await site.centre.until(lambda: site.centre.rows.received_through == 1)


async def test_the_switch_of_the_demo_cuts_and_restores_the_network(site: Site) -> None:
    await site.start()
    await site.centre.until(lambda: len(site.centre.live) == 1)
    site.link.network_up = False
    await site.centre.until(lambda: not site.centre.live)
    site.add_facts(2)
    await site.until_route(Route.NONE)
    site.push(60_000)
    assert site.peer.uplink.unsent_count == 2
    site.link.network_up = True
    await site.centre.until(lambda: site.centre.rows.received_through == 2)


async def test_the_next_address_is_tried(site: Site) -> None:
    await site.centre.start(site.authority.server_context(site.folder, YEAR_2000, YEAR_2100))
    site.link_to(("https://127.0.0.1:1", site.centre.url))
    await site.centre.until(lambda: site.link.state.problem != "")
    site.push(60_000)
    await site.until_route(Route.LIVE)


async def test_garbage_from_the_centre_is_an_error_of_the_link(site: Site) -> None:
    site.centre.gives_live = False
    site.centre.answers_garbage = True
    await site.start()
    await site.centre.until(lambda: "cut short" in site.link.state.problem)
    site.centre.answers_garbage = False
    site.push(60_000)
    await site.centre.until(lambda: any(isinstance(effect, Acked) for effect in site.effects))


async def ask(site: Site, ca_pem: str, *, check_dates: bool) -> None:
    async with Https(site.centre.url, centre_context(ca_pem, check_dates=check_dates)) as https:
        await https.post("/node/sync", b"")


@pytest.mark.parametrize("check_dates", [True, False])
async def test_another_authority_is_refused_whatever_the_clock(site: Site, check_dates: bool) -> None:
    """Planted break: ``context.verify_mode = CERT_NONE`` while the clock is not trusted."""
    await site.centre.start(site.authority.server_context(site.folder, YEAR_2000, YEAR_2100))
    await ask(site, site.authority.pem, check_dates=check_dates)
    with pytest.raises(NotTrustedError):
        await ask(site, Authority("rogue").pem, check_dates=check_dates)


@pytest.mark.parametrize("check_dates", [True, False])
async def test_another_host_is_refused_whatever_the_clock(site: Site, check_dates: bool) -> None:
    context = site.authority.server_context(site.folder, YEAR_2000, YEAR_2100, address="10.9.8.7")
    await site.centre.start(context)
    with pytest.raises(NotTrustedError):
        await ask(site, site.authority.pem, check_dates=check_dates)


async def test_a_node_without_a_clock_gets_its_time_from_a_certificate_it_cannot_date_yet(site: Site) -> None:
    """The certificate begins in 2090, and so does the centre's time: by this machine's clock it is not valid yet."""
    begin, end = (
        datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC),
    )
    site.trusted = False
    in_2095_ms = int(datetime.datetime(2095, 1, 1, tzinfo=datetime.UTC).timestamp() * 1_000)
    site.centre.utc_ms = lambda: in_2095_ms + site.now() - site.started_ms
    await site.start(begin, end)
    site.add_facts(1)
    await site.centre.until(lambda: site.centre.rows.received_through == 1)
    with pytest.raises(NotTrustedError):
        await ask(site, site.authority.pem, check_dates=True)


async def test_a_certificate_that_ended_before_the_centres_own_time_is_refused(site: Site) -> None:
    """Planted break: leave out ``check_dates`` in ``Link._take``."""
    site.trusted = False
    await site.start(YEAR_2000, datetime.datetime(2010, 1, 1, tzinfo=datetime.UTC))
    site.add_facts(1)
    await site.centre.until(lambda: "not valid" in site.link.state.problem)
    assert site.centre.rows.received_through == 0


async def test_a_node_joins_over_https(site: Site) -> None:
    await site.centre.start(site.authority.server_context(site.folder, YEAR_2000, YEAR_2100))
    secret, key = bytes(range(32)), private_key(2)
    site.centre.verifier = ticket_verifier(secret)
    asked = Enrol("T1", "gate", raw_public(key), "100000001", b"", SALT, bytes(16))
    config = LinkConfig(("https://127.0.0.1:1", site.centre.url), site.authority.pem)
    answer = await send_enrol(config, write_enrol(asked, secret, key), clock_is_trusted=False)
    enrolled = read_answer(answer, secret, asked)
    assert isinstance(enrolled, Enrolled)
    assert enrolled.node_epoch == 1
    with pytest.raises(LinkError):
        await send_enrol(LinkConfig(("https://127.0.0.1:1",), site.authority.pem), b"", clock_is_trusted=True)
