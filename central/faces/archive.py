"""The archive copy of card faces (25): the pictures of a period in one file, with a register and proofs.

A ZIP file that every system opens: ``register.csv`` (one line for each side), the same with a label as a PDF to be
printed, the PNG files, ``SHA256SUMS`` over all of them (``sha256sum -c SHA256SUMS`` checks it without this program), and ``SHA256SUMS.sig``, the centre's Ed25519
signature of that list. Pictures are drawn again from what was kept of the printing; the register says of each side
whether its pixels are those that were printed. The file is read back and checked before it is handed out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central.errors import InvalidInputError, StorageError
from central.faces.archive_paper import Label, Row, paper, short
from central.faces.drawing import pixels_digest, png
from central.faces.jobs import Job
from central.faces.layout import SIDES
from central.web.columns import neutral

CONTEXT: Final = b"onecard face archive 1\n"
"""Stands before what is signed, so that no signature for another purpose fits."""
PAPER = "label-and-register.pdf"
REGISTER, SUMS, SIGNATURE = "register.csv", "SHA256SUMS", "SHA256SUMS.sig"
HEAD: Final = (
    "file",
    "card_no",
    "side",
    "person_number",
    "template",
    "version",
    "printed_at",
    "printed_by",
    "sha256",
    "as_printed",
)
MEMBER_BYTES_MAX: Final = 16 * 1024 * 1024
_BOM: Final = "\ufeff"


@dataclass(frozen=True)
class Entry:
    """One printed card with what the register says of it. ``digests``: of the front and of the back, as printed."""

    job: Job
    digests: tuple[str, str]
    template: str
    version: int
    printed_at: datetime
    printed_by: str


def write_archive(
    path: Path, entries: Iterable[Entry], key: Ed25519PrivateKey, made_at: datetime, label: Label
) -> None:
    """Write the file and read it back. Beside the event loop.

    :raises InvalidInputError: Chinese on a card or on the label, and the server has no font for it.
    :raises StorageError: what was read back is not what was written.
    """
    sums: dict[str, str] = {}
    lines: list[list[str]] = []
    printed_lines: list[Row] = []
    stamp = made_at.timetuple()[:6]

    def add(archive: zipfile.ZipFile, name: str, body: bytes) -> None:
        archive.writestr(zipfile.ZipInfo(name, stamp), body)

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, entry in enumerate(entries, 1):
            for name, side, printed in zip(SIDES, entry.job.face.sides, entry.digests, strict=False):
                page = entry.job.draw(side)
                body = png(page)
                file_name = f"faces/{number:05d}-{_plain(entry.job.card_no)}-{name}.png"
                add(archive, file_name, body)
                sums[file_name] = hashlib.sha256(body).hexdigest()
                lines.append(_line(entry, name, file_name, sums[file_name], pixels_digest(page) == printed))
                printed_lines.append(_printed_line(entry, file_name, sums[file_name], label))
        register = _register(lines)
        add(archive, REGISTER, register)
        sums[REGISTER] = hashlib.sha256(register).hexdigest()
        printable = paper(label, sums[REGISTER], printed_lines, made_at)
        add(archive, PAPER, printable)
        sums[PAPER] = hashlib.sha256(printable).hexdigest()
        listed = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()
        add(archive, SUMS, listed)
        add(archive, SIGNATURE, key.sign(CONTEXT + listed).hex().encode())
    try:
        check_archive(path, key.public_key())
    except InvalidInputError as error:
        raise StorageError("the archive could not be written as it should be") from error


def check_archive(path: Path, key: Ed25519PublicKey) -> int:
    """The number of files of a whole archive of this centre.

    :raises InvalidInputError: it is damaged, was changed, or another centre made it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            listed = _member(archive, SUMS)
            key.verify(bytes.fromhex(_member(archive, SIGNATURE).decode()), CONTEXT + listed)
            sums = dict(line.split("  ", 1)[::-1] for line in listed.decode().splitlines())
            if {*sums, SUMS, SIGNATURE} != set(archive.namelist()):
                raise InvalidInputError("The archive has other files than its list says.")
            for name, digest in sums.items():
                if hashlib.sha256(_member(archive, name)).hexdigest() != digest:
                    raise InvalidInputError("A file of the archive was changed or is damaged.")
            return len(sums)
    except InvalidSignature as error:
        raise InvalidInputError("The list of the archive was changed, or another centre made it.") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError) as error:
        raise InvalidInputError("This is no archive of card faces, or it is damaged.") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of the archive, never more than a picture can take."""
    with archive.open(name) as file:
        body = file.read(MEMBER_BYTES_MAX + 1)
    if len(body) > MEMBER_BYTES_MAX:
        raise InvalidInputError("This is no archive of card faces, or it is damaged.")
    return body


def _line(entry: Entry, side: str, file_name: str, digest: str, is_same: bool) -> list[str]:
    return [
        file_name,
        entry.job.card_no,
        side,
        entry.job.texts.get("number", ""),
        entry.template,
        str(entry.version),
        entry.printed_at.isoformat(timespec="seconds"),
        entry.printed_by,
        digest,
        "yes" if is_same else "no",
    ]


def _printed_line(entry: Entry, file_name: str, digest: str, label: Label) -> Row:
    at = entry.printed_at.astimezone(label.zone).strftime("%Y-%m-%d %H:%M")
    name = file_name.rpartition("/")[2]
    return name, entry.job.card_no, at, entry.printed_by, short(digest)


def _register(lines: list[list[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([neutral(cell) for cell in line] for line in lines)
    return (_BOM + out.getvalue()).encode()


def _plain(card_no: str) -> str:
    """The card number as part of a file name on every system."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in card_no)
