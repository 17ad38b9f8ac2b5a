"""What the centre says reaches the part that it concerns, and nothing else (I10)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from edge.core.stimuli import InStep, ModeChanged, RemoteOpen, Stimulus, TestAsked
from edge.correspondence import Correspondence
from edge.i18n import use_language
from edge.identity import Member
from protocol import messages
from protocol.clocksync import Sample
from protocol.downlink import HotlistWanted, Rejected
from protocol.errors import SignatureError
from protocol.facts import Body, CommandFact, CommandResult
from protocol.ids import Stream
from protocol.messages import RefusalCode, Refused, Welcome
from protocol.node_peer import ClockSample, CommandReceived, Level, RefusedBy, Welcomed
from protocol.records import Change, Mode, Revisions
from protocol.uplink import Acked, Diverged, Purge
from tests.support.facts import apply, whole

MEMBER = Member("gate", 3, bytes(32), bytes(32), "east", 30, bytes(16), "T1", audit_seq=5, audit_head=b"five")
NONCE = bytes(16)


ASLEEP_MS = 7_000
"""What the machine has slept since it started: boot time counts it, the node's time does not."""


class Host:
    def __init__(self) -> None:
        self.log: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []

    def deliver(self, stimulus: Stimulus) -> None:
        self.log.append(stimulus)

    def mono_of(self, boottime_ms: int | None) -> int | None:
        return None if boottime_ms is None else boottime_ms - ASLEEP_MS

    def record(self, *bodies: Body) -> None:
        self.log += bodies

    def with_outbox(self, job: Any) -> None:
        self.log.append(job)

    def clock_sample(self, sample: Sample, *, asked: bool) -> None:
        self.log.append((sample, asked))

    def acknowledged(self, through: int) -> None:
        self.log.append(("acknowledged", through))

    def save_member(self, member: Member) -> None:
        self.log.append(member)

    def test_asked(self, command: messages.TestNode) -> None:
        self.log.append(("test", command))

    def clear_asked(self, command: messages.ClearRecords) -> None:
        self.log.append(("clear", command))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        return self.tasks[-1]


class Parts:
    """Stands in for the configuration and the engine."""

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.reported: list[list[Change]] = []
        self.is_level = False

    async def apply(self, apply: Any, downlink: Any) -> None:
        self.applied.append(apply.number)

    def hotlist(self) -> list[Change]:
        return [Change(1, b"U1234", b"x")]

    def report_hotlist(self, changes: list[Change]) -> None:
        self.reported.append(changes)


@pytest.fixture
def bench() -> SimpleNamespace:
    use_language("en")
    host, parts, woken = Host(), Parts(), []
    correspondence = Correspondence(host, parts, MEMBER, parts, lambda: woken.append(1))  # type: ignore[arg-type]
    return SimpleNamespace(host=host, parts=parts, woken=woken, c=correspondence)


REMOTE_OPEN = messages.RemoteOpen(7, "gate", NONCE, 1, door=2, release_ms=3_000)
SET_MODE = messages.SetMode(8, "gate", NONCE, 1, door=2, mode=Mode.BLOCKED)
CLEAR_MODE = messages.SetMode(9, "gate", NONCE, 1, door=2, clear=True)
TEST_NODE = messages.TestNode(10, "gate", NONCE, 1, point=4)
SET_TIME = messages.SetTime(11, "gate", NONCE, 1)
CLEAR_RECORDS = messages.ClearRecords(12, "gate", NONCE, 1, 3, 40, bytes(16))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (REMOTE_OPEN, [RemoteOpen(7, 2, 3_000)]),
        (SET_MODE, [ModeChanged(8, 2, Mode.BLOCKED)]),
        (CLEAR_MODE, [ModeChanged(9, 2, None)]),
        (TEST_NODE, [TestAsked(10, 4), ("test", TEST_NODE)]),
        (SET_TIME, [CommandFact(11, 0, CommandResult.DONE)]),
        (CLEAR_RECORDS, [("clear", CLEAR_RECORDS)]),
    ],
)
def test_a_command_that_may_be_carried_out_reaches_the_part_that_does_it(
    bench: SimpleNamespace, command: messages.Command, expected: list[object]
) -> None:
    bench.c.handle(CommandReceived(command, CommandResult.DONE))
    assert bench.host.log == expected


@pytest.mark.parametrize("command", [REMOTE_OPEN, SET_MODE, TEST_NODE, SET_TIME, CLEAR_RECORDS])
@pytest.mark.parametrize(
    "result", [CommandResult.USED_NONCE, CommandResult.TOO_OLD, CommandResult.UNKNOWN_NONCE]
)
def test_a_command_that_may_not_is_recorded_and_moves_nothing(
    bench: SimpleNamespace, command: messages.Command, result: CommandResult
) -> None:
    bench.c.handle(CommandReceived(command, result))
    assert bench.host.log == [CommandFact(command.command_id, getattr(command, "door", 0), result)]


async def test_rows_are_applied_and_the_link_is_woken(bench: SimpleNamespace) -> None:
    change = apply(whole(Stream.ACCESS, 1, []))
    bench.c.handle(change)
    bench.c.handle(HotlistWanted())
    await asyncio.gather(*bench.host.tasks)
    assert len(bench.woken) == 2
    assert bench.parts.applied == [change.number]
    assert bench.parts.reported == [[Change(1, b"U1234", b"x")]]


async def test_the_role_hears_when_everything_of_the_centre_is_here(bench: SimpleNamespace) -> None:
    """Told by the centre, or reached by the last rows. Planted break: tell it while rows are missing."""
    bench.c.handle(Level())
    bench.c.handle(Level(9_000))
    assert bench.host.log == [InStep(), InStep(9_000 - ASLEEP_MS)]
    bench.host.log.pop()
    for bench.parts.is_level in (False, True):
        bench.c.handle(apply(whole(Stream.ACCESS, 1, [])))
        await asyncio.gather(*bench.host.tasks)
    assert bench.host.log == [InStep(), InStep()]


def test_the_time_goes_to_the_clock(bench: SimpleNamespace) -> None:
    sample = Sample(1, 2, 3)
    bench.c.handle(ClockSample(sample))
    bench.c.handle(ClockSample(sample, asked=True))
    assert bench.host.log == [(sample, False), (sample, True)]


def test_only_the_signed_word_of_a_backup_lets_facts_be_purged(bench: SimpleNamespace) -> None:
    words: list[tuple[int, bytes]] = []
    bench.c.handle(Acked(9))
    assert (bench.c.acked_through, bench.host.log) == (9, [("acknowledged", 9)])
    bench.host.log.clear()
    bench.c.handle(Purge(5, b"signed"))
    bench.host.log[0](SimpleNamespace(back_up=lambda through, frame: words.append((through, frame))))
    assert words == [(5, b"signed")]


def welcome(audit_seq: int, audit_head: bytes, scope: str = "east", period_s: int = 30) -> Welcomed:
    return Welcomed(
        Welcome(
            bytes(8),
            bytes(32),
            NONCE,
            1,
            0,
            0,
            period_s,
            scope,
            Revisions(),
            0,
            bytes(16),
            (),
            audit_seq,
            audit_head,
        )
    )


def test_the_newest_head_of_the_centre_s_audit_is_kept(bench: SimpleNamespace) -> None:
    bench.c.handle(welcome(5, b"five"))
    bench.c.handle(welcome(4, b"four"))
    assert bench.host.log == []
    bench.c.handle(welcome(6, b"six", "west", 60))
    kept = bench.host.log[0]
    assert (kept.audit_seq, kept.audit_head, kept.scope, kept.period_s) == (6, b"six", "west", 60)


def test_what_an_installer_must_know_is_kept_until_the_next_welcome(bench: SimpleNamespace) -> None:
    bench.c.handle(RefusedBy(Refused(RefusalCode.REVOKED)))
    assert bench.c.trouble == "this device was revoked at the centre"
    bench.c.handle(Diverged(3))
    assert "new ticket" in bench.c.trouble
    bench.c.handle(Rejected(SignatureError("x")))
    assert bench.c.rejected_count == 1
    bench.c.handle(welcome(5, b"five"))
    assert bench.c.trouble == ""
