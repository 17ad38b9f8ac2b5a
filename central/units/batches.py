"""Records of a unit that were brought as a file (U18): the same signed frames as over the network, by the same rules.

What is here already changes nothing; a gap is refused; two records under one number, or a unit whose enrolment is closed,
go to quarantine as ever. Everything runs inside ``db.write``, one file at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.db import announce
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.sites.scope import Scope
from central.sync import ingest, status, suspicion, tickets
from central.sync.catch_up import CAUGHT_UP
from central.sync.links import Hashes
from central.sync.model import CatchUp, DeviceStatus, Enrolment, StoredFact
from protocol.bundle import frames_of, open_bundle
from protocol.envelope import open_signed, peek
from protocol.errors import ProtocolError
from protocol.messages import FactBatch, Hello
from protocol.uplink import CentreUplink, Forked, Quarantined, Store

SEALED: Final = b"ONECARD2"
"""How a file of a unit begins."""
FILE_BYTES_MAX: Final = 32 * 1024 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Brought:
    """What a file brought. ``through_at``: up to when the unit's records are complete now; ``catch_up``: see the model."""

    device: Device
    node_epoch: int
    first_seq: int = 0
    last_seq: int = 0
    new_count: int = 0
    known_count: int = 0
    apart_count: int = 0
    """Set aside: of a closed enrolment, or the other side of a contradiction."""
    through_at: datetime | None = None
    catch_up: int | None = None


def frames_in(raw: bytes, box_secret: bytes) -> list[bytes]:
    """The frames of a file; nothing of them has been checked but that the file is whole and for this centre.

    :raises InvalidInputError: it is not.
    """
    try:
        return list(frames_of(open_bundle(raw, box_secret)))
    except ProtocolError:
        raise InvalidInputError("The file is damaged, or was written for another centre.") from None


def bring(scope: Scope, frames: list[bytes], now: datetime, note: suspicion.Note) -> Brought:
    """Take the frames of one unit in.

    :raises InvalidInputError: not frames of a unit in the scope, a wrong signature, or frames of several units.
    :raises ConflictError: records between those here and those in the file are missing.
    """
    enrolment = _enrolment(scope, frames)
    found = Brought(enrolment.device, enrolment.node_epoch)
    key = Ed25519PublicKey.from_public_bytes(bytes(enrolment.public_key))
    uplink = CentreUplink(
        Hashes(enrolment.id),
        enrolment.node_epoch,
        bytes(enrolment.salt),
        enrolment.received_through,
        bytes(enrolment.head),
        quarantine=enrolment.closed_at is not None or enrolment.forked,
    )
    word: Hello | None = None
    try:
        for frame in frames:
            header, message = open_signed(frame, key)
            if (header.sender, header.epoch) != (found.device.name, found.node_epoch):
                raise InvalidInputError("The file holds records of several units.")
            if isinstance(message, Hello):
                word = message
            elif isinstance(message, FactBatch):
                _take(uplink, enrolment, message, found, now, note)
    except ProtocolError:
        raise InvalidInputError("The records in the file do not carry the signature of their unit.") from None
    if not found.apart_count and enrolment.closed_at is None and not uplink.forked:
        _complete(Enrolment.get_by_id(enrolment.id), word, found, now)
    return found


def _enrolment(scope: Scope, frames: list[bytes]) -> Enrolment:
    try:
        header = peek(frames[0]) if frames else None
    except ProtocolError:
        header = None
    enrolment = None if header is None else tickets.find(header.sender, header.epoch)
    if enrolment is None:
        raise InvalidInputError("The file is of no unit of this centre.")
    scope.get(Device, enrolment.device_id)
    return enrolment


def _take(
    uplink: CentreUplink,
    enrolment: Enrolment,
    batch: FactBatch,
    found: Brought,
    now: datetime,
    note: suspicion.Note,
) -> None:
    count = len(batch.kinds)
    last_seq = batch.first_seq + count - 1
    found.first_seq, found.last_seq = found.first_seq or batch.first_seq, last_seq
    if not uplink.forked and batch.first_seq > uplink.received_through + 1:
        raise ConflictError("Records before those in this file are missing. Bring the earlier file first.")
    effects = uplink.receive(batch)
    fresh = 0
    for effect in effects:
        fresh += len(effect.entries)
        match effect:
            case Store():
                end = ingest.store(enrolment.id, effect.entries, int(now.timestamp() * 1_000))
                uplink.stored(*end)
                found.new_count += len(effect.entries)
            case Quarantined():
                args = (enrolment.device_id, enrolment.node_epoch, effect.entries, "closed")
                uplink.stored(*ingest.quarantine(*args, int(now.timestamp() * 1_000)))
                found.apart_count += len(effect.entries)
            case Forked():
                suspicion.fork(
                    enrolment.device_id, enrolment.node_epoch, effect.seq, effect.entries, now, note
                )
                found.apart_count += len(effect.entries)
    found.known_count += count - fresh


def _complete(enrolment: Enrolment, word: Hello | None, found: Brought, now: datetime) -> None:
    """Move the watermark as far as the file proves, and note a late upload."""
    device_id = enrolment.device_id
    if word is not None:
        _holds(device_id, word, now)
    DeviceStatus.update(last_seq=enrolment.received_through).where(
        (DeviceStatus.device == device_id) & (DeviceStatus.last_seq < enrolment.received_through)
    ).execute()
    through_ms = min(_through_ms(enrolment, word), int(now.timestamp() * 1_000))
    if through_ms > enrolment.uploaded_through_ms:
        before = _EPOCH + timedelta(milliseconds=enrolment.uploaded_through_ms)
        late = CatchUp.create(
            device=device_id,
            node_epoch=enrolment.node_epoch,
            begins_at=max(before, enrolment.enrolled_at),
            ends_at=now,
        )
        found.catch_up = late.id
        announce(CAUGHT_UP, {"site": found.device.site_id, "device": device_id})
        Enrolment.update(uploaded_through_ms=through_ms).where(Enrolment.id == enrolment.id).execute()
    elif not enrolment.uploaded_through_ms:
        return
    found.through_at = _EPOCH + timedelta(milliseconds=max(through_ms, enrolment.uploaded_through_ms))


def _holds(device_id: int, word: Hello, now: datetime) -> None:
    """What the unit says that it decides by, unless it has said something newer."""
    known = DeviceStatus.get_or_none(DeviceStatus.device == device_id)
    said = word.revisions
    if known is None or said.config_epoch != known.config_epoch:
        return
    if said.restrictions >= known.restrictions and said.access >= known.access:
        status.delivered(device_id, said, True, now)


def _through_ms(enrolment: Enrolment, word: Hello | None) -> int:
    """Up to when the records are complete: when the unit wrote the file, if that can be told, else their last moment.

    Only corrected time counts (I12): a boot without a sure clock says nothing.
    """
    last = (
        StoredFact.select()
        .where((StoredFact.enrolment == enrolment.id) & (StoredFact.seq == enrolment.received_through))
        .first()
    )
    if last is None:
        return 0
    at_ms = 0 if last.estimated else int(last.corrected_ms)
    if word is None or (word.last_seq, word.head) != (last.seq, bytes(last.hash)):
        return at_ms
    sure = (
        StoredFact.select()
        .where(
            (StoredFact.enrolment == enrolment.id) & (StoredFact.boot == word.boot) & ~StoredFact.estimated
        )
        .order_by(StoredFact.seq.desc())
        .first()
    )
    if sure is None:
        return at_ms
    return max(at_ms, int(sure.corrected_ms) + word.boottime_ms - int(sure.boottime_ms))


__all__ = ["FILE_BYTES_MAX", "SEALED", "Brought", "bring", "frames_in"]
