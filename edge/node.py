"""The node: one loop to which everything comes, one step of the role at a time, everything else beside it.

Start, in this order, because the first card must not wait for a network: storage thread, ``Started``, board, readers,
READY. Only then the cards are packed in memory, beside the loop, and the link and the scheduler are imported at all.

A fault of the program, wherever it shows, ends the node: the board goes to its rest state and systemd starts it anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

from edge.cache.inbox import Job
from edge.cache.mirror import Mirror
from edge.cache.recorder import Recorder
from edge.conversations import Conversations
from edge.core.lines import InputLine
from edge.core.stimuli import (
    CardGone,
    CardShown,
    InputChanged,
    KeyPressed,
    Now,
    ReaderFaulted,
    Started,
    Stimulus,
    Tick,
    ViewChanged,
)
from edge.core.stimuli import ReaderRecovered as ReaderIsBack
from edge.effects import Effects
from edge.parts import Parts, Service
from edge.pins import PinChecks
from edge.reader.base import CardPresented, CardRemoved, Event, ReaderFault, ReaderRecovered, SeveralCards
from edge.reader.worker import ReaderWorker
from edge.release import VERSION
from edge.upkeep import Upkeep
from edge.watchdog import Watchdog
from protocol.decide import Presentation
from protocol.facts import Body, BootFact, ConfigFact, decode_body
from protocol.ids import Stream
from protocol.records import Revisions
from protocol.view import View

TICK_S: Final = 1.0
STORAGE_STOP_S: Final = 0.6
READER_STOP_S: Final = 0.3
_log: Final = logging.getLogger(__name__)


class Node:
    """See the module. ``run`` returns the exit code."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.keeper = parts.keeper
        self.configuration = parts.configuration
        self.workers = {
            unit: ReaderWorker(reader, partial(self._post, self._take_events, unit), name=f"reader {unit}")
            for unit, reader in parts.readers.items()
        }
        self.upkeep = Upkeep(parts.keeper, parts.machine, self.deliver, self._save_clock)
        self.faulted_readers: dict[int, str] = {}
        self.inputs: dict[InputLine, bool] = {}
        self.state: Any = parts.role.initial()
        parts.configuration.changed = self.view_changed
        parts.configuration.stored = self.config_stored
        self.error: BaseException | None = None
        self.recorder: Recorder
        self.mirror: Mirror
        self.effects: Effects
        self._loop: asyncio.AbstractEventLoop
        self._waiting: deque[Stimulus] = deque()
        self._stepping = False
        self._stopping = asyncio.Event()
        self._recorded = Revisions()
        self._services: list[Service] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pins = PinChecks(partial(self._post, self.deliver), partial(self._post, self.fail))
        self._watchdog = Watchdog(parts.notifier.send, self._progress)

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Until ``stop``; 0 after an ordinary end, 1 after a fault of the program."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._loop_broke)
        self.recorder = self.parts.recorder(self._post, self.upkeep)
        self.mirror = Mirror(self.recorder.call)
        self.effects = Effects(
            self._loop, self.parts.board, self.recorder, self.keeper, self.deliver, self.upkeep.commit_overdue
        )
        self.effects.took = self.upkeep.stopwatch.took
        self.effects.lock_moved = lambda: self.upkeep.wake_link()
        self.effects.converse = Conversations(
            self.workers, lambda: self.configuration.view.door_keys, partial(self._post, self.deliver)
        ).begin
        self.effects.check_pin = self._pins.begin
        try:
            self._start()
            await self._stopping.wait()
        except Exception as error:
            self.fail(error)
        finally:
            await self._end()
        return 0 if self.error is None else 1

    def _start(self) -> None:
        start = self.parts.outbox_start()
        clock_news = self.keeper.start()
        self.recorder.start()
        self.record_boot(unclean=not start.ended_well)
        self.upkeep.damaged.append(self.record_boot)
        self.upkeep.begin(self.effects, self.mirror, clock_news, start.put_aside)
        self.parts.board.open()
        self.effects.light_up(list(self.workers))
        bodies = ((entry.fact.seq, decode_body(entry.fact)) for entry in start.unfinished)
        self.deliver(
            Started(tuple((seq, body) for seq, body in bodies if body is not None), dict(start.kept))
        )
        self.parts.board.watch(self._from_board_thread)
        for worker in self.workers.values():
            worker.start()
        for unit, keypad in self.parts.keypads.items():
            keypad.watch(partial(self._from_keypad, unit))
        self.parts.notifier.send("READY=1")
        _log.info("decisions are possible from now on")
        self._loop.call_later(TICK_S, self._tick)
        self.spawn(self._begin_services())

    async def _begin_services(self) -> None:
        self.spawn(self.configuration.load())
        self.mirror.load()
        if self.parts.services is not None:
            for service in await self.parts.services(self):
                await service.start()
                self._services.append(service)

    def stop(self) -> None:
        """End; may be called from a signal handler."""
        self._stopping.set()

    def fail(self, error: BaseException) -> None:
        """End because of a fault of the program."""
        if self.error is None:
            self.error = error
            _log.critical("the node ends: %r", error, exc_info=error)
        self._stopping.set()

    async def _end(self) -> None:
        self.effects.stop()
        self.parts.board.close()  # first of all: everything at rest
        self.parts.notifier.send("STOPPING=1")
        for service in reversed(self._services):
            try:
                async with asyncio.timeout(0.5):
                    await service.stop()
            except Exception as error:
                _log.error("%s did not end well: %r", type(service).__name__, error)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for unit, worker in self.workers.items():
            if not worker.stop(READER_STOP_S):
                _log.error("reader %d did not end", unit)
        for keypad in self.parts.keypads.values():
            keypad.close()
        self._pins.stop()
        self._save_clock()
        if not self.recorder.stop(STORAGE_STOP_S):
            _log.error("storage did not end: what it has not committed is lost")
        self.configuration.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside the loop; an error in it ends the node."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def _loop_broke(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None:
            _log.warning("%s", context.get("message"))
        else:
            self.fail(error)

    def _post(self, callback: Callable[..., object], *arguments: Any) -> None:
        """From any thread to the loop; into nothing once the loop has ended."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            _log.debug("the loop has ended: %r is not told", callback)

    # -- the role -----------------------------------------------------------------------------------------------

    def deliver(self, stimulus: Stimulus) -> None:
        """Bring a stimulus to the role, after those that wait already."""
        self._waiting.append(stimulus)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._waiting and not self._stopping.is_set():
                now = Now(self.keeper.mono_ms(), self.keeper.instant())
                self.state, actions = self.parts.role.step(
                    self.state, self._waiting.popleft(), self.configuration.view, now
                )
                self.effects.perform(actions)
        finally:
            self._stepping = False

    def record(self, *bodies: Body) -> None:
        """Put facts of the node itself into the outbox."""
        self.effects.record(*bodies)

    def record_boot(self, *, unclean: bool = False) -> None:
        """Put the start of this run into the outbox; again when another outbox was begun."""
        self.record(BootFact(self.parts.boot_id, VERSION, self.keeper.floor_ms(), unclean))

    def with_outbox(self, job: Job) -> None:
        """Have something done in the storage thread."""
        self.recorder.call(job)

    # -- readers and board --------------------------------------------------------------------------------------

    def _take_events(self, unit: int) -> None:
        worker = self.workers[unit]
        for event in worker.take():
            self._reader_told(unit, event)
        if worker.error is not None:
            self.fail(worker.error)

    def _reader_told(self, unit: int, event: Event) -> None:
        match event:
            case CardPresented() | SeveralCards():
                self.deliver(card_shown(unit, event))
            case CardRemoved(uid=uid):
                self.deliver(CardGone(unit, uid))
            case ReaderFault(reason=reason):
                self.faulted_readers[unit] = reason
                self.deliver(ReaderFaulted(unit, reason))
            case ReaderRecovered():
                self.faulted_readers.pop(unit, None)
                self.deliver(ReaderIsBack(unit))

    def _from_keypad(self, reader: int, key: str) -> None:
        self._post(self.deliver, KeyPressed(reader, key))

    def _from_board_thread(self, line: InputLine, active: bool) -> None:
        self._post(self._input_changed, line, active)

    def _input_changed(self, line: InputLine, active: bool) -> None:
        self.inputs[line] = active
        self.deliver(InputChanged(line, active))

    def _progress(self) -> Mapping[str, int]:
        progress = {f"reader {unit}": worker.heartbeat for unit, worker in self.workers.items()}
        polls = getattr(
            self.parts.board, "poll_count", None
        )  # a board with pins polls its inputs in a thread
        return progress if polls is None else {**progress, "inputs": polls}

    def _tick(self) -> None:
        self._loop.call_later(TICK_S, self._tick)
        self.upkeep.tick()
        self.deliver(Tick())
        self._watchdog.feed()

    def _save_clock(self) -> None:
        self.parts.executor.submit(self.parts.save_clock, self.keeper.to_save())

    # -- configuration ------------------------------------------------------------------------------------------

    def view_changed(self, _view: View) -> None:
        """Another View is in force."""
        self.deliver(ViewChanged())

    def config_stored(self, revisions: Revisions, issued_at_ms: int) -> None:
        """A configuration is durable. Of balances and places, which move with every use, no record is made: what was decided
        names the revision by which.
        """
        self.keeper.issued(issued_at_ms)
        known = revisions.with_(Stream.BALANCES, self._recorded.balances)
        if known != self._recorded:
            self._recorded = revisions
            self.record(ConfigFact(revisions))


def card_shown(reader: int, event: CardPresented | SeveralCards) -> CardShown:
    """What the role is told of cards in the field of a reader."""
    if isinstance(event, CardPresented):
        return CardShown(reader, (_presentation(event),), left_alone=event.left_alone, at_ms=event.at_ms)
    cards = tuple(_presentation(card) for card in event.cards)
    return CardShown(reader, cards, event.joined, event.more, at_ms=event.at_ms)


def _presentation(card: CardPresented) -> Presentation:
    proof = card.proof
    return Presentation(
        card.uid, proof.credential_id, proof.issue_no, proof.tier, clone_suspected=card.clone_suspected
    )
