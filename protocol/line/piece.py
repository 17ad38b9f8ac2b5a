"""What stands between two zero bytes of a serial line: a header of six bytes, and up to 240 of a frame.

    address u8 | link u8 | control u8 | number u8 | awaited u8 | credit u8 | data

``link`` is chosen by the primary for each connection; what is still on its way from an earlier one is known by it.
``control`` is a ``Kind`` plus flags. ``number`` counts data pieces modulo 256; ``awaited`` is the number that this side
wants next, so all before it have arrived. ``credit`` is how many data pieces the unit may answer with.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from protocol import framing
from protocol.errors import MalformedError

ADDRESS_MAX: Final = 247
"""Addresses of units are 1 to this, as with Modbus; the line has one unit at each."""
PIECE_MAX: Final = 240
"""Bytes of a frame in one piece: with header, CRC and COBS one block of 252, a fiftieth of a second at 115,200 baud."""
HEADER_LENGTH: Final = 6
NUMBERS: Final = 256
CREDIT_MAX: Final = 64
"""Data pieces in one turn; far below ``NUMBERS``, so that a repeated piece is never taken for a new one."""

BLOCK_LENGTH: Final = PIECE_MAX + 12
"""Bytes of a full piece on the wire."""
_BITS_PER_BYTE: Final = 10
_KIND: Final = 0x07
_TURN: Final = 0x80
_MORE: Final = 0x40
_PART: Final = 0x20
_ANSWER: Final = 0x10


class Kind(IntEnum):
    """Commands and answers, by HDLC's names."""

    SNRM = 1
    """From the primary: begin anew. Data: what for (``Service``)."""
    UA = 2
    """The unit has begun anew."""
    DISC = 3
    """From the primary: the connection is over."""
    DM = 4
    """The unit knows no such connection."""
    RR = 5
    """Nothing to send; says what is awaited."""
    DATA = 6


class Service(IntEnum):
    """What a connection is for; one byte with SNRM."""

    LIVE = 1
    """The frames of a session with the centre, which the primary passes on."""


class Piece(msgspec.Struct, frozen=True):
    """See the module. ``turn``: it is the other side's turn now. ``part``: of a long frame, with ``more`` to come."""

    address: int
    link: int
    kind: Kind
    number: int = 0
    awaited: int = 0
    credit: int = 0
    data: bytes = b""
    turn: bool = False
    more: bool = False
    part: bool = False
    answer: bool = False
    """From a unit. A primary on two wires hears itself, and units hear one another."""


def pieces_in(seconds: float, speed_baud: int) -> int:
    """Full pieces that a line carries in a time; at least one."""
    return max(1, int(seconds * speed_baud / _BITS_PER_BYTE / BLOCK_LENGTH))


def write_piece(piece: Piece) -> bytes:
    """As it goes on the line, with its closing zero byte."""
    control = (
        piece.kind
        | (_TURN if piece.turn else 0)
        | (_MORE if piece.more else 0)
        | (_PART if piece.part else 0)
        | (_ANSWER if piece.answer else 0)
    )
    header = bytes((piece.address, piece.link, control, piece.number, piece.awaited, piece.credit))
    return framing.encode(header + piece.data)


def read_piece(plain: bytes) -> Piece:
    """The piece in what ``framing.Deframer`` found.

    :raises MalformedError: it is none.
    """
    if not HEADER_LENGTH <= len(plain) <= HEADER_LENGTH + PIECE_MAX:
        raise MalformedError(f"a piece of {len(plain)} bytes")
    address, link, control, number, awaited, credit = plain[:HEADER_LENGTH]
    try:
        kind = Kind(control & _KIND)
    except ValueError:
        raise MalformedError(f"a piece of kind {control & _KIND}") from None
    if not 1 <= address <= ADDRESS_MAX or control & 0x08:
        raise MalformedError("the header of a piece")
    return Piece(
        address,
        link,
        kind,
        number,
        awaited,
        credit,
        plain[HEADER_LENGTH:],
        turn=bool(control & _TURN),
        more=bool(control & _MORE),
        part=bool(control & _PART),
        answer=bool(control & _ANSWER),
    )
