"""Sends what waits: signed, in order for each address, again with growing pauses, given up in the end where all can see it.

Every request carries ``X-Onecard-Signature: t=<seconds>,v1=<hex>``: HMAC-SHA256 by the address's secret over ``<t>.<body>``, so
that a receiver knows who speaks and that it is not an old message. An event is sent at least once; its ``id`` tells a repetition.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from typing import Any, Final

import aiohttp

from central.centre import Centre
from central.web.i18n import lazy
from central.webhooks import addresses, outbox
from central.webhooks.model import Delivery, Webhook

WAITS_S: Final = (5, 15, 60, 300, 900, 3_600)
"""After the first failure, the second, ...; then always the last."""
LOOK_EVERY_S: Final = 5.0
TIMEOUT_S: Final = 10
NO_ANSWER: Final = lazy("no answer within 10 s")
SIGNATURE: Final = "X-Onecard-Signature"
log = logging.getLogger(__name__)


def secret_of(centre: Centre, hook_id: int, secret_no: int) -> str:
    """What signs: it follows from the centre's own secret, so that none stands in the database."""
    return centre.keys.derive(f"webhook {hook_id} {secret_no}").hex()


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The value of the header."""
    made = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={made}"


class Sender:
    """See the module. One for each process; a lease in the database keeps two from sending to one address at once."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._config = centre.config.webhooks
        self._allowed = addresses.networks(self._config.allow)
        self._told = asyncio.Event()
        self._running: dict[int, asyncio.Task[None]] = {}
        centre.db.subscribe(outbox.WAITING, lambda _payload: self._told.set())

    async def work(self) -> None:
        """Until cancelled."""
        connector = aiohttp.TCPConnector(
            resolver=addresses.GuardedResolver(self._allowed), use_dns_cache=False
        )
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            try:
                while True:
                    self._told.clear()
                    try:
                        for hook_id in await self._centre.db.read(outbox.due, self._centre.clock.now()):
                            self._begin(session, hook_id)
                    except Exception:
                        log.exception("the webhooks could not be looked after")
                    try:
                        async with asyncio.timeout(min(LOOK_EVERY_S, self._config.retry_first_s)):
                            await self._told.wait()
                    except TimeoutError:
                        pass
            finally:
                for task in self._running.values():
                    task.cancel()
                await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _begin(self, session: aiohttp.ClientSession, hook_id: int) -> None:
        if hook_id in self._running:
            return
        task = asyncio.create_task(self._send_all(session, hook_id), name=f"webhook {hook_id}")
        self._running[hook_id] = task

        def done(_task: asyncio.Task[None]) -> None:
            self._running.pop(hook_id, None)
            self._told.set()

        task.add_done_callback(done)

    async def _send_all(self, session: aiohttp.ClientSession, hook_id: int) -> None:
        """One request after another, until nothing waits or one fails."""
        db, clock = self._centre.db, self._centre.clock
        while True:
            taken = await db.write(outbox.claim, hook_id, clock.now(), self._config.give_up_s)
            if taken is None:
                return
            hook, deliveries = taken
            trouble = await self._post(session, hook, deliveries) if deliveries else ""
            wait_s = (
                WAITS_S[min(hook.fails_count, len(WAITS_S) - 1)] * self._config.retry_first_s // WAITS_S[0]
            )
            ids = [delivery.id for delivery in deliveries]
            await db.write(outbox.settled, hook_id, ids, trouble, clock.now(), max(1, wait_s))
            if trouble or not deliveries:
                return

    async def _post(self, session: aiohttp.ClientSession, hook: Webhook, deliveries: list[Delivery]) -> str:
        """Send them; empty, or why they were not received."""
        events = ",".join(delivery.body for delivery in deliveries)
        body = f'{{"webhook":{hook.id},"events":[{events}]}}'.encode()
        return await self.post(session, hook, body)

    async def post(self, session: aiohttp.ClientSession, hook: Any, body: bytes) -> str:
        """One request; only 2xx is received, and nobody is followed elsewhere."""
        address = addresses.literal(hook.url)
        if address and not addresses.is_allowed(address, self._allowed):
            return addresses.REFUSED.message
        at_s = int(self._centre.clock.now().timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            SIGNATURE: signature(secret_of(self._centre, hook.id, hook.secret_no), at_s, body),
        }
        try:
            async with session.post(hook.url, data=body, headers=headers, allow_redirects=False) as answer:
                return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except TimeoutError:
            return NO_ANSWER.message
        except aiohttp.ClientConnectorError as error:
            return error.os_error.strerror or str(error.os_error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
