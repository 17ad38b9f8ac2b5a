"""Announcements between the processes that share one PostgreSQL database (LISTEN/NOTIFY)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg

from central.errors import StorageError
from central.fields import canonical_json

log = logging.getLogger(__name__)
CHANNEL: Final = "onecard"
PAYLOAD_BYTES_MAX: Final = 7_900
"""PostgreSQL refuses 8,000 bytes and more."""
RETRY_S: Final = 1.0
LISTENING_WITHIN_S: Final = 10.0
LOOK_AGAIN: Final = "database.look_again"
"""Delivered, with no payload, when something may have changed unannounced (the connection was lost; on SQLite, a command
changed the file): subscribers look for themselves."""
_KEEPALIVE: Final[dict[str, Any]] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""Seconds, seconds, tries: a connection that only listens would else never notice that the other end is gone."""


def encode(topic: str, payload: Mapping[str, Any]) -> str:
    """One announcement as text."""
    text = canonical_json({"topic": topic, "payload": payload})
    assert len(text.encode()) <= PAYLOAD_BYTES_MAX, "announce an id, not the thing"
    return text


def decode(text: str) -> tuple[str, Mapping[str, Any]]:
    """The inverse of :func:`encode`."""
    message = json.loads(text)
    return message["topic"], message["payload"]


class Listener:
    """A connection that waits for announcements; connects again when the server was away."""

    def __init__(self, url: str, deliver: Callable[[str], None]) -> None:
        self._url = url
        self._deliver = deliver
        self._task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        """Set while announcements arrive."""

    async def start(self) -> None:
        """Returns when announcements arrive.

        :raises StorageError: the server gives no connection.
        """
        self._task = asyncio.create_task(self._run(), name="announcements")
        try:
            async with asyncio.timeout(LISTENING_WITHIN_S):
                await self.ready.wait()
        except TimeoutError:
            raise StorageError("the database does not answer: no connection for announcements") from None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        first = True
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, **_KEEPALIVE
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self.ready.set()
                    if not first:
                        self._deliver(encode(LOOK_AGAIN, {}))
                    first = False
                    async for notification in connection.notifies():
                        self._deliver(notification.payload)
            except psycopg.Error as error:
                log.warning("announcements stopped, connecting again: %s", error)
            self.ready.clear()
            await asyncio.sleep(RETRY_S)
