"""Looks what is to be told, and sends what waits: again with growing pauses, given up in the end where all can see it."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from functools import partial
from typing import Final

import aiohttp

from central.access.projection.batch import ALARMS
from central.centre import Centre
from central.paging import gateway, mail, outbox, ways
from central.paging.model import PagingContact, PagingMessage
from central.paging.rules import Way
from central.web.i18n import lazy
from central.webhooks import addresses

GROWTH: Final = (1, 2, 6, 12, 30)
"""The pause after the first failure, the second, ...; then always the last: times ``retry_first_s``."""
TIMEOUT_S: Final = 10
MAIL_S_MAX: Final = outbox.LEASE_S - 30
"""A mail server that answers word by word must not outlast the lease."""
NO_ANSWER: Final = lazy("no answer in time")
NO_SERVER: Final = lazy("no mail server has been entered")
NO_GATEWAY: Final = lazy("no SMS gateway has been entered")
log = logging.getLogger(__name__)


class Sender:
    """One for each process; a lease in the database keeps two from sending one message."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._config = centre.config.paging
        self._allowed = addresses.networks(centre.config.webhooks.allow)
        self._told = asyncio.Event()
        for topic in (ALARMS, outbox.WAITING):
            centre.db.subscribe(topic, lambda _payload: self._told.set())

    async def work(self) -> None:
        """Until cancelled."""
        connector = aiohttp.TCPConnector(
            resolver=addresses.GuardedResolver(self._allowed), use_dns_cache=False
        )
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            while True:
                self._told.clear()
                try:
                    while await self._turn(session):
                        pass
                except Exception:
                    log.exception("messages about alarms could not be looked after")
                try:
                    async with asyncio.timeout(self._config.look_every_s):
                        await self._told.wait()
                except TimeoutError:
                    pass

    async def _turn(self, session: aiohttp.ClientSession) -> bool:
        """Tell what is due and send some of what waits; True when there may be more to send at once."""
        db, clock = self._centre.db, self._centre.clock
        if await db.read(outbox.has_work, clock.now()):
            await db.write(outbox.look, clock.now(), self._centre.config.browsers.public_url)
        numbers = await db.read(outbox.due, clock.now())
        await asyncio.gather(*(self._send(session, number) for number in numbers))
        return bool(numbers)

    async def _send(self, session: aiohttp.ClientSession, number: int) -> None:
        db, clock, config = self._centre.db, self._centre.clock, self._config
        taken = await db.write(outbox.claim, number, clock.now())
        if taken is None:
            return
        message, contact = taken
        try:
            received, answer = await self._by_way(session, message, contact)
        except TimeoutError:
            received, answer = False, NO_ANSWER.message
        except smtplib.SMTPResponseException as error:
            words = error.smtp_error
            text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
            received, answer = False, f"{error.smtp_code} {text}"
        except (aiohttp.ClientError, smtplib.SMTPException, OSError, ValueError) as error:
            received, answer = False, str(error) or type(error).__name__
        pause = GROWTH[min(message.tries_count, len(GROWTH) - 1)] * config.retry_first_s
        await db.write(outbox.settled, number, received, answer, clock.now(), pause, config.give_up_s)

    async def _by_way(
        self, session: aiohttp.ClientSession, message: PagingMessage, contact: PagingContact
    ) -> tuple[bool, str]:
        """Was it taken, and what was said?"""
        keys, read = self._centre.keys, self._centre.db.read
        if message.way == Way.EMAIL:
            server = await read(ways.mail, keys)
            if server is None:
                return False, NO_SERVER.message
            composed = mail.composed(
                message.id, server, contact.email, message.subject, message.text, message.created_at
            )
            send = partial(mail.send, server, self._allowed, self._config.mail_ca, composed)
            async with asyncio.timeout(MAIL_S_MAX):
                return True, await mail.beside(send)
        assert message.way == Way.SMS, message.way
        found = await read(ways.gateway, keys)
        if found is None:
            return False, NO_GATEWAY.message
        return await gateway.send(session, found, self._allowed, contact.phone, message.text)
