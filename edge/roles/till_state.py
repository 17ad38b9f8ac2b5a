"""What the till role remembers between two stimuli. Values only; maps are replaced, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct, field

from edge.core.presence import LastShown
from edge.core.stimuli import IntentId
from edge.roles.attendance_state import AttendanceState
from edge.roles.wiring import Wiring
from protocol.facts import PurchaseFact
from protocol.rules.till.account import Account

FIRST_INTENT: Final = 1 << 34
"""Intents of the till role begin here, above those of time clocks."""
UNDO_HOLDS_MS: Final = 15_000
"""How long the cashier's key speaks for the next card."""
ONLINE_FOR_MS: Final = 75_000
"""A connected till counts as online so long after it was told that it has everything: 2.5 times the usual period."""
TOLD_EVERY_MS: Final = 600_000
"""How often the medium remembers that, at most; a restart makes the balances look older by no more than this."""
ACCOUNT: Final = "till/"
TOLD: Final = "till-told"

Place = tuple[int, int, int]
"""Card, issue and point of an account."""


class Waiting(Struct, frozen=True):
    """A payment on its way to the medium. ``after``: what is counted with it. ``answered``: the holder heard that it failed, so
    it is undone if it comes yet."""

    body: PurchaseFact
    reader: int
    personal: bytes
    place: Place
    after: Account
    warns: bool = False
    answered: bool = False


class TillState(Struct, frozen=True):
    """The state of the other roles, and that of the tills beside it. ``shown`` and ``undo_until`` (monotonic) by reader.

    ``told_mono_ms``: when the centre said last that everything is here, in this run; ``told_ms``: the same by the wall clock,
    also of an earlier run; ``kept_told_ms``: what the medium remembers of it, which numbers the stretch without the centre.
    ``today``: the newest business day that was certain.
    """

    others: AttendanceState
    accounts: Mapping[Place, Account] = field(default_factory=dict)
    shown: Mapping[int, LastShown] = field(default_factory=dict)
    undo_until: Mapping[int, int] = field(default_factory=dict)
    waiting: Mapping[IntentId, Waiting] = field(default_factory=dict)
    last_intent: int = FIRST_INTENT
    storage_usable: bool = True
    is_up: bool = False
    told_mono_ms: int | None = None
    told_ms: int = 0
    kept_told_ms: int = 0
    away_fen: int = 0
    today: int = 0

    @property
    def wiring(self) -> Wiring:
        """Which door hangs on which lock, which point is which reader."""
        return self.others.wiring

    @property
    def contacts(self) -> tuple[tuple[int, bool], ...]:
        """By door number, whether its contact says open, as far as that is known."""
        return self.others.contacts

    @property
    def memory_grants(self) -> Mapping[int, int]:
        """Grants from memory since storage became unusable, by door number."""
        return self.others.memory_grants


def name_of(place: Place) -> str:
    """Under which an account is kept."""
    return ACCOUNT + "/".join(map(str, place))


def place_of(name: str) -> Place | None:
    """The account that is kept under this name, None for anything else."""
    parts = name.removeprefix(ACCOUNT).split("/")
    if not name.startswith(ACCOUNT) or len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return None
    card, issue, point = map(int, parts)
    return card, issue, point


def packed(account: Account) -> bytes:
    """An account as the medium keeps it."""
    return msgspec.msgpack.encode(account)


def unpacked(value: bytes) -> Account:
    """
    :raises msgspec.MsgspecError: it is none.
    """
    return msgspec.msgpack.decode(value, type=Account)
