"""The outbox keeps facts in order, once, chained, and lets them go only on the centre's word (B1, I1-I3)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge.cache.errors import CorruptedError, RefusedError, StorageFullError
from edge.cache.outbox import NO_EPOCH, Outbox
from protocol.facts import CHAIN_START, chain_hash, commitment
from tests.support.crashvfs import Disk
from tests.support.facts import alarm, granted, outcome, refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def opened(path: Path) -> Outbox:
    outbox = Outbox(path)
    outbox.open()
    return outbox


def test_facts_are_numbered_from_one_and_chained(path: Path) -> None:
    outbox = opened(path)
    outbox.start_run()
    outbox.append([granted(1)])
    outbox.append([outcome(1, 2), refused(3), alarm(4)])
    entries = outbox.read(0, 10)
    assert [entry.fact.seq for entry in entries] == [1, 2, 3, 4]
    head = CHAIN_START
    for entry in entries:
        promise = commitment(outbox.salt, entry.fact.seq, entry.fact.personal)
        head = chain_hash(head, entry.fact.canonical(promise))
        assert (entry.commitment, entry.hash) == (promise, head)
    assert outbox.head == head
    assert outbox.hashes() == CHAIN_START + b"".join(entry.hash for entry in entries)


def test_everything_is_found_again_after_a_restart(path: Path) -> None:
    first = opened(path)
    assert first.start_run() == 1
    first.append([granted(1), refused(2)])
    first.acknowledge(1)
    head, salt = first.head, first.salt
    first.end_run()
    first.close()
    second = opened(path)
    assert (second.last_seq, second.head, second.salt, second.acked_through) == (2, head, salt, 1)
    assert second.ended_well
    assert second.start_run() == 2
    assert second.append([alarm()])[0].fact.boot == 2
    second.close()
    assert not opened(path).ended_well


def test_a_seq_is_never_used_twice_even_when_no_fact_is_left(path: Path) -> None:
    outbox = opened(path)
    outbox.append([refused(number) for number in range(5)])
    head = outbox.head
    outbox.back_up(5, b"signed")
    assert outbox.purge() == 5
    assert (outbox.first_seq, outbox.last_seq) == (6, 5)
    outbox.close()
    again = opened(path)
    assert (again.first_seq, again.last_seq, again.head, again.hash_at(5)) == (6, 5, head, head)
    assert again.append([alarm()])[0].fact.seq == 6
    assert again.read(0, 10)[0].fact.seq == 6


def test_only_what_the_centre_has_backed_up_is_deleted(path: Path) -> None:
    outbox = opened(path)
    outbox.append([refused(number) for number in range(10)])
    outbox.acknowledge(8)
    assert outbox.purge() == 0
    outbox.back_up(6, b"signed")
    assert outbox.purge(limit=4) == 4
    assert outbox.purge(limit=4) == 2
    assert outbox.purge(limit=4) == 0
    assert [entry.fact.seq for entry in outbox.read(0, 99)] == [7, 8, 9, 10]
    assert (outbox.hash_at(5), outbox.hash_at(6)) == (None, outbox.hashes()[:16])


def test_an_intent_without_an_outcome_is_found_at_the_next_start(path: Path) -> None:
    outbox = opened(path)
    outbox.append([granted(1)])  # 1: finished below
    outbox.append([granted(2)])  # 2: never finished
    outbox.append([outcome(1)])
    outbox.append([granted(3)])  # 4: never finished
    outbox.append([refused(4)])
    outbox.close()
    again = opened(path)
    assert [entry.fact.seq for entry in again.unfinished] == [2, 4]
    again.append([outcome(2), outcome(4)])
    again.close()
    assert opened(path).unfinished == []


def test_an_unfinished_intent_is_not_purged(path: Path) -> None:
    outbox = opened(path)
    outbox.append([refused(1), granted(2), refused(3)])
    outbox.back_up(3, b"signed")
    assert outbox.purge() == 1
    assert outbox.purge() == 0
    outbox.append([outcome(2)])
    assert outbox.purge() == 2


def test_a_failed_commit_leaves_no_trace(path: Path) -> None:
    disk = Disk()
    outbox = Outbox(path, disk.opener)
    outbox.open()
    outbox.append([refused(1)])
    before = (outbox.last_seq, outbox.head)
    disk.full = True
    for facts in ([granted(2)], [granted(2), refused(3)]):
        with pytest.raises(StorageFullError):
            outbox.append(facts)
        assert (outbox.last_seq, outbox.head) == before
    disk.full = False
    assert outbox.append([refused(4)])[0].fact.seq == 2
    assert [entry.fact.boottime_ms for entry in outbox.read(0, 9)] == [1, 4]
    outbox.close()


def test_facts_from_before_the_first_enrolment_are_its_first_facts(path: Path) -> None:
    outbox = opened(path)
    assert outbox.node_epoch == NO_EPOCH
    outbox.append([refused(1)])
    outbox.adopt(7)
    with pytest.raises(RefusedError):
        outbox.adopt(8)
    outbox.close()
    again = opened(path)
    assert (again.node_epoch, again.last_seq) == (7, 1)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE fact SET fact = x'00' WHERE seq = 3",
        "UPDATE fact SET hash = x'00112233445566778899aabbccddeeff' WHERE seq = 4",
        "DELETE FROM fact WHERE seq = 1",
        "DELETE FROM fact WHERE seq = 3",
        "DELETE FROM note",
        "DELETE FROM note WHERE name = 'salt'",
    ],
)
def test_a_file_that_was_changed_from_outside_is_not_believed(path: Path, damage: str) -> None:
    outbox = opened(path)
    outbox.append([refused(number) for number in range(5)])
    outbox.close()
    connection = sqlite3.connect(path)
    connection.execute(damage)
    connection.commit()
    connection.close()
    with pytest.raises(CorruptedError):
        opened(path)


def test_garbage_is_not_a_database(path: Path) -> None:
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(CorruptedError):
        opened(path)


def test_a_damaged_file_is_kept_whole_when_a_new_one_is_begun(path: Path) -> None:
    outbox = opened(path)
    outbox.append([refused(1)])
    content = path.read_bytes()
    kept = outbox.set_aside("damaged")
    outbox.open()
    assert (outbox.last_seq, outbox.node_epoch) == (0, NO_EPOCH)
    found = Outbox(kept)
    found.open()
    assert found.last_seq == 1
    assert len(kept.read_bytes()) >= len(content)
    assert outbox.set_aside("damaged") != kept


def test_a_file_of_a_newer_release_is_refused(path: Path) -> None:
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Exception, match="newer release"):
        opened(path)


def test_one_fact_costs_one_page_of_log(path: Path) -> None:
    """performance.md: at most 4.7 kB of log per fact, because an SD card wears out."""
    outbox = opened(path)
    outbox.start_run()
    outbox.append([refused(0)])
    wal = Path(f"{path}-wal")
    before = wal.stat().st_size
    count = 200
    for number in range(count):
        outbox.append([refused(number)])
    assert (wal.stat().st_size - before) / count <= 4_700


def test_outcomes_in_one_commit_with_their_intents_leave_the_oldest_open_one(path: Path) -> None:
    outbox = opened(path)
    outbox.append([granted(1), granted(2), outcome(1, 3), granted(4), outcome(2, 5)])
    rows = sqlite3.connect(path).execute("SELECT open_seq FROM fact ORDER BY seq").fetchall()
    assert rows == [(1,), (1,), (2,), (2,), (4,)]
    outbox.append([outcome(4, 6)])
    assert sqlite3.connect(path).execute("SELECT max(seq), open_seq FROM fact").fetchone() == (6, 0)
    outbox.close()
    assert opened(path).unfinished == []


def test_a_failed_commit_opens_and_closes_no_intent() -> None:
    disk = Disk()
    outbox = Outbox(Path("/outbox.db"), disk.opener)
    outbox.open()
    outbox.append([granted(1)])
    disk.full = True
    with pytest.raises(StorageFullError):
        outbox.append([outcome(1, 2), granted(3)])
    disk.full = False
    outbox.append([refused(2)])
    outbox.close()
    outbox.open()
    assert [entry.fact.seq for entry in outbox.unfinished] == [1]
