"""The next View takes the place of the last one: in memory first, stored second, never mixed (I6, I7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from edge.cache.database import plain_opener
from edge.cache.store import ConfigStore
from edge.configuration import UNKNOWN, Configuration
from protocol.ids import Stream
from protocol.reasons import Reason
from protocol.records import Change, Kind, RestrictionRow, Revisions, put
from protocol.view import OVERLAY_MAX, View
from tests.support.crashvfs import Disk
from tests.support.facts import apply, card_number, cards, delta, first_configuration, one_door, whole

LOST = put(card_number(2), RestrictionRow(Reason.CARD_LOST, 9, 0))


class Engine:
    """Writes down what it is told, with the View in force at that moment."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def in_memory(self, number: int) -> None:
        self.told.append(("memory", number))

    def durable(self, number: int, digests: tuple[bytes, ...], now_ms: int) -> None:
        assert len(digests) == 3
        self.told.append(("durable", number))

    def commit_failed(self, number: int, now_ms: int) -> None:
        self.told.append(("not stored", number))

    def failed(self, number: int, now_ms: int) -> None:
        self.told.append(("failed", number))


class Bench:
    def __init__(self, path: Path, *, dead: bool = False) -> None:
        self.disk = Disk()
        self.disk.dead = dead
        self.path = path
        self.executor = ThreadPoolExecutor(1)
        self.engine = Engine()
        self.views: list[View] = []
        self.stored: list[Revisions] = []
        self.start()

    def start(self) -> None:
        self.configuration = Configuration(
            ConfigStore(self.path, self.disk.opener),
            self.executor,
            lambda: 0,
        )
        self.configuration.changed = self.views.append
        self.configuration.stored = lambda revisions, issued_at_ms: self.stored.append(revisions)
        self.configuration.open()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "config.db")
    yield made
    made.configuration.close()
    made.executor.shutdown()


async def test_a_lost_card_is_refused_from_memory_before_it_is_stored(bench: Bench) -> None:
    first = first_configuration([*one_door(), *cards(5)])
    await bench.configuration.apply(first, bench.engine)
    lost = apply(delta(Stream.RESTRICTIONS, 1, 2, [LOST]))
    await bench.configuration.apply(lost, bench.engine)
    assert bench.engine.told == [
        ("memory", first.number),
        ("durable", first.number),
        ("memory", lost.number),
        ("durable", lost.number),
    ]
    assert bench.configuration.view.restriction(card_number(2)) is not None
    assert bench.stored == [Revisions(1, 1, 1, 1), Revisions(1, 2, 1, 1)]


async def test_a_dead_disk_does_not_keep_a_lost_card_alive(bench: Bench) -> None:
    await bench.configuration.apply(first_configuration([*one_door(), *cards(5)]), bench.engine)
    bench.disk.dead = True
    lost = apply(delta(Stream.RESTRICTIONS, 1, 2, [LOST]))
    await bench.configuration.apply(lost, bench.engine)
    assert bench.engine.told[-2:] == [("memory", lost.number), ("not stored", lost.number)]
    assert bench.configuration.view.restriction(card_number(2)) is not None
    assert bench.configuration.revisions == Revisions(1, 1, 1, 1)
    assert bench.configuration.problem
    assert bench.configuration.hotlist() == [LOST], "a restored centre hears of it all the same"


async def test_cards_that_arrive_while_the_disk_is_dead_are_used_and_restrictions_in_memory_stay(
    bench: Bench,
) -> None:
    await bench.configuration.apply(first_configuration([*one_door(), *cards(5)]), bench.engine)
    bench.disk.dead = True
    await bench.configuration.apply(apply(delta(Stream.RESTRICTIONS, 1, 2, [LOST])), bench.engine)
    bench.disk.dead = False
    many = apply(whole(Stream.ACCESS, 2, [*one_door(), *cards(50)]))
    await bench.configuration.apply(many, bench.engine)
    view = bench.configuration.view
    assert view.card_count() == 50
    assert view.restriction(card_number(2)) is not None, (
        "what is only in memory is not lost to what is stored"
    )
    assert view.revisions == Revisions(1, 2, 2, 1)


async def test_rows_that_cannot_be_used_change_nothing(bench: Bench) -> None:
    await bench.configuration.apply(first_configuration([*one_door(), *cards(5)]), bench.engine)
    before = bench.configuration.view
    for bad in (
        apply(whole(Stream.ACCESS, 2, [Change(Kind.CARD, card_number(9), b"\x93garbage")])),
        apply(delta(Stream.ACCESS, 1, 2, [Change(Kind.CARD, card_number(9), b"\x93garbage")])),
    ):
        await bench.configuration.apply(bad, bench.engine)
        assert bench.engine.told[-1] == ("failed", bad.number)
    assert bench.configuration.view is before
    assert bench.configuration.revisions == Revisions(1, 1, 1, 1)


async def test_many_small_changes_are_packed_in_the_background(bench: Bench) -> None:
    await bench.configuration.apply(first_configuration([*one_door(), *cards(10)]), bench.engine)
    changes = cards(OVERLAY_MAX + 1, start=100)
    await bench.configuration.apply(apply(delta(Stream.ACCESS, 1, 2, changes)), bench.engine)
    assert bench.configuration.view.overlay_count == 0
    assert bench.configuration.view.card_count() == OVERLAY_MAX + 11


async def test_the_first_view_answers_from_the_file_and_loading_changes_no_answer(bench: Bench) -> None:
    await bench.configuration.apply(first_configuration([*one_door(), *cards(20)], [LOST]), bench.engine)
    bench.configuration.close()
    bench.start()
    quick = bench.configuration.view
    await bench.configuration.load()
    assert bench.views[-1] is bench.configuration.view is not quick
    for number in range(22):
        assert quick.card(card_number(number)) == bench.configuration.view.card(card_number(number))
    assert quick.revisions == bench.configuration.view.revisions


class Watched:
    """A connection that tells when rows are read, and what was being read when it was closed."""

    def __init__(self, path: str) -> None:
        self._connection = plain_opener(path)
        self.reading = Event()
        self.running = 0
        self.running_at_close: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, text: str, *arguments: Any) -> Any:
        cursor = self._connection.execute(text, *arguments)
        return self._watched(cursor) if text.startswith("SELECT kind, key, body") else cursor

    def _watched(self, cursor: Any) -> Iterator[Any]:
        self.running += 1
        try:
            for row in cursor:
                self.reading.set()
                yield row
        finally:
            self.running -= 1

    def close(self) -> None:
        self.running_at_close = self.running
        if not self.running:
            self._connection.close()


async def test_the_end_of_a_node_that_still_loads_never_closes_the_file_under_a_statement(
    tmp_path: Path,
) -> None:
    """That took the whole process with it."""
    store = ConfigStore(tmp_path / "config.db")
    store.open()
    store.install(first_configuration([*one_door(), *cards(5_000)]))
    store.close()
    opened: list[Watched] = []

    def opener(path: str) -> Watched:
        opened.append(Watched(path))
        return opened[-1]

    with ThreadPoolExecutor(1) as executor:
        configuration = Configuration(ConfigStore(store.path, opener), executor, lambda: 0)
        configuration.open()
        opened[0].reading.clear()
        loading = asyncio.ensure_future(configuration.load())
        await asyncio.to_thread(opened[0].reading.wait)
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        configuration.close()
    assert opened[0].running_at_close == 0


async def test_a_damaged_file_denies_everything_and_asks_for_everything(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    path.write_bytes(b"garbage" * 1_000)
    with ThreadPoolExecutor(1) as executor:
        configuration = Configuration(ConfigStore(path), executor, lambda: 0)
        assert configuration.open().card_count() == 0
        assert configuration.revisions == Revisions()
        assert configuration.problem
        assert (tmp_path / "config.db.damaged-1").read_bytes() == b"garbage" * 1_000
        configuration.close()


async def test_rows_found_damaged_while_loading_are_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    store = ConfigStore(path)
    store.open()
    store.install(first_configuration([*one_door(), *cards(5)]))
    store._connection.execute("DELETE FROM access WHERE key = (SELECT max(key) FROM access)")
    store.close()
    with ThreadPoolExecutor(1) as executor:
        configuration = Configuration(ConfigStore(path), executor, lambda: 0)
        configuration.open()
        await configuration.load()
        assert configuration.view.card_count() == 0
        assert configuration.revisions == Revisions()
        assert configuration.problem
        configuration.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_medium_that_was_dead_at_start_is_used_once_it_works(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "config.db", dead=True)
    await bench.configuration.load()
    assert bench.configuration.problem
    first = first_configuration([*one_door(), *cards(5)])
    await bench.configuration.apply(first, bench.engine)
    assert bench.engine.told == [("memory", first.number), ("not stored", first.number)]
    assert bench.configuration.view.card_count() == 5
    bench.disk.dead = False
    again = first_configuration([*one_door(), *cards(6)], revision=2)
    await bench.configuration.apply(again, bench.engine)
    assert bench.engine.told[-1] == ("durable", again.number)
    assert bench.configuration.view.card_count() == 6
    bench.configuration.close()
    bench.executor.shutdown()


async def test_what_was_stored_is_known_after_the_store_was_lost(bench: Bench, tmp_path: Path) -> None:
    """Else an old file on a stick would be taken. Planted break: ``_keep_highest`` writing nothing."""
    await bench.configuration.apply(first_configuration([*one_door(), *cards(5)]), bench.engine)
    await bench.configuration.apply(apply(delta(Stream.RESTRICTIONS, 1, 2, [LOST])), bench.engine)
    bench.configuration.close()
    bench.disk = Disk()
    bench.start()
    await bench.configuration.load()
    assert bench.configuration.revisions == Revisions()
    assert bench.configuration.highest == Revisions(1, 2, 1, 1)
    (tmp_path / "highest.json").write_bytes(b"[")
    bench.configuration.close()
    bench.start()
    assert bench.configuration.highest == UNKNOWN
