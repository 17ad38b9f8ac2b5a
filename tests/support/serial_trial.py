"""A full pull over a serial line that is pulled out again and again: a unit with many records, at the rate of real wires."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from edge.cache.drafts import Draft, draft
from edge.cache.outbox import Outbox
from protocol.decide import Trust
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Revisions
from provisioning.demo.story import until
from tests.support import patrol
from tests.support.node_process import NodeProcess
from tests.support.serial_units import Collection, begin_collecting, collect, enter_unit, unit_process
from tests.support.site import Site
from tests.support.wires import Wires

BAUD = 115_200
ERRORS = 0.00002
"""One byte in fifty thousand arrives wrong."""
CARDS = 2_000
APART_MS = 20_000
LATEST_S = 3_600.0
_COMMIT = 1_000


def fill(unit: NodeProcess, count: int, random: Random) -> None:
    """Records of a unit that was away for a long time, in its outbox before it first starts."""
    now_ms = int(patrol.local_now().timestamp() * 1_000)
    outbox = Outbox(unit.data_dir / "outbox.db")
    outbox.open()
    outbox.start_run()
    for first in range(0, count, _COMMIT):
        outbox.append(
            [_shown(number, count, now_ms, random) for number in range(first, min(count, first + _COMMIT))]
        )
    outbox.end_run()
    outbox.close()


def _shown(number: int, count: int, now_ms: int, random: Random) -> Draft:
    at_ms = number * APART_MS + random.randrange(APART_MS)
    body = AccessFact(1, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 1))
    card = uid_key(b"\x04" + random.randrange(CARDS).to_bytes(6, "big"))
    return draft(body, at_ms, now_ms - count * APART_MS + at_ms, Trust.TRUSTED, card)


async def trial(site: Site, folder: Path, records: int, unplugs: int, seed: int) -> str:
    """Pull everything, the plug out ``unplugs`` times, half of them so long that the unit notices; what it took.

    :raises AssertionError: something is missing or doubled at the centre, or a second pull changes it.
    """
    random = Random(seed)
    with Wires(1, errors=ERRORS, baud=BAUD, seed=seed) as wires:
        ticket = await enter_unit(site, "long-away", "久未读取的离线机", "41")
        unit = unit_process(folder, "long-away", ticket, wires, 1)
        fill(unit, records, random)
        unit.start()
        try:
            began = time.monotonic()
            out_s = await _pull(site, wires, unit, records, unplugs, random)
            took_s = time.monotonic() - began
            passed = wires.bytes_passed
            held = held_by_centre(site, "long-away")
            last_seq = unit.status()["storage"]["last_seq"]
            assert held == (last_seq, last_seq, last_seq), f"{held} of {last_seq}"
            assert last_seq >= records
            wires.baud = 0
            await collect(site, wires, "--units", "1")
            again = held_by_centre(site, "long-away")
            assert again[0] == again[1] == again[2], again
            assert again[0] - held[0] < _COMMIT, "records were doubled"
        finally:
            unit.close()
    return (
        f"{last_seq} records over {BAUD} baud in {took_s:.0f} s ({out_s:.0f} s of them unplugged, {unplugs} times): "
        f"{last_seq / (took_s - out_s):.0f} records/s, {passed / last_seq:.1f} bytes a record, "
        f"{wires.bytes_hurt} bytes hurt, complete, none doubled"
    )


async def _pull(
    site: Site, wires: Wires, unit: NodeProcess, records: int, unplugs: int, random: Random
) -> float:
    running = await begin_collecting(site, wires, "--units", "1")
    out_s = 0.0
    try:
        for number in range(1, unplugs + 1):
            goal = records * number // (unplugs + 1)

            async def is_there(goal: int = goal) -> bool | None:
                status = await asyncio.to_thread(unit.status)
                return True if status["storage"]["acked_through"] >= goal else None

            await until(is_there, f"{goal} records", LATEST_S)
            wires.plugged = False
            out_s += await _out(unit, running, is_long=number % 2 == 0, random=random)
            wires.plugged = True
        async with asyncio.timeout(LATEST_S):
            code = await running.process.wait()
    finally:
        await running.kill()
    assert code == 0, running.lines
    return out_s


async def _out(unit: NodeProcess, running: Collection, *, is_long: bool, random: Random) -> float:
    """Until the unit has noticed that nobody asks it, or shorter; seconds."""
    began = time.monotonic()
    if is_long:
        await asyncio.to_thread(unit.until_status, lambda status: status["link"]["state"] == "offline")
    else:
        with suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(0.5, 4.0)):
                await running.process.wait()
    return time.monotonic() - began


def held_by_centre(site: Site, name: str) -> tuple[int, int, int]:
    """(number, highest seq, received through) of the records of a device in the centre's database."""
    file = site.demo.folder / "centre" / "onecard.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        (enrolment, through) = db.execute(
            "SELECT e.id, e.received_through FROM enrolment e JOIN device d ON d.id = e.device_id WHERE d.name = ?",
            (name,),
        ).fetchone()
        count, last = db.execute(
            "SELECT count(*), max(seq) FROM stored_fact WHERE enrolment_id = ?", (enrolment,)
        ).fetchone()
    return int(count), int(last), int(through)
