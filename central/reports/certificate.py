"""掛失生效證明 (U16): a record of which door refuses a lost card since when, signed by the centre. Pure.

What is signed is a short *statement*; it names the record by its digest. The QR code holds the statement and the
signature, so that the paper alone proves card, time and "n of m"; whoever has the centre's records proves every line::

    OC1.<statement, canonical JSON, base64url>.<Ed25519 over CONTEXT + statement, base64url>
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central.errors import InvalidInputError

CONTEXT: Final = b"onecard loss certificate\x00"
"""Keeps this signature apart from everything else that the same key signs."""
MARK: Final = "OC1"
TEXT_CHARS_MAX: Final = 2_000


class DoorLine(msgspec.Struct, frozen=True):
    """One door and its device."""

    door: str
    device: str
    acknowledged_at: datetime | None
    """When its device first stored the loss safely; None: outstanding."""
    refuses: bool
    """It refuses the card, if only until the next power cut."""
    is_online: bool
    since: datetime | None
    """Since when the device is online or offline; None before it was ever heard."""


class Record(msgspec.Struct, frozen=True):
    """The whole certificate, free of any language. Names of persons are masked before they come here."""

    number: str
    organisation: str
    estate: str
    card_no: str
    issue_no: int
    holder: str
    stolen: bool
    reported_at: datetime
    reporter: str
    channel: str
    taken_by: str
    issued_at: datetime
    issued_by: str
    zone: str
    doors: tuple[DoorLine, ...]

    @property
    def outstanding(self) -> tuple[DoorLine, ...]:
        """Doors whose device has not stored the loss yet."""
        return tuple(line for line in self.doors if line.acknowledged_at is None)

    @property
    def last_at(self) -> datetime | None:
        """Since when every door refuses the card; None while one is outstanding or there is none."""
        times = [line.acknowledged_at for line in self.doors if line.acknowledged_at is not None]
        return max(times) if times and not self.outstanding else None


class Statement(msgspec.Struct, frozen=True):
    """What is signed. ``acknowledged`` of ``doors`` had stored the loss when the certificate was issued."""

    number: str
    card_no: str
    issue_no: int
    reported_at: datetime
    issued_at: datetime
    doors: int
    acknowledged: int
    record: str
    """SHA-256 of the record's bytes, hexadecimal."""


def encode_record(record: Record) -> str:
    """The bytes that are kept and digested, as text."""
    return msgspec.json.encode(record).decode()


def decode_record(text: str) -> Record:
    """The inverse of :func:`encode_record`."""
    return msgspec.json.decode(text, type=Record)


def digest(record_text: str) -> str:
    """What the statement says of the record."""
    return sha256(record_text.encode()).hexdigest()


def seal(key: Ed25519PrivateKey, record: Record, record_text: str) -> str:
    """Sign; the text of the QR code."""
    statement = msgspec.json.encode(
        Statement(
            record.number,
            record.card_no,
            record.issue_no,
            record.reported_at,
            record.issued_at,
            len(record.doors),
            len(record.doors) - len(record.outstanding),
            digest(record_text),
        )
    )
    return ".".join((MARK, _text(statement), _text(key.sign(CONTEXT + statement))))


def open_seal(key: Ed25519PublicKey, text: str) -> Statement:
    """The statement out of a QR code, proven to be this centre's.

    :raises InvalidInputError: it is no certificate, was changed, or was signed by another centre.
    """
    parts = "".join(text.split())[:TEXT_CHARS_MAX].split(".")
    if len(parts) != 3 or parts[0] != MARK:
        raise InvalidInputError("This is not the text of a certificate.")
    try:
        statement, signature = (_bytes(part) for part in parts[1:])
        key.verify(signature, CONTEXT + statement)
        return msgspec.json.decode(statement, type=Statement)
    except (ValueError, binascii.Error, InvalidSignature, msgspec.MsgspecError):
        raise InvalidInputError(
            "The signature does not fit: the text was changed, or another centre issued it."
        ) from None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
