"""The base image, unpacked: raw, .xz, .gz or .zst, copied with holes where it is zero."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from provisioning.image.errors import RefusedError
from provisioning.texts import N_

BLOCK_BYTES: Final = 1 << 20
_HOLE_BYTES: Final = 1 << 16
SUFFIXES: Final = (".img", ".xz", ".gz", ".zst")
Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is, in the same unit."""


@dataclass(frozen=True)
class Unpacked:
    """The size of the image in bytes and its SHA-256."""

    size: int
    sha256: str


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """A new file that only its owner reads; it replaces what an earlier run left."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        yield file


def unpack(base: Path, target: BinaryIO, progress: Progress) -> Unpacked:
    """Copy the image into the empty file ``target``.

    :raises RefusedError: a kind of file that is not known, or one that is damaged.
    """
    if base.suffix not in SUFFIXES:
        raise RefusedError(
            N_("%(path)s: a base image ends in %(known)s."), path=base, known=", ".join(SUFFIXES)
        )
    total = base.stat().st_size
    digest = hashlib.sha256()
    size = 0
    with base.open("rb") as packed:
        try:
            with _reader(base, packed) as source:
                while block := source.read(BLOCK_BYTES):
                    digest.update(block)
                    _write_sparse(target, size, block)
                    size += len(block)
                    progress(min(packed.tell(), total), total)
        except (lzma.LZMAError, EOFError, gzip.BadGzipFile, subprocess.CalledProcessError) as error:
            raise RefusedError(N_("%(path)s is damaged or cut short."), path=base) from error
    target.truncate(size)
    return Unpacked(size, digest.hexdigest())


def _write_sparse(target: BinaryIO, place: int, block: bytes) -> None:
    zeros = bytes(_HOLE_BYTES)
    for at in range(0, len(block), _HOLE_BYTES):
        part = block[at : at + _HOLE_BYTES]
        if part != zeros[: len(part)]:
            target.seek(place + at)
            target.write(part)


@contextmanager
def _reader(base: Path, packed: BinaryIO) -> Iterator[BinaryIO]:
    match base.suffix:
        case ".xz":
            with lzma.open(packed) as source:
                yield cast(BinaryIO, source)
        case ".gz":
            with gzip.open(packed) as source:
                yield cast(BinaryIO, source)
        case ".zst":
            with _zstd(packed) as source:
                yield source
        case _:
            yield packed


@contextmanager
def _zstd(packed: BinaryIO) -> Iterator[BinaryIO]:
    """Python reads this format itself from 3.14 on; until then the program ``zstd`` does."""
    program = shutil.which("zstd")
    if program is None:
        raise RefusedError(
            N_("A .zst image needs the program zstd; install it, or unpack the image yourself.")
        )
    with subprocess.Popen(
        [program, "-dc"], stdin=packed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        yield cast(BinaryIO, process.stdout)
        if code := process.wait():
            raise subprocess.CalledProcessError(code, program)


def copy_sparse(source: Path, target: BinaryIO, progress: Progress) -> None:
    """Copy an unpacked image, holes stay holes."""
    total, done = source.stat().st_size, 0
    with source.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            _write_sparse(target, done, block)
            done += len(block)
            progress(done, total)
    target.truncate(total)
