"""The storage thread: at once for whoever waits, grouped for the others, and a written rule for every kind of bad disk (I8)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.cache.at_start import open_at_start
from edge.cache.inbox import GROUP_MAX
from edge.cache.outbox import NO_EPOCH, Outbox
from edge.cache.recorder import Recorder
from edge.cache.reserve import RESERVE_BYTES, Reserve
from edge.cache.storage_state import StorageNews
from tests.support.crashvfs import Disk
from tests.support.facts import alarm, granted, outcome, refused, used
from tests.support.listeners import Collected

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, closing a dead disk


class Bench:
    """A recorder over a disk in memory."""

    def __init__(self, directory: Path, disk: Disk | None = None, *, held_max: int = 10_000) -> None:
        self.disk = disk or Disk()
        self.outbox = Outbox(directory / "outbox.db", self.disk.opener)
        self.outbox.open()
        self.reserve = Reserve(directory / "reserve")
        self.told = Collected()
        self.recorder = Recorder(self.outbox, self.reserve, self.told.post, self.told, held_max=held_max)
        self.recorder._retry_s = 0.01

    def intent(self, at_ms: int = 1) -> None:
        self.recorder.submit(granted(at_ms), self.told.answer)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.recorder.start()
    yield made
    made.recorder.stop()


def test_an_intent_takes_one_sync_together_with_what_came_before_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.outbox.start_run()
    bench.recorder._run_started = True
    before = bench.disk.sync_count
    bench.recorder.submit(outcome(1))
    bench.recorder.submit(alarm())
    bench.intent()
    bench.recorder.start()
    bench.told.wait(lambda: len(bench.told.answers) == 1)
    assert bench.disk.sync_count - before == 1
    assert [entry.fact.seq for entry in bench.told.entries] == [1, 2, 3]
    assert bench.told.answers[0] is bench.told.entries[2]
    assert bench.recorder.stop()


def test_what_goes_along_with_an_intent_is_numbered_behind_it_in_its_commit(tmp_path: Path) -> None:
    """Nothing stands between them, and who waits is answered with the intent.

    Planted break that turns it red: ``Outbox.append`` without ``along``; the recorder answering with the last of them.
    """
    bench = Bench(tmp_path)
    bench.outbox.start_run()
    bench.recorder._run_started = True
    before = bench.disk.sync_count
    kept = (("use/6/1/1", b"1"),)
    bench.recorder.submit(
        replace(used(1), along=(replace(refused(2), keep=kept), refused(3))), bench.told.answer
    )
    bench.intent(4)
    bench.recorder.start()
    bench.told.wait(lambda: len(bench.told.answers) == 2)
    assert bench.disk.sync_count - before == 1
    assert [entry.fact.boottime_ms for entry in bench.told.entries] == [1_000, 2, 3, 4]
    assert [answer and answer.fact.seq for answer in bench.told.answers] == [1, 4]
    assert set(bench.outbox.kept) == {"use/5/1/1", "use/6/1/1"}
    assert bench.recorder.stop()


def test_while_the_medium_hangs_the_latest_value_of_each_name_waits_and_no_more(tmp_path: Path) -> None:
    """A hundred thousand passages of a hundred holders are a hundred values, written at once when the medium answers.

    Planted breaks that turn it red: ``put_kept`` as a job of its own; a fact that does not end an earlier value of its name.
    """
    bench = Bench(tmp_path)
    hangs = threading.Event()
    bench.recorder.start()
    bench.recorder.call(lambda _outbox: hangs.wait(10))
    for number in range(100_000):
        bench.recorder.keep(f"at/{number % 100}", number.to_bytes(4, "big"))
    inbox = bench.recorder._inbox
    assert (len(inbox._kept), len(inbox._jobs) <= 1) == (100, True)
    bench.recorder.keep("at/6", b"")
    bench.recorder.keep("use/5/1/1", b"before the fact")
    bench.recorder.submit(used(1))
    written, keep = [], bench.outbox.keep

    def keeps(values: Mapping[str, bytes]) -> None:
        written.append(len(values))
        keep(values)

    bench.outbox.keep = keeps  # type: ignore[method-assign]
    hangs.set()
    bench.told.wait(lambda: len(bench.told.entries) == 1)
    assert bench.recorder.stop()
    again = Outbox(tmp_path / "outbox.db", bench.disk.opener)
    again.open()
    latest = {f"at/{number % 100}": number.to_bytes(4, "big") for number in range(99_900, 100_000)}
    del latest["at/6"]
    assert again.kept == {**latest, "use/5/1/1": (1).to_bytes(4, "big")}
    assert written == [100], "all in one transaction"
    again.close()


def test_a_value_is_not_lost_while_the_disk_is_dead(bench: Bench) -> None:
    """The latest of each name is written when it works again, after the facts that were held.

    Planted breaks that turn it red: ``_keep`` forgetting what could not be written; ``_failed`` not called for it.
    """
    bench.recorder.keep("at/1", b"one")
    bench.told.wait(lambda: bench.outbox.kept == {"at/1": b"one"})
    bench.disk.dead = True
    bench.recorder.keep("at/1", b"two")
    bench.told.wait(lambda: StorageNews.FAILED in bench.told.news)
    bench.recorder.keep("at/2", b"three")
    bench.recorder.keep("at/2", b"four")
    bench.disk.dead = False
    bench.told.wait(lambda: bench.outbox.kept == {"at/1": b"two", "at/2": b"four"})


def test_facts_that_nobody_waits_for_are_stored_soon_and_together(bench: Bench) -> None:
    for number in range(20):
        bench.recorder.submit(refused(number))
    bench.told.wait(lambda: len(bench.told.entries) == 20)
    assert [entry.fact.boottime_ms for entry in bench.told.entries] == list(range(20))


def test_a_dead_disk_answers_at_once_that_nothing_was_stored(bench: Bench) -> None:
    bench.intent(1)
    bench.told.wait(lambda: len(bench.told.answers) == 1)
    bench.disk.dead = True
    bench.intent(2)
    bench.told.wait(lambda: len(bench.told.answers) == 2)
    assert bench.told.answers[1] is None
    assert bench.told.news == [StorageNews.FAILED]


def test_what_nobody_waited_for_is_stored_once_when_the_disk_is_back(bench: Bench) -> None:
    bench.disk.dead = True
    bench.intent(1)
    for number in range(5):
        bench.recorder.submit(alarm(10 + number))
    bench.told.wait(lambda: bench.told.answers == [None])
    bench.disk.dead = False
    bench.told.wait(lambda: len(bench.told.entries) == 5)
    assert [entry.fact.boottime_ms for entry in bench.told.entries] == [10, 11, 12, 13, 14]
    bench.told.wait(lambda: bench.told.news[-1] is StorageNews.WORKS)
    bench.intent(20)
    bench.told.wait(lambda: len(bench.told.answers) == 2 and bench.told.answers[1] is not None)
    assert bench.told.entries[-1].fact.seq == 6


def test_a_disk_that_is_back_is_noticed_without_any_fact(bench: Bench) -> None:
    bench.disk.read_only = True
    bench.intent()
    bench.told.wait(lambda: StorageNews.FAILED in bench.told.news)
    bench.disk.read_only = False
    bench.told.wait(lambda: bench.told.news[-1] is StorageNews.WORKS)


@pytest.mark.parametrize(("facts", "along"), [(2, 0), (GROUP_MAX, 1), (GROUP_MAX, 2)])
def test_a_commit_that_was_reported_as_failed_but_stands_is_not_repeated(
    tmp_path: Path, facts: int, along: int
) -> None:
    """A sync that fails says nothing about what a restart will find; a group has more rows than facts that were handed over.

    Planted break that turns it red: ``_reopen`` reading ``GROUP_MAX`` rows.
    """
    bench = Bench(tmp_path)
    for at_ms in range(1, facts + 1):
        bench.recorder.submit(replace(alarm(at_ms), along=(refused(0),) * along))
    stored = bench.outbox.append

    def stored_but_failed(drafts: object) -> object:
        stored(drafts)  # type: ignore[arg-type]
        bench.outbox.last_seq, bench.outbox.append = 0, stored  # type: ignore[method-assign]
        bench.disk.dead = True
        stored([alarm(3)])  # raises
        raise AssertionError

    bench.outbox.append = stored_but_failed  # type: ignore[assignment,method-assign]
    bench.recorder.start()
    bench.told.wait(lambda: StorageNews.FAILED in bench.told.news)
    bench.disk.dead = False
    bench.told.wait(lambda: bench.told.news[-1] is StorageNews.WORKS)
    bench.recorder.stop()
    again = Outbox(tmp_path / "outbox.db", bench.disk.opener)
    again.open()
    rows = [entry.fact.boottime_ms for entry in again.read(0, 5 * GROUP_MAX)]
    assert [at_ms for at_ms in rows if at_ms] == list(range(1, facts + 1))
    assert len(rows) == facts * (1 + along)
    again.close()


def test_memory_for_held_facts_is_bounded_and_the_loss_is_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, held_max=3)
    bench.recorder.start()
    bench.disk.dead = True
    bench.intent()
    for number in range(5):
        bench.recorder.submit(alarm(number))
    bench.told.wait(lambda: bench.told.answers == [None])
    bench.intent()
    bench.told.wait(lambda: bench.told.answers == [None, None])
    bench.disk.dead = False
    bench.told.wait(lambda: StorageNews.LOST in bench.told.news)
    assert bench.told.details[bench.told.news.index(StorageNews.LOST)] == "2"
    assert [entry.fact.boottime_ms for entry in bench.told.entries] == [0, 1, 2]
    bench.recorder.stop()


def test_memory_is_bounded_while_the_medium_hangs_and_whoever_waits_is_served(tmp_path: Path) -> None:
    """Planted break that turns it red: ``Inbox.put`` without ``facts_max``."""
    bench = Bench(tmp_path, held_max=3)
    for number in range(5):
        bench.recorder.submit(refused(number))
    bench.intent(9)
    bench.recorder.start()  # until here the thread stood still
    bench.told.wait(lambda: StorageNews.LOST in bench.told.news)
    assert bench.told.details[bench.told.news.index(StorageNews.LOST)] == "2"
    assert [entry.fact.boottime_ms for entry in bench.told.entries] == [0, 1, 2, 9]
    assert bench.recorder.stop()


def test_a_full_disk_uses_the_reserve_and_says_so(bench: Bench) -> None:
    bench.told.wait(lambda: bench.reserve.is_there)
    release = bench.reserve.release

    def room_is_made() -> bool:
        bench.disk.full = False
        return release()

    bench.reserve.release = room_is_made  # type: ignore[method-assign]
    bench.disk.full = True
    bench.intent()
    bench.told.wait(lambda: len(bench.told.answers) == 1)
    assert bench.told.answers[0] is not None
    assert bench.told.news == [StorageNews.LOW]
    assert not bench.reserve.is_there


def test_a_full_disk_without_a_reserve_is_unusable_until_there_is_room(bench: Bench) -> None:
    bench.told.wait(lambda: bench.reserve.is_there)
    bench.reserve.release()
    bench.disk.full = True
    bench.intent()
    bench.told.wait(lambda: bench.told.answers == [None])
    assert StorageNews.FAILED in bench.told.news
    bench.disk.full = False
    bench.told.wait(lambda: bench.told.news[-1] is StorageNews.WORKS)


def test_a_damaged_outbox_is_kept_and_a_new_one_goes_on_at_once(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.open()
    outbox.adopt(4)
    outbox.append([refused(number) for number in range(200)])
    outbox.close()
    content = bytearray((tmp_path / "outbox.db").read_bytes())
    for page in range(1, len(content) // 4_096):
        content[page * 4_096 : page * 4_096 + 8] = b"\xff" * 8
    (tmp_path / "outbox.db").write_bytes(content)
    start = open_at_start(outbox)
    assert (tmp_path / start.put_aside).read_bytes() == content
    assert (outbox.node_epoch, outbox.last_seq) == (NO_EPOCH, 0)
    outbox.close()


def test_damage_found_while_running_loses_neither_the_old_facts_nor_the_new_one(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.open()
    outbox.append([refused(number) for number in range(10)])
    told = Collected()
    recorder = Recorder(outbox, Reserve(tmp_path / "reserve"), told.post, told)
    recorder.start()
    recorder.call(lambda box: box._connection.execute("UPDATE fact SET fact = x'00' WHERE seq = 5"))
    recorder.call(lambda box: box.read(0, 10))
    told.wait(lambda: StorageNews.DAMAGED in told.news)
    recorder.submit(granted(99), told.answer)
    told.wait(lambda: len(told.answers) == 1)
    assert told.answers[0] is not None
    assert told.answers[0].fact.seq == 1
    kept = Outbox(tmp_path / told.details[told.news.index(StorageNews.DAMAGED)])
    assert kept.path.exists()
    recorder.stop()


def test_jobs_see_the_facts_that_were_handed_over_before_them(bench: Bench) -> None:
    results: list[object] = []
    bench.recorder.submit(alarm(7))
    bench.recorder.call(lambda outbox: outbox.last_seq, lambda result, error: results.append((result, error)))
    bench.told.wait(lambda: results == [(1, None)])
    bench.recorder.call(lambda outbox: 1 // 0, lambda result, error: results.append(type(error)))
    bench.told.wait(lambda: results[-1] is ZeroDivisionError)


def test_purging_goes_on_in_slices_and_is_told(bench: Bench) -> None:
    bench.recorder.call(lambda outbox: outbox.append([refused(number) for number in range(1_200)]))
    bench.recorder.call(lambda outbox: outbox.back_up(1_100, b"word"))
    bench.told.wait(lambda: bench.told.first_seq == 1_101)


def test_stopping_stores_what_is_held(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.start()
    bench.recorder.submit(alarm(1))
    assert bench.recorder.stop()
    again = Outbox(tmp_path / "outbox.db", bench.disk.opener)
    again.open()
    assert again.last_seq == 1
    assert again.ended_well
    again.close()


def test_a_medium_that_cannot_be_used_at_start_is_used_when_it_can(tmp_path: Path) -> None:
    disk = Disk()
    disk.dead = True
    outbox = Outbox(tmp_path / "outbox.db", disk.opener)
    told = Collected()
    recorder = Recorder(outbox, Reserve(tmp_path / "reserve"), told.post, told)
    recorder._retry_s = 0.01
    recorder.start()
    recorder.submit(granted(1), told.answer)
    told.wait(lambda: told.answers == [None])
    disk.dead = False
    recorder.submit(alarm(2))
    told.wait(lambda: len(told.entries) == 1)
    assert (told.entries[0].fact.seq, told.entries[0].fact.boot) == (1, 1)
    recorder.stop()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs to mount a small disk")
def test_a_really_full_disk(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("mounting is not allowed here")
    told = Collected()
    outbox, reserve = Outbox(small / "outbox.db"), Reserve(small / "reserve")
    outbox.open()
    recorder = Recorder(outbox, reserve, told.post, told)
    recorder._retry_s = 0.01
    try:
        recorder.start()
        told.wait(lambda: StorageNews.LOW in told.news)  # four megabytes are low from the start
        reserve.put_by()
        fill(small / "filler")
        while None not in told.answers:
            count = len(told.answers) + 1
            recorder.submit(granted(count), told.answer)
            told.wait(lambda expected=count: len(told.answers) == expected)  # type: ignore[misc]
        stored = [entry for entry in told.answers if entry is not None]
        assert len(stored) > 100, "the reserve held room for facts"
        assert not reserve.is_there
        (small / "filler").unlink()
        told.wait(lambda: told.news[-1] is StorageNews.WORKS)
        recorder.submit(granted(0), told.answer)
        told.wait(lambda: told.answers[-1] is not None)
        assert told.answers[-1].fact.seq == len(stored) + 1  # type: ignore[union-attr]
        assert recorder.stop()
    finally:
        recorder.stop()
        subprocess.run(["umount", "-l", str(small)], check=True)


def fill(path: Path) -> None:
    """Write until there is no room."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4_096)):
            pass


def test_the_reserve_is_made_of_real_room(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    assert not reserve.is_there
    reserve.put_by()
    assert reserve.is_there
    assert os.stat(reserve.path).st_blocks * 512 >= RESERVE_BYTES
    assert reserve.release()
    assert not reserve.release()
