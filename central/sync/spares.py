"""Spare SD cards: boards that call in without the name of a device, and wait until an operator says which one each becomes.

A small variation of enrolment: an approval makes an ordinary ticket of the device, bound to the key that waits; with it the
board joins as every other does (``tickets.join``). Runs inside ``db.read`` or ``db.write``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import peewee

from central.sync.model import Enrolment, SpareBoard, SpareTicket, Ticket
from protocol import enrolment
from protocol.errors import SignatureError
from protocol.messages import Enrol, RefusalCode

WAITING_MAX: Final = 50
"""Boards of one estate that may wait at a time; the next is told to come back."""
REFUSED_MAX: Final = 20
"""Refused boards of one ticket; the next counts as one too many."""
TEXT_MAX: Final = 64
"""Characters of what a board says of itself that are kept."""
HEARD_EVERY: Final = timedelta(seconds=20)
"""A board that only waits changes its row no more often: asking faster costs the centre a read."""
SOON: Final = timedelta(minutes=10)
"""So long somebody is probably at the telephone."""
ASK_SOON_S: Final = 5
ASK_LATER_S: Final = 30
ASK_AGAIN_S: Final = 300
"""After how long a board asks again: in the first minutes, later, and once it was refused."""
TRIED_AGAIN_AFTER: Final = timedelta(minutes=10)
"""Boards that are one too many, within this time of the last: the same alarm."""


class State(StrEnum):
    """How a board stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    """A device is chosen; the board has not been told yet."""
    JOINED = "joined"
    REFUSED = "refused"


@dataclass(frozen=True)
class NotJoined:
    """Why not. ``device_id``, ``spare_id`` when the ticket is known: another key on a used ticket is worth an alarm."""

    code: RefusalCode
    device_id: int | None = None
    retry_after_s: int = 0
    spare_id: int | None = None


UNKNOWN: Final = NotJoined(RefusalCode.TICKET_UNKNOWN)


def settled(request: Enrol, now: datetime) -> NotJoined | None:
    """The answer to a board where nothing has to be written for it; None: ask ``admit``."""
    spare, board = _find(request)
    if spare is None:
        return UNKNOWN
    if board is None:
        too_many = _too_many(spare)
        if too_many and spare.tried_at is not None and now < spare.tried_at + TRIED_AGAIN_AFTER:
            return NotJoined(RefusalCode.TICKET_USED)
        return None if too_many else _closed(spare, now)
    if board.state == State.REFUSED:
        return _refused(spare)
    is_quiet = board.serial == said(request.board_serial) and now < board.heard_at + HEARD_EVERY
    return _wait(board, now) if board.state == State.WAITING and is_quiet else None


def admit(request: Enrol, now: datetime, address: str) -> Ticket | NotJoined:
    """The ticket of the device that an operator has chosen for this board; or what it is told meanwhile, or why not.

    :param address: the network address that it called from.
    """
    spare, board = _find(request)
    if spare is None:
        return UNKNOWN
    if board is None:
        return _first(spare, request, now, address)
    if board.state == State.JOINED:
        ticket: Ticket | None = board.ticket
        return ticket or UNKNOWN
    if board.state == State.REFUSED:
        return _refused(spare)
    serial = said(request.board_serial)
    if board.state == State.APPROVED:
        if serial == board.serial and _holds(board, now):
            approved: Ticket = board.ticket
            return approved
        take_back(board)
    board.serial, board.image_hash, board.address = serial, request.image_hash, said(address)
    board.heard_at = now
    board.save()
    return _wait(board, now)


def has_joined(ticket: Ticket) -> None:
    """The board that this ticket was made for is a device now."""
    SpareBoard.update(state=State.JOINED).where(SpareBoard.ticket == ticket.id).execute()


def take_back(board: SpareBoard) -> None:
    """Void an approval that has not been used: the board waits for another."""
    if board.ticket_id is not None:
        Ticket.update(revoked=True).where((Ticket.id == board.ticket_id) & Ticket.used_at.is_null()).execute()
    board.state, board.ticket, board.replaces = State.WAITING, None, 0


def standing(device_id: int) -> int:
    """The newest node_epoch of a device, whose place another board would take; 0 when it has never joined."""
    newest = Enrolment.select(peewee.fn.MAX(Enrolment.node_epoch)).where(Enrolment.device == device_id)
    return newest.scalar() or 0


def said(text: str) -> str:
    """What a board says of itself, as far as it is kept: printable and short."""
    return "".join(c for c in text if c.isprintable())[:TEXT_MAX]


def _find(request: Enrol) -> tuple[SpareTicket | None, SpareBoard | None]:
    """The ticket, when the sender has proved to hold its secret; and the board, when it has called in before."""
    spare = SpareTicket.get_or_none(SpareTicket.ticket_id == request.ticket_id)
    if spare is None:
        return None, None
    try:
        enrolment.check_ticket(request, bytes(spare.verifier))
    except SignatureError:
        return None, None
    mine = (SpareBoard.spare == spare.id) & (SpareBoard.public_key == request.public_key)
    return spare, SpareBoard.get_or_none(mine)


def _first(spare: SpareTicket, request: Enrol, now: datetime, address: str) -> NotJoined:
    """A board that calls in for the first time."""
    if _too_many(spare):
        return NotJoined(RefusalCode.TICKET_USED, spare_id=spare.id)
    if (closed := _closed(spare, now)) is not None:
        return closed
    waiting = (SpareBoard.site == spare.site_id) & SpareBoard.state.in_((State.WAITING, State.APPROVED))
    if SpareBoard.select().where(waiting).count() >= WAITING_MAX:
        return NotJoined(RefusalCode.BUSY, retry_after_s=ASK_AGAIN_S)
    board = SpareBoard.create(
        spare=spare.id,
        site=spare.site_id,
        organisation=spare.organisation_id,
        public_key=request.public_key,
        serial=said(request.board_serial),
        image_hash=request.image_hash,
        address=said(address),
        state=State.WAITING,
        first_at=now,
        heard_at=now,
    )
    return _wait(board, now)


def _closed(spare: SpareTicket, now: datetime) -> NotJoined | None:
    if spare.revoked_at is not None:
        return UNKNOWN
    return NotJoined(RefusalCode.TICKET_EXPIRED) if now >= spare.expires_at else None


def _too_many(spare: SpareTicket) -> bool:
    """Whether this ticket has served all the boards that it may."""
    states = [
        state for (state,) in SpareBoard.select(SpareBoard.state).where(SpareBoard.spare == spare.id).tuples()
    ]
    refused = states.count(State.REFUSED)
    return len(states) - refused >= spare.cards_max or refused >= REFUSED_MAX


def _refused(spare: SpareTicket) -> NotJoined:
    if spare.revoked_at is not None:
        return UNKNOWN
    return NotJoined(RefusalCode.NOT_APPROVED, retry_after_s=ASK_AGAIN_S)


def _wait(board: SpareBoard, now: datetime) -> NotJoined:
    retry_s = ASK_SOON_S if now < board.first_at + SOON else ASK_LATER_S
    return NotJoined(RefusalCode.WAITING_FOR_APPROVAL, retry_after_s=retry_s)


def _holds(board: SpareBoard, now: datetime) -> bool:
    """Whether the approval is still for what the operator saw: no other card was made for that device or has joined as it."""
    ticket = board.ticket
    return (
        ticket is not None
        and not ticket.revoked
        and now < ticket.expires_at
        and standing(ticket.device_id) == board.replaces
    )
