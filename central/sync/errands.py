"""Small tasks of the event loop that must be done, if not now, then as soon as the database answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from central.errors import CentralError

log = logging.getLogger(__name__)
RETRY_S: Final = 1.0


class Errands:
    """What is under way; :meth:`stop` gives it up."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, act: Callable[[], Awaitable[None]]) -> None:
        """In a task of its own, again and again while the database does not answer."""

        async def until_done() -> None:
            while True:
                try:
                    return await act()
                except CentralError as error:
                    log.warning("waiting for the database: %s", error)
                    await asyncio.sleep(RETRY_S)

        task = asyncio.get_running_loop().create_task(until_done(), name="errand")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
