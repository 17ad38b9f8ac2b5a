"""What DESFire and NTAG 424 DNA have in common on the card's side: applications, keys, files, frames, loss of power.

Law of this file: a command is carried out when it was heard whole; what it writes takes time, and power lost meanwhile
undoes it (``_program``): wholly for what the card promises to be atomic, at any byte for a standard data file.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.reader.emulator.isodep_card import IsoDepCard, Link, Result
from edge.reader.emulator.picc_session import FULL, MACED, PLAIN, Ev1, Ev2, IntegrityError, cbc, rotated
from edge.reader.emulator.tearing import Tear, tear_like_eeprom

OK, NO_CHANGES, ILLEGAL, INTEGRITY, NO_KEY = 0x00, 0x0C, 0x1C, 0x1E, 0x40
LENGTH, DENIED, PARAMETER, NO_APPLICATION, WRONG_KEY = 0x7E, 0x9D, 0x9E, 0xA0, 0xAE
MORE, BOUNDARY, ABORTED, DUPLICATE, NO_FILE = 0xAF, 0xBE, 0xCA, 0xDE, 0xF0

EVERYBODY, NOBODY = 14, 15
PAGE = 16
READ_US, AUTHENTICATE_US, PAGE_US, CREATE_US, COMMIT_US, KEY_US = 800, 1_500, 600, 6_000, 3_000, 4_000
"""How long a command takes. Made up, in the range of what people report; a driver must not depend on them."""


class Refused(Exception):
    """The command ends with this status; the session is over."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:02X}")
        self.status = status


@dataclass
class DataFile:
    """`rights`: key numbers for read, write, read and write, change. `draft`: what a backup file holds until the commit."""

    content: bytes
    mode: int
    rights: tuple[int, int, int, int]
    backup: bool = False
    draft: bytes | None = None
    options: bytes = b""
    """SUN settings of an NTAG, as they were given."""


@dataclass
class Application:
    keys: list[bytes]
    settings: int = 0x0F
    versions: list[int] = field(default_factory=list)
    files: dict[int, DataFile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.versions = self.versions or [0] * len(self.keys)


@dataclass(frozen=True)
class Writing:
    start_us: int
    duration_us: int
    undo: Callable[[float], None]


def tear_in_pages(old: bytes, new: bytes, progress: float) -> bytes:
    """A standard data file is written page by page, and each page as any EEPROM."""
    pages = max(1, -(-len(new) // PAGE))
    done = min(pages - 1, int(progress * pages))
    at = done * PAGE
    part = tear_like_eeprom(old[at : at + PAGE], new[at : at + PAGE], progress * pages - done)
    return new[:at] + part + old[at + PAGE :]


def tear_after(count: int) -> Tear:
    """A tear that leaves the first `count` bytes new and the others old."""
    return lambda old, new, progress: new[:count] + old[count:]


class Picc(IsoDepCard):
    """`atomic_keys`: False lets a torn ChangeKey leave a key that nobody knows."""

    frame_max = 0
    """Data bytes in one frame of an answer; 0: frames are not limited here."""

    def __init__(
        self, uid: bytes, *, link: Link, atqa: int | None, sak: int | None, tear: Tear = tear_in_pages
    ) -> None:
        self.tear = tear
        self.atomic_keys = True
        self.real_uid = uid
        self._source = random.Random(uid)
        self._application: Application | None = None
        self._session: Ev1 | Ev2 | None = None
        self._challenge: tuple[int, int, bytes] | None = None
        self._partial: tuple[int, bytes, int] | None = None
        self._to_send: list[bytes] = []
        self._writing: Writing | None = None
        self._work_us = 0
        super().__init__(uid, atqa=atqa, sak=sak, link=link)

    # Power and EEPROM

    def reset_application(self) -> None:
        self._end_session()
        for file in self.all_files():
            file.draft = None
        self._application = None

    def all_files(self) -> list[DataFile]:
        return [] if self._application is None else list(self._application.files.values())

    def _end_session(self) -> None:
        self._session = None
        self._challenge = None
        self._partial = None
        self._to_send = []

    def power_down(self, at_us: int) -> None:
        writing, self._writing = self._writing, None
        if writing is not None and at_us < writing.start_us + writing.duration_us:
            writing.undo(max(0.0, (at_us - writing.start_us) / writing.duration_us))
        super().power_down(at_us)

    def _program(self, at_us: int, duration_us: int, undo: Callable[[float], None]) -> None:
        self._writing = Writing(at_us, duration_us, undo)
        self._work_us = duration_us

    # Frames

    def apply(self, command: bytes, at_us: int) -> Result:
        self._work_us = READ_US
        if len(command) >= 5 and command[0] == 0x90:
            payload = command[5 : 5 + command[4]] if len(command) > 5 else b""
            status, data = self._frame(command[1], payload, at_us)
            return Result(data + bytes((0x91, status)), self._work_us)
        answer = self.other_frame(command, at_us)
        return Result(answer, self._work_us)

    def other_frame(self, command: bytes, at_us: int) -> bytes:
        """A command that is not wrapped."""
        status, data = self._frame(command[0], command[1:], at_us) if command else (LENGTH, b"")
        return bytes([status]) + data

    def _frame(self, code: int, payload: bytes, at_us: int) -> tuple[int, bytes]:
        try:
            if code != MORE:
                self._challenge, self._partial, self._to_send = None, None, []
                return self._first_frame(code, payload, at_us)
            if self._challenge is not None:
                return OK, self._prove(payload)
            if self._to_send:
                return self._next_to_send()
            if self._partial is not None:
                code, before, needed = self._partial
                return self._collect(code, before + payload, needed, at_us)
            raise Refused(ABORTED)
        except IntegrityError:
            self._end_session()
            return INTEGRITY, b""
        except Refused as refusal:
            self._end_session()
            return refusal.status, b""

    def _first_frame(self, code: int, payload: bytes, at_us: int) -> tuple[int, bytes]:
        if code in self.authentications:
            return self._ask(code, payload)
        return self._collect(code, payload, self.needed(code, payload), at_us)

    def _collect(self, code: int, payload: bytes, needed: int, at_us: int) -> tuple[int, bytes]:
        if len(payload) < needed:
            self._partial = (code, payload, needed)
            return MORE, b""
        self._partial = None
        parts = self.execute(code, payload, at_us)
        self._to_send = parts if len(parts) > 1 else self._cut(parts[0])
        return self._next_to_send()

    def _cut(self, data: bytes) -> list[bytes]:
        size = self.frame_max or max(1, len(data))
        return [data[at : at + size] for at in range(0, len(data), size)] or [b""]

    def _next_to_send(self) -> tuple[int, bytes]:
        part = self._to_send.pop(0)
        return (MORE if self._to_send else OK), part

    # Authentication

    authentications: frozenset[int] = frozenset({0x71})

    def _keys(self) -> Application:
        if self._application is None:
            raise Refused(NO_APPLICATION)
        return self._application

    def _ask(self, code: int, payload: bytes) -> tuple[int, bytes]:
        self._session = None
        if not payload or (code == 0x71 and (len(payload) < 2 or len(payload) != 2 + payload[1])):
            raise Refused(LENGTH)
        if payload[0] >= len(self._keys().keys):
            raise Refused(NO_KEY)
        challenge = self._source.randbytes(16)
        self._challenge = (code, payload[0], challenge)
        self._work_us = AUTHENTICATE_US
        return MORE, cbc(self._keys().keys[payload[0]], bytes(16), challenge)

    def _prove(self, token: bytes) -> bytes:
        assert self._challenge is not None, "a challenge was given"
        code, number, challenge = self._challenge
        self._challenge = None
        self._work_us = AUTHENTICATE_US
        key = self._keys().keys[number]
        if len(token) != 32:
            raise Refused(LENGTH)
        first_iv = bytes(16) if code == 0x71 else cbc(key, bytes(16), challenge)
        plain = cbc(key, first_iv, token, decrypt=True)
        theirs, mine = plain[:16], plain[16:]
        if mine != rotated(challenge):
            raise Refused(WRONG_KEY)
        if code == 0xAA:
            self._session = Ev1.begin(number, theirs, challenge)
            return cbc(key, token[-16:], rotated(theirs))
        identity = self._source.randbytes(4)
        self._session = Ev2.begin(number, key, theirs, challenge, identity)
        return cbc(key, bytes(16), identity + rotated(theirs) + bytes(12))

    # Commands

    def needed(self, code: int, payload: bytes) -> int:
        """Bytes that the whole command has; more than there are means that frames follow."""
        if code not in self.writes or len(payload) < 7:
            return 0
        length = int.from_bytes(payload[4:7], "little")
        mode = self._mode_of(self.file_of(payload[0]), writing=True)
        wire = length if self._session is None else self._session.wire_length(mode, length)
        return 7 + wire

    reads: frozenset[int] = frozenset({0xAD})
    writes: frozenset[int] = frozenset({0x8D})

    def execute(self, code: int, payload: bytes, at_us: int) -> list[bytes]:
        """A whole command; the parts of its answer (one part is cut into frames)."""
        if code in self.reads:
            return [self._read(code, payload)]
        if code in self.writes:
            return [self._write(code, payload, at_us)]
        if code == 0xC4:
            return [self._change_key(payload, at_us)]
        if code == 0x51:
            session = self._authenticated()
            session.take(code, b"", payload, MACED)
            return [session.give(self.real_uid, FULL)]
        raise Refused(ILLEGAL)

    def _authenticated(self) -> Ev1 | Ev2:
        if self._session is None:
            raise Refused(WRONG_KEY)
        return self._session

    def managed(self, code: int, payload: bytes) -> bytes:
        """The parameters of a command that travels in the clear, with a MAC in an EV2 session."""
        if self._session is None:
            return payload
        if isinstance(self._session, Ev1):
            return self._session.take(code, payload, b"", MACED) or payload
        self._session.take(code, payload[:-8], payload[-8:], MACED)
        return payload[:-8]

    def answered(self, data: bytes) -> bytes:
        """The answer to such a command."""
        return data if self._session is None else self._session.give(data, MACED)

    def file_of(self, number: int) -> DataFile:
        file = self._keys().files.get(number)
        if file is None:
            raise Refused(NO_FILE)
        return file

    def _mode_of(self, file: DataFile, *, writing: bool) -> int:
        """How data travel; raises when the session has not the right."""
        able = {file.rights[1 if writing else 0], file.rights[2]}
        if self._session is not None and self._session.key_number in able:
            return file.mode
        if EVERYBODY in able:
            return PLAIN
        raise Refused(DENIED if self._session is not None else WRONG_KEY)

    def _read(self, code: int, payload: bytes) -> bytes:
        header = payload[:7]
        if len(header) < 7:
            raise Refused(LENGTH)
        file = self.file_of(header[0])
        mode = self._mode_of(file, writing=False)
        if self._session is not None:
            self._session.take(code, header, payload[7:], PLAIN if mode == PLAIN else MACED)
        elif len(payload) != 7:
            raise Refused(LENGTH)
        offset, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
        content = self.shown(header[0], file)
        length = length or len(content) - offset
        if offset + length > len(content) or length <= 0:
            raise Refused(BOUNDARY)
        data = content[offset : offset + length]
        return data if self._session is None else self._session.give(data, mode)

    def shown(self, number: int, file: DataFile) -> bytes:
        """What a reader gets to see of a file."""
        return file.content

    def _write(self, code: int, payload: bytes, at_us: int) -> bytes:
        header = payload[:7]
        if len(header) < 7:
            raise Refused(LENGTH)
        file = self.file_of(header[0])
        mode = self._mode_of(file, writing=True)
        rest = payload[7:]
        data = rest if self._session is None else self._session.take(code, header, rest, mode)
        offset, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
        if len(data) != length:
            raise Refused(LENGTH)
        if offset + length > len(file.content):
            raise Refused(BOUNDARY)
        if file.backup:
            draft = file.content if file.draft is None else file.draft
            file.draft = draft[:offset] + data + draft[offset + length :]
            self._work_us = -(-length // PAGE) * PAGE_US
        else:
            self._write_through(file, offset, data, at_us)
        return b"" if self._session is None else self._session.give(b"", mode)

    def _write_through(self, file: DataFile, offset: int, data: bytes, at_us: int) -> None:
        before = file.content
        old, end = before[offset : offset + len(data)], offset + len(data)
        file.content = before[:offset] + data + before[end:]

        def undo(progress: float) -> None:
            file.content = before[:offset] + self.tear(old, data, progress) + before[end:]

        self._program(at_us, max(1, -(-len(data) // PAGE)) * PAGE_US, undo)

    def may_change_key(self, number: int) -> bool:
        """By default the master key changes all keys."""
        return self._session is not None and self._session.key_number == 0

    def _change_key(self, payload: bytes, at_us: int) -> bytes:
        session, application = self._authenticated(), self._keys()
        number = payload[0] & 0x0F if payload else NOBODY
        if number >= len(application.keys):
            raise Refused(NO_KEY)
        if not self.may_change_key(number):
            raise Refused(DENIED)
        own = session.key_number == number
        old = None if own else application.keys[number]
        if isinstance(session, Ev1):
            key, version = session.take_key(payload[0], payload[1:], old)
        else:
            key, version = session.new_key(session.take(0xC4, payload[:1], payload[1:], FULL), old)
        before = (application.keys[number], application.versions[number])
        application.keys[number], application.versions[number] = key, version

        def undo(progress: float) -> None:
            if not self.atomic_keys:
                application.keys[number] = tear_like_eeprom(before[0], key, progress)
            elif progress < 0.5:
                application.keys[number], application.versions[number] = before

        self._program(at_us, KEY_US, undo)
        if own:
            self._session = None
            return b""
        return session.give(b"", MACED)
