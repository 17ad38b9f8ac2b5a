"""Talking to an emulated node's control line (``edge/emulated.py`` says what it can do)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from provisioning.errors import DemoError

LINE_MAX_BYTES = 256 * 1024
ANSWER_WITHIN_S = 10.0


class ControlLine:
    """One connection; connects again when the node was off. ``on_event`` gets every change of the node."""

    def __init__(self, data_dir: Path, on_event: Callable[[Mapping[str, Any]], None]) -> None:
        self.data_dir = data_dir
        self.file = data_dir / "control.json"
        self._on_event = on_event
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._numbers = count(1)
        self._task: asyncio.Task[None] | None = None
        self._watch_number = 0
        self._is_watched = False
        self.now: dict[str, Mapping[str, Any]] = {}
        """The newest event of each kind and place."""

    @property
    def is_connected(self) -> bool:
        """The node runs and answers, and ``now`` is of this run of it."""
        return self._is_watched

    def start(self) -> None:
        """Go on connecting until ``stop``."""
        self._task = asyncio.create_task(self._run(), name=f"control {self.file.parent.name}")

    async def stop(self) -> None:
        """Close the line."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def do(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a request; its result.

        :raises DemoError: the node is off, or it says why it cannot.
        """
        if self._writer is None:
            raise DemoError("off")
        number = next(self._numbers)
        future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(json.dumps({**request, "id": number}).encode() + b"\n")
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await future
        except (TimeoutError, ConnectionError) as error:
            raise DemoError("no answer") from error
        finally:
            self._waiting.pop(number, None)
        if not answer["ok"]:
            raise DemoError(str(answer["error"]))
        result: Mapping[str, Any] = answer["result"]
        return result

    async def _run(self) -> None:
        while True:
            try:
                address = json.loads(self.file.read_text())["address"]
                host, _, port = address.rpartition(":")
                reader, self._writer = await asyncio.open_connection(host, int(port), limit=LINE_MAX_BYTES)
                self._watch_number = next(self._numbers)
                self._writer.write(json.dumps({"do": "watch", "id": self._watch_number}).encode() + b"\n")
                while line := await reader.readline():
                    self._take(json.loads(line))
            except (OSError, ValueError, KeyError):
                pass  # the node is off or starting; the next round finds it
            finally:
                self._lost()
            await asyncio.sleep(0.3)

    def _take(self, message: Mapping[str, Any]) -> None:
        if "event" in message:
            self._note(message)
        elif message.get("id") == self._watch_number:  # at once: a change that follows it is newer
            for event in message["result"]["now"]:
                self._note(event)
            self._is_watched = True
            self._on_event({"event": "power", "on": True})
        elif (future := self._waiting.get(message.get("id", 0))) is not None and not future.done():
            future.set_result(message)

    def _note(self, event: Mapping[str, Any]) -> None:
        self.now[f"{event['event']} {event.get('line', event.get('reader', ''))}"] = event
        self._on_event(event)

    def _lost(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._is_watched = False
            self._on_event({"event": "power", "on": False})
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(DemoError("off"))
