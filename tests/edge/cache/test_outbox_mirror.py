"""What the uplink reads without ever waiting for the medium: always the same facts as the outbox holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cache.inbox import Job, JobDone
from edge.cache.mirror import AHEAD_MAX, RECENT_MAX, Mirror
from edge.cache.outbox import Outbox
from tests.support.facts import refused


class Held:
    """A storage thread that does its jobs when it is told to."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.jobs: list[tuple[Job, JobDone]] = []
        self.works = True

    def call(self, job: Job, done: JobDone) -> None:
        self.jobs.append((job, done))

    def go(self) -> None:
        jobs, self.jobs = self.jobs, []
        for job, done in jobs:
            if self.works:
                done(job(self.outbox), None)
            else:
                done(None, OSError("dead"))


@pytest.fixture
def held(tmp_path: Path) -> Held:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.open()
    return Held(outbox)


def loaded(held: Held) -> Mirror:
    mirror = Mirror(held.call)
    mirror.load()
    held.go()
    assert mirror.is_loaded
    return mirror


def test_nothing_is_known_before_it_was_loaded(held: Held) -> None:
    held.outbox.append([refused(1)])
    mirror = Mirror(held.call)
    assert (mirror.read(0, 10), mirror.hash_at(1), mirror.last_seq) == ([], None, 0)
    assert not mirror.is_loaded


def test_every_hash_is_known_from_before_the_first_kept_fact_on(held: Held) -> None:
    held.outbox.append([refused(number) for number in range(10)])
    held.outbox.back_up(4, b"word")
    held.outbox.purge()
    mirror = loaded(held)
    assert (mirror.first_seq, mirror.last_seq) == (5, 10)
    for seq in range(12):
        assert mirror.hash_at(seq) == held.outbox.hash_at(seq), seq


def test_new_facts_are_there_as_soon_as_they_are_committed(held: Held) -> None:
    mirror = loaded(held)
    entries = held.outbox.append([refused(1), refused(2)])
    mirror.committed(entries)
    assert mirror.read(0, 10) == entries
    assert mirror.hash_at(2) == held.outbox.head
    mirror.committed(entries)
    assert mirror.last_seq == 2, "told twice"


def test_facts_committed_while_it_was_loading_are_not_missed(held: Held) -> None:
    mirror = Mirror(held.call)
    mirror.load()
    entries = held.outbox.append([refused(1)])
    mirror.committed(entries)  # told before the answer came, which holds it already
    held.go()
    assert mirror.read(0, 10) == entries


def test_a_long_backlog_is_read_through_without_a_gap(held: Held) -> None:
    count = 3 * AHEAD_MAX
    for start in range(0, count, 500):
        held.outbox.append([refused(number) for number in range(start, start + 500)])
    mirror = loaded(held)
    after, dry = 0, 0
    while after < count:
        entries = mirror.read(after, 500)
        dry += not entries
        assert [entry.fact.seq for entry in entries] == list(range(after + 1, after + 1 + len(entries)))
        after += len(entries)
        held.go()
        assert len(mirror._entries) <= 2 * AHEAD_MAX + RECENT_MAX
    assert dry <= 1, "facts are fetched ahead"


def test_going_back_after_a_lost_answer(held: Held) -> None:
    for start in range(0, 5_000, 500):
        held.outbox.append([refused(number) for number in range(start, start + 500)])
    mirror = loaded(held)
    for after in range(0, 5_000, 500):
        mirror.read(after, 500)
        held.go()
    assert mirror.read(100, 10) == []
    held.go()
    assert [entry.fact.seq for entry in mirror.read(100, 10)] == list(range(101, 111))


def test_purged_facts_are_forgotten(held: Held) -> None:
    held.outbox.append([refused(number) for number in range(10)])
    mirror = loaded(held)
    held.outbox.back_up(4, b"word")
    held.outbox.purge()
    mirror.purged(held.outbox.first_seq)
    assert (mirror.first_seq, mirror.hash_at(3), mirror.hash_at(4)) == (5, None, held.outbox.hash_at(4))
    assert [entry.fact.seq for entry in mirror.read(0, 3)] == [5, 6, 7]


def test_a_medium_that_cannot_be_read_gives_nothing_until_it_can(held: Held) -> None:
    for start in range(0, 4_000, 500):
        held.outbox.append([refused(number) for number in range(start, start + 500)])
    mirror = loaded(held)
    held.works = False
    assert mirror.read(2_600, 10) == []
    held.go()
    assert mirror.read(2_600, 10) == []
    held.works = True
    held.go()
    assert len(mirror.read(2_600, 10)) == 10
