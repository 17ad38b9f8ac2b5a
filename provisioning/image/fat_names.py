"""Names in a FAT directory: the short 8.3 name, and the long name before it (Microsoft FAT specification 1.03)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from provisioning.image.errors import FatError
from provisioning.texts import N_

LONG_MAX: Final = 255
"""Longest name, in UTF-16 units."""
UNITS_PER_ENTRY: Final = 13
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f"*/:<>?\\|\x7f]')
_SHORT_ALLOWED: Final = re.compile(r"[A-Z0-9!#$%&'()@^_`{}~-]")
_LAST: Final = 0x40


def check_name(name: str) -> None:
    """Can this be a name in a directory?

    :raises FatError: it is empty, too long, or holds what FAT does not allow.
    """
    units = len(name.encode("utf-16-le", "surrogatepass")) // 2
    if not name or units > LONG_MAX or _FORBIDDEN.search(name) or name != name.strip(" ").rstrip("."):
        raise FatError(N_("A file of the card cannot be named %(name)s."), name=repr(name))


def fold(name: str) -> str:
    """What two names share that are one to FAT, which does not tell large from small letters."""
    return name.upper()


def exact_short(name: str) -> bytes | None:
    """The 11 bytes of a name that needs no long one: capital letters, 8.3. None when it needs one."""
    base, dot, ext = name.rpartition(".")
    if not dot:
        base, ext = name, ""
    if not base or len(base) > 8 or len(ext) > 3 or (dot and not ext):
        return None
    if not all(_SHORT_ALLOWED.fullmatch(c) for c in base + ext):
        return None
    return f"{base:<8}{ext:<3}".encode("ascii")


def slots(name: str) -> int:
    """How many directory entries a name takes while no other file has its short name."""
    if exact_short(name) is not None:
        return 1
    return 1 + -(-len(name.encode("utf-16-le", "surrogatepass")) // (2 * UNITS_PER_ENTRY))


def make_short(name: str, taken: Collection[bytes]) -> bytes:
    """A short name for a file with a long name, none of ``taken``.

    :raises FatError: a million names that begin alike.
    """
    plain = exact_short(name.upper()) if name.isascii() else None
    if plain is not None and plain not in taken:
        return plain
    base, dot, ext = name.upper().lstrip(".").rpartition(".")
    if not dot:
        base, ext = ext, ""
    clean = [
        "".join(c if _SHORT_ALLOWED.fullmatch(c) else "_" for c in part if c not in " .")
        for part in (base, ext)
    ]
    stem, ext = clean[0] or "_", clean[1][:3]
    for number in range(1, 1_000_000):
        tail = f"~{number}"
        short = f"{stem[: 8 - len(tail)] + tail:<8}{ext:<3}".encode("ascii")
        if short not in taken:
            return short
    raise FatError(N_("A file of the card cannot be named %(name)s."), name=repr(name))


def short_text(raw: bytes, case: int) -> str:
    """The 11 bytes as a name. ``case``: the flags of Windows NT for small letters (0x08 name, 0x10 extension)."""
    if raw[0] == 0x05:
        raw = b"\xe5" + raw[1:]
    base, ext = raw[:8].decode("cp437").rstrip(" "), raw[8:].decode("cp437").rstrip(" ")
    base = base.lower() if case & 0x08 else base
    ext = ext.lower() if case & 0x10 else ext
    return f"{base}.{ext}" if ext else base


def checksum(short: bytes) -> int:
    """What ties a long name to its short one."""
    total = 0
    for byte in short:
        total = ((total >> 1) | ((total & 1) << 7)) + byte & 0xFF
    return total


def long_entries(name: str, short: bytes) -> list[bytes]:
    """The directory entries of a long name, in the order in which they stand before the short one."""
    units = name.encode("utf-16-le", "surrogatepass")
    per = 2 * UNITS_PER_ENTRY
    count = -(-len(units) // per)
    if len(units) % per:
        units = (units + b"\0\0").ljust(count * per, b"\xff")
    entries = []
    for place in range(count):
        part = units[place * per : (place + 1) * per]
        order = place + 1 | (_LAST if place == count - 1 else 0)
        entries.append(
            bytes([order])
            + part[:10]
            + bytes([0x0F, 0, checksum(short)])
            + part[10:22]
            + bytes(2)
            + part[22:]
        )
    return entries[::-1]


def long_text(entries: list[bytes], short: bytes) -> str | None:
    """The long name of the entries that stand before ``short``, or None when they are not its own."""
    if not entries or not entries[0][0] & _LAST:
        return None
    count = len(entries)
    for place, entry in enumerate(entries):
        if entry[0] & ~_LAST != count - place or entry[13] != checksum(short):
            return None
        if bool(entry[0] & _LAST) != (place == 0):
            return None
    units = b"".join(entry[1:11] + entry[14:26] + entry[28:32] for entry in reversed(entries))
    end = next((at for at in range(0, len(units), 2) if units[at : at + 2] == b"\0\0"), len(units))
    return units[:end].decode("utf-16-le", "replace")
