"""``onecard-edge enrol``: joins while the installer looks on, with the node not running."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from edge.cache.outbox import Outbox
from edge.config import NodeConfig, Ticket
from edge.enrol import Enrolment, board_of_this_machine, join, settle
from edge.identity import IdentityFiles, Member
from edge.link.link import LinkConfig, send_enrol


async def enrol_now(config: NodeConfig, ticket: Ticket, tell: Callable[[str], None]) -> Member:
    """Join with this ticket; tries on until the centre has answered for good.

    :raises EnrolError: refused.
    :raises CacheError: the outbox cannot be used.
    """
    link = LinkConfig(config.centre, config.ca_pem)

    async def send(frame: bytes) -> bytes:
        return await send_enrol(link, frame, clock_is_trusted=False)

    outbox = Outbox(config.data_dir / "outbox.db")
    outbox.open()
    try:
        enrolment = Enrolment(
            config.name, ticket, IdentityFiles(config.data_dir), board_of_this_machine(config)
        )
        member = await join(enrolment, outbox, send, asyncio.sleep, tell, random.random)
        settle(outbox, member)
        return member
    finally:
        outbox.close()
