"""Joining a centre with a one-time ticket (provisioning.md section 4).

The request is kept before it is sent, and a repeat is the same request again: an answer that was lost costs nothing.
The enrolment is kept before the outbox is given its node_epoch; ``settle`` finishes what a power cut interrupted.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path
from typing import Final

from msgspec import Struct

from edge.cache.outbox import NO_EPOCH, Outbox
from edge.config import NodeConfig, Ticket
from edge.errors import EdgeError
from edge.i18n import _
from edge.identity import IdentityFiles, Joining, Member
from protocol.backoff import delay_ms
from protocol.enrolment import raw_public, read_answer, write_enrol
from protocol.errors import ProtocolError
from protocol.facts import SALT_LENGTH
from protocol.limits import NONCE_LENGTH
from protocol.messages import Enrol, Enrolled, RefusalCode, Refused

RETRY_FIRST_MS: Final = 2_000
RETRY_MAX_MS: Final = 5 * 60_000
FOR_GOOD: Final = frozenset(
    {RefusalCode.TICKET_UNKNOWN, RefusalCode.TICKET_USED, RefusalCode.TICKET_EXPIRED, RefusalCode.REVOKED}
)
"""Answers that asking again does not change. A spare card that waits, or that an operator has refused, asks for ever."""

Send = Callable[[bytes], Awaitable[bytes]]
"""Carries a request to the centre and its answer back. Raises OSError or TimeoutError when there is no connection."""


class EnrolError(EdgeError):
    """The centre will not let this node join with this ticket. The text is for the installer."""

    def __init__(self, text: str, code: RefusalCode, retry_after_s: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.retry_after_s = retry_after_s


class Board(Struct, frozen=True):
    """What a node says about its hardware when it joins."""

    serial: str = ""
    image_hash: bytes = b""


def board_of_this_machine(config: NodeConfig) -> Board:
    """The serial number of a Raspberry Pi, or of an emulated board; empty on other machines."""
    if config.emulator is not None:
        return Board(config.emulator.board_serial, config.image_hash)
    try:
        serial = Path("/sys/firmware/devicetree/base/serial-number").read_text().strip("\x00\n ")
    except (OSError, UnicodeDecodeError):
        serial = ""
    return Board(serial, config.image_hash)


def refusal_text(code: RefusalCode) -> str:
    """Why the centre refused, and what helps, in the installer's language."""
    match code:
        case RefusalCode.TICKET_UNKNOWN:
            return _("the centre does not know this ticket; make a new one there")
        case RefusalCode.TICKET_USED:
            return _(
                "this ticket was used by another device; make a new one at the centre, and find out who used it"
            )
        case RefusalCode.TICKET_EXPIRED:
            return _("this ticket has expired; make a new one at the centre")
        case RefusalCode.REVOKED:
            return _("this device was revoked at the centre")
        case RefusalCode.OLD_EPOCH:
            return _("another device has taken the place of this one; its records are kept apart")
        case RefusalCode.WAITING_FOR_APPROVAL:
            return _("waiting for an operator to approve this device at the centre")
        case RefusalCode.NOT_APPROVED:
            return _("an operator at the centre has refused this device")
        case RefusalCode.BUSY:
            return _("the centre is busy; trying again")
        case _other:
            return _("the centre refused: %(code)s", code=_other.name)


class Enrolment:
    """One attempt to join with one ticket: any number of requests, all the same."""

    def __init__(self, node: str, ticket: Ticket, files: IdentityFiles, board: Board) -> None:
        self._node = node
        self._ticket = ticket
        self._files = files
        self._board = board
        self._joining: Joining | None = None

    def request(self, outbox: Outbox) -> tuple[bytes, Enrol]:
        """The frame to send, and what it says. Kept before it is given.

        :raises FileError: it could not be kept.
        """
        joining = self._joining or self._files.joining()
        if joining is None or joining.ticket_id != self._ticket.ticket_id:
            salt = outbox.salt if outbox.node_epoch == NO_EPOCH else os.urandom(SALT_LENGTH)
            joining = Joining(self._ticket.ticket_id, salt, os.urandom(NONCE_LENGTH))
            self._files.save_joining(joining)
        self._joining = joining
        key = self._files.key()
        enrol = Enrol(
            ticket_id=joining.ticket_id,
            node=self._node,
            public_key=raw_public(key),
            board_serial=self._board.serial,
            image_hash=self._board.image_hash,
            salt=joining.salt,
            nonce=joining.nonce,
        )
        return write_enrol(enrol, self._ticket.secret, key), enrol

    def answered(self, frame: bytes, enrol: Enrol) -> Member:
        """The enrolment that the answer means; kept.

        :raises EnrolError: refused.
        :raises ProtocolError: not an answer, or not from the centre that made the ticket.
        :raises FileError: it could not be kept.
        """
        answer = read_answer(frame, self._ticket.secret, enrol)
        if isinstance(answer, Refused):
            raise EnrolError(refusal_text(answer.code), answer.code, answer.retry_after_s)
        member = _member(answer, enrol)
        self._files.save_member(member)
        return member


def _member(answer: Enrolled, enrol: Enrol) -> Member:
    return Member(
        node=answer.node,
        node_epoch=answer.node_epoch,
        centre_key=answer.centre_key,
        box_key=answer.box_key,
        scope=answer.scope,
        period_s=answer.period_s,
        salt=enrol.salt,
        ticket_id=enrol.ticket_id,
    )


async def join(
    enrolment: Enrolment,
    outbox: Outbox,
    send: Send,
    wait: Callable[[float], Awaitable[None]],
    tell: Callable[[str], None],
    jitter: Callable[[], float],
) -> Member:
    """Ask until the centre has answered for good.

    :param wait: sleeps for that many seconds.
    :param tell: is given what the installer should see while it is tried again.
    :raises EnrolError: refused in a way that asking again does not change.
    """
    attempt = 0
    while True:
        frame, enrol = enrolment.request(outbox)
        try:
            return enrolment.answered(await send(frame), enrol)
        except EnrolError as error:
            if error.code in FOR_GOOD:
                raise
            tell(str(error))
            if error.retry_after_s:
                attempt = 0
                retry_ms = min(error.retry_after_s * 1_000, RETRY_MAX_MS)
                await wait(delay_ms(0, jitter(), first_ms=retry_ms, max_ms=RETRY_MAX_MS) / 1_000)
                continue
        except (OSError, TimeoutError) as error:
            tell(_("no connection to the centre: %(error)s", error=error or type(error).__name__))
        except ProtocolError as error:
            tell(_("the answer is not from the centre of this ticket: %(error)s", error=error))
        await wait(delay_ms(attempt, jitter(), first_ms=RETRY_FIRST_MS, max_ms=RETRY_MAX_MS) / 1_000)
        attempt += 1


class Settled(Enum):
    """How an outbox stands to an enrolment."""

    AS_IT_WAS = "as it was"
    ADOPTED = "adopted"
    BEGUN = "begun"
    HOMELESS = "homeless"
    """Its facts can belong to no node_epoch; only a new ticket helps."""


def settle(outbox: Outbox, member: Member) -> Settled:
    """Bring an open outbox into the node_epoch of the enrolment.

    - Of this node_epoch already: nothing to do.
    - Recorded before the enrolment that carried its salt: they are its first facts.
    - Of an older node_epoch: put aside, whole; the centre has closed it. A new one is begun.
    - Begun after damage: its facts may not take the numbers of the lost ones.
    """
    if outbox.node_epoch == member.node_epoch:
        return Settled.AS_IT_WAS
    if outbox.node_epoch == NO_EPOCH:
        if outbox.salt != member.salt:
            return Settled.HOMELESS
        outbox.adopt(member.node_epoch)
        return Settled.ADOPTED
    outbox.set_aside(f"epoch-{outbox.node_epoch}")
    outbox.begin(member.node_epoch, member.salt)
    outbox.start_run()
    return Settled.BEGUN
