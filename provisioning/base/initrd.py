"""The small start of a kernel of Debian: busybox, the modules that find the card, one script. A second to make, 2 MB.

The distribution's own takes minutes under emulation and holds 36 MB (``newc`` format of cpio: Linux,
Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

import gzip
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

WANTED: Final = (
    "mmc_block", "sdhci_iproc", "bcm2835", "crc32c_generic", "ext4", "virtio_pci", "virtio_mmio", "virtio_blk",
)  # fmt: skip
"""The card in a Raspberry Pi, its file system, and the disk of an emulated machine. One that is built in has no file.
``ext4`` asks for its check sums by name (``modules.softdep``) when it mounts, too late for this small start."""
_FOLDERS: Final = ("bin", "dev", "modules", "proc", "sys", "system")


def make(system: Path, kernel: str, init: bytes) -> bytes:
    """The packed start for the kernel of this version, taken from an unpacked system.

    :raises OSError: busybox or the list of modules is missing there.
    """
    modules = system / "usr/lib/modules" / kernel
    order = needed((modules / "modules.dep").read_text("utf-8"), WANTED)
    members: list[tuple[str, int, bytes]] = [(name, stat.S_IFDIR | 0o755, b"") for name in _FOLDERS]
    members.append(("bin/busybox", stat.S_IFREG | 0o755, (system / "usr/bin/busybox").read_bytes()))
    members.append(("init", stat.S_IFREG | 0o755, init))
    names = [Path(path).name for path in order]
    members += [
        (f"modules/{name}", stat.S_IFREG | 0o644, (modules / path).read_bytes())
        for name, path in zip(names, order, strict=True)
    ]
    members.append(("modules.order", stat.S_IFREG | 0o644, "\n".join(names).encode() + b"\n"))
    return gzip.compress(cpio(members), 9, mtime=0)


def needed(dependencies: str, wanted: Iterable[str]) -> list[str]:
    """The files of these modules and of all that they need, each after what it needs (``modules.dep``, depmod(8))."""
    paths: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    for line in dependencies.splitlines():
        path, _colon, rest = line.partition(":")
        paths[Path(path).name.partition(".")[0].replace("-", "_")] = path
        needs[path] = rest.split()
    order: dict[str, None] = {}

    def take(path: str) -> None:
        for other in needs[path]:
            take(other)
        order.setdefault(path)

    for name in wanted:
        if name in paths:
            take(paths[name])
    return list(order)


def cpio(members: Iterable[tuple[str, int, bytes]]) -> bytes:
    """An archive of (name, mode, content), all of root and without a date."""
    parts: list[bytes] = []
    for number, (name, mode, content) in enumerate([*members, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        parts += [head.ljust(-(-len(head) // 4) * 4, b"\0"), content.ljust(-(-len(content) // 4) * 4, b"\0")]
    return b"".join(parts)
