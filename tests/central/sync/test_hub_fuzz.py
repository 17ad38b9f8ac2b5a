"""Any bytes in a packet or a WebSocket message: refused and counted, never an error of the hub, and nothing is believed.

``ONECARD_FUZZ_COUNT`` and ``ONECARD_FUZZ_SEED`` set how many and from which seed.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from random import Random

import aiohttp
import pytest

from central.sync.model import Enrolment, QuarantinedFact, StoredFact
from protocol.envelope import join, split
from protocol.errors import ProtocolError
from protocol.reasons import Reason
from tests.central.sync.conftest import Site
from tests.central.sync.test_hub_and_nodes import access_fact, enrolled
from tests.support.centre import run_centre
from tests.wire.golden_bytes import golden
from tests.wire.test_fuzz import mutated

COUNT = int(os.environ.get("ONECARD_FUZZ_COUNT", "5000"))
SEED = int(os.environ.get("ONECARD_FUZZ_SEED", "20260101"))
WITHIN_S = 20


async def recorded(site: Site) -> list[bytes]:
    """Packets of a real device: hello, polls, a ticket, facts."""
    node = await enrolled(site)
    assert node.peer is not None
    packets: list[bytes] = []
    node.peer.connected(node.now_ms, live=False)
    for reason in (Reason.GRANTED, Reason.UNKNOWN_CARD, Reason.CARD_LOST):
        node.outbox.add(*access_fact(site, reason))
        for _ in range(4):
            node.peer.poll_now(node.now_ms)
            frames = node.peer.frames_to_send(node.now_ms)
            if frames:
                packets.append(join(frames))
            for frame in (await site.hub.packet(frames))[0]:
                node.take(frame)
            site.clock.advance(s=5)
    return packets


def counts() -> tuple[int, int, int]:
    return StoredFact.select().count(), QuarantinedFact.select().count(), Enrolment.select().count()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_was_never_said_is_never_believed(site: Site) -> None:
    """Planted break: catch ``MalformedError`` only in ``Hub.packet``."""
    packets = await recorded(site)
    before, random = site.estate.read(counts), Random(SEED)
    single = [frame for packet in packets for frame in split(packet)]
    answered = refused = 0
    for _ in range(COUNT):
        try:
            if random.random() < 0.2:
                frames = list(split(mutated(random, packets)))
            else:
                frames = [mutated(random, single)]
        except ProtocolError:
            refused += 1
            continue
        answers, _link = await site.hub.packet(frames)
        answered += bool(answers)
    assert site.estate.read(counts) == before
    assert sum(site.hub.counts.values()) > COUNT // 10
    assert min(answered, refused) > COUNT // 20
    node = await enrolled(site, key_number=7)
    await node.talk(20)
    assert site.hub.is_online("east-gate"), "the hub serves on"


async def test_odd_messages_on_a_live_connection_end_it_and_nothing_else(tmp_path: Path) -> None:
    packet, random = golden("packet"), Random(SEED)
    async with run_centre(tmp_path / "centre") as running:
        context = ssl.create_default_context(cadata=running.centre.authority.pem.decode())
        async with aiohttp.ClientSession() as session, asyncio.timeout(WITHIN_S * 4):
            for number in range(60):
                async with session.ws_connect(running.node_url + "/node/ws", ssl=context) as socket:
                    data = b"" if number == 0 else mutated(random, [packet])
                    await (socket.send_str("text") if number == 1 else socket.send_bytes(data))
                    await socket.close()
            huge = b"x" * (8 * 2**20 + 1)
            async with session.ws_connect(running.node_url + "/node/ws", ssl=context) as socket:
                await socket.send_bytes(huge)
                assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(
                    running.node_url + "/node/ws", ssl=context, headers={"Origin": "https://evil.example"}
                )
            async with session.post(running.node_url + "/node/sync", ssl=context, data=b"x") as answer:
                assert answer.status == 415
        assert await running.read(counts) == (0, 0, 0)
