"""One start, in a process of its own, up to the first level that opens the door.

``python -m tests.bench.start_child ours FOLDER`` is the node program as a board runs it: ``node.toml``, 100,000 cards on
disk, the reader on a serial line (whose chip is emulated by another process), the real rpi-lgpio on pins in memory. CPU and
memory are taken when the node says READY, which is when a card can be decided: everything up to the pins is imported and
open, and what comes later competes with the first card for nothing that it needs. It ends when the card in the field has
been read, judged, recorded durably, and the lock's pin is driven: proof that READY was true.

``plain`` is what one would write with the same packages without thinking of the start: everything imported first, peewee
for the one card and the one record, no reader conversation at all.

``stay`` is ours without an end, for whoever looks at it from outside.

The first two print CPU seconds of the process and its resident memory in KiB, and are gone.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

LOCK_PIN = 17


def look() -> str:
    """CPU seconds and resident KiB of this process, now."""
    resident_kib = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return f"{time.process_time_ns() / 1e9} {resident_kib}\n"


ready = ""


def done() -> None:
    os.write(1, (ready or look()).encode())
    os._exit(0)


def pins(*, ends: bool) -> None:
    """Pins in memory; with ``ends`` the lock's first movement is the end."""
    os.environ["RPI_LGPIO_REVISION"] = "c03114"
    from edge.relay.fake_lgpio import install

    install()
    import lgpio

    write = lgpio.gpio_write

    def told(handle: int, pin: int, level: int) -> int:
        if ends and pin == LOCK_PIN and level:
            done()
        return write(handle, pin, level)

    lgpio.gpio_write = told


def ours(folder: Path) -> None:
    from edge.__main__ import main
    from edge.watchdog import Notifier

    def told(_notifier: Notifier, state: str) -> bool:
        global ready
        if state == "READY=1":
            ready = look()
        return False

    Notifier.send = told
    main(["run", "--config", str(folder / "node.toml")])


def stay(folder: Path) -> None:
    from edge.__main__ import main

    main(["run", "--config", str(folder / "node.toml")])


def plain(folder: Path) -> None:
    for driver in ("psycopg", "psycopg2"):  # no board has them; peewee would import them here
        sys.modules[driver] = None  # type: ignore[assignment]
    import argparse
    import asyncio
    import logging
    import tomllib

    import aiohttp
    import peewee
    import serial
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from RPi import GPIO

    logging.basicConfig()
    argparse.ArgumentParser().parse_args([])
    tomllib.loads((folder / "node.toml").read_text())
    stored = peewee.SqliteDatabase(
        str(folder / "plain.db"), pragmas={"journal_mode": "wal", "synchronous": "full"}
    )

    class Card(peewee.Model):
        key = peewee.BlobField(primary_key=True)
        holder = peewee.IntegerField()

        class Meta:
            database = stored

    class Event(peewee.Model):
        key, reason = peewee.BlobField(), peewee.IntegerField()

        class Meta:
            database = stored

    async def run() -> None:
        scheduler = AsyncIOScheduler()
        scheduler.add_job(len, "interval", args=[""], seconds=30)
        scheduler.start()
        session = aiohttp.ClientSession()
        stored.create_tables([Event])
        GPIO.setmode(GPIO.BCM)
        GPIO.setup(LOCK_PIN, GPIO.OUT, initial=0)
        line = serial.Serial(str(folder / "reader"), 115_200)
        card = Card.get(Card.key == (folder / "card").read_bytes())
        Event.create(key=card.key, reason=1)
        GPIO.output(LOCK_PIN, 1)
        del session, line

    asyncio.run(run())


if __name__ == "__main__":
    pins(ends=sys.argv[1] != "stay")
    {"ours": ours, "plain": plain, "stay": stay}[sys.argv[1]](Path(sys.argv[2]))
