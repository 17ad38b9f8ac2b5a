"""The 64-byte FIFO buffer (data sheet 8.3)."""

SIZE = 64


class Fifo:
    """Bytes in arrival order; `put` on a full buffer drops the byte and says so."""

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def put(self, byte: int) -> bool:
        """True when the byte was stored, False when the buffer was full."""
        if len(self._data) >= SIZE:
            return False
        self._data.append(byte)
        return True

    def get(self) -> int:
        """The oldest byte; an empty buffer reads as 0."""
        return self._data.pop(0) if self._data else 0

    def get_all(self) -> bytes:
        taken = bytes(self._data)
        self._data.clear()
        return taken

    def clear(self) -> None:
        self._data.clear()
