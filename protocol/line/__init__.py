"""A serial line with one primary and up to 247 units, in the way of HDLC's normal response mode (ISO/IEC 13239).

The primary (the collector at a clerk's PC) speaks, and hands the turn to one unit; the unit answers, and hands it back. So
two never speak at once on one pair of wires. What goes over is numbered and sent again from the first that did not arrive
(go-back-N), turn by turn, without timers. Frames longer than one piece are cut up; short ones overtake them, because a
clock and a command are worth something for two seconds only.

Nothing here is believed: the frames inside are signed by the unit and by the centre. No I/O and no clock.
"""

from protocol.line.piece import (
    ADDRESS_MAX,
    BLOCK_LENGTH,
    CREDIT_MAX,
    PIECE_MAX,
    Kind,
    Piece,
    Service,
    pieces_in,
    read_piece,
    write_piece,
)
from protocol.line.primary import Primary
from protocol.line.secondary import Closed, Frame, LineEffect, Opened, Secondary

__all__ = [
    "ADDRESS_MAX",
    "BLOCK_LENGTH",
    "CREDIT_MAX",
    "PIECE_MAX",
    "Closed",
    "Frame",
    "Kind",
    "LineEffect",
    "Opened",
    "Piece",
    "Primary",
    "Secondary",
    "Service",
    "pieces_in",
    "read_piece",
    "write_piece",
]
