"""A folder that can be made read-only for real: by mounting as root, by permissions as anybody else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Folder:
    """``path`` can be written until ``lock``."""

    def __init__(self, path: Path, mounted: bool) -> None:
        self.path = path
        self._mounted = mounted

    def lock(self) -> None:
        if self._mounted:
            subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)
        else:
            for file in self.path.iterdir():
                file.chmod(0o444)
            self.path.chmod(0o555)

    def unlock(self) -> None:
        if self._mounted:
            subprocess.run(["mount", "-o", "remount,rw", str(self.path)], check=True)
        else:
            self.path.chmod(0o755)
            for file in self.path.iterdir():
                file.chmod(0o644)


@contextmanager
def lockable_folder(path: Path, size_mib: int = 16) -> Iterator[Folder]:
    """A new folder of that name."""
    path.mkdir()
    mounted = False
    if os.geteuid() == 0:
        options = f"size={size_mib}m"
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True
        )
        mounted = made.returncode == 0
        if not mounted:
            pytest.skip("root may write everywhere, and mounting is not allowed here")
    folder = Folder(path, mounted)
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=True)
        else:
            folder.unlock()
