"""The reader's thread: hand-over, heartbeat, limits, ends. Nothing here depends on how fast the machine is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from edge.reader.base import CardPresented, CardRemoved, Event, Health, MonotonicTicks, ReaderFault
from edge.reader.bus_direct import DirectTransport
from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.clock import RealTimeClock
from edge.reader.emulator.field import Field
from edge.reader.emulator.mifare_classic import ClassicCard
from edge.reader.errors import CardSilent, ReaderError
from edge.reader.reader import Mfrc522Reader
from edge.reader.worker import EVENTS_MAX, JOBS_MAX, ReaderWorker

DEADLINE_S = 30.0


def presented(number: int) -> CardPresented:
    return CardPresented(number.to_bytes(4, "big"), 0x0004, 0x08, number)


class ScriptedReader:
    """Gives out the events of a script, one list a poll; hangs or fails when told to."""

    def __init__(self, *script: list[Event]) -> None:
        self.script = list(script)
        self.polled = threading.Event()
        self.script_done = threading.Event()
        self.hang = False
        self.hanging = threading.Event()
        self.go_on = threading.Event()
        self.error: Exception | None = None
        self.closed = threading.Event()
        self.threads: set[str] = set()

    def open(self) -> None:
        self._note()

    def poll(self) -> list[Event]:
        self._note()
        if self.error is not None:
            raise self.error
        if self.hang:
            self.hanging.set()
            self.go_on.wait(DEADLINE_S)
        events = self.script.pop(0) if self.script else []
        if not self.script:
            self.script_done.set()
        self.polled.set()
        return events

    def transact(self, uid: bytes, operation: Any) -> Any:
        self._note()
        return operation(uid)

    def close(self) -> None:
        self._note()
        self.closed.set()

    def health(self) -> Health:
        return Health(poll_count=1)

    def _note(self) -> None:
        self.threads.add(threading.current_thread().name)


class Bell:
    """Counts calls of ``notify`` and lets a test wait for the next."""

    def __init__(self) -> None:
        self.rung = threading.Semaphore(0)

    def __call__(self) -> None:
        self.rung.release()

    def wait(self) -> None:
        assert self.rung.acquire(timeout=DEADLINE_S), "nobody rang"


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def running() -> Iterator[list[ReaderWorker]]:
    """Workers put here are stopped at the end."""
    workers: list[ReaderWorker] = []
    yield workers
    for worker in workers:
        assert worker.stop(DEADLINE_S)


def wait_for_heartbeat(worker: ReaderWorker, reader: ScriptedReader, count: int) -> None:
    start = worker.heartbeat
    while worker.heartbeat < start + count:
        reader.polled.clear()
        assert reader.polled.wait(DEADLINE_S)


def test_events_come_in_order_and_from_the_readers_own_thread(bell: Bell, running) -> None:
    reader = ScriptedReader([presented(1)], [], [CardRemoved(b"\0\0\0\1", 2), presented(2)])
    worker = ReaderWorker(reader, bell, polls_per_s=20, name="gate in")
    running.append(worker)
    worker.start()
    bell.wait()
    bell.wait()
    assert worker.take() == [presented(1), CardRemoved(b"\0\0\0\1", 2), presented(2)]
    assert worker.take() == []
    assert worker.stop(DEADLINE_S)
    assert reader.closed.is_set()
    assert reader.threads == {"gate in"}
    assert worker.health().poll_count == 1


def test_the_heartbeat_stops_with_a_bus_call_that_hangs(bell: Bell, running) -> None:
    reader = ScriptedReader()
    worker = ReaderWorker(reader, bell, polls_per_s=20)
    running.append(worker)
    worker.start()
    wait_for_heartbeat(worker, reader, 3)
    reader.hang = True
    assert reader.hanging.wait(DEADLINE_S)
    seen = worker.heartbeat
    assert not worker.stop(0.05), "a hanging call cannot be ended, and that is said"
    assert worker.heartbeat == seen
    reader.go_on.set()
    assert worker.stop(DEADLINE_S)


def test_an_undeclared_error_ends_the_thread_and_is_told(bell: Bell, running) -> None:
    """Our own mistake must not look like an empty field: fault told, heartbeat still, devices given back."""
    reader = ScriptedReader()
    reader.error = KeyError("a mistake")
    worker = ReaderWorker(reader, bell)
    running.append(worker)
    worker.start()
    bell.wait()
    (event,) = worker.take()
    assert isinstance(event, ReaderFault)
    assert "a mistake" in event.reason
    assert worker.stop(DEADLINE_S)
    assert worker.heartbeat == 0
    assert isinstance(worker.error, KeyError)
    assert reader.closed.is_set()
    with pytest.raises(ReaderError):
        worker.submit(b"", lambda session: None)


def test_a_queue_that_nobody_empties_drops_the_oldest_cards_but_no_fault(bell: Bell, running) -> None:
    fault = ReaderFault("dead", 0)
    reader = ScriptedReader(
        [presented(0)], [fault], [presented(number) for number in range(1, EVENTS_MAX + 5)]
    )
    worker = ReaderWorker(reader, bell, polls_per_s=20)
    running.append(worker)
    worker.start()
    for _ in range(3):
        bell.wait()
    events = worker.take()
    assert len(events) == EVENTS_MAX
    assert events[0] == fault
    assert events[-1] == presented(EVENTS_MAX + 4)
    assert worker.dropped_count == 6


def test_conversations_run_in_the_readers_thread(bell: Bell, running) -> None:
    reader = ScriptedReader()
    worker = ReaderWorker(reader, bell, name="issuer")
    running.append(worker)
    worker.start()
    name = worker.submit(b"1234", lambda uid: (uid, threading.current_thread().name))
    assert name.result(DEADLINE_S) == (b"1234", "issuer")

    def leave(uid: bytes) -> None:
        raise CardSilent("gone")

    with pytest.raises(CardSilent):
        worker.submit(b"1234", leave).result(DEADLINE_S)
    assert worker.submit(b"5678", lambda uid: uid).result(DEADLINE_S) == b"5678"


def test_conversations_are_limited_and_cancelled_at_the_end(bell: Bell, running) -> None:
    reader = ScriptedReader()
    reader.hang = True
    worker = ReaderWorker(reader, bell)
    running.append(worker)
    worker.start()
    assert reader.hanging.wait(DEADLINE_S)
    futures = [worker.submit(b"", lambda uid: uid) for _ in range(JOBS_MAX)]
    with pytest.raises(ReaderError):
        worker.submit(b"", lambda uid: uid)
    assert not worker.stop(0.01)
    reader.go_on.set()
    assert worker.stop(DEADLINE_S)
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(DEADLINE_S)
    with pytest.raises(ReaderError):
        worker.submit(b"", lambda uid: uid)


def test_a_worker_that_was_never_started_can_be_stopped(bell: Bell) -> None:
    assert ReaderWorker(ScriptedReader(), bell).stop()


@pytest.mark.parametrize("polls_per_s", [0, 21])
def test_an_impossible_pace_is_refused(bell: Bell, polls_per_s: int) -> None:
    with pytest.raises(ValueError, match="polls_per_s"):
        ReaderWorker(ScriptedReader(), bell, polls_per_s=polls_per_s)


def test_a_whole_reader_in_its_thread(bell: Bell, running) -> None:
    field = Field(RealTimeClock())
    chip = Chip(field)
    card = ClassicCard(bytes.fromhex("1A2B3C4D"))
    reader = Mfrc522Reader(DirectTransport(EmulatorBus(chip)), MonotonicTicks(), chip.hold_reset)
    worker = ReaderWorker(reader, bell, polls_per_s=20)
    running.append(worker)
    worker.start()
    field.place(card)
    bell.wait()
    (event,) = worker.take()
    assert event.uid == card.uid

    def read(session) -> bytes:
        session.classic.authenticate(4, b"\xff" * 6)
        return session.classic.read(4)

    assert worker.submit(card.uid, read).result(DEADLINE_S) == bytes(16)
    field.remove(card)
    bell.wait()
    assert [type(event) for event in worker.take()] == [CardRemoved]
    assert worker.stop(DEADLINE_S)
    assert not field.on, "the field is off when the reader is closed"
