"""One side of one connection on a line: frames cut into numbered pieces, and put together again on the other side."""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from protocol.limits import ENVELOPE_MAX
from protocol.line.piece import NUMBERS, PIECE_MAX, Kind, Piece

_Cut: TypeAlias = tuple[bytes, bool, bool]
"""Data, ``part``, ``more``."""


class Transfer:
    """Go-back-N by turns: each turn sends again whatever the other side did not say it has, then new pieces."""

    def __init__(self, address: int, link: int, *, answer: bool) -> None:
        self.address, self.link = address, link
        self._answer: Final = answer
        self._short: deque[_Cut] = deque()
        self._long: deque[_Cut] = deque()
        self._sent: deque[_Cut] = deque()
        self._first = 0  # the number of the first in _sent
        self._awaited = 0
        self._parts = bytearray()
        self.pieces_sent_again = 0
        self.pieces_dropped = 0
        """Out of order: what came before them was lost."""

    # -- out ----------------------------------------------------------------------------------------------------

    def put(self, frame: bytes) -> None:
        """A frame to be sent. Long ones go in their order; one that fits one piece goes before them."""
        if len(frame) <= PIECE_MAX:
            self._short.append((frame, False, False))
            return
        for at in range(0, len(frame), PIECE_MAX):
            self._long.append((frame[at : at + PIECE_MAX], True, at + PIECE_MAX < len(frame)))

    @property
    def waiting_count(self) -> int:
        """Pieces that the other side has not said it has."""
        return len(self._sent) + len(self._short) + len(self._long)

    @property
    def is_assembling(self) -> bool:
        """Part of a long frame has come."""
        return len(self._parts) > 0

    def turn(self, most: int, credit: int = 0) -> list[Piece]:
        """Up to ``most`` data pieces (at least one piece), the last of which hands the turn over."""
        again = min(len(self._sent), most)
        self.pieces_sent_again += again
        while len(self._sent) < most and (self._short or self._long):
            self._sent.append((self._short or self._long).popleft())
        pieces = [
            self._piece(Kind.DATA, number, cut)
            for number, cut in enumerate(list(self._sent)[:most], self._first)
        ]
        if not pieces:
            pieces = [self._piece(Kind.RR, self._first, (b"", False, False))]
        pieces[-1] = _with_turn(pieces[-1], credit)
        return pieces

    def _piece(self, kind: Kind, number: int, cut: _Cut) -> Piece:
        data, part, more = cut
        return Piece(
            self.address,
            self.link,
            kind,
            number % NUMBERS,
            self._awaited,
            0,
            data,
            part=part,
            more=more,
            answer=self._answer,
        )

    # -- in -----------------------------------------------------------------------------------------------------

    def take(self, piece: Piece) -> bytes | None:
        """What a piece of this connection means: a frame, when it is the last of one."""
        arrived = (piece.awaited - self._first) % NUMBERS
        if arrived <= len(self._sent):
            for _ in range(arrived):
                self._sent.popleft()
            self._first = (self._first + arrived) % NUMBERS
        if piece.kind is not Kind.DATA:
            return None
        if piece.number != self._awaited:
            self.pieces_dropped += 1
            return None
        self._awaited = (self._awaited + 1) % NUMBERS
        if not piece.part:
            return piece.data
        self._parts += piece.data
        if len(self._parts) > ENVELOPE_MAX:
            self._parts.clear()  # no frame is so long; what follows of it will not be one either
        if piece.more:
            return None
        frame = bytes(self._parts)
        self._parts.clear()
        return frame


def _with_turn(piece: Piece, credit: int) -> Piece:
    return Piece(
        piece.address,
        piece.link,
        piece.kind,
        piece.number,
        piece.awaited,
        credit,
        piece.data,
        turn=True,
        more=piece.more,
        part=piece.part,
        answer=piece.answer,
    )
