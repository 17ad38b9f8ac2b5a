"""Evidence lost (B12): from the last upload of a closed node_epoch until another takes its place. Runs inside ``db``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from central.sync.model import Enrolment, EvidenceGap, StoredFact

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Lost:
    """From ``begins_at`` to ``ends_at`` (exclusive; None: still) nothing that a device recorded can arrive any more."""

    device_id: int
    node_epoch: int
    begins_at: datetime
    ends_at: datetime | None


def closing(enrolment: Enrolment, now: datetime) -> None:
    """An enrolment is closed: what its device records from its last upload on counts nowhere."""
    EvidenceGap.insert(
        device=enrolment.device_id,
        node_epoch=enrolment.node_epoch,
        begins_at=min(now, _complete_until(enrolment)),
    ).execute()


def replaced(device_id: int, now: datetime) -> None:
    """Another enrolment stands in the place of the closed ones: from now on records are kept again."""
    EvidenceGap.update(ends_at=now).where(
        (EvidenceGap.device == device_id) & EvidenceGap.ends_at.is_null()
    ).execute()


def _complete_until(enrolment: Enrolment) -> datetime:
    """Until when everything is here: the last poll with nothing left to send, or the last fact of a sure time."""
    last = StoredFact.get_or_none(
        (StoredFact.enrolment == enrolment.id) & (StoredFact.seq == enrolment.received_through)
    )
    last_ms = 0 if last is None or last.estimated else last.corrected_ms
    newest_ms = max(enrolment.uploaded_through_ms, last_ms)
    return max(enrolment.enrolled_at, _EPOCH + timedelta(milliseconds=newest_ms))


def lost_of(device_ids: Iterable[int]) -> list[Lost]:
    """The spans of these devices, newest first."""
    query = (
        EvidenceGap.select()
        .where(EvidenceGap.device.in_(list(device_ids)))
        .order_by(EvidenceGap.begins_at.desc(), EvidenceGap.id.desc())
    )
    return [Lost(row.device_id, row.node_epoch, row.begins_at, row.ends_at) for row in query]


def touches(spans: Iterable[Lost], begins_at: datetime, ends_at: datetime) -> bool:
    """Whether something between these instants may have been lost: it is then judged neither missed nor absent. Pure."""
    return any(
        span.begins_at < ends_at and (span.ends_at is None or span.ends_at > begins_at) for span in spans
    )
