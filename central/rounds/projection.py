"""From facts to scans. The law of ``central.access.projection`` holds here too: in order, again and alone, rebuilt alike.

What operators decided is not touched by ``reset`` and is looked at again by a rebuild: a scan from a time that had been
closed without it is *late proof*, one that was there when its time was purged stays away, one of an erased person belongs
to the same nobody as before. Everything runs inside ``db.write``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from central.access.lookup import Lookup
from central.db import announce
from central.holds.holding import orders_of
from central.nodes.model import Device
from central.patrol.model import Checkpoint
from central.rounds.model import ClockSet, ErasedScan, ForcedMark, PatrolScan, PurgedSpan
from protocol.facts import ClockFact, ScanFact

if TYPE_CHECKING:
    from central.access.projection.batch import Stored

SCANS: Final = "rounds.scans"
"""Announced with ``{"site", "device"}`` when scans were added."""
SET_LEAST_MS: Final = 1_000
"""A clock that was set by less runs as before."""
late_proof_followers: Final[list[Callable[[Device, Sequence[dict[str, Any]]], None]]] = []
"""Called with rows of scans that prove a visit after its time was closed; not by a rebuild. Must not raise."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def apply(device_id: int, facts: Sequence[Stored], *, live: bool = True) -> None:
    """Project facts of one device. ``live`` False (a rebuild) announces nothing."""
    scans = [(stored, stored.body) for stored in facts if isinstance(stored.body, ScanFact)]
    clocks = [(stored, stored.body) for stored in facts if isinstance(stored.body, ClockFact)]
    _put_clocks(device_id, clocks)
    if not scans:
        return
    device = Device.get_by_id(device_id)
    context = _Context(device, scans)
    rows = [row for stored, body in scans if (row := context.row(stored, body)) is not None]
    late = [row for row in rows if row["late_proof"]] if live else []
    if late:
        known = _known(device_id, late)
        late = [row for row in late if (row["node_epoch"], row["seq"]) not in known]
    _put(rows)
    if live:
        announce(SCANS, {"site": device.site_id, "device": device_id})
        if late:
            for follow in late_proof_followers:
                follow(device, late)


def reset() -> None:
    """Forget everything that facts can give again."""
    PatrolScan.delete().where(PatrolScan.node_epoch > 0).execute()
    ClockSet.delete().execute()


class _Context:
    """What is known about one device and the cards in one batch."""

    def __init__(self, device: Device, scans: Sequence[tuple[Stored, ScanFact]]) -> None:
        self._device = device
        self._lookup = Lookup(device, (stored.fact.personal for stored, _body in scans))
        wanted = {body.checkpoint for _stored, body in scans}
        checkpoints = Checkpoint.select(Checkpoint.id, Checkpoint.organisation).where(
            (Checkpoint.site == device.site_id) & Checkpoint.id.in_(sorted(wanted))
        )
        self._organisations: dict[int, int] = dict(checkpoints.tuples())
        self._marks = list(ForcedMark.select().where(ForcedMark.device == device.id))
        self._purges = list(PurgedSpan.select().where(PurgedSpan.site == device.site_id))
        self._held = {span.id: orders_of(span.kept, device.id) for span in self._purges}
        nameless = sorted({stored.fact.seq for stored, _body in scans if not stored.fact.personal})
        erased = ErasedScan.select(ErasedScan.node_epoch, ErasedScan.seq, ErasedScan.person).where(
            (ErasedScan.device == device.id) & ErasedScan.seq.in_(nameless)
        )
        self._erased = {(epoch, seq): person for epoch, seq, person in erased.tuples()} if nameless else {}

    def row(self, stored: Stored, body: ScanFact) -> dict[str, Any] | None:
        """The row of a scan; None when it was purged."""
        if any(
            _is_purged(span, self._device.id, stored) and stored.order not in self._held[span.id]
            for span in self._purges
        ):
            return None
        key = stored.fact.personal
        holder = self._lookup.holder(key, stored.at)
        card_id = self._lookup.card(key)
        point = self._lookup.point(body.point)
        is_dead = card_id is not None and self._lookup.deaths.of(card_id, stored.at) is not None
        return {
            "site": self._device.site_id,
            "organisation": self._organisations.get(body.checkpoint, self._device.organisation_id),
            "device": self._device.id,
            "node_epoch": stored.node_epoch,
            "seq": stored.fact.seq,
            "at": stored.at,
            "wall_ms": stored.fact.wall_ms,
            "clock": int(stored.fact.clock),
            "received_at": _EPOCH + timedelta(milliseconds=stored.received_ms),
            "point": point.id if point is not None else None,
            "checkpoint": body.checkpoint,
            "key": key or None,
            "card": holder.card_id if holder is not None else None,
            "person": holder.person_id if holder is not None else self._erased.get(stored.order),
            "told": int(body.result),
            "planned_at": _EPOCH + timedelta(seconds=body.planned_s) if body.planned_s else None,
            "event": int(body.event),
            "scan_seq": body.scan_seq,
            "dead": body.is_dead or is_dead,
            "copy": body.is_copy,
            "uncertain": stored.is_estimated,
            "late_proof": any(
                stored.at <= mark.through_at and stored.order > (mark.node_epoch, mark.seq)
                for mark in self._marks
            ),
        }


def _is_purged(span: PurgedSpan, device_id: int, stored: Stored) -> bool:
    """The scan was there when its time was purged."""
    through = span.through.get(str(device_id))
    return (
        through is not None and span.from_at <= stored.at < span.until_at and stored.order <= tuple(through)
    )


def _known(device_id: int, rows: Sequence[dict[str, Any]]) -> set[tuple[int, int]]:
    query = PatrolScan.select(PatrolScan.node_epoch, PatrolScan.seq).where(
        (PatrolScan.device == device_id) & PatrolScan.seq.in_([row["seq"] for row in rows])
    )
    return set(query.tuples())


def _put(rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        apart = {"device", "node_epoch", "seq", "received_at"}
        PatrolScan.insert_many(rows).on_conflict(
            conflict_target=[PatrolScan.device, PatrolScan.node_epoch, PatrolScan.seq],
            preserve=[getattr(PatrolScan, name) for name in rows[0] if name not in apart],
        ).execute()


def _put_clocks(device_id: int, clocks: Sequence[tuple[Stored, ClockFact]]) -> None:
    rows = [
        {
            "device": device_id,
            "node_epoch": stored.node_epoch,
            "seq": stored.fact.seq,
            "by_ms": body.utc_ms - body.before_ms,
        }
        for stored, body in clocks
        if abs(body.utc_ms - body.before_ms) >= SET_LEAST_MS
    ]
    if rows:
        ClockSet.insert_many(rows).on_conflict_ignore().execute()
