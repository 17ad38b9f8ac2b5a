"""Work that goes on beside the pages: once begun it ends with the application, and what fails once is tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

from aiohttp import web

log = logging.getLogger(__name__)
LOOK_EVERY_S: Final = 60.0


def run_beside(app: web.Application, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Begin the work when the application starts, end it when that stops. ``name`` stands in logs."""

    async def life(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(work(), name=name)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    app.cleanup_ctx.append(life)


async def again_and_again(
    what: str, look: Callable[[], Awaitable[object]], every_s: float = LOOK_EVERY_S
) -> None:
    """Look, rest, look again, until cancelled. What goes wrong is told in the log, and the next look goes on."""
    while True:
        try:
            await look()
        except Exception:
            log.exception("%s failed", what)
        await asyncio.sleep(every_s)
