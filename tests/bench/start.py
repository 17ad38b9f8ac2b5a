"""Start: CPU and memory of a process from its first instruction until a card can be decided; see ``start_child``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import peewee

from edge.cache.store import ConfigStore
from protocol.records import ClockPolicy, DoorRow, Kind, LevelRow, put
from protocol.schedule import ALWAYS
from tests.bench.decisions import cards, estate
from tests.bench.measure import Row
from tests.support.facts import first_configuration
from tests.support.readers import EmulatorProcess

ROUNDS = 7
ROOT = Path(__file__).parents[2]
CONFIG = """name = "bench"
data_dir = "data"
board = "pi-one-door"
[[readers]]
unit = 1
bus = "uart"
port = "{port}"
"""


def seed(path: Path, count: int) -> None:
    """A stored configuration of one door and so many cards."""
    store = ConfigStore(path)
    store.open()
    rows = [row for row in estate() if row.kind not in (Kind.DOOR, Kind.LEVEL)]
    rows += [put(level, LevelRow(((1, ALWAYS),))) for level in range(9, 29)]
    rows.append(
        put(1, DoorRow("door", clock_policy=ClockPolicy.HOME))
    )  # a clock without network is not trusted
    rows += [put(key, row) for key, row in cards(count)]
    store.install(first_configuration(rows))
    store.checkpoint()
    store.close()


def seed_plain(path: Path, count: int) -> None:
    """The same cards as a peewee table."""
    database = peewee.SqliteDatabase(str(path))
    database.execute_sql("CREATE TABLE card (key BLOB PRIMARY KEY, holder INTEGER)")
    with database.atomic():
        database.connection().executemany(
            "INSERT INTO card VALUES (?, ?)", ((key, row.holder) for key, row in cards(count))
        )
    database.close()


def environment(folder: Path) -> dict[str, str]:
    """Byte code is kept from one run to the next, as an installed program's is, and not in the source tree."""
    found = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "byte-code")}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def child(kind: str, folder: Path) -> tuple[float, float]:
    """(CPU seconds, resident MiB) of one start."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.start_child", kind, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(folder),
        check=False,
    )
    assert ran.stdout, f"{kind} did not open the door: {ran.stderr}"
    cpu_s, resident_kib = ran.stdout.split()
    return float(cpu_s), int(resident_kib) / 1024


def rows() -> list[Row]:
    """The goal counts CPU, because waiting for the reader's chip to come up costs the same whoever waits."""
    with TemporaryDirectory(prefix="onecard-bench-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        seed(folder / "data" / "config.db", 100_000)
        seed_plain(folder / "plain.db", 100_000)
        key, _ = cards(100_000)[50_000]
        (folder / "card").write_bytes(key)
        with EmulatorProcess(folder) as emulator:
            emulator.command(do="place", card={"kind": "uid", "uid": bytes(key[1:]).hex()})
            (folder / "node.toml").write_text(CONFIG.format(port=emulator.link))
            found: dict[str, list[tuple[float, float]]] = {"ours": [], "plain": []}
            for kind in found:
                child(kind, folder)
            for _ in range(ROUNDS):
                for kind, runs in found.items():
                    runs.append(child(kind, folder))
    (ours_s, ours_mib), (plain_s, plain_mib) = (
        tuple(statistics.median(run[at] for run in runs) for at in (0, 1)) for runs in found.values()
    )
    return [
        Row(
            "start: process to READY for a card, CPU",
            "s",
            ours_s,
            None,
            plain_s,
            "<= 0.4 x the plain stack",
            ours_s <= 0.4 * plain_s,
        ),
        Row("start: resident memory then", "MiB", ours_mib, None, plain_mib, "reported", None),
    ]
