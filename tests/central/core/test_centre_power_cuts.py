"""The power of the centre is cut at every write, sync, truncation and deletion of five scripts (I2, I3, I6, I14).

As for the node (tests/edge/cache/test_power_cuts.py): the real code over SQLite over a disk in memory. For every operation
n the script runs from the start and is cut at n; what the disk may hold then is drawn, opened, and compared with what the
script had been told. The control is ``synchronous=NORMAL``.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import apsw
import peewee
import pytest
from playhouse.apsw_ext import APSWDatabase

from central import audit as audit_module
from central.access.model import AccessEvent
from central.audit import Actor, Audit, AuditEntry, Head
from central.backup_record import Backup
from central.clock import FakeClock
from central.db import Database
from central.errors import CentralError
from central.people.model import Person
from central.quick_sql import QuickContext
from central.sync import ingest, publish
from central.sync.model import Enrolment, PublishedRow, StoredFact
from central.sync.storage import read_heads
from protocol.decide import Trust
from protocol.facts import CHAIN_START, AccessFact, Fact, chained, encode_body
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Kind, Revisions
from tests.support.crashvfs import Disk, _Content
from tests.support.estate import NOON, Estate, card_row, person_row

OUTCOMES_PER_CUT = 2
SALT = bytes(16)
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@dataclass
class Told:
    """What a script was told, and so what must hold."""

    received: dict[int, bytes] = field(default_factory=dict)
    heads: list[Head] = field(default_factory=list)
    revisions: Revisions = field(default_factory=Revisions)
    lost: list[int] = field(default_factory=list)
    backups: int = 0


class Engine(APSWDatabase):
    """As sqlite3 does, times become text."""

    context_class = QuickContext

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        plain = [value.isoformat() if isinstance(value, datetime) else value for value in params or ()]
        return super().execute_sql(sql, plain or None)


class Centre:
    """The database on a disk whose power can be cut."""

    def __init__(self, disk: Disk, synchronous: str = "full") -> None:
        pragmas = {
            "locking_mode": "exclusive",  # first: without shared memory there is no other way to a log
            "journal_mode": "wal",
            "synchronous": synchronous,
            "foreign_keys": 1,
        }
        self.engine = Engine("/onecard.db", vfs=disk._vfs.vfs_name, pragmas=pragmas, timeout=0)
        self.db = Database("sqlite:////onecard.db", engines=(self.engine, self.engine))
        self.clock = FakeClock()
        self.audit = Audit(self.db, self.clock)

    def close(self) -> None:
        try:
            self.engine.close()
        except (apsw.Error, peewee.PeeweeException):
            pass


Script = Callable[[Centre, Told], None]


@functools.cache
def furnished() -> bytes:
    """A database with an estate, people, a device that has joined, and no facts."""
    with tempfile.TemporaryDirectory() as name:
        estate = Estate(Path(name))
        estate.write(_furnish, estate)
        estate.close()
        return (Path(name) / "estate.db").read_bytes()


def _furnish(estate: Estate) -> None:
    Enrolment.create(
        device=estate.gate_device,
        node_epoch=1,
        public_key=bytes(32),
        salt=SALT,
        enrolled_at=NOON,
        head=CHAIN_START,
    )
    publish.everything_changed(estate.site)


def entries(count: int) -> list[Any]:
    found: list[Any] = []
    kind, body = encode_body(AccessFact(1, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 0)))
    for seq in range(1, count + 1):
        fact = Fact(
            seq, kind, 1, seq * 1_000, 1_780_000_000_000 + seq, Trust.TRUSTED, body, uid_key(bytes(7))
        )
        found.append(chained(found[-1].hash if found else CHAIN_START, fact, SALT))
    return found


def receive(centre: Centre, told: Told) -> None:
    """Batches of facts, one by one and in a group."""
    batches = [entries(9)[at : at + 3] for at in (0, 3, 6)]
    for batch in batches:
        centre.db.call_write(ingest.store, 1, batch, 0)
        told.received.update({entry.fact.seq: entry.hash for entry in batch})


def write_down(centre: Centre, told: Told) -> None:
    """Changes by operators, each with its audit row."""

    def change(number: int) -> Head:
        person_row(1, 1, f"9{number}", "王五")
        centre.audit.record(Actor("operator", 1, "1"), "people.create", "person", number)
        return audit_module.read_head()

    for number in range(4):
        told.heads.append(centre.db.call_write(change, number))


def lose_cards(centre: Centre, told: Told) -> None:
    """Cards are issued and reported lost: their restrictions are on the way to the doors."""

    def issue(number: int) -> int:
        card = card_row(
            site=1,
            organisation=1,
            card_no=str(number),
            uid=bytes([4, 0, 0, 0, 0, 0, number]),
            issue_no=1,
            person=1,
            holding="in_use",
            reasons=["lost"],
            dead_since=NOON,
            created_at=NOON,
            changed_at=NOON,
        )
        publish.card_changed(card.id)
        return int(card.id)

    for number in range(1, 4):
        told.lost.append(centre.db.call_write(issue, number))
        told.revisions = centre.db.call_read(read_heads)


def note_backups(centre: Centre, told: Told) -> None:
    """A backup allows devices to purge: it must not be forgotten once they were told."""
    for number in range(4):
        made = {
            "begun_at": NOON,
            "finished_at": NOON,
            "file_name": str(number),
            "marks": {"received": {"1": 9}},
        }
        centre.db.call_write(lambda made=made: Backup.create(**made).id)
        told.backups += 1


def migrate(centre: Centre, told: Told) -> None:
    """The first start."""
    centre.db.call_upgrade()


SCRIPTS: list[Script] = [receive, write_down, lose_cards, note_backups]


def violations(centre: Centre, told: Told) -> list[str]:
    """What does not hold on a disk found after a cut, with the real code reading it."""

    def look() -> list[str]:
        found = []
        if centre.engine.execute_sql("PRAGMA integrity_check").fetchone() != ("ok",):
            found.append("the file is damaged")
        stored = {row.seq: bytes(row.hash) for row in StoredFact.select()}
        if sorted(stored) != list(range(1, len(stored) + 1)):
            found.append("I3: the facts are not 1..n")
        found += [
            f"I2: fact {seq} is gone" for seq, known in told.received.items() if stored.get(seq) != known
        ]
        enrolment = Enrolment.get_by_id(1)
        if enrolment.received_through != len(stored) or AccessEvent.select().count() != len(stored):
            found.append("I4: facts, their end and the events do not fit together")
        if audit_module.verify(told.heads) < len(told.heads):
            found.append("I14: audit rows are gone")
        if AuditEntry.select().count() != Person.select().where(Person.name == "王五").count():
            found.append("I14: a change without its row")
        if read_heads() < told.revisions:
            found.append("I6: revisions went back")
        restricted = {
            bytes(row.key)
            for row in PublishedRow.select().where(PublishedRow.kind == Kind.RESTRICTION)
            if row.body
        }
        found += [
            f"I7: lost card {n} is free"
            for n in told.lost
            if uid_key(bytes([4, 0, 0, 0, 0, 0, n])) not in restricted
        ]
        if Backup.select().count() < told.backups:
            found.append("I1: a backup is forgotten")
        return found

    try:
        return centre.db.call_read(look)
    except (CentralError, apsw.Error, peewee.PeeweeException) as error:
        return [repr(error)]
    finally:
        centre.close()


def disk_with(content: bytes) -> Disk:
    disk = Disk()
    if content:
        disk.files["/onecard.db"] = _Content(content, named=True)
    return disk


def run(script: Script, disk: Disk, told: Told, synchronous: str) -> None:
    centre = Centre(disk, synchronous)
    try:
        script(centre, told)
    except (CentralError, apsw.Error, peewee.PeeweeException):
        if not disk.is_cut:
            raise
    finally:
        centre.close()


def cut_everywhere(
    script: Script, content: bytes, synchronous: str = "full", *, stops: bool = False
) -> tuple[int, list[str]]:
    """How many disks were looked at, and every violation with what runs it again."""
    full = disk_with(content)
    run(script, full, Told(), synchronous)
    looked, found = 0, []
    for cut_at in range(1, full.count + 1):
        disk, told = disk_with(content), Told()
        disk.cut_at = cut_at
        run(script, disk, told, synchronous)
        for seed in range(OUTCOMES_PER_CUT):
            looked += 1
            survivor = disk.after_cut(Random(f"{cut_at}/{seed}"))
            found += [
                f"{script.__name__} cut at {cut_at}, {seed}: {text}"
                for text in violations(Centre(survivor), told)
            ]
        if found and stops:
            break
    return looked, found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_nothing_that_was_answered_for_is_lost(script: Script) -> None:
    looked, found = cut_everywhere(script, furnished())
    assert found == []
    assert looked > 40


@pytest.mark.parametrize("script", [receive, write_down], ids=lambda script: script.__name__)
def test_control_a_weaker_setting_is_found_out(script: Script) -> None:
    assert cut_everywhere(script, furnished(), "normal", stops=True)[1]


def test_a_first_start_that_is_cut_off_is_made_good_by_the_next() -> None:
    """Every 40th of its operations; migrations are transactions of their own."""
    full, tables = disk_with(b""), 0
    run(migrate, full, Told(), "full")
    tables = len(Centre(full).engine.get_tables())
    assert tables > 30
    for cut_at in range(1, full.count + 1, full.count // 12):
        disk = disk_with(b"")
        disk.cut_at = cut_at
        run(migrate, disk, Told(), "full")
        survivor = disk.after_cut(Random(cut_at))
        run(migrate, survivor, Told(), "full")
        centre = Centre(survivor)
        assert len(centre.engine.get_tables()) == tables, cut_at
        assert centre.engine.execute_sql("PRAGMA integrity_check").fetchone() == ("ok",)
        centre.close()
