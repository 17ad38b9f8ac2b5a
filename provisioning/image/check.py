"""Looks at an image or a card in its reader: what is on it, and whether it is what the manifest says."""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edge.config import check as check_node
from edge.table_reader import ConfigError
from provisioning.image.base import SEED_FOLDER, detect, is_prepared
from provisioning.image.errors import FatError, ImageError
from provisioning.image.fat import FatVolume
from provisioning.image.make import Opened, digest_of, open_boot
from provisioning.image.manifest import Manifest
from provisioning.image.seed import hidden, to_toml
from provisioning.image.unpack import Progress, unpack
from provisioning.texts import N_

REPORT: Final = f"{SEED_FOLDER}/REPORT.txt"
PACKED: Final = frozenset({".xz", ".gz", ".zst"})
NODE_TOML: Final = f"{SEED_FOLDER}/node.toml"
_REPORT_MAX_CHARS: Final = 4_000


def inspect(path: Path, _: Callable[..., str]) -> list[str]:
    """Lines that say what an image or card is; secrets stay hidden.

    :raises ImageError: it is no disk image, or its boot partition cannot be read.
    """
    if path.suffix in PACKED:
        raise ImageError(
            N_("%(path)s is packed. Unpack it first, or ask with --base whether it can be a base image."),
            path=path,
        )
    with path.open("rb") as file:
        boot = open_boot(file)
        lines = [_head(boot, _)]
        volume = boot.volume
        if not is_prepared(volume):
            try:
                kind = detect(volume).first_boot
                lines.append(
                    _("A base image, not yet prepared for a device. Its first boot: %(kind)s", kind=kind)
                )
            except ImageError as error:
                lines.append(error.text(_))
            return lines
        lines += _node(volume, _)
        if volume.find(REPORT) is not None:
            lines += ["", _("Report of the first boot:")]
            lines.append(volume.read(REPORT).decode("utf-8", "replace")[:_REPORT_MAX_CHARS].rstrip())
        return lines


def as_base(path: Path) -> dict[str, object]:
    """What a base image is, packed or not: ``first_boot``, one of the kinds; ``size`` and ``sha256`` of the image itself.

    :raises ImageError: it cannot be the base of a card; the text is the reason.
    """
    with tempfile.TemporaryFile(dir=path.parent) as file:
        unpacked = unpack(path, file, lambda _done, _all: None)
        base = detect(open_boot(file).volume)
    return {"first_boot": base.first_boot, "size": unpacked.size, "sha256": unpacked.sha256}


def _head(boot: Opened, _: Callable[..., str]) -> str:
    return _(
        "%(scheme)s, boot partition %(number)s: FAT%(bits)s, %(size)s MiB, %(free)s MiB free",
        scheme=boot.scheme.upper(),
        number=boot.number,
        bits=32 if boot.volume.is_fat32 else 16,
        size=boot.size >> 20,
        free=boot.volume.free_bytes >> 20,
    )


def _node(volume: FatVolume, _: Callable[..., str]) -> list[str]:
    try:
        values: dict[str, Any] = tomllib.loads(volume.read(NODE_TOML).decode("utf-8"))
    except (FatError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return [_("node.toml is missing or damaged.")]
    lines = [_("Prepared for the device %(node)s. Its node.toml:", node=values.get("name", "?")), ""]
    ca_pem = values.get("ca_pem")
    if isinstance(ca_pem, str):
        values["ca_pem"] = "SHA-256 " + hashlib.sha256(ca_pem.strip().encode()).hexdigest()
    lines.append(to_toml(hidden(values)).rstrip())
    try:
        lines += check_node({**values, "ca_pem": ca_pem or ""}, Path("/")).warnings
    except ConfigError as error:
        lines += error.problems
    return lines


def verify(path: Path, manifest: Manifest, progress: Progress) -> list[ImageError]:
    """What differs from the manifest, in an image or on a card that has not been started yet; empty: nothing.

    :raises ImageError: it is no disk image, or its boot partition cannot be read.
    """
    wrong: list[ImageError] = []
    with path.open("rb") as file:
        volume = open_boot(file).volume
        for name, digest in manifest.files.items():
            try:
                same = hashlib.sha256(volume.read(name)).hexdigest() == digest
            except FatError as error:
                wrong.append(error)
                continue
            if not same:
                wrong.append(ImageError(N_("%(path)s differs from what was written."), path=name))
        if not wrong and digest_of(file, manifest.size, progress) != manifest.sha256:
            wrong.append(ImageError(N_("The files are right, but other parts of the image have changed.")))
    return wrong
