"""A turn over a line has an end, whatever the line does; and giving a port back holds nobody up."""

from __future__ import annotations

import asyncio
import os
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from edge.collect.bus import Bus
from edge.link import port
from protocol.framing import Deframer
from protocol.line import Kind, Piece, Primary, Secondary, read_piece, write_piece

GUARD_S = 30.0
SPEED_BAUD = 115_200


@contextmanager
def far_end(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A port; ``answer`` says what comes back for what was sent, and is asked again and again."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.01):
            heard = b""
            with suppress(BlockingIOError):
                heard = os.read(master, 65_536)
            with suppress(BlockingIOError):
                os.write(master, answer(heard))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("babble", [b"U", b"\x00", write_piece(Piece(9, 9, Kind.RR, answer=False))])
async def test_a_line_that_never_falls_silent_does_not_hold_a_turn(babble: bytes) -> None:
    """Planted break: ``turn`` without ``end_s``."""
    with far_end(lambda _heard: babble) as name:
        bus = Bus(name, SPEED_BAUD)
        async with asyncio.timeout(GUARD_S):
            assert not await bus.turn(Primary(1), 18, lambda _frame: None)
        await bus.close()


async def test_a_unit_that_says_more_than_it_may_is_not_listened_to() -> None:
    """Planted break: ``turn`` not counting pieces."""
    unit, deframer, number = Secondary(1), Deframer(), 0

    def answer(heard: bytes) -> bytes:
        nonlocal number
        links = [read_piece(plain).link for plain in deframer.feed(heard)]
        unit.receive(heard, 0)
        if first := unit.to_send():
            if number == 0 and links:
                number = 1
                return first
            pieces = [Piece(1, links[-1], Kind.DATA, at, 0, 0, b"frame", answer=True) for at in range(100)]
            return b"".join(map(write_piece, pieces))
        return b""

    frames: list[bytes] = []
    with far_end(answer) as name:
        bus, primary = Bus(name, SPEED_BAUD), Primary(1)
        async with asyncio.timeout(GUARD_S):
            assert await bus.turn(primary, 1, frames.append)
            assert not await bus.turn(primary, 1, frames.append)
        await bus.close()
    assert len(frames) == bus.credit(1)


async def test_a_port_that_is_slow_to_close_holds_the_loop_up_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted break: ``close`` calling ``_close`` itself; the order of its steps."""
    steps: list[str] = []
    begun, free = threading.Event(), threading.Event()

    class Slow:
        in_waiting = 0

        def __init__(self, *_: Any, **__: Any) -> None: ...

        def read(self, _count: int) -> bytes:
            threading.Event().wait(0.01)
            return b""

        def close(self) -> None:
            begun.set()
            steps.append("closed" if free.wait(5) else "the loop could not go on")

        def __getattr__(self, name: str) -> Callable[[], None]:
            return lambda: steps.append(name)

    monkeypatch.setattr(port.serial, "Serial", Slow)
    closing = asyncio.create_task(port.SerialPort("slow", SPEED_BAUD, lambda: None).close())
    await asyncio.to_thread(begun.wait, 5)
    free.set()
    await closing
    assert steps == ["reset_input_buffer", "cancel_read", "cancel_write", "reset_output_buffer", "closed"]
