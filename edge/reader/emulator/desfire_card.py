"""DESFire cards EV1, EV2 and EV3: applications with AES keys, standard and backup data files, transactions.

Left out: value and record files, DES keys, EV2's proximity check, virtual cards and transaction MACs.
"""

from typing import Any

from edge.reader.emulator.isodep_card import Link
from edge.reader.emulator.picc import (
    COMMIT_US,
    CREATE_US,
    DENIED,
    DUPLICATE,
    LENGTH,
    NO_APPLICATION,
    NO_CHANGES,
    NO_FILE,
    PARAMETER,
    Application,
    DataFile,
    Picc,
    Refused,
)
from edge.reader.emulator.picc_session import PLAIN
from edge.reader.emulator.tearing import Tear

KINDS = {"desfire_ev1": 0x01, "desfire_ev2": 0x12, "desfire_ev3": 0x33}
"""And the major version that each says it is."""
APPLICATIONS_MAX = 28
FILES_MAX = 32


class DesfireCard(Picc):
    """picc_key: an AES key of the card as a whole; None: the DES key as delivered, which nobody uses here.

    random_uid: shows a random UID of four bytes at each power-up; the real one only to who is authenticated.
    """

    frame_max = 59
    authentications = frozenset({0x71, 0xAA})
    reads = frozenset({0xBD, 0xAD})
    writes = frozenset({0x3D, 0x8D})

    def __init__(
        self,
        uid: bytes,
        *,
        kind: str = "desfire_ev2",
        atqa: int | None = None,
        sak: int | None = None,
        picc_key: bytes | None = None,
        random_uid: bool = False,
        link: Link | None = None,
        **more: Tear,
    ) -> None:
        self.kind = kind
        self.random_uid = random_uid
        self._version = KINDS[kind]
        self._card = Application([] if picc_key is None else [picc_key])
        self.applications: dict[int, Application] = {}
        super().__init__(uid, link=Link() if link is None else link, atqa=atqa, sak=sak, **more)
        if self._version == 0x01:
            self.authentications = frozenset({0xAA})
        self._application = self._card

    def power_up(self, at_us: int) -> None:
        if self.random_uid and self.state.name == "OFF":
            self.show_uid(b"\x08" + self._source.randbytes(3))
        super().power_up(at_us)

    def reset_application(self) -> None:
        super().reset_application()
        self._application = self._card

    def execute(self, code: int, payload: bytes, at_us: int) -> list[bytes]:
        command = self.COMMANDS.get(code)
        if command is None:
            return super().execute(code, payload, at_us)
        if code not in self.UNSECURED:
            payload = self.managed(code, payload)
        answer: list[bytes] = command(self, payload, at_us)
        return answer

    # The card and its applications

    def _get_version(self, payload: bytes, at_us: int) -> list[bytes]:
        version = bytes((0x04, 0x01, 0x01, self._version, 0x00, 0x18, 0x05))
        production = (bytes(7) if self.random_uid else self.real_uid) + bytes(5) + b"\x10\x26"
        secured = self.answered(version + version + production)
        return [secured[:7], secured[7:14], secured[14:]]

    def _select(self, payload: bytes, at_us: int) -> list[bytes]:
        self._end_session()
        for file in self.all_files():
            file.draft = None
        aid = int.from_bytes(payload, "little")
        if len(payload) != 3:
            raise Refused(LENGTH)
        chosen = self.applications.get(aid) if aid else self._card
        self._application = self._card if chosen is None else chosen
        if chosen is None:
            raise Refused(NO_APPLICATION)
        return [b""]

    def _create_application(self, payload: bytes, at_us: int) -> list[bytes]:
        if len(payload) != 5:
            raise Refused(LENGTH)
        aid, settings, keys = int.from_bytes(payload[:3], "little"), payload[3], payload[4]
        self._needs_master(0x04, on_card=True)
        if not aid or keys >> 6 != 2 or not 1 <= keys & 0x0F <= 14:
            raise Refused(PARAMETER)
        if aid in self.applications:
            raise Refused(DUPLICATE)
        if len(self.applications) >= APPLICATIONS_MAX:
            raise Refused(0x0E)
        self.applications[aid] = Application([bytes(16)] * (keys & 0x0F), settings)
        self._program(at_us, CREATE_US, lambda progress: self._undo_if(progress, self.applications, aid))
        return [self.answered(b"")]

    def _delete_application(self, payload: bytes, at_us: int) -> list[bytes]:
        aid = int.from_bytes(payload, "little")
        if aid not in self.applications:
            raise Refused(NO_APPLICATION)
        self._needs_master(0x04, on_card=self._application is self._card)
        gone = self.applications.pop(aid)

        def undo(progress: float) -> None:
            if progress < 0.5:
                self.applications[aid] = gone

        self._program(at_us, CREATE_US, undo)
        answer = self.answered(b"")
        if self._application is gone:
            self._end_session()
            self._application = self._card
        return [answer]

    def _application_ids(self, payload: bytes, at_us: int) -> list[bytes]:
        return [self.answered(b"".join(aid.to_bytes(3, "little") for aid in self.applications))]

    def _key_settings(self, payload: bytes, at_us: int) -> list[bytes]:
        application = self._keys()
        return [self.answered(bytes((application.settings, 0x80 | len(application.keys))))]

    def _key_version(self, payload: bytes, at_us: int) -> list[bytes]:
        application = self._keys()
        if len(payload) != 1 or payload[0] >= len(application.keys):
            raise Refused(0x40)
        return [self.answered(bytes((application.versions[payload[0]],)))]

    def _needs_master(self, free_bit: int, *, on_card: bool = False) -> None:
        application = self._keys()
        if on_card != (application is self._card):
            raise Refused(DENIED)
        if application.settings & free_bit:
            return
        if self._session is None or self._session.key_number != 0:
            raise Refused(DENIED if self._session else 0xAE)

    def may_change_key(self, number: int) -> bool:
        if self._session is None:
            return False
        settings, by = self._keys().settings, self._session.key_number
        if number == 0:
            return by == 0 and bool(settings & 0x01)
        allowed = settings >> 4
        return by == (number if allowed == 14 else allowed)

    @staticmethod
    def _undo_if(progress: float, where: dict[int, Any], what: int) -> None:
        """Made wholly or not at all."""
        if progress < 0.5:
            where.pop(what, None)

    # Files

    def _create_file(self, payload: bytes, at_us: int, *, backup: bool) -> list[bytes]:
        if len(payload) != 7:
            raise Refused(LENGTH)
        number, mode, size = payload[0], payload[1], int.from_bytes(payload[4:7], "little")
        self._needs_master(0x04)
        files = self._keys().files
        if number in files:
            raise Refused(DUPLICATE)
        if number >= FILES_MAX or mode not in (0, 1, 3) or not size:
            raise Refused(PARAMETER)
        rights = (payload[3] >> 4, payload[3] & 0x0F, payload[2] >> 4, payload[2] & 0x0F)
        files[number] = DataFile(bytes(size), mode, rights, backup)
        self._program(at_us, CREATE_US, lambda progress: self._undo_if(progress, files, number))
        return [self.answered(b"")]

    def _create_standard(self, payload: bytes, at_us: int) -> list[bytes]:
        return self._create_file(payload, at_us, backup=False)

    def _create_backup(self, payload: bytes, at_us: int) -> list[bytes]:
        return self._create_file(payload, at_us, backup=True)

    def _file_ids(self, payload: bytes, at_us: int) -> list[bytes]:
        self._needs_master(0x02)
        return [self.answered(bytes(sorted(self._keys().files)))]

    def _file_settings(self, payload: bytes, at_us: int) -> list[bytes]:
        if len(payload) != 1:
            raise Refused(LENGTH)
        if payload[0] not in self._keys().files:
            raise Refused(NO_FILE)
        file = self._keys().files[payload[0]]
        read, write, read_write, change = file.rights
        rights = bytes((read_write << 4 | change, read << 4 | write))
        head = bytes((int(file.backup), file.mode)) + rights
        return [self.answered(head + len(file.content).to_bytes(3, "little"))]

    def _commit(self, payload: bytes, at_us: int) -> list[bytes]:
        drafts = [file for file in self.all_files() if file.draft is not None]
        if not drafts:
            raise Refused(NO_CHANGES)
        before = [(file, file.content) for file in drafts]
        for file in drafts:
            file.content, file.draft = file.draft or b"", None

        def undo(progress: float) -> None:
            if progress < 0.5:
                for file, content in before:
                    file.content = content

        self._program(at_us, COMMIT_US, undo)
        return [self.answered(b"")]

    def _abort(self, payload: bytes, at_us: int) -> list[bytes]:
        for file in self.all_files():
            file.draft = None
        return [self.answered(b"")]

    COMMANDS = {
        0x60: _get_version,
        0x5A: _select,
        0xCA: _create_application,
        0xDA: _delete_application,
        0x6A: _application_ids,
        0x45: _key_settings,
        0x64: _key_version,
        0xCD: _create_standard,
        0xCB: _create_backup,
        0x6F: _file_ids,
        0xF5: _file_settings,
        0xC7: _commit,
        0xA7: _abort,
    }
    UNSECURED = frozenset({0x5A})

    # As data

    def to_dict(self) -> dict[str, Any]:
        """Applications with their keys and files."""
        applications = {f"{aid:06X}": application_to_dict(held) for aid, held in self.applications.items()}
        return {
            **super().to_dict(),
            "uid": self.real_uid.hex().upper(),
            "random_uid": self.random_uid,
            "applications": applications,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "DesfireCard":
        """The card that ``to_dict`` described, or a new one."""
        card = cls(bytes.fromhex(data["uid"]), kind=data["kind"], random_uid=bool(data.get("random_uid")))
        for aid, held in data.get("applications", {}).items():
            card.applications[int(aid, 16)] = application_from_dict(held)
        return card


def application_to_dict(application: Application) -> dict[str, Any]:
    return {
        "settings": application.settings,
        "keys": [key.hex().upper() for key in application.keys],
        "versions": list(application.versions),
        "files": {
            str(number): {
                "content": file.content.hex().upper(),
                "mode": file.mode,
                "rights": list(file.rights),
                "backup": file.backup,
                "options": file.options.hex().upper(),
            }
            for number, file in application.files.items()
        },
    }


def application_from_dict(data: dict[str, Any]) -> Application:
    """Raises ValueError for what is no application."""
    try:
        files = {
            int(number): DataFile(
                bytes.fromhex(file["content"]),
                int(file.get("mode", PLAIN)),
                (*(int(right) for right in file["rights"]),),  # type: ignore[arg-type]
                bool(file.get("backup")),
                options=bytes.fromhex(file.get("options", "")),
            )
            for number, file in data.get("files", {}).items()
        }
        keys = [bytes.fromhex(key) for key in data["keys"]]
        return Application(keys, int(data.get("settings", 0x0F)), list(data.get("versions", [])), files)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an application: {error}") from None
