"""How the service is: green while everything works, amber while something is impaired, red when data service stopped (29).

Checks are small functions that look at one thing; they run every few seconds and their last findings are kept, so that
asking costs nothing. Only ``/healthz`` is public, and it says no more than the state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from central.web.i18n import LazyText, gettext, lazy

log = logging.getLogger(__name__)
PERIOD_S: Final = 5.0
CHECK_WITHIN_S: Final = 5.0
TOPIC: Final = "service"
"""Published live when the state changes."""


class Level(IntEnum):
    """How bad it is; the worst finding is the state of the service."""

    RUNNING = 0
    DEGRADED = 1
    STOPPED = 2

    @property
    def word(self) -> str:
        """As in the vocabulary of pages: ``running``, ``degraded``, ``stopped``."""
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """What one check found; ``text``, with ``values`` in its places, is ``None`` when all is well."""

    level: Level = Level.RUNNING
    text: LazyText | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    since: datetime | None = None

    def __str__(self) -> str:
        """The finding in the reader's language, empty when all is well."""
        return gettext(self.text.message, **self.values) if self.text is not None else ""


GOOD: Final = Finding()
Check = Callable[[], Awaitable[Finding]]


class Health:
    """The checks of this process and what they last found.

    :param now: the clock. :param on_change: told the new state's word whenever it changes.
    """

    def __init__(self, now: Callable[[], datetime], on_change: Callable[[str], None]) -> None:
        self._now = now
        self._on_change = on_change
        self._checks: dict[str, Check] = {}
        self.findings: dict[str, Finding] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, name: str, check: Check) -> None:
        """Look at one more thing; before :meth:`start`."""
        assert name not in self._checks, name
        self._checks[name] = check

    @property
    def level(self) -> Level:
        """The worst finding; *stopped* until the first round is done."""
        if len(self.findings) < len(self._checks):
            return Level.STOPPED
        return max((finding.level for finding in self.findings.values()), default=Level.RUNNING)

    async def start(self) -> None:
        """One round now, then one every few seconds."""
        await self.look()
        self._task = asyncio.create_task(self._run(), name="health")

    async def stop(self) -> None:
        """End the rounds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """One round of all checks."""
        before = self.level
        for name, check in self._checks.items():
            found = await _outcome(name, check)
            last = self.findings.get(name)
            if last is not None and (last.level, last.text) == (found.level, found.text):
                found = replace(found, since=last.since)
            else:
                found = replace(found, since=self._now())
            self.findings[name] = found
        if self.level is not before:
            log.log(
                logging.INFO if self.level is Level.RUNNING else logging.WARNING,
                "the service is %s",
                self.level.word,
            )
            self._on_change(self.level.word)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            await self.look()


async def _outcome(name: str, check: Check) -> Finding:
    """A check that fails or hangs is itself a finding."""
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            return await check()
    except TimeoutError:
        return Finding(Level.STOPPED, lazy("It does not answer."))
    except Exception:
        log.exception("health check %s failed", name)
        return Finding(Level.STOPPED, lazy("The check itself failed; see the log."))
