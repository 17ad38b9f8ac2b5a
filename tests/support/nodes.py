"""A node in this process: real loop, storage and configuration; the board and the readers are moved by hand."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from edge.cache.at_start import open_at_start
from edge.cache.database import Opener, plain_opener
from edge.cache.outbox import Outbox
from edge.cache.recorder import Recorder
from edge.cache.reserve import Reserve
from edge.cache.store import ConfigStore
from edge.clock import FakeTime, MachineTime
from edge.clock_state import Saved
from edge.configuration import Configuration
from edge.core.actions import Action, Record, Release
from edge.core.lines import InputLine, OutputLine
from edge.core.stimuli import CardShown, CommitLate, Committed, IntentId, Now, Started, Stimulus
from edge.node import Node
from edge.parts import Parts
from edge.reader.base import CardPresented, Event, Health
from edge.timekeeper import Timekeeper
from edge.watchdog import Notifier
from protocol.decide import PointState, decide
from protocol.facts import AccessFact, Body, Outcome, OutcomeFact
from protocol.view import View

DEADLINE_S = 60.0


class HandBoard:
    """``edge.node.Board``: remembers what was driven, and when it was given back."""

    def __init__(self) -> None:
        self.lines: dict[OutputLine, bool] = {}
        self.history: list[tuple[OutputLine, bool]] = []
        self.is_open = False
        self.closings = 0
        self._changed: Callable[[InputLine, bool], object] = lambda line, active: None

    def open(self) -> None:
        self.is_open = True

    def set(self, line: OutputLine, on: bool) -> None:
        assert self.is_open
        if self.lines.get(line, False) != on:
            self.history.append((line, on))
        self.lines[line] = on

    def watch(self, changed: Callable[[InputLine, bool], object]) -> None:
        self._changed = changed

    def press(self, line: InputLine, active: bool) -> None:
        self._changed(line, active)

    def is_on(self, line: OutputLine) -> bool:
        return self.lines.get(line, False)

    def rest(self) -> None:
        self.lines.clear()

    def close(self) -> None:
        self.closings += 1
        self.is_open = False
        self.lines.clear()


class HandReader:
    """``CardReader``: tells what it is given to tell."""

    def __init__(self) -> None:
        self.events: deque[Event | Exception] = deque()
        self.is_open = False
        self.hold = threading.Event()
        self.hold.set()

    def open(self) -> None:
        self.is_open = True

    def poll(self) -> list[Event]:
        self.hold.wait(DEADLINE_S)
        found: list[Event] = []
        while self.events:
            event = self.events.popleft()
            if isinstance(event, Exception):
                raise event
            found.append(event)
        return found

    def show(self, uid: bytes) -> None:
        self.events.append(CardPresented(uid, 0x0044, 0x08, 0))

    def close(self) -> None:
        self.is_open = False

    def health(self) -> Health:
        return Health()


class PlainRole:
    """The least that a door is: an intent, the release after its commit, the outcome. State: intents under way."""

    def __init__(self) -> None:
        self.heard: list[Stimulus] = []

    def initial(self) -> dict[IntentId, int]:
        return {}

    def step(
        self, state: dict[IntentId, int], stimulus: Stimulus, view: View, now: Now
    ) -> tuple[dict[IntentId, int], list[Action]]:
        self.heard.append(stimulus)
        match stimulus:
            case Started(unfinished=unfinished):
                return state, [Record(OutcomeFact(seq, Outcome.UNKNOWN)) for seq, _ in unfinished]
            case CardShown(reader, cards):
                found = [point for point, row in view.points().items() if row.reader == reader]
                if not found:
                    return state, []
                point = view.access_points[found[0]]
                decision = decide(cards[0], view, point, PointState(), now.instant)
                body = AccessFact(
                    point.point, decision.reason, decision.revisions, release_ms=decision.release_ms
                )
                if not decision.granted:
                    return state, [Record(body, decision.key)]
                intent_id = IntentId(len(self.heard))
                return {**state, intent_id: point.door}, [Record(body, decision.key, intent_id)]
            case Committed(intent_id, True, seq) if intent_id in state and seq is not None:
                rest = {key: door for key, door in state.items() if key != intent_id}
                return rest, [Release(state[intent_id]), Record(OutcomeFact(seq, Outcome.RELEASED))]
            case Committed(_, _, seq) if seq is not None:
                return state, [Record(OutcomeFact(seq, Outcome.LATE_COMMIT))]
            case CommitLate(intent_id):
                return {key: door for key, door in state.items() if key != intent_id}, []
            case _:
                return state, []


class Site:
    """What one node keeps on its medium, and the nodes that are started on it one after another."""

    def __init__(
        self, directory: Path, *, opener: Opener = plain_opener, time: MachineTime | None = None
    ) -> None:
        self.directory = directory
        self.opener = opener
        self.time = time or FakeTime()
        self.saved = Saved()
        self.executor = ThreadPoolExecutor(1)

    def parts(self, role: Any = None, *, readers: int = 1, trusted: bool = True, **more: Any) -> Parts:
        """Everything for one run."""
        outbox = Outbox(self.directory / "outbox.db", self.opener)
        store = ConfigStore(self.directory / "config.db", self.opener)
        configuration = Configuration(store, self.executor, self.time.boottime_ms)
        configuration.open()
        keeper = Timekeeper(self.time, self.saved, configuration.issued_at_ms)
        if trusted and isinstance(self.time, FakeTime):
            self.time.ntp = 10

        return Parts(
            keeper=keeper,
            configuration=configuration,
            recorder=lambda post, listener: Recorder(
                outbox, Reserve(self.directory / "reserve"), post, listener
            ),
            outbox_start=partial(open_at_start, outbox),
            board=HandBoard(),
            readers={unit: HandReader() for unit in range(1, readers + 1)},
            role=role or PlainRole(),
            executor=self.executor,
            save_clock=self._save,
            boot_id=self.time.boot_id(),
            notifier=Notifier({}),
            **more,
        )

    def _save(self, saved: Saved) -> None:
        self.saved = saved


class Running:
    """A node that runs in the test's loop. ``async with Running(parts) as node``."""

    def __init__(self, parts: Parts) -> None:
        self.node = Node(parts)
        self.parts = parts
        self.board: Any = parts.board
        self.reader: Any = parts.readers.get(1)
        self._task: asyncio.Task[int]

    async def __aenter__(self) -> Running:
        self._task = asyncio.create_task(self.node.run())
        await self.until(lambda: hasattr(self.node, "mirror"))
        return self

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until it holds; fails after ten seconds, or when the node has ended."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, "still waiting"
            await asyncio.sleep(0.005)

    async def end(self) -> int:
        """Stop the node; its exit code."""
        self.node.stop()
        async with asyncio.timeout(DEADLINE_S):
            return await self._task

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._task

    async def __aexit__(self, *_: object) -> None:
        if not self._task.done():
            await self.end()


def facts_of(directory: Path, opener: Opener = plain_opener) -> list[Body | None]:
    """The bodies of everything in the outbox of a node that has ended."""
    from protocol.facts import decode_body

    outbox = Outbox(directory / "outbox.db", opener)
    outbox.open()
    try:
        return [decode_body(entry.fact) for entry in outbox.read(0, 100_000)]
    finally:
        outbox.close()
