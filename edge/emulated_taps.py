"""Taps at emulated readers, as people tap: one after another, each until the reader has told of the card."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

from edge.control import ControlError
from edge.emulated_readers import Overheard

TAP_MS: Final = 400
PATIENCE_S: Final = 10.0
"""A conversation with a card over an emulated serial line may take seconds on a busy machine."""
LOOK_S: Final = 0.02
TAPS_MAX: Final = 32
"""Taps that wait for their turn at one reader."""
HOLD_MS_MAX: Final = 600_000
_log: Final = logging.getLogger(__name__)


class Taps:
    """The taps at one reader: the one whose card lies in the field, and behind it those that wait for their turn.

    :param place: puts the card of a request into the field; the answer has it as ``card``.
    :param take: takes the card of this name away, if it is still there.
    """

    def __init__(
        self,
        reader: Overheard,
        place: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
        take: Callable[[str], Awaitable[None]],
    ) -> None:
        self._reader, self._place, self._take = reader, place, take
        self._queue: deque[Mapping[str, Any]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def add(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Tap now, or as soon as those before have gone; the placed card, or how many are before this one.

        :raises ControlError: too many wait already, the same card is tapped just now, or it cannot be placed.
        """
        hold_s(request, TAP_MS)
        uid = request["card"].get("uid")
        if uid and any(uid == other["card"].get("uid") for other in self._queue):
            raise ControlError("this card is being shown already")
        if len(self._queue) > TAPS_MAX:
            raise ControlError(f"{TAPS_MAX} taps wait for this reader already")
        self._queue.append(request)
        return await self._begin(request) if len(self._queue) == 1 else {"waits": len(self._queue) - 1}

    def stop(self) -> None:
        """Nobody taps any more."""
        self._queue.clear()
        for task in self._tasks:
            task.cancel()

    async def _begin(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._count += 1
        name = f"tap {self._count}"  # the UID of some cards is another one each time they get current
        before = self._reader.event_count
        try:
            answer = await self._place({**request, "card": {**request["card"], "name": name}})
        except Exception:
            self._next()
            raise
        self._spawn(self._end(answer["card"], hold_s(request, TAP_MS), before))
        return answer

    async def _end(self, card: Mapping[str, Any], seconds: float, before: int) -> None:
        """As a holder does: when it has beeped, but not before ``seconds``, and not much longer than he has patience."""
        await asyncio.sleep(seconds)
        for _ in range(round(PATIENCE_S / LOOK_S)):
            if self._reader.has_told_of(bytes.fromhex(card["uid"]), before):
                break
            await asyncio.sleep(LOOK_S)
        await self._take(card["name"])
        self._next()

    def _next(self) -> None:
        if self._queue:
            self._queue.popleft()
        if self._queue:
            self._spawn(self._begin_waiting(self._queue[0]))

    async def _begin_waiting(self, request: Mapping[str, Any]) -> None:
        try:
            await self._begin(request)
        except (
            ControlError,
            ValueError,
            KeyError,
            TypeError,
        ) as error:  # nobody waits for the answer any more
            _log.warning("a tap that had waited could not be done: %s", error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def hold_s(request: Mapping[str, Any], default_ms: int) -> float:
    """``ms`` of a request, in seconds."""
    ms = int(request.get("ms", default_ms))
    if not 0 < ms <= HOLD_MS_MAX:
        raise ControlError(f"ms is from 1 to {HOLD_MS_MAX}")
    return ms / 1_000
