"""Makes one card image: a private copy of the base, prepared for one device, read back whole, then given its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from edge.config import IMAGE_HASH
from provisioning.image.base import OWN, SEED_FOLDER, Base, detect
from provisioning.image.data import SIZE_BYTES as DATA_BYTES
from provisioning.image.data import Release, fill, has_tools
from provisioning.image.errors import ImageError, RefusedError
from provisioning.image.fat import FatVolume
from provisioning.image.glue import Program, card_files
from provisioning.image.manifest import Manifest, manifest_path
from provisioning.image.partitions import append, boot_partition, read_table
from provisioning.image.seed import Seed
from provisioning.image.unpack import BLOCK_BYTES, Progress, Unpacked, private_file
from provisioning.texts import N_

Copy = Callable[[BinaryIO, Progress], Unpacked]
"""Puts the base image into an empty file."""
Steps = Callable[[str], Progress]
"""Begins a step, named by a text of the catalogue, and gives what tells how far it is."""
COPYING: Final = N_("Copying the base image")
CHECKING: Final = N_("Reading everything back")


@dataclass(frozen=True)
class Opened:
    """The boot partition of an image: its volume, the partition's number and place, the kind of partition table."""

    volume: FatVolume
    scheme: str
    number: int
    start: int
    size: int


def open_boot(file: BinaryIO) -> Opened:
    """The boot partition of an image or a card.

    :raises ImageError: there is none, or it is damaged.
    """
    table = read_table(file, file.seek(0, os.SEEK_END))
    part = boot_partition(table)
    return Opened(FatVolume(file, part.start, part.size), table.scheme, part.number, part.start, part.size)


def make_image(
    copy: Copy, seed: Seed, rtc: str, out: Path, steps: Steps, release: Release | None = None
) -> Manifest:
    """The image at ``out`` and its manifest beside it, both readable by their owner alone. On an error neither is there.

    :raises ImageError: the base cannot be prepared, there is no room on it, or what was read back differs.
    """
    growing = out.with_name(out.name + ".tmp")
    try:
        with private_file(growing) as file:
            unpacked = copy(file, steps(COPYING))
            boot = open_boot(file)
            base = detect(boot.volume)
            program = Program(release, on_boot_partition=not has_tools())
            if base.first_boot == OWN and program.on_boot_partition:
                raise RefusedError(N_("For this base image mke2fs is needed; install e2fsprogs."))
            files = card_files(base, seed, rtc, program)
            said = image_hash(unpacked.sha256, files)
            files[f"{SEED_FOLDER}/{IMAGE_HASH}"] = f"{said}\n".encode()
            for path, content in files.items():
                boot.volume.write(path, content)
            if release is not None and not program.on_boot_partition:
                table = read_table(file, file.seek(0, os.SEEK_END))
                part = append(file, table, DATA_BYTES)
                file.flush()
                fill(growing, part, release)
            size = file.seek(0, os.SEEK_END)
            file.flush()
            os.fsync(file.fileno())
        digest = _read_back(growing, files, size, steps(CHECKING))
        manifest = _manifest(unpacked, size, boot, base, seed, files, digest, release)
        manifest.save(manifest_path(out))
        growing.replace(out)
        _sync_folder(out.parent)
    except BaseException:
        growing.unlink(missing_ok=True)
        raise
    return manifest


def image_hash(base_sha256: str, files: Mapping[str, bytes]) -> str:
    """What a card was made of, in hex, as the device tells the centre; of the manifest's ``base_sha256`` and ``files``."""
    digest = hashlib.sha256(f"{base_sha256}\n".encode())
    for path, content in sorted(files.items()):
        digest.update(f"{path} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _manifest(
    unpacked: Unpacked,
    size: int,
    boot: Opened,
    base: Base,
    seed: Seed,
    files: Mapping[str, bytes],
    digest: str,
    release: Release | None,
) -> Manifest:
    return Manifest(
        node=seed.title,
        role=seed.config.role,
        site=seed.site,
        ticket_id=seed.ticket_id,
        address=seed.network.address,
        first_boot=base.first_boot,
        base_sha256=unpacked.sha256,
        size=size,
        release=release.manifest.version if release else "",
        sha256=digest,
        boot_partition=boot.number,
        files={path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    )


def _read_back(path: Path, files: Mapping[str, bytes], size: int, progress: Progress) -> str:
    """Open the image anew and compare; the SHA-256 of the whole."""
    with path.open("rb") as file:
        volume = open_boot(file).volume
        for name, content in files.items():
            if volume.read(name) != content:
                raise ImageError(N_("%(path)s was not read back as it was written."), path=name)
        return digest_of(file, size, progress)


def digest_of(file: BinaryIO, size: int, progress: Progress) -> str:
    """The SHA-256 of the first ``size`` bytes, in hex.

    :raises ImageError: there are fewer.
    """
    digest, done = hashlib.sha256(), 0
    file.seek(0)
    while done < size:
        block = file.read(min(BLOCK_BYTES, size - done))
        if not block:
            raise ImageError(
                N_("The image is shorter than it should be: %(size)s bytes are missing."), size=size - done
            )
        digest.update(block)
        done += len(block)
        progress(done, size)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """A name is on the disk only when its folder is. Windows has no way to ask for it, and no need."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
