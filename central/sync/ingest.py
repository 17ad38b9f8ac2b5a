"""Facts from the engine to the tables: committed as received, corrected beside the original, projected at once.

Runs inside ``db.write_grouped``: many devices' batches share one sync, each batch in its own savepoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from central.access import projection as access_projection
from central.access.projection import Stored
from central.attendance import projection as attendance_projection
from central.backup_record import last_backup
from central.cards import write_facts
from central.errors import ConflictError
from central.nodes.model import Device
from central.rounds import projection as rounds_projection
from central.sync.model import Enrolment, QuarantinedFact, StoredFact
from central.tills import projection as tills_projection
from central.units import facts as unit_facts
from central.webhooks import outbox
from protocol import clocksync
from protocol.decide import Trust
from protocol.facts import ClockFact, Entry, Fact, FactKind, decode_body
from protocol.messages import BackedUp

PROJECTIONS: Final = (
    access_projection,
    write_facts,
    rounds_projection,
    unit_facts,
    attendance_projection,
    tills_projection,
)
"""Every module that projects facts: ``apply(device_id, facts, live=...)`` and ``reset()``."""
REPLAY_ROWS: Final = 2_000
"""Facts projected at a time when everything is rebuilt."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NotNextError(ConflictError):
    """Another session stored these facts first: the engine is told where the device stands."""


class ClosedError(ConflictError):
    """The enrolment was closed, or a fork was seen, while the session was open: it must begin anew, in quarantine."""


def store(enrolment_id: int, entries: Sequence[Entry], received_ms: int) -> tuple[int, bytes]:
    """Commit consecutive facts and project them; returns (received_through, head).

    :raises NotNextError: they do not follow the last committed fact of this enrolment.
    :raises ClosedError: it takes no facts any more.
    """
    enrolment = Enrolment.get_by_id(enrolment_id)
    if enrolment.closed_at is not None or enrolment.forked:
        raise ClosedError("this enrolment was closed or forked meanwhile")
    if entries[0].fact.seq != enrolment.received_through + 1:
        raise NotNextError("these facts do not follow the last one received")
    corrected = _correct(enrolment_id, [entry.fact for entry in entries])
    rows = [_row(enrolment_id, entry, corrected[entry.fact.seq], received_ms) for entry in entries]
    StoredFact.insert_many(rows).execute()
    last = entries[-1]
    Enrolment.update(received_through=last.fact.seq, head=last.hash).where(
        Enrolment.id == enrolment_id
    ).execute()
    received = dict.fromkeys(corrected, received_ms)
    _project(enrolment, [entry.fact for entry in entries], corrected, received, live=True)
    _settle(enrolment, entries)
    outbox.put(enrolment_id, entries[0].fact.seq, last.fact.seq, received_ms)
    return last.fact.seq, last.hash


def position(enrolment_id: int) -> tuple[int, bytes]:
    """Where this enrolment stands: (received_through, head)."""
    enrolment = Enrolment.get_by_id(enrolment_id)
    return enrolment.received_through, bytes(enrolment.head)


def quarantine(
    device_id: int, node_epoch: int, entries: Sequence[Entry], why: str, received_ms: int
) -> tuple[int, bytes]:
    """Keep facts that must not count (異常記錄); returns the end of the batch. A repeat changes nothing."""
    for entry in entries:
        QuarantinedFact.insert(
            device=device_id,
            node_epoch=node_epoch,
            seq=entry.fact.seq,
            hash=entry.hash,
            why=why,
            canonical=entry.fact.canonical(entry.commitment),
            personal=entry.fact.personal,
            received_ms=received_ms,
        ).on_conflict_ignore().execute()
    if why == "fork":
        Enrolment.update(forked=True).where(
            (Enrolment.device == device_id) & (Enrolment.node_epoch == node_epoch)
        ).execute()
    return entries[-1].fact.seq, entries[-1].hash


def forget(device_id: int, which: Sequence[tuple[int, int]]) -> None:
    """Drop the personal part of these facts, (node_epoch, seq) in order, and project them anew without it (I15).

    The chain goes on verifying: it holds the commitment, which stays.
    """
    for enrolment in Enrolment.select().where(Enrolment.device == device_id):
        seqs = [seq for node_epoch, seq in which if node_epoch == enrolment.node_epoch]
        for at in range(0, len(seqs), REPLAY_ROWS):
            mine = (StoredFact.enrolment == enrolment.id) & StoredFact.seq.in_(seqs[at : at + REPLAY_ROWS])
            StoredFact.update(personal=b"").where(mine).execute()
            rows = list(StoredFact.select().where(mine).order_by(StoredFact.seq))
            _project_rows(enrolment, rows)


def rebuild() -> int:
    """Forget every projection and replay all facts; the outcome is the same (I4). Returns how many facts."""
    for projection in PROJECTIONS:
        projection.reset()
    count = 0
    for enrolment in Enrolment.select().order_by(Enrolment.device, Enrolment.node_epoch):
        after = 0
        while rows := list(
            StoredFact.select()
            .where((StoredFact.enrolment == enrolment.id) & (StoredFact.seq > after))
            .order_by(StoredFact.seq)
            .limit(REPLAY_ROWS)
        ):
            _project_rows(enrolment, rows)
            after = rows[-1].seq
            count += len(rows)
    return count


def fact_of(row: StoredFact) -> Fact:
    """The fact of a stored row, as it was received."""
    return Fact(
        row.seq,
        row.kind,
        row.boot,
        row.boottime_ms,
        row.wall_ms,
        Trust(row.clock),
        bytes(row.body),
        bytes(row.personal),
    )


def _row(enrolment_id: int, entry: Entry, corrected: tuple[int, bool], received_ms: int) -> dict[str, Any]:
    fact = entry.fact
    return {
        "enrolment": enrolment_id,
        "seq": fact.seq,
        "kind": fact.kind,
        "boot": fact.boot,
        "boottime_ms": fact.boottime_ms,
        "wall_ms": fact.wall_ms,
        "clock": int(fact.clock),
        "body": fact.body,
        "personal": fact.personal,
        "commitment": entry.commitment,
        "hash": entry.hash,
        "received_ms": received_ms,
        "corrected_ms": corrected[0],
        "estimated": corrected[1],
    }


def _project_rows(enrolment: Enrolment, rows: Sequence[StoredFact]) -> None:
    times = {row.seq: (row.corrected_ms, row.estimated) for row in rows}
    received = {row.seq: row.received_ms for row in rows}
    _project(enrolment, [fact_of(row) for row in rows], times, received, live=False)


def _project(
    enrolment: Enrolment,
    facts: Sequence[Fact],
    corrected: dict[int, tuple[int, bool]],
    received: dict[int, int],
    *,
    live: bool,
) -> None:
    stored = []
    for fact in facts:
        body = decode_body(fact)
        if body is not None:  # an unknown kind is kept opaque until a newer version of the centre replays it
            at_ms, is_estimated = corrected[fact.seq]
            at = _EPOCH + timedelta(milliseconds=at_ms)
            stored.append(Stored(enrolment.node_epoch, fact, body, at, received[fact.seq], is_estimated))
    for projection in PROJECTIONS:
        projection.apply(enrolment.device_id, stored, live=live)


# -- time (I12) -----------------------------------------------------------------------------------------------------


def _anchors(enrolment_id: int, boots: set[int], facts: Sequence[Fact]) -> list[clocksync.Anchor]:
    stored = StoredFact.select().where(
        (StoredFact.enrolment == enrolment_id)
        & (StoredFact.kind == FactKind.CLOCK.value)
        & StoredFact.boot.in_(boots)
    )
    anchors = []
    for fact in [*(fact_of(row) for row in stored), *facts]:
        if fact.kind == FactKind.CLOCK:
            body = decode_body(fact)
            assert isinstance(body, ClockFact)
            anchors.append(clocksync.Anchor(fact.boot, body.boottime_ms, body.utc_ms, body.error_ms))
    return anchors


def _correct(enrolment_id: int, facts: Sequence[Fact]) -> dict[int, tuple[int, bool]]:
    """(corrected_ms, estimated) of each fact of a batch."""
    if all(fact.clock >= Trust.HOLDOVER for fact in facts):
        return {fact.seq: (fact.wall_ms, False) for fact in facts}
    return _corrected(enrolment_id, facts, [])


def _corrected(
    enrolment_id: int, facts: Sequence[Fact], later: Sequence[Fact]
) -> dict[int, tuple[int, bool]]:
    """(corrected_ms, estimated) of facts in order, by what is stored beside them and by what came ``later``."""
    known = {fact.seq: fact for fact in (*_beside(enrolment_id, facts), *facts, *later)}
    anchors = _anchors(enrolment_id, {fact.boot for fact in known.values()}, later or facts)
    stamps = [_stamp(known[seq]) for seq in sorted(known)]
    return {c.seq: (c.at_ms, c.estimated) for c in clocksync.correct(stamps, anchors)}


def _beside(enrolment_id: int, facts: Sequence[Fact]) -> list[Fact]:
    """The stored facts next to each run of these: what is sure there bounds the times that are only estimated."""
    seqs = {fact.seq for fact in facts}
    beside = {seq + step for seq in seqs for step in (-1, 1)} - seqs
    found: list[Fact] = []
    for at in range(0, len(beside), REPLAY_ROWS):
        some = sorted(beside)[at : at + REPLAY_ROWS]
        rows = StoredFact.select().where((StoredFact.enrolment == enrolment_id) & StoredFact.seq.in_(some))
        found += [fact_of(row) for row in rows]
    return found


def _stamp(fact: Fact) -> clocksync.Stamp:
    return clocksync.Stamp(fact.seq, fact.boot, fact.boottime_ms, fact.wall_ms, fact.clock)


def _settle(enrolment: Enrolment, entries: Sequence[Entry]) -> None:
    """The clock was set or a sure time came: facts that were only estimated are corrected and projected again."""
    first = entries[0].fact.seq
    if not any(entry.fact.clock >= Trust.HOLDOVER or entry.fact.kind == FactKind.CLOCK for entry in entries):
        return
    rows = list(
        StoredFact.select()
        .where((StoredFact.enrolment == enrolment.id) & StoredFact.estimated & (StoredFact.seq < first))
        .order_by(StoredFact.seq)
    )
    if not rows:
        return
    later = [entry.fact for entry in entries]
    corrected = _corrected(enrolment.id, [fact_of(row) for row in rows], later)
    changed = [row for row in rows if corrected[row.seq] != (row.corrected_ms, row.estimated)]
    for row in changed:
        at_ms, estimated = corrected[row.seq]
        StoredFact.update(corrected_ms=at_ms, estimated=estimated).where(
            (StoredFact.enrolment == enrolment.id) & (StoredFact.seq == row.seq)
        ).execute()
    if changed:
        received = {row.seq: row.received_ms for row in changed}
        _project(enrolment, [fact_of(row) for row in changed], corrected, received, live=True)


def hash_at(enrolment_id: int, seq: int) -> bytes | None:
    """The chain hash of a committed fact, or None when it is not here."""
    found = StoredFact.get_or_none((StoredFact.enrolment == enrolment_id) & (StoredFact.seq == seq))
    return None if found is None else bytes(found.hash)


def backed_up(enrolment_ids: Sequence[int]) -> dict[int, BackedUp]:
    """What the newest whole backup holds of each enrolment's facts: so far its device may purge (I1).

    Enrolments of which it holds nothing are left out.
    """
    backup = last_backup()
    if backup is None:
        return {}
    received, found = backup.marks.get("received", {}), {}
    query = Enrolment.select(Enrolment, Device.name).join(Device).where(Enrolment.id.in_(list(enrolment_ids)))
    for enrolment in query:
        through = received.get(str(enrolment.id), 0)
        head = hash_at(enrolment.id, through)
        if head is not None:
            issued_at_ms = int(backup.begun_at.timestamp() * 1_000)
            found[enrolment.id] = BackedUp(
                enrolment.device.name, enrolment.node_epoch, through, head, issued_at_ms
            )
    return found
