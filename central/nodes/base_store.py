"""Base images at the centre: brought by a page in parts, looked at by ``onecard-provision``, kept under their name.

A part is written at its place and a part that comes twice changes nothing, so a line that breaks costs one part. What is
being brought lies apart from what can be used, and becomes usable by one rename after it was looked at.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.nodes.card_maker import BASES_FOLDER, SUFFIXES, bases, run
from central.web.catalogue import Language
from central.web.i18n import _

PART_BYTES: Final = 4 << 20
SIZE_MAX: Final = 16 << 30
RESERVE_BYTES: Final = 4 << 30
"""Left free beside the file: a card is unpacked to be made, and the centre's own records go before cards."""
INCOMING: Final = ".incoming"
NAME_CHARS_MAX: Final = 100
_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_CHARS_MAX - 1}}}")
_TOKEN: Final = re.compile(r"[0-9]+-[A-Za-z0-9_-]{22}")
_SEEN: Final = ".seen.json"


@dataclass(frozen=True)
class Seen:
    """What was found when it was brought: ``first_boot``, kind of its first boot; ``sha256`` of the file, in hex; ``size``
    of the file in bytes."""

    first_boot: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Kept:
    """A base image that can be chosen. ``seen`` is ``None`` for one that was put into the folder by hand."""

    name: str
    size: int
    seen: Seen | None


def kept(data: Path) -> list[Kept]:
    """Every base image, by name."""
    found = []
    for name in bases(data):
        path = data / BASES_FOLDER / name
        size = path.stat().st_size
        seen = _seen(path)
        found.append(Kept(name, size, seen if seen is not None and seen.size == size else None))
    return found


def _seen(path: Path) -> Seen | None:
    try:
        return Seen(**json.loads(_beside(path).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}{_SEEN}")


def checked_name(name: str) -> str:
    """
    :raises InvalidInputError: no name that a base image may have.
    """
    if not name.endswith(SUFFIXES):
        raise InvalidInputError(_("A base image ends in %(known)s.", known=", ".join(SUFFIXES)))
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            _("Give the file a name of letters, digits, dots and dashes, at most %(n)s.", n=NAME_CHARS_MAX)
        )
    return name


def begin(data: Path, operator: int, name: str, size: int) -> str:
    """Room for a file that is brought now; the token by which its parts are sent. What this operator began before is dropped.

    :raises InvalidInputError: name or size cannot be. :raises ConflictError: it is there already, or there is no room.
    """
    checked_name(name)
    if not 0 < size <= SIZE_MAX:
        raise InvalidInputError(_("A base image has at most %(n)s GB.", n=SIZE_MAX >> 30))
    if (data / BASES_FOLDER / name).exists():
        raise ConflictError(_("A base image of this name is there already. Delete it first."))
    folder = data / BASES_FOLDER / INCOMING
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.glob(f"{operator}-*"):
        old.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size + RESERVE_BYTES:
        raise ConflictError(
            _(
                "There is no room: %(size)s MB are needed, and %(reserve)s MB beside them; %(free)s MB are free.",
                size=size >> 20,
                reserve=RESERVE_BYTES >> 20,
                free=free >> 20,
            )
        )
    token = f"{operator}-{secrets.token_urlsafe(16)}"
    with os.fdopen(os.open(folder / token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"):
        return token


def write_part(data: Path, token: str, at: int, part: bytes) -> int:
    """Write a part at its place; how many bytes are there now.

    :raises NotFoundError: nothing is being brought by this token. :raises ConflictError: parts before it are missing.
    """
    path = _incoming(data, token)
    if not 0 <= at <= path.stat().st_size:
        raise ConflictError(_("Parts of the file are missing. Begin again."))
    if at + len(part) > SIZE_MAX:
        raise InvalidInputError(_("A base image has at most %(n)s GB.", n=SIZE_MAX >> 30))
    with path.open("r+b") as file:
        file.seek(at)
        file.write(part)
    return path.stat().st_size


async def finish(data: Path, token: str, name: str, size: int, language: Language) -> Seen:
    """Look at what was brought, and keep it; what cannot be a base is dropped.

    :raises InvalidInputError: it cannot be the base of a card; the text is the reason, in the operator's language.
    :raises ConflictError: it is not whole, or one of this name came meanwhile.
    """
    checked_name(name)
    path = _incoming(data, token)
    if path.stat().st_size != size:
        raise ConflictError(_("Parts of the file are missing. Begin again."))
    suffixed = path.with_name(f"{token}.looked-at.{name.rpartition('.')[2]}")
    path.rename(suffixed)
    try:
        code, said, why = await run(["inspect", "--base", str(suffixed)], [], language)
        if code:
            raise InvalidInputError(
                _("This cannot be a base image: %(why)s", why=why.replace(str(suffixed), name).strip()[-500:])
            )
        digest = await asyncio.to_thread(_digest, suffixed)
        seen = Seen(str(json.loads(said)["first_boot"]), digest, size)
        target = data / BASES_FOLDER / name
        if target.exists():
            raise ConflictError(_("A base image of this name is there already. Delete it first."))
        _beside(target).write_text(json.dumps(asdict(seen)), "utf-8")
        suffixed.rename(target)
        return seen
    finally:
        suffixed.unlink(missing_ok=True)


def remove(data: Path, name: str) -> None:
    """
    :raises NotFoundError: there is none of this name.
    """
    if name not in bases(data):
        raise NotFoundError("This base image is not there any more.")
    path = data / BASES_FOLDER / name
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def sweep(data: Path) -> None:
    """At start: what a centre that was killed was being brought."""
    shutil.rmtree(data / BASES_FOLDER / INCOMING, ignore_errors=True)


def _incoming(data: Path, token: str) -> Path:
    path = data / BASES_FOLDER / INCOMING / token
    if not _TOKEN.fullmatch(token) or not path.is_file():
        raise NotFoundError("Nothing is being brought here. Begin again.")
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
