"""Live rows of a list for open pages: what was added since the last look, read in order of its id.

Announcements only wake the feeder, so that a thousand facts in a second are one look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from central.announce import LOOK_AGAIN
from central.beside import run_beside
from central.centre import Centre
from central.errors import StorageError
from central.security.principal import scope_of
from central.web.hub import Show

log = logging.getLogger(__name__)
ROWS_PER_LOOK_MAX: Final = 200
"""Rows sent at once; after an outage the pages get the newest of them."""
RETRY_S: Final = 1.0
SIGNAL: Final = "-"
"""Any text will do: the page loads its part by itself."""
Row = Mapping[str, Any]


class Feeder:
    """Hands rows to the open pages by the names of their tables.

    :param topic: announced when rows were added; ``{"outcomes": ids}`` names rows that changed.
    :param last_id: the newest id; :param rows_after: rows behind an id, so many at most; :param rows_of: rows by id. All inside
        ``db.read``.
    """

    def __init__(
        self,
        centre: Centre,
        topic: str,
        tables: Sequence[str],
        last_id: Callable[[], int],
        rows_after: Callable[[int, int], Iterable[Row]],
        rows_of: Callable[[list[int]], Iterable[Row]] | None = None,
    ) -> None:
        self._centre = centre
        self._tables = tables
        self._newest_id, self._rows_after, self._rows_of = last_id, rows_after, rows_of
        self._wake = asyncio.Event()
        self._changed: set[int] = set()
        self._last_id = 0
        centre.db.subscribe(topic, self._added)
        centre.db.subscribe(LOOK_AGAIN, self._added)

    def install(self, app: web.Application) -> None:
        """Feed as long as the application runs."""
        run_beside(app, f"feeder of {self._tables[0]}", self.run)

    async def run(self) -> None:
        """Until cancelled; begins behind the newest row."""
        self._last_id = await self._centre.db.read(self._newest_id)
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
            except StorageError as error:  # nothing is lost: the next look begins where this one did
                log.warning("the live feed of %s waits: %s", self._tables[0], error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    def _added(self, payload: Mapping[str, Any]) -> None:
        self._changed.update(payload.get("outcomes", ()))
        self._wake.set()

    async def _look(self) -> None:
        db = self._centre.db
        first = max(self._last_id, await db.read(self._newest_id) - ROWS_PER_LOOK_MAX)
        changed = sorted(number for number in self._changed if number <= first)[-ROWS_PER_LOOK_MAX:]
        if changed and self._rows_of is not None:
            for row in await db.read(self._rows_of, changed):
                self._publish(row)
        self._changed.difference_update(changed)
        for row in await db.read(self._rows_after, first, ROWS_PER_LOOK_MAX):
            self._publish(row)
            self._last_id = max(self._last_id, row["id"])

    def _publish(self, row: Row) -> None:
        for table in self._tables:
            self._centre.live.publish(table, row)


async def open_signal(request: web.Request, parameters: Mapping[str, str]) -> Show:
    """A feed that tells a page to load its part again, when what is announced is about an estate of its operator."""
    sites = {grant.site_id for grant in scope_of(request).grants}

    def show(payload: Mapping[str, Any]) -> str | None:
        return SIGNAL if "site" not in payload or sites & {None, payload["site"]} else None

    return show
