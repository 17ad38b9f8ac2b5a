"""The node from power-up to its end: decides at once, never opens without a record, rests whatever happens (I8, I9)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge.cache.outbox import Outbox
from edge.clock import FakeTime
from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.core.stimuli import (
    CommitLate,
    Committed,
    InputChanged,
    ReaderFaulted,
    ReaderRecovered,
    Started,
    StorageState,
    Tick,
    ViewChanged,
)
from edge.reader import base
from protocol.clocksync import Sample
from protocol.facts import (
    AccessFact,
    Alarm,
    AlarmFact,
    BootFact,
    ClockFact,
    ConfigFact,
    Outcome,
    OutcomeFact,
)
from protocol.reasons import Reason
from protocol.records import Revisions
from tests.support.crashvfs import Disk
from tests.support.facts import card_number, cards, first_configuration, granted, one_door
from tests.support.nodes import PlainRole, Running, Site, facts_of

LOCK = OutputLine(OutputRole.LOCK, 1)


class Nobody:
    """An engine that is not listening."""

    def in_memory(self, number: int) -> None: ...

    def durable(self, number: int, digests: tuple[bytes, ...], now_ms: int) -> None: ...

    def commit_failed(self, number: int, now_ms: int) -> None: ...

    def failed(self, number: int, now_ms: int) -> None: ...


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    parts = site.parts()
    parts.configuration._store.install(first_configuration([*one_door(), *cards(5)]))
    parts.configuration.close()
    parts.recorder(lambda *_: None, None).stop()
    return site


UID = card_number(1)[1:]


async def test_a_card_opens_the_door_after_its_record_with_nothing_but_the_node(site: Site) -> None:
    async with Running(site.parts()) as running:
        running.reader.show(UID)
        await running.until(lambda: running.board.lines.get(LOCK, False))
        running.reader.show(b"\x04\xff\xff\xff\xff\xff\xff")
        assert await running.end() == 0
    facts = [fact for fact in facts_of(site.directory) if isinstance(fact, AccessFact | OutcomeFact)]
    assert isinstance(facts[0], AccessFact)
    assert facts[0].reason is Reason.GRANTED
    assert OutcomeFact(facts_of(site.directory).index(facts[0]) + 1, Outcome.RELEASED) in facts


async def test_a_start_is_recorded_with_how_the_last_run_ended(site: Site) -> None:
    for _ in range(2):
        async with Running(site.parts()) as running:
            assert await running.end() == 0
    outbox = Outbox(site.directory / "outbox.db")
    outbox.open()
    outbox.start_run()  # and then the power went off
    outbox.close()
    async with Running(site.parts()) as running:
        await running.end()
    facts = facts_of(site.directory)
    boots = [fact for fact in facts if isinstance(fact, BootFact)]
    assert [boot.unclean for boot in boots] == [False, False, True]
    assert boots[0].boot_id == "boot-1"
    assert isinstance(facts[1], ClockFact)


async def test_an_intent_without_an_outcome_is_unknown_after_a_restart(site: Site) -> None:
    outbox = Outbox(site.directory / "outbox.db")
    outbox.open()
    seq = outbox.append([granted(1)])[0].fact.seq
    outbox.close()
    role = PlainRole()
    async with Running(site.parts(role)) as running:
        await running.until(lambda: bool(role.heard))
        started = role.heard[0]
        assert isinstance(started, Started)
        assert [number for number, _ in started.unfinished] == [seq]
        await running.end()
    facts = facts_of(site.directory)
    assert OutcomeFact(seq, Outcome.UNKNOWN) in facts
    assert OutcomeFact(seq, Outcome.RELEASED) not in facts


async def test_stimuli_come_in_order_the_start_first(site: Site) -> None:
    role = PlainRole()
    async with Running(site.parts(role)) as running:
        running.board.press(InputLine(InputRole.REX, 1), True)
        running.reader.events.append(base.ReaderFault("no answer", 0))
        running.reader.events.append(base.ReaderRecovered(0))
        await running.until(lambda: ReaderRecovered(1) in role.heard)
        assert running.node.faulted_readers == {}
        await running.until(lambda: Tick() in role.heard)
    assert isinstance(role.heard[0], Started)
    kinds = [item for item in role.heard if isinstance(item, InputChanged | ReaderFaulted | ReaderRecovered)]
    assert set(map(type, kinds)) == {InputChanged, ReaderFaulted, ReaderRecovered}
    assert ViewChanged() in role.heard, "the packed View took its place"


async def test_a_fault_of_the_program_ends_the_node_at_rest(site: Site) -> None:
    for provoke in ("reader", "role", "task"):
        role = PlainRole()
        parts = site.parts(role)
        async with Running(parts) as running:
            running.reader.show(UID)
            await running.until(lambda running=running: running.board.lines.get(LOCK, False))  # type: ignore[misc]
            if provoke == "reader":
                running.reader.events.append(ZeroDivisionError("a bug"))
            elif provoke == "role":
                role.step = None  # type: ignore[assignment,method-assign]
                running.board.press(InputLine(InputRole.REX, 1), True)
            else:

                async def broken() -> None:
                    raise KeyError("a bug")

                running.node.spawn(broken())
            assert await running.ended() == 1
            assert running.board.closings == 1
            assert not running.board.is_open
            assert not running.reader.is_open


async def test_a_commit_that_takes_too_long_is_answered_by_the_policy_and_stands(site: Site) -> None:
    role = PlainRole()
    parts = site.parts(role)
    async with Running(parts) as running:
        held = threading.Event()
        running.node.recorder.call(lambda outbox: held.wait(10))  # the medium does not answer
        running.reader.show(UID)
        await running.until(lambda: any(isinstance(item, CommitLate) for item in role.heard))
        assert not running.node.upkeep.storage_usable
        assert StorageState(False, "a commit takes more than a second") in role.heard
        assert running.board.lines.get(LOCK) is None
        held.set()
        await running.until(lambda: any(isinstance(item, Committed) and item.ok for item in role.heard))
        running.reader.show(card_number(2)[1:])
        await running.until(lambda: running.board.lines.get(LOCK, False))
        await running.until(lambda: running.node.upkeep.storage_usable)
    outcomes = [fact.outcome for fact in facts_of(site.directory) if isinstance(fact, OutcomeFact)]
    assert Outcome.LATE_COMMIT in outcomes


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_disk_that_dies_and_comes_back(tmp_path: Path) -> None:
    disk = Disk()
    site = Site(tmp_path, opener=disk.opener)
    role = PlainRole()
    parts = site.parts(role)
    async with Running(parts) as running:
        await running.node.configuration.apply(first_configuration([*one_door(), *cards(5)]), Nobody())
        disk.dead = True
        running.node.recorder._retry_s = 0.01
        running.reader.show(UID)
        await running.until(
            lambda: any(isinstance(item, StorageState) and not item.usable for item in role.heard)
        )
        assert LOCK not in running.board.lines
        disk.dead = False
        await running.until(
            lambda: any(isinstance(item, StorageState) and item.usable for item in role.heard)
        )
        running.reader.show(UID)
        await running.until(lambda: running.board.lines.get(LOCK, False))


async def test_a_stored_configuration_is_recorded_and_raises_the_floor(site: Site) -> None:
    site.time = FakeTime(wall_ms=5_000)
    parts = site.parts(trusted=False)
    async with Running(parts) as running:
        await running.until(lambda: not running.node.configuration._turn.locked())
        change = first_configuration([*one_door(), *cards(5)], revision=1, config_epoch=2)
        await running.node.configuration.apply(change, Nobody())
        assert running.node.keeper.floor_ms() >= change.issued_at_ms
    assert ConfigFact(Revisions(2, 1, 1, 1)) in facts_of(site.directory)


async def test_a_jump_of_the_machine_s_clock_is_evidence_and_an_alarm(site: Site) -> None:
    role = PlainRole()
    async with Running(site.parts(role)) as running:
        assert isinstance(site.time, FakeTime)
        rebuilt: list[int] = []
        running.node.upkeep.rebuild_jobs = lambda: rebuilt.append(1)
        site.time.jump(-3_600_000)
        await running.until(lambda: rebuilt == [1])
    facts = facts_of(site.directory)
    assert AlarmFact(Alarm.CLOCK_JUMPED, True, 0, "wall clock -3600 s") in facts
    assert sum(isinstance(fact, ClockFact) for fact in facts) == 2


async def test_an_untrusted_clock_is_an_alarm_after_two_minutes_until_it_is_set(site: Site) -> None:
    site.time = FakeTime(wall_ms=5_000)
    async with Running(site.parts(trusted=False)) as running:
        site.time.advance(119_000)
        running.node.upkeep.tick()
        assert not running.node.effects.alarms
        site.time.advance(2_000)
        running.node.upkeep.tick()
        running.node.upkeep.tick()
        assert (Alarm.CLOCK_UNTRUSTED, 0) in running.node.effects.alarms
        running.node.upkeep.clock_sample(Sample(1_900_000_000_000, site.time.boottime, 10))
        assert not running.node.effects.alarms
    alarms = [fact for fact in facts_of(site.directory) if isinstance(fact, AlarmFact)]
    assert [alarm.raised for alarm in alarms if alarm.alarm is Alarm.CLOCK_UNTRUSTED] == [True, False]


async def test_a_reader_that_hangs_withholds_the_watchdog(site: Site) -> None:
    async with Running(site.parts()) as running:
        watchdog = running.node._watchdog
        await running.until(lambda: running.node.workers[1].heartbeat > 0)
        running.reader.hold.clear()
        await running.until(lambda: not watchdog.feed() or not watchdog.feed())
        assert watchdog.stuck == ("reader 1",)
        running.reader.hold.set()


async def test_damage_found_while_running_is_an_alarm_and_the_new_outbox_begins_with_a_start(
    site: Site,
) -> None:
    async with Running(site.parts()) as running:
        told: list[int] = []
        running.node.upkeep.damaged.append(lambda: told.append(1))
        await running.until(lambda: running.node.mirror.is_loaded and running.node.mirror.last_seq >= 2)
        running.node.recorder.call(
            lambda outbox: outbox._connection.execute("UPDATE fact SET fact = x'00' WHERE seq = 1")
        )
        running.node.upkeep.prove(running.node.recorder.call)
        await running.until(lambda: told == [1])
        running.reader.show(UID)
        await running.until(lambda: running.board.lines.get(LOCK, False))
    facts = facts_of(site.directory)
    assert AlarmFact(Alarm.STORAGE_UNUSABLE, True, 0, "damaged, kept as outbox.db.damaged-1") in facts
    assert any(isinstance(fact, BootFact) for fact in facts)
    assert any(isinstance(fact, AccessFact) for fact in facts)
