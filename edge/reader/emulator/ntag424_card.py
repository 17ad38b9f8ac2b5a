"""NTAG 424 DNA: one application with five keys and three files, and SUN in the file that phones read (NT4H2421Gx, AN12196).

Left out: LRP, tag tamper, random UID, enciphered file data in SUN.
"""

from typing import Any

from edge.reader.emulator.desfire_card import application_from_dict, application_to_dict
from edge.reader.emulator.isodep_card import Link
from edge.reader.emulator.picc import (
    DENIED,
    EVERYBODY,
    LENGTH,
    NO_KEY,
    PAGE_US,
    PARAMETER,
    Application,
    DataFile,
    Picc,
    Refused,
)
from edge.reader.emulator.picc_session import FULL, PLAIN, cbc, plain_cmac
from edge.reader.emulator.tearing import Tear

DF_NAME = bytes.fromhex("D2760000850101")
CC_FILE, NDEF_FILE, DATA_FILE = 1, 2, 3
ISO_FILES = {0xE103: CC_FILE, 0xE104: NDEF_FILE, 0xE105: DATA_FILE}
CAPABILITIES = bytes.fromhex("001720010000FF0406E104010000000506E10500808283000000000000000000")
SUN_ENABLED = 0x40


def factory() -> Application:
    """As delivered: five zero keys, everybody may read and write the NDEF file."""
    return Application(
        [bytes(16)] * 5,
        files={
            CC_FILE: DataFile(CAPABILITIES, PLAIN, (EVERYBODY, 0, 0, 0)),
            NDEF_FILE: DataFile(bytes(256), PLAIN, (EVERYBODY, EVERYBODY, EVERYBODY, 0)),
            DATA_FILE: DataFile(bytes(128), FULL, (2, 3, 3, 0)),
        },
    )


class Ntag424Card(Picc):
    """One tag; `application` is None in its session until it is selected by name."""

    kind = "ntag424"

    def __init__(
        self,
        uid: bytes,
        *,
        atqa: int | None = None,
        sak: int | None = None,
        link: Link | None = None,
        **more: Tear,
    ) -> None:
        self.application = factory()
        self.read_count = 0
        self._open_file: int | None = None
        super().__init__(uid, link=Link(fsci=7, fwi=7) if link is None else link, atqa=atqa, sak=sak, **more)

    def all_files(self) -> list[DataFile]:
        return list(self.application.files.values())

    # Frames that are not wrapped: ISO/IEC 7816-4

    def other_frame(self, command: bytes, at_us: int) -> bytes:
        if len(command) < 4 or command[0] != 0x00:
            return b"\x6e\x00"
        code, p1, p2 = command[1], command[2], command[3]
        if code == 0xA4:
            return self._iso_select(p1, command[5 : 5 + command[4]] if len(command) > 5 else b"")
        if code == 0xB0:
            return self._iso_read(p1 << 8 | p2, command[4] if len(command) > 4 else 0)
        return b"\x6d\x00"

    def _iso_select(self, by: int, name: bytes) -> bytes:
        if by == 0x04 and name == DF_NAME:
            self._end_session()
            self._application = self.application
            self._open_file = None
            return b"\x90\x00"
        number = ISO_FILES.get(int.from_bytes(name, "big"))
        if by in (0x00, 0x02) and self._application is not None and number is not None:
            self._open_file = number
            return b"\x90\x00"
        return b"\x6a\x82"

    def _iso_read(self, offset: int, length: int) -> bytes:
        if self._open_file is None or self._application is None:
            return b"\x69\x86"
        file = self.application.files[self._open_file]
        if EVERYBODY not in (file.rights[0], file.rights[2]):
            return b"\x69\x82"
        content = self.shown(self._open_file, file)
        if offset >= len(content):
            return b"\x6a\x86"
        return content[offset : offset + (length or 256)] + b"\x90\x00"

    # Wrapped commands

    def execute(self, code: int, payload: bytes, at_us: int) -> list[bytes]:
        if code == 0x60:
            version = bytes((0x04, 0x04, 0x02, 0x30, 0x00, 0x11, 0x05))
            data = self.answered(version + version + self.real_uid + bytes(5) + b"\x10\x26")
            return [data[:7], data[7:14], data[14:]]
        if code == 0x64:
            number = self.managed(code, payload)
            if len(number) != 1 or number[0] >= 5:
                raise Refused(NO_KEY)
            return [self.answered(bytes((self.application.versions[number[0]],)))]
        if code == 0xF5:
            return [self.answered(self._settings(self.managed(code, payload)))]
        if code == 0x5F:
            return [self._change_settings(payload, at_us)]
        return super().execute(code, payload, at_us)

    def _settings(self, number: bytes) -> bytes:
        if len(number) != 1:
            raise Refused(LENGTH)
        file = self.file_of(number[0])
        read, write, read_write, change = file.rights
        option = file.mode | (SUN_ENABLED if file.options else 0)
        rights = bytes((read_write << 4 | change, read << 4 | write))
        return bytes((0, option)) + rights + len(file.content).to_bytes(3, "little") + file.options

    def _change_settings(self, payload: bytes, at_us: int) -> bytes:
        session = self._authenticated()
        file = self.file_of(payload[0] if payload else 255)
        if session.key_number != file.rights[3]:
            raise Refused(DENIED)
        new = session.take(0x5F, payload[:1], payload[1:], FULL)
        if (
            len(new) < 3
            or new[0] & ~(SUN_ENABLED | 3)
            or (new[0] & SUN_ENABLED) != (SUN_ENABLED * (len(new) > 3))
        ):
            raise Refused(PARAMETER)
        before = (file.mode, file.rights, file.options)
        file.mode, file.options = new[0] & 3, new[3:]
        file.rights = (new[2] >> 4, new[2] & 0x0F, new[1] >> 4, new[1] & 0x0F)

        def undo(progress: float) -> None:
            if progress < 0.5:
                file.mode, file.rights, file.options = before

        self._program(at_us, 4 * PAGE_US, undo)
        return session.give(b"", 1)

    # SUN

    def shown(self, number: int, file: DataFile) -> bytes:
        """With SUN, who is not authenticated finds UID and counter, enciphered, and their MAC in the file (AN12196, 3)."""
        if not file.options or self._session is not None:
            return file.content
        self.read_count += 1
        options = file.options
        meta_key = self.application.keys[options[2] >> 4]
        file_key = self.application.keys[options[2] & 0x0F]
        data_at, input_at, mac_at = (int.from_bytes(options[at : at + 3], "little") for at in (3, 6, 9))
        counter = self.read_count.to_bytes(3, "little")
        secret = cbc(meta_key, bytes(16), b"\xc7" + self.real_uid + counter + self._source.randbytes(5))
        content = bytearray(file.content)
        content[data_at : data_at + 32] = secret.hex().upper().encode()
        session_key = plain_cmac(file_key, b"\x3c\xc3\x00\x01\x00\x80" + self.real_uid + counter)
        mac = plain_cmac(session_key, bytes(content[input_at:mac_at]))[1::2]
        content[mac_at : mac_at + 16] = mac.hex().upper().encode()
        return bytes(content)

    # As data

    def to_dict(self) -> dict[str, Any]:
        held = application_to_dict(self.application)
        return {**super().to_dict(), "application": held, "read_count": self.read_count}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Ntag424Card":
        """The tag that ``to_dict`` described, or a new one."""
        card = cls(bytes.fromhex(data["uid"]))
        if "application" in data:
            card.application = application_from_dict(data["application"])
        card.read_count = int(data.get("read_count", 0))
        return card
