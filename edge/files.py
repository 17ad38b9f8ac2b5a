"""Small files that must survive a power cut whole: the old content or the new one, never half of either."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import EdgeError


class FileError(EdgeError):
    """A small file of the node cannot be read or written."""


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put the content under the name: on the medium when this returns.

    :raises FileError: it is not there, or may not be.
    """
    new = path.with_name(path.name + ".new")
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(content)
            os.fsync(handle)
        finally:
            os.close(handle)
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise FileError(f"{path}: {error}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows keeps names by itself
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_whole(path: Path, longest: int = 1_000_000) -> bytes | None:
    """The content, or None when there is no such file.

    :raises FileError: it is there but cannot be read, or is longer than it may be.
    """
    try:
        with path.open("rb") as file:
            content = file.read(longest + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{path}: {error}") from error
    if len(content) > longest:
        raise FileError(f"{path} is longer than {longest} bytes")
    return content
