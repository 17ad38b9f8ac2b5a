"""What an operator does with spare SD cards: makes a ticket for them, revokes it, approves or refuses a board that waits.

Runs inside ``db.write``; the page writes the audit row.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import peewee

from central.access.model import AccessPoint
from central.errors import ConflictError
from central.nodes.model import Device
from central.nodes.service import role_of
from central.sync import spares, tickets
from central.sync.model import SpareBoard, SpareTicket
from central.sync.spares import State
from central.web.i18n import _
from protocol import enrolment

TICKETS_MAX: Final = 200
"""Spare tickets of one estate that work at a time."""


@dataclass(frozen=True)
class Kind:
    """Which devices a spare card can become: what stands in its ``node.toml``."""

    role: str
    readers: int
    board: str


def make(
    site_id: int,
    organisation_id: int,
    ticket_id: str,
    secret: bytes,
    kind: Kind,
    label: str,
    cards_max: int,
    days: int,
    now: datetime,
) -> SpareTicket:
    """A ticket for as many cards; its secret is not kept.

    :raises ConflictError: the estate has too many.
    """
    working = (
        (SpareTicket.site == site_id) & SpareTicket.revoked_at.is_null() & (SpareTicket.expires_at > now)
    )
    if SpareTicket.select().where(working).count() >= TICKETS_MAX:
        raise ConflictError(_("There are too many spare SD cards. Revoke those that are not there any more."))
    return SpareTicket.create(
        ticket_id=ticket_id,
        site=site_id,
        organisation=organisation_id,
        verifier=enrolment.ticket_verifier(secret),
        label=label,
        role=kind.role,
        readers=kind.readers,
        board=kind.board,
        cards_max=cards_max,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )


def revoke(spare: SpareTicket, now: datetime) -> int:
    """No board can join with it any more; how many that waited are refused by that. Devices made from it stay."""
    if spare.revoked_at is None:
        spare.revoked_at = now
        spare.save()
    open_boards = list(
        SpareBoard.select().where(
            (SpareBoard.spare == spare.id) & SpareBoard.state.in_((State.WAITING, State.APPROVED))
        )
    )
    for board in open_boards:
        _set_refused(board)
    return len(open_boards)


def fitting(spare: SpareTicket) -> list[Device]:
    """Devices that a card of this ticket can become: of its estate, of its role, with as many readers."""
    readers = peewee.fn.COUNT(AccessPoint.id)
    query = (
        Device.select()
        .join(AccessPoint, on=(AccessPoint.device == Device.id))
        .where(Device.site == spare.site_id)
        .group_by(Device)
        .having(readers == spare.readers)
        .order_by(Device.number)
    )
    return [device for device in query if role_of(device) == spare.role]


def approve(board: SpareBoard, device: Device, now: datetime) -> int:
    """The board becomes this device when it asks next. The installation whose place it takes, 0 for a new device.

    :raises ConflictError: it does not wait any more, or the card is for other devices.
    """
    if board.state not in (State.WAITING, State.APPROVED) or board.spare.revoked_at is not None:
        raise ConflictError(_("This device does not wait any more."))
    if device.id not in {one.id for one in fitting(board.spare)}:
        raise ConflictError(_("The spare SD card is for devices of another kind."))
    spares.take_back(board)
    board.ticket = tickets.make_ticket_for(
        device.id, secrets.token_hex(6), bytes(board.spare.verifier), bytes(board.public_key), now
    )
    board.replaces = spares.standing(device.id)
    board.state = State.APPROVED
    board.save()
    return int(board.replaces)


def refuse(board: SpareBoard) -> None:
    """It does not become a device, and leaves its place on the ticket to another board.

    :raises ConflictError: it has joined already.
    """
    if board.state == State.JOINED:
        raise ConflictError(_("This device does not wait any more."))
    _set_refused(board)


def _set_refused(board: SpareBoard) -> None:
    spares.take_back(board)
    board.state = State.REFUSED
    board.save()


def reconsider(board: SpareBoard) -> None:
    """It may wait again.

    :raises ConflictError: it was not refused, its ticket is revoked, or another board has taken its place.
    """
    spare: SpareTicket = board.spare
    served = (
        SpareBoard.select()
        .where((SpareBoard.spare == spare.id) & (SpareBoard.state != State.REFUSED))
        .count()
    )
    if board.state != State.REFUSED or spare.revoked_at is not None or served >= spare.cards_max:
        raise ConflictError(_("This device does not wait any more."))
    board.state = State.WAITING
    board.save()


def cards_left(spare: SpareTicket) -> int:
    """How many boards the ticket may still serve."""
    served = (SpareBoard.spare == spare.id) & (SpareBoard.state != State.REFUSED)
    return max(0, int(spare.cards_max) - SpareBoard.select().where(served).count())
