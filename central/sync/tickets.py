"""Enrolment at the centre: one-time tickets, the keys they bind, node_epochs, revocation (reliability.md section 4).

Everything here runs inside ``db.write`` or ``db.read``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from central.db import announce
from central.nodes.model import Device
from central.nodes.timing import timing_of
from central.sync import evidence, spares
from central.sync.model import DeviceStatus, Enrolment, Ticket
from central.sync.spares import UNKNOWN, NotJoined
from central.sync.storage import read_heads
from protocol import enrolment
from protocol.errors import SignatureError
from protocol.facts import CHAIN_START
from protocol.ids import UNASSIGNED
from protocol.messages import Enrol, Enrolled, RefusalCode

CLOSED: Final = "sync.closed"
"""Announced with ``{"enrolments": [ids]}`` when enrolments were closed: every process ends their sessions."""
TICKET_DAYS: Final = 14


@dataclass(frozen=True)
class NewTicket:
    """Shown once: the secret is not kept."""

    ticket_id: str
    secret: bytes
    expires_at: datetime


@dataclass(frozen=True)
class Joined:
    """The answer to a request to join, and the verifier that proves it."""

    answer: Enrolled
    verifier: bytes
    is_new: bool


def make_ticket(
    device_id: int, ticket_id: str, secret: bytes, now: datetime, days: int = TICKET_DAYS
) -> NewTicket:
    """A new ticket for this device; earlier unused ones are void.

    :param ticket_id: a random name; :param secret: 32 random bytes.
    """
    verifier = enrolment.ticket_verifier(secret)
    return NewTicket(ticket_id, secret, _insert(device_id, ticket_id, verifier, now, days).expires_at)


def make_ticket_for(
    device_id: int, ticket_id: str, verifier: bytes, public_key: bytes, now: datetime
) -> Ticket:
    """The same for one key alone, proven as another ticket is: what an approval gives to a board that waits."""
    return _insert(device_id, ticket_id, verifier, now, TICKET_DAYS, public_key)


def _insert(
    device_id: int, ticket_id: str, verifier: bytes, now: datetime, days: int, key: bytes | None = None
) -> Ticket:
    Ticket.update(revoked=True).where((Ticket.device == device_id) & Ticket.used_at.is_null()).execute()
    return Ticket.create(
        ticket_id=ticket_id,
        device=device_id,
        verifier=verifier,
        created_at=now,
        expires_at=now + timedelta(days=days),
        used_key=key,
    )


def join(
    request: Enrol, now: datetime, centre_key: bytes, box_key: bytes, address: str = ""
) -> Joined | NotJoined:
    """Take a node in: the first key binds the ticket, the same key gets the same answer, another one is refused.

    A spare card waits until an operator has approved its key, and then goes the same way.

    :param address: the network address that it called from.
    """
    is_spare = request.node == UNASSIGNED
    found = spares.admit(request, now, address) if is_spare else _ticket_of(request)
    if isinstance(found, NotJoined):
        return found
    ticket, device = found, found.device
    if ticket.used_key is not None and bytes(ticket.used_key) != request.public_key:
        return NotJoined(RefusalCode.TICKET_USED, ticket.device_id)
    is_new = ticket.used_at is None
    if is_new:
        if now >= ticket.expires_at:
            return NotJoined(RefusalCode.TICKET_EXPIRED, ticket.device_id)
        ticket.answer_epoch = _open_epoch(ticket.device_id, request, now)
        ticket.used_at, ticket.used_key = now, request.public_key
        ticket.save()
        if is_spare:
            spares.has_joined(ticket)
    answer = Enrolled(
        node=device.name,
        node_epoch=ticket.answer_epoch,
        config_epoch=read_heads().config_epoch,
        centre_key=centre_key,
        box_key=box_key,
        period_s=timing_of(device.site_id).poll_s,
        scope=device.name,
        server_at_ms=int(now.timestamp() * 1_000),
        nonce=request.nonce,
    )
    return Joined(answer, bytes(ticket.verifier), is_new)


def _ticket_of(request: Enrol) -> Ticket | NotJoined:
    """The ticket of the device that the request names, when the sender has proved to hold its secret."""
    ticket: Ticket | None = Ticket.get_or_none(Ticket.ticket_id == request.ticket_id)
    if ticket is None or ticket.revoked or ticket.device.name != request.node:
        return UNKNOWN
    try:
        enrolment.check_ticket(request, bytes(ticket.verifier))
    except SignatureError:
        return UNKNOWN
    return ticket


def _open_epoch(device_id: int, request: Enrol, now: datetime) -> int:
    """A new node_epoch; the old one closes at its last received fact (B12)."""
    close_epochs(device_id, now)
    evidence.replaced(device_id, now)
    last = (
        Enrolment.select().where(Enrolment.device == device_id).order_by(Enrolment.node_epoch.desc()).first()
    )
    epoch = 1 if last is None else last.node_epoch + 1
    Enrolment.insert(
        device=device_id,
        node_epoch=epoch,
        public_key=request.public_key,
        salt=request.salt,
        board_serial=request.board_serial,
        enrolled_at=now,
        head=CHAIN_START,
    ).execute()
    DeviceStatus.insert(device=device_id).on_conflict_ignore().execute()
    DeviceStatus.update(  # the new storage holds nothing of what the former one had acknowledged
        online=False,
        last_seq=0,
        health={},
        locks=[],
        config_epoch=0,
        restrictions=0,
        access=0,
        restrictions_in_memory=0,
        acknowledged_at=None,
        trouble="",
    ).where(DeviceStatus.device == device_id).execute()
    return epoch


def close_epochs(device_id: int, now: datetime) -> int:
    """Close every open enrolment of a device: revocation, or replacement by a new one. Returns how many."""
    is_open = (Enrolment.device == device_id) & Enrolment.closed_at.is_null()
    closing = list(Enrolment.select().where(is_open))
    for row in closing:
        evidence.closing(row, now)
    if closing:
        ids = [row.id for row in closing]
        Enrolment.update(closed_at=now).where(Enrolment.id.in_(ids)).execute()
        announce(CLOSED, {"enrolments": ids})
    return len(closing)


def closed_of(enrolment_ids: Iterable[int]) -> list[int]:
    """Those of the enrolments that are closed."""
    query = Enrolment.select(Enrolment.id).where(
        Enrolment.id.in_(list(enrolment_ids)) & Enrolment.closed_at.is_null(False)
    )
    return [number for (number,) in query.tuples()]


def find(name: str, node_epoch: int) -> Enrolment | None:
    """The enrolment that a Hello speaks of, open or closed."""
    return (
        Enrolment.select(Enrolment, Device)
        .join(Device)
        .where((Device.name == name) & (Enrolment.node_epoch == node_epoch))
        .first()
    )
