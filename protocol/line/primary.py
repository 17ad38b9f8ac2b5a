"""The collector's end of one connection on a line: asks one unit, as often as it is told to."""

from __future__ import annotations

from protocol.line.piece import Kind, Piece, write_piece
from protocol.line.transfer import Transfer


class Primary:
    """One unit, by its address. ``to_send`` and what is heard afterwards follow one another; ``silent`` when nothing is."""

    def __init__(self, address: int, service: bytes = b"", link: int = 0) -> None:
        """
        :param service: told to the unit when a connection begins.
        :param link: 0 to 255, drawn anew at each start, so that nothing of an earlier run is taken for ours.
        """
        self.address = address
        self._service = service
        self._link = link
        self._transfer: Transfer | None = None
        self.silences = 0
        """Turns without an answer, one after another."""

    @property
    def is_open(self) -> bool:
        """The unit has begun a connection, and knows it still."""
        return self._transfer is not None

    @property
    def waiting_count(self) -> int:
        """Pieces that the unit does not have yet."""
        return 0 if self._transfer is None else self._transfer.waiting_count

    @property
    def is_assembling(self) -> bool:
        """Part of a long frame has come."""
        return self._transfer is not None and self._transfer.is_assembling

    def put(self, frame: bytes) -> None:
        """A frame for the unit; dropped when there is no connection, as with every route."""
        if self._transfer is not None:
            self._transfer.put(frame)

    def begin_anew(self) -> None:
        """Forget the connection: the next turn opens another one."""
        self._transfer = None

    def to_send(self, credit: int) -> bytes:
        """What hands the turn to the unit. ``credit``: pieces that either side may send in this turn."""
        if self._transfer is None:
            if not self.silences:
                self._link = self._link % 255 + 1
            snrm = Piece(self.address, self._link, Kind.SNRM, credit=credit, data=self._service, turn=True)
            return write_piece(snrm)
        return b"".join(map(write_piece, self._transfer.turn(credit, credit)))

    def farewell(self) -> bytes:
        """What ends the connection; its answer is of no interest."""
        return write_piece(Piece(self.address, self._link, Kind.DISC, turn=True))

    def receive(self, piece: Piece) -> tuple[bool, bytes | None]:
        """A piece of this unit: whether it gives the turn back, and the frame that is complete with it.

        What belongs to another connection changes nothing and gives nothing back.
        """
        if not piece.answer or piece.address != self.address or piece.link != self._link:
            return False, None
        self.silences = 0
        match piece.kind:
            case Kind.UA if self._transfer is None:
                self._transfer = Transfer(self.address, self._link, answer=False)
            case Kind.DM:
                self.begin_anew()
            case Kind.DATA | Kind.RR if self._transfer is not None:
                return piece.turn, self._transfer.take(piece)
        return piece.turn, None

    def silent(self) -> None:
        """Nothing (more) came, and the turn was not given back."""
        self.silences += 1
