"""What an image was made of, beside it as JSON: what ``verify`` compares with. No secrets, but the owner's alone: hashes of
short secrets can be searched through."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from provisioning.image.errors import ImageError
from provisioning.image.unpack import private_file
from provisioning.texts import N_

SCHEMA: Final = 1
_MAX_BYTES: Final = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """``base_sha256`` is of the unpacked base, ``sha256`` of the ``size`` bytes of the finished image; ``files``: path on
    the boot partition -> SHA-256 of everything that was written."""

    schema: int = SCHEMA
    node: str
    role: str
    site: str
    ticket_id: str
    address: str
    first_boot: str
    base_sha256: str
    size: int
    sha256: str
    boot_partition: int
    release: str = ""
    """Version of the program that the card brings; empty: the base brings it."""
    files: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """The image's name for people: 16 hex digits in fours."""
        return " ".join(self.sha256[at : at + 4] for at in range(0, 16, 4))

    def save(self, path: Path) -> None:
        """Write it, readable by its owner alone."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"
        growing = path.with_name(path.name + ".tmp")
        with private_file(growing) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        growing.replace(path)


def manifest_path(image: Path) -> Path:
    """Where the manifest of an image stands."""
    return image.with_name(image.name + ".json")


def load(path: Path) -> Manifest:
    """
    :raises ImageError: it is no manifest, or of a newer kind.
    """
    try:
        with path.open("rb") as file:
            found = msgspec.json.decode(file.read(_MAX_BYTES), type=Manifest)
    except msgspec.DecodeError as error:
        raise ImageError(
            N_("%(path)s is no manifest of an image: %(error)s"), path=path, error=error
        ) from error
    if found.schema != SCHEMA:
        raise ImageError(N_("%(path)s was made by a newer version of this program."), path=path)
    return found
