"""What the version register of a chip tells about its maker (reader.md section 2)."""

from __future__ import annotations

from enum import StrEnum


class ChipClass(StrEnum):
    """What the version register says."""

    KNOWN = "known"
    CLONE = "clone"
    UNKNOWN = "unknown"
    DEAD = "dead"


def classify(version: int) -> ChipClass:
    """NXP's 90-92; copies met in the field (FM17522 88 and 89, 12, B2); 00 and FF are a dead wire."""
    if version in (0x00, 0xFF):
        return ChipClass.DEAD
    if version in (0x90, 0x91, 0x92):
        return ChipClass.KNOWN
    if version in (0x12, 0x82, 0x88, 0x89, 0xB2):
        return ChipClass.CLONE
    return ChipClass.UNKNOWN
