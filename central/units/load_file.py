"""What a unit is to hold, as a file that is carried to it (加載信息): the centre's signed snapshots, sealed for this unit alone."""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.errors import ConflictError
from central.nodes.model import Device
from central.sync import ingest
from central.sync.model import Enrolment
from central.sync.storage import PublishedStorage, read_heads
from central.units.commands import NOT_JOINED
from protocol.bundle import seal_bundle, write_bundle
from protocol.envelope import CENTRE, write_signed
from protocol.ids import Stream
from protocol.session import SHARE_SECRET_LENGTH
from protocol.unit_box import box_key_of


def joined(device: Device) -> Enrolment:
    """The unit's enrolment.

    :raises ConflictError: it has none.
    """
    found: Enrolment | None = Enrolment.get_or_none(
        (Enrolment.device == device.id) & Enrolment.closed_at.is_null()
    )
    if found is None:
        raise ConflictError(NOT_JOINED.message)
    return found


def make(device: Device, storage: PublishedStorage, key: Ed25519PrivateKey) -> bytes:
    """The file. Inside ``db.read``: everything in it is of one moment.

    :raises ConflictError: the unit has not joined.
    """
    enrolment, heads = joined(device), read_heads()
    frames: list[bytes] = []
    for stream in Stream:
        part = 0
        while frame := storage.snapshot_part(device.name, stream, heads.of(stream), part):
            frames.append(frame)
            part += 1
    if word := ingest.backed_up([enrolment.id]).get(enrolment.id):
        frames.append(write_signed(word, key, sender=CENTRE, epoch=word.node_epoch, counter=word.through))
    box_key = box_key_of(bytes(enrolment.public_key))
    return seal_bundle(write_bundle(frames), box_key, secrets.token_bytes(SHARE_SECRET_LENGTH))
