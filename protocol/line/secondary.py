"""The unit's end of a line: silent until it is asked, by its address."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from protocol.errors import MalformedError
from protocol.framing import Deframer
from protocol.line.piece import CREDIT_MAX, HEADER_LENGTH, PIECE_MAX, Kind, Piece, read_piece, write_piece
from protocol.line.transfer import Transfer

SILENT_MAX_MS: Final = 5_000
"""A primary that has not spoken to this unit for so long is gone: the plug was pulled, or the PC switched off."""


class Opened(msgspec.Struct, frozen=True):
    """Effect: a primary has begun anew; ``service``: what for."""

    service: bytes


class Frame(msgspec.Struct, frozen=True):
    """Effect: a frame arrived."""

    frame: bytes


class Closed(msgspec.Struct, frozen=True):
    """Effect: the connection is over."""


LineEffect: TypeAlias = Opened | Frame | Closed


class Secondary:
    """See the module. ``now_ms`` is monotonic."""

    def __init__(self, address: int, pieces_max: int = CREDIT_MAX) -> None:
        """:param pieces_max: most in one answer, whatever credit is given."""
        self._address = address
        self._pieces_max = min(pieces_max, CREDIT_MAX)
        self._deframer = Deframer(HEADER_LENGTH + PIECE_MAX)
        self._transfer: Transfer | None = None
        self._heard_at_ms = 0
        self._answers: list[Piece] = []
        self._turn: int | None = None

    @property
    def is_open(self) -> bool:
        """True while a primary is there."""
        return self._transfer is not None

    @property
    def rejected_count(self) -> int:
        """What came and was no piece."""
        return self._deframer.rejected_count

    def receive(self, data: bytes, now_ms: int) -> list[LineEffect]:
        """What came off the line, in whatever pieces."""
        effects: list[LineEffect] = []
        for plain in self._deframer.feed(data):
            try:
                piece = read_piece(plain)
            except MalformedError:
                continue
            if piece.address == self._address and not piece.answer:
                effects += self._take(piece, now_ms)
        return effects

    def _take(self, piece: Piece, now_ms: int) -> list[LineEffect]:
        self._turn = min(piece.credit, self._pieces_max) if piece.turn else self._turn
        if piece.kind is Kind.SNRM:
            self._heard_at_ms = now_ms
            closed = [Closed()] if self._transfer is not None else []
            self._transfer = Transfer(self._address, piece.link, answer=True)
            self._answers = [self._plain(Kind.UA, piece.link)]
            return [*closed, Opened(piece.data)]
        transfer = self._transfer
        if transfer is None or piece.link != transfer.link:
            self._answers = [self._plain(Kind.DM, piece.link)] if piece.turn else []
            return []
        self._heard_at_ms = now_ms
        if piece.kind is Kind.DISC:
            self._transfer = None
            self._answers = [self._plain(Kind.UA, piece.link)]
            return [Closed()]
        frame = transfer.take(piece)
        return [] if frame is None else [Frame(frame)]

    def _plain(self, kind: Kind, link: int) -> Piece:
        return Piece(self._address, link, kind, turn=True, answer=True)

    def put(self, frame: bytes) -> None:
        """A frame for the primary; dropped when there is none."""
        if self._transfer is not None:
            self._transfer.put(frame)

    @property
    def waiting_count(self) -> int:
        """Pieces that the primary does not have yet."""
        return 0 if self._transfer is None else self._transfer.waiting_count

    @property
    def is_assembling(self) -> bool:
        """Part of a long frame has come."""
        return self._transfer is not None and self._transfer.is_assembling

    @property
    def has_turn(self) -> bool:
        """The primary waits for ``to_send``."""
        return self._turn is not None

    def to_send(self) -> bytes:
        """The answer, once the turn has been given; nothing otherwise."""
        credit, self._turn = self._turn, None
        answers, self._answers = self._answers, []
        if credit is None:
            return b""
        if not answers and self._transfer is not None:
            answers = self._transfer.turn(max(1, credit))
        return b"".join(map(write_piece, answers))

    def check(self, now_ms: int) -> list[LineEffect]:
        """To be called now and then: notices that the primary is gone."""
        if self._transfer is None or now_ms - self._heard_at_ms < SILENT_MAX_MS:
            return []
        self._transfer = None
        return [Closed()]

    def next_timer(self) -> int | None:
        """When to call ``check``; None: nobody is there."""
        return None if self._transfer is None else self._heard_at_ms + SILENT_MAX_MS
