"""The units of a serial line, read as long as a program runs: the clerk plugs a unit in, and the centre's page does the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from edge.collect.collector import Collector, Unit
from edge.i18n import _
from edge.link.port import Direction

ADDRESSES: Final = range(1, 17)
"""Units are looked for here, as by the command."""
LOOK_EVERY_S: Final = 0.5


class LineService:
    """See the module. A ``Service`` of a node; the node itself goes on by its own connection, whatever becomes of the line."""

    def __init__(
        self,
        port: str,
        speed_baud: int,
        direction: Direction,
        urls: Sequence[str],
        ca_pem: str,
        say: Callable[[str], None],
    ) -> None:
        """:param say: a line for whoever sits there."""
        self._port, self._say = port, say
        self._collector = Collector(
            port,
            speed_baud,
            urls,
            ca_pem,
            tuple(ADDRESSES),
            named=False,
            wait_s=0,
            stays=True,
            direction=direction,
        )
        self._here: dict[int, str] = {}
        self._problem = ""
        self._tasks: list[asyncio.Task[object]] = []

    async def start(self) -> None:
        """Begin asking."""
        self._say(_("%(port)s: units are looked for", port=self._port))
        self._tasks = [
            asyncio.create_task(self._collector.run(), name="line"),
            asyncio.create_task(self._look(), name="line-look"),
        ]

    async def stop(self) -> None:
        """Let the units and the port go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            self._tell()
            await asyncio.sleep(LOOK_EVERY_S)

    def _tell(self) -> None:
        problem = self._collector.port_problem
        if problem != self._problem:
            self._problem = problem
            self._say(problem or _("%(port)s: units are looked for", port=self._port))
        here = {unit.address: unit.watched.name for unit in self._collector.units if _is_here(unit)}
        for address, name in here.items():
            if name and self._here.get(address) != name:
                self._say(_("%(address)s %(name)s: on the line", address=address, name=name))
        for address in self._here.keys() - here.keys():
            self._say(_("%(address)s %(name)s: gone", address=address, name=self._here[address]))
        self._here = here


def _is_here(unit: Unit) -> bool:
    return unit.is_here and unit.is_heard
