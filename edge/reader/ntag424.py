"""NTAG 424 DNA: one application, EV2 secure messaging, commands in ISO/IEC 7816-4 wrapping. SUN is ``protocol.card_layout.sun``."""

from __future__ import annotations

from typing import Final

from edge.reader.aes_card import AesCard
from edge.reader.errors import CardCorrupted, CardStatus
from edge.reader.secure_messaging import Mode

DF_NAME: Final = bytes.fromhex("D2760000850101")
"""The application of NFC Forum type 4 tags, which every NTAG 424 DNA has."""
KEY_COUNT: Final = 5
_WRAPPED: Final = 0x90
_STATUS: Final = 0x91
_CHANGE_FILE_SETTINGS: Final = 0x5F
_GET_FILE_SETTINGS: Final = 0xF5
_GET_CARD_UID: Final = 0x51


def wrap(code: int, payload: bytes) -> bytes:
    """A command as an APDU."""
    length = bytes((len(payload),)) if payload else b""
    return bytes((_WRAPPED, code, 0, 0)) + length + payload + b"\0"


def file_settings(mode: Mode, read: int, write: int, read_write: int, change: int) -> bytes:
    """What ChangeFileSettings takes for a file without SUN."""
    return bytes((mode, read_write << 4 | change, read << 4 | write))


class Ntag424(AesCard):
    """The application of one tag; ``exchange`` is ``IsoDep.exchange``."""

    def _call(self, code: int, payload: bytes) -> tuple[int, bytes]:
        answer = self._exchange(wrap(code, payload))
        if len(answer) < 2 or answer[-2] != _STATUS:
            raise CardCorrupted(f"an answer with status {answer[-2:].hex()}")
        return answer[-1], answer[:-2]

    def select(self) -> None:
        """ISO SELECT of the application by its name.

        :raises CardStatus: it is not there, so this is no such tag.
        """
        self.forget()
        answer = self._exchange(bytes((0x00, 0xA4, 0x04, 0x0C, len(DF_NAME))) + DF_NAME + b"\0")
        if answer != b"\x90\x00":
            raise CardStatus(int.from_bytes(answer[-2:], "big"))

    def get_uid(self) -> bytes:
        """The UID that never changes, even when the tag shows random ones; in a session."""
        return self._secured(_GET_CARD_UID, b"", b"", Mode.FULL, 7)

    def get_file_settings(self, file: int) -> bytes:
        """The settings as the tag has them: type, what ``file_settings`` makes, size, and what SUN adds."""
        return self._secured(_GET_FILE_SETTINGS, bytes((file,)), b"", Mode.MAC, None)

    def change_file_settings(self, file: int, settings: bytes) -> None:
        """Who may do what with a file, and how it travels; in a session with the key for changes."""
        self._secured(_CHANGE_FILE_SETTINGS, bytes((file,)), settings, Mode.FULL)
