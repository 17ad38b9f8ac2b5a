"""The power is cut at every write, sync, truncation and deletion of seven scripts; what was acknowledged is there (I1-I3, I6).

Each script runs on a disk in memory under the real SQLite. For every operation n the script is run again from the start
and cut at n; what the disk may hold then is drawn several times, opened by the real code, and compared with what the
script had been told. Two controls show that the harness sees: ``synchronous=NORMAL`` and a disk that ignores syncs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from edge.cache import database
from edge.cache.errors import CacheError
from edge.cache.outbox import Outbox
from edge.cache.store import ConfigStore
from protocol.facts import AccessFact, Entry, decode_body
from protocol.ids import Stream
from protocol.reasons import Reason
from protocol.records import Change, Kind, RestrictionRow, delete, put
from tests.support.crashvfs import Disk
from tests.support.facts import (
    alarm,
    apply,
    card_number,
    cards,
    delta,
    first_configuration,
    granted,
    one_door,
    outcome,
    refused,
    used,
    whole,
)

OUTCOMES_PER_CUT = 6
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@dataclass
class Told:
    """What the script was told, and so what must hold."""

    facts: dict[int, bytes] = field(default_factory=dict)
    """Chain hash by seq."""
    purged_through: int = 0
    backed_up_through: int = 0
    node_epoch: int = 0
    boots: int = 0
    configurations: list[dict[tuple[int, int, bytes], bytes]] = field(default_factory=lambda: [{}])
    """Rows after each change, the last one perhaps not acknowledged."""
    acknowledged: int = 0
    """Index of the newest acknowledged configuration."""

    def stored(self, entries: list[Entry]) -> None:
        self.facts.update({entry.fact.seq: entry.hash for entry in entries})


Script = Callable[[Disk, Path, Told], None]


def swipe(disk: Disk, path: Path, told: Told) -> None:
    """Intents one by one, outcomes in groups."""
    outbox = Outbox(path / "outbox.db", disk.opener)
    try:
        outbox.open()
        told.boots = outbox.start_run()
        for number in range(4):
            intent = outbox.append([granted(number)])
            told.stored(intent)
            told.stored(outbox.append([outcome(intent[0].fact.seq), refused(number)]))
    finally:
        outbox.close()


def limited_uses(disk: Disk, path: Path, told: Told) -> None:
    """Grants of a card whose uses are counted, alone and in company."""
    outbox = Outbox(path / "outbox.db", disk.opener)
    try:
        outbox.open()
        for number in range(1, 6):
            told.stored(outbox.append([used(number)] if number % 2 else [refused(number), used(number)]))
    finally:
        outbox.close()


def acknowledge_and_purge(disk: Disk, path: Path, told: Told) -> None:
    outbox = Outbox(path / "outbox.db", disk.opener)
    try:
        outbox.open()
        told.stored(outbox.append([refused(number) for number in range(30)]))
        outbox.acknowledge(20)
        told.backed_up_through = 18  # the centre has said so, whether or not it was noted here
        outbox.back_up(18, b"signed word")
        while outbox.purge(limit=7):
            pass
        told.stored(outbox.append([alarm(1)]))
        told.backed_up_through = 31
        outbox.back_up(31, b"signed word")
        while outbox.purge(limit=7):
            pass
        told.stored(outbox.append([alarm(2)]))
        told.node_epoch = 3
        outbox.adopt(3)
    finally:
        outbox.close()


def log_and_checkpoint(disk: Disk, path: Path, told: Told) -> None:
    """Enough facts for the log to be moved into the file, and begun anew."""
    outbox = Outbox(path / "outbox.db", disk.opener)
    try:
        outbox.open()
        for number in range(6):
            told.stored(outbox.append([refused(at) for at in range(20)]))
            outbox._dirty_pages = 10_000
            outbox.checkpoint()
            told.stored(outbox.append([alarm(number)]))
    finally:
        outbox.close()


def _rows(changes: list[Change], stream: Stream) -> dict[tuple[int, int, bytes], bytes]:
    return {(int(stream), change.kind, change.key): change.body for change in changes}


def _next(told: Told, *streams: tuple[Stream, list[Change], bool]) -> None:
    """The rows that hold once this is applied."""
    rows = dict(told.configurations[-1])
    for stream, changes, is_whole in streams:
        if is_whole:
            rows = {key: body for key, body in rows.items() if key[0] != stream}
        for key, body in _rows(changes, stream).items():
            rows.pop(key, None)
            if body:
                rows[key] = body
    told.configurations.append(rows)


def _applied(told: Told) -> None:
    told.acknowledged = len(told.configurations) - 1


LOST = put(card_number(2), RestrictionRow(Reason.CARD_LOST, 9, 0))


def config_delta(disk: Disk, path: Path, told: Told) -> None:
    store = ConfigStore(path / "config.db", disk.opener)
    try:
        store.open()
        base = [*one_door(), *cards(10)]
        _next(told, (Stream.RESTRICTIONS, [], True), (Stream.ACCESS, base, True), (Stream.BALANCES, [], True))
        store.commit(first_configuration(base))
        _applied(told)
        _next(told, (Stream.RESTRICTIONS, [LOST], False))
        store.commit(apply(delta(Stream.RESTRICTIONS, 1, 2, [LOST])))
        _applied(told)
        changes = [delete(Kind.CARD, card_number(3)), *cards(2, start=20, level=7)]
        _next(told, (Stream.ACCESS, changes, False))
        store.commit(apply(delta(Stream.ACCESS, 1, 4, changes)))
        _applied(told)
    finally:
        store.close()


def config_snapshot(disk: Disk, path: Path, told: Told) -> None:
    store = ConfigStore(path / "config.db", disk.opener)
    try:
        store.open()
        for revision in (1, 2, 3):
            rows = [*one_door(), *cards(60, start=revision * 20)]
            if revision == 1:
                _next(told, (Stream.RESTRICTIONS, [LOST], True), (Stream.ACCESS, rows, True))
                store.install(first_configuration(rows, [LOST]))
            else:
                _next(told, (Stream.ACCESS, rows, True))
                store.install(apply(whole(Stream.ACCESS, revision, rows)))
            _applied(told)
            store.checkpoint()
    finally:
        store.close()


def new_epoch(disk: Disk, path: Path, told: Told) -> None:
    """A restored centre: everything is replaced under a higher config_epoch, with lower revisions."""
    store = ConfigStore(path / "config.db", disk.opener)
    try:
        store.open()
        for config_epoch, revision in ((1, 9), (2, 3)):
            rows, lost = [*one_door(), *cards(15, start=config_epoch * 100)], [LOST] * (config_epoch - 1)
            _next(told, (Stream.RESTRICTIONS, lost, True), (Stream.ACCESS, rows, True))
            store.commit(first_configuration(rows, lost, revision=revision, config_epoch=config_epoch))
            _applied(told)
            _next(told, (Stream.RESTRICTIONS, [LOST], False))
            store.commit(
                apply(delta(Stream.RESTRICTIONS, revision, revision + 1, [LOST]), config_epoch=config_epoch)
            )
            _applied(told)
    finally:
        store.close()


SCRIPTS: list[Script] = [
    swipe,
    limited_uses,
    acknowledge_and_purge,
    log_and_checkpoint,
    config_delta,
    config_snapshot,
    new_epoch,
]


def _uses(entries: Iterable[Entry]) -> int:
    bodies = (decode_body(entry.fact) for entry in entries)
    return max((body.use_no for body in bodies if isinstance(body, AccessFact)), default=0)


def violations(disk: Disk, path: Path, told: Told) -> list[str]:
    """What does not hold on a disk that was found after a cut, with the real code reading it."""
    found: list[str] = []
    if str(path / "outbox.db") in disk.files or told.facts:
        outbox = Outbox(path / "outbox.db", disk.opener)
        try:
            outbox.open()
            entries = {entry.fact.seq: entry for entry in outbox.read(0, 10_000)}
            kept = set(entries)
            found += [
                f"fact {seq} is lost"
                for seq in told.facts
                if seq not in kept and seq > told.backed_up_through
            ]
            found += [
                f"fact {seq} has another hash"
                for seq in kept & told.facts.keys()
                if entries[seq].hash != told.facts[seq]
            ]
            if outbox.first_seq - 1 > told.backed_up_through:
                found.append(f"purged {outbox.first_seq - 1}, the backup has {told.backed_up_through}")
            if (count := int.from_bytes(outbox.kept.get("use/5/1/1", b""), "big")) != _uses(entries.values()):
                found.append(f"{count} uses are remembered, {_uses(entries.values())} are recorded")
            if outbox.boot < told.boots:
                found.append("a boot number would be used twice")
            newest = max(told.facts, default=0)
            if outbox.append([alarm()])[0].fact.seq <= newest:
                found.append("a seq would be used twice")
        except CacheError as error:
            found.append(f"the outbox: {error!r}")
        finally:
            outbox.close()
    if str(path / "config.db") in disk.files or told.acknowledged:
        store = ConfigStore(path / "config.db", disk.opener)
        try:
            store.open()
            view = store.load()
            rows = {
                (int(stream), change.kind, change.key): change.body
                for stream in Stream
                for change in store._rows(stream)
            }
            if rows not in told.configurations[told.acknowledged :]:
                found.append(
                    f"the rows at {view.revisions} are of no configuration from the acknowledged one on"
                )
        except CacheError as error:
            found.append(f"the configuration: {error!r}")
        finally:
            store.close()
    return found


def cut_everywhere(
    script: Script, path: Path, *, lies: bool = False, per_cut: int = OUTCOMES_PER_CUT
) -> tuple[int, list[str]]:
    """How many disks were looked at, and every violation with what runs it again."""
    full = Disk()
    script(full, path, Told())
    looked, found = 0, []
    for cut_at in range(1, full.count + 1):
        disk, told = Disk(), Told()
        disk.lies, disk.cut_at = lies, cut_at
        try:
            script(disk, path, told)
        except CacheError:
            assert disk.is_cut
        for seed in range(per_cut):
            looked += 1
            survivor = disk.after_cut(Random(f"{cut_at}/{seed}"))
            found += [
                f"{script.__name__} cut at {cut_at}, seed {seed}: {text}"
                for text in violations(survivor, path, told)
            ]
    return looked, found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_nothing_acknowledged_is_lost_wherever_the_power_is_cut(script: Script, tmp_path: Path) -> None:
    looked, found = cut_everywhere(script, tmp_path)
    assert looked > 200
    assert found == []


@pytest.mark.parametrize("script", [swipe, config_delta], ids=lambda script: script.__name__)
def test_control_a_weaker_setting_is_found_out(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SYNCHRONOUS", 1)
    _, found = cut_everywhere(script, tmp_path, per_cut=2)
    assert found


@pytest.mark.parametrize("script", [swipe, config_snapshot], ids=lambda script: script.__name__)
def test_control_a_disk_that_ignores_syncs_is_found_out(script: Script, tmp_path: Path) -> None:
    _, found = cut_everywhere(script, tmp_path, lies=True, per_cut=2)
    assert found
