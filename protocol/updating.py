"""What a node says about a new version of its program: part of ``Health``."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.limits import TEXT_MAX_CHARS


class UpdateState(IntEnum):
    """Where a node stands with the newest release that it was offered."""

    NONE = 0
    """Nothing is on its way."""
    DOWNLOADING = 1
    READY = 2
    """Here, whole and proven; it waits for a quiet moment to switch."""
    ON_TRIAL = 3
    """It runs, and is not kept for good yet."""
    KEPT = 4
    ROLLED_BACK = 5
    """The release before runs again; ``reason`` says why."""
    REFUSED = 6
    """It was not put in place; ``reason`` says why."""


class UpdateReason(IntEnum):
    """Why a release was not kept, or not taken."""

    NONE = 0
    CRASHED = 1
    """It ended by itself, again and again."""
    NO_SYNC = 2
    """The centre could be reached, and no sync came about."""
    READER = 3
    """A reader that had worked did not."""
    RELAY = 4
    """An output of the board did not obey."""
    DAMAGED = 5
    """What arrived is not what was offered, or not signed with the release key."""
    WRONG_MACHINE = 6
    """For another machine, Python, or form of ``node.toml``."""
    TOO_OLD = 7
    """The release in place does not let one so old take its place."""
    NO_ROOM = 8
    """The medium has too little room."""
    STORAGE = 9
    """The medium could not be written."""


class UpdateWord(msgspec.Struct, frozen=True, array_like=True):
    """What a node says about the release of the newest offer: its number, version, how many bytes of it are here."""

    offer: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    version: Annotated[str, Meta(max_length=TEXT_MAX_CHARS)] = ""
    state: UpdateState = UpdateState.NONE
    received_bytes: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    reason: UpdateReason = UpdateReason.NONE
