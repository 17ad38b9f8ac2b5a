"""Several processes on one database: one writes at a time, and nobody sees half of it. On PostgreSQL; SQLite serves one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from central import engines
from central.audit import COMMAND, Audit, AuditEntry, verify
from central.cards.model import Card
from central.cards.rules import Disable, Holding
from central.clock import FakeClock
from central.db import Database
from central.errors import StorageError
from central.settings import Setting
from central.sites.model import Organisation, Site
from central.sync import publish
from central.sync.model import Head, PublishedRow
from central.sync.storage import read_heads
from protocol.ids import Stream
from tests.support.centre_process import CentreProcess, command
from tests.support.estate import NOON, card_row
from tests.support.thorough import THOROUGH

WRITERS, ROUNDS = 4, 12 if THOROUGH else 5


@asynccontextmanager
async def processes(url: str, count: int) -> AsyncIterator[list[Database]]:
    """As many processes have the database open: each with its writer thread and its readers."""
    databases = [Database(url) for _ in range(count)]
    for database in databases:
        await database.open()
    try:
        yield databases
    finally:
        for database in databases:
            await database.close()


@pytest.mark.postgres
async def test_concurrent_publishes_have_contiguous_revisions_and_no_reader_sees_half(
    postgres_url: str,
) -> None:
    """Planted break: in ``engines`` leave out the lock (a revision twice, a lost right, a dead wait)."""
    seen: list[int] = []
    ended = asyncio.Event()

    def estate() -> list[int]:
        organisation = Organisation.create(name="o", created_at=NOON).id
        site = Site.create(name="s", zone="Asia/Shanghai", created_at=NOON).id
        common = {"site": site, "organisation": organisation, "created_at": NOON, "changed_at": NOON}
        return [
            card_row(
                card_no=str(n),
                uid=bytes([4, 0, 0, 0, 0, 0, n]),
                holding=Holding.IN_USE.value,
                reasons=[Disable.LOST.value],
                **common,
            ).id
            for n in range(2)
        ]

    def change(order: list[int]) -> int:
        """Read, then write what was read and something more: a lost update would show."""
        for card_id in order:
            card = Card.get_by_id(card_id)
            card.issue_no += 1
            card.dead_since = NOON
            card.save()
        publish.cards_changed(order)
        return Head.get_by_id(Stream.RESTRICTIONS.value).revision

    def look() -> tuple[int, set[int]]:
        head = read_heads().restrictions
        rows = PublishedRow.select().where(PublishedRow.stream == Stream.RESTRICTIONS.value)
        return head, {row.revision for row in rows}

    async with processes(postgres_url, WRITERS) as databases:
        cards = await databases[0].write(estate)

        async def write(number: int) -> None:
            order = cards if number % 2 else cards[::-1]
            for _ in range(ROUNDS):
                seen.append(await databases[number].write(change, order))

        async def read(number: int) -> None:
            last = 0
            while not ended.is_set():
                head, rows = await databases[number].read(look)
                assert head >= last
                assert rows <= {head}, "each change gives both rows the newest revision"
                last = head

        async with asyncio.TaskGroup() as readers:
            for number in range(WRITERS):
                readers.create_task(read(number))
            await asyncio.gather(*(write(number) for number in range(WRITERS)))
            ended.set()
        assert sorted(seen) == list(range(1, WRITERS * ROUNDS + 1))
        for database in databases:
            assert await database.read(look) == (WRITERS * ROUNDS, {WRITERS * ROUNDS})
        numbers = await databases[0].read(lambda: [card.issue_no for card in Card.select()])
        assert numbers == [WRITERS * ROUNDS] * 2, "no change was lost"


async def test_what_a_reader_sees_is_one_state(database: Database) -> None:
    """A head and the rows up to it. Planted break: let readers of PostgreSQL run READ COMMITTED, its default."""
    looked, written = threading.Event(), threading.Event()

    def add() -> None:
        Organisation.create(name="later", created_at=NOON)

    def read() -> list[int]:
        counts = [Organisation.select().count()]
        looked.set()
        assert written.wait(20)
        return [*counts, Organisation.select().count()]

    reading = asyncio.ensure_future(database.read(read))
    await asyncio.to_thread(looked.wait, 20)
    await database.write(add)
    written.set()
    assert await reading == [0, 0]
    assert await database.read(lambda: Organisation.select().count()) == 1


@pytest.mark.postgres
async def test_the_audit_trail_of_several_processes_is_one_chain(postgres_url: str) -> None:
    async with processes(postgres_url, WRITERS) as databases:
        trails = [Audit(database, FakeClock()) for database in databases]

        async def write(number: int) -> None:
            for _ in range(ROUNDS):
                await databases[number].write(trails[number].record, COMMAND, "test.act", "thing", number)

        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        assert await databases[0].read(verify) == WRITERS * ROUNDS
        rows = await databases[1].read(
            lambda: [row.seq for row in AuditEntry.select().order_by(AuditEntry.seq)]
        )
        assert rows == list(range(1, WRITERS * ROUNDS + 1))


@pytest.mark.postgres
async def test_ids_are_committed_in_the_order_in_which_they_were_given(postgres_url: str) -> None:
    """Who reads "everything after the last id that I saw" (live pages, integrations) misses nothing.

    Planted break: take the lock in ``write`` alone, and not in ``write_grouped``.
    """
    found: list[int] = []
    ended = asyncio.Event()

    def add(*numbers: int) -> None:
        for half in "ab":
            Organisation.create(name=f"{numbers}{half}", created_at=NOON)

    def after(last: int) -> list[int]:
        query = Organisation.select(Organisation.id).where(Organisation.id > last).order_by(Organisation.id)
        return [row.id for row in query]

    async with processes(postgres_url, WRITERS) as databases:

        async def write(number: int) -> None:
            for n in range(ROUNDS):
                await databases[number].write_grouped(add, number, n)

        async def watch() -> None:
            while True:
                was_over = ended.is_set()
                found.extend(await databases[0].read(after, found[-1] if found else 0))
                if was_over:
                    return

        async with asyncio.TaskGroup() as watching:
            watching.create_task(watch())
            await asyncio.gather(*(write(number) for number in range(WRITERS)))
            ended.set()
    assert len(found) == WRITERS * ROUNDS * 2


@pytest.mark.postgres
async def test_a_write_that_waits_too_long_is_said(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, enough = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        enough.wait(20)

    def add() -> None:
        Setting.create(key="b", value=1, changed_at=NOON)

    async with processes(postgres_url, 2) as (first, second):
        holding = asyncio.ensure_future(first.write(hold))
        await asyncio.to_thread(begun.wait, 20)
        monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0.05)
        with pytest.raises(StorageError, match="lock timeout"):
            await second.write(add)
        monkeypatch.undo()
        enough.set()
        await holding
        await second.write(add)


async def test_a_second_server_on_an_sqlite_file_is_refused(tmp_path: Path) -> None:
    """Planted break: leave out ``Place.take``. Commands beside the server go on, and the place is free afterwards."""
    process = CentreProcess(tmp_path / "data")
    try:
        assert process.url
        arguments = (
            "serve",
            "--data",
            str(tmp_path / "data"),
            "--listen",
            "127.0.0.1:0",
            "--node-listen",
            "127.0.0.1:0",
        )
        done = command(*arguments)
        assert done.returncode == 2
        assert "The centre runs already on" in done.stderr
        assert "onecard.db" in done.stderr
        assert "PostgreSQL" in done.stderr
        assert "Traceback" not in done.stderr
        assert command("audit-verify", "--data", str(tmp_path / "data")).returncode == 0
        process.process.kill()
        process.process.wait(20)
    finally:
        process.end()
    again = CentreProcess(tmp_path / "data")
    try:
        assert again.url, "what a killed process held is free"
    finally:
        again.end()
