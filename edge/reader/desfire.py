"""DESFire EV1 to EV3: applications, files, keys, transactions, in the card's native frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.reader.aes_card import ILLEGAL_COMMAND, MORE, AesCard
from edge.reader.errors import CardCorrupted, CardStatus
from edge.reader.secure_messaging import Mode

FRAME_DATA_MAX: Final = 59
"""Behind the command code; EV1 takes no more in one frame (its frame of 64 less block overhead and the code)."""
AES_KEYS: Final = 0x80
"""Set in the number of keys of an application whose keys are for AES."""
NO_SUCH_APPLICATION: Final = 0xA0
DUPLICATE: Final = 0xDE
NO_SUCH_FILE: Final = 0xF0
KEY_SETTINGS: Final = 0x09
"""Key 0 changes keys and settings; without it nothing is created, deleted or listed."""

_SELECT_APPLICATION: Final = 0x5A
_CREATE_APPLICATION: Final = 0xCA
_DELETE_APPLICATION: Final = 0xDA
_CREATE_STANDARD_FILE: Final = 0xCD
_CREATE_BACKUP_FILE: Final = 0xCB
_COMMIT: Final = 0xC7
_GET_VERSION: Final = 0x60


def access_rights(read: int, write: int, read_write: int, change: int) -> bytes:
    """Key numbers for each right as two bytes; 14 is everybody, 15 nobody."""
    return bytes((read_write << 4 | change, read << 4 | write))


class Desfire(AesCard):
    """The applications of one card; ``exchange`` is ``IsoDep.exchange``."""

    READ_DATA = 0xBD
    WRITE_DATA = 0x3D
    _knows_ev2 = True

    def _call(self, code: int, payload: bytes) -> tuple[int, bytes]:
        answer = self._exchange(bytes((code,)) + payload[:FRAME_DATA_MAX])
        for at in range(FRAME_DATA_MAX, len(payload), FRAME_DATA_MAX):
            if answer[:1] != bytes((MORE,)):
                break
            answer = self._exchange(bytes((MORE,)) + payload[at : at + FRAME_DATA_MAX])
        if not answer:
            raise CardCorrupted("an answer without status")
        return answer[0], answer[1:]

    def get_version(self) -> bytes:
        """What the card says of its hardware, software and production; the fourth byte tells EV1, EV2 and EV3 apart."""
        self.forget()
        return self._run(_GET_VERSION, b"")

    def select(self, aid: int) -> None:
        """Turn to an application; 0 is the card as a whole.

        :raises CardStatus: ``NO_SUCH_APPLICATION``.
        """
        self.forget()
        self._run(_SELECT_APPLICATION, aid.to_bytes(3, "little"))

    def authenticate(self, number: int, key: bytes) -> None:
        """By the best way that the card knows: EV2First, else (EV1) AES.

        :raises AuthenticationFailed: the card has another key, or is none of ours.
        """
        if self._knows_ev2:
            try:
                self.authenticate_ev2(number, key)
                return
            except CardStatus as error:
                if error.status != ILLEGAL_COMMAND:
                    raise
                self._knows_ev2 = False
        self.authenticate_ev1(number, key)

    def create_application(self, aid: int, key_count: int, key_settings: int = KEY_SETTINGS) -> None:
        """A new application with AES keys that are all zero; the card as a whole is selected.

        :raises CardStatus: ``DUPLICATE``, or what the settings of the card do not allow.
        """
        payload = aid.to_bytes(3, "little") + bytes((key_settings, AES_KEYS | key_count))
        self._secured(_CREATE_APPLICATION, payload, b"", Mode.MAC)

    def delete_application(self, aid: int) -> None:
        """Take an application away, with all that it holds."""
        self._secured(_DELETE_APPLICATION, aid.to_bytes(3, "little"), b"", Mode.MAC)
        self.forget()

    def create_file(
        self, file: int, size: int, rights: Sequence[int], mode: Mode = Mode.FULL, *, backup: bool = False
    ) -> None:
        """A data file in the selected application.

        :param rights: key numbers for read, write, read and write, change.
        :param backup: what is written counts from ``commit`` on, all at once.
        """
        payload = bytes((file, mode)) + access_rights(*rights) + size.to_bytes(3, "little")
        self._secured(_CREATE_BACKUP_FILE if backup else _CREATE_STANDARD_FILE, payload, b"", Mode.MAC)

    def commit(self) -> None:
        """CommitTransaction: what was written to backup files since the last one becomes the content, or none of it."""
        self._secured(_COMMIT, b"", b"", Mode.MAC)
