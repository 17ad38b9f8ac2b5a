"""Rows about rules that some doors have: areas with anti-passback, PINs. A door without such a rule has none of them.

The conventions of ``protocol.records`` hold.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from protocol.errors import MalformedError

MINUTES_A_DAY = 1_440
PERSONS_MAX = 2
FORGET_MIN_MAX = 7 * MINUTES_A_DAY
OCCUPANCY_MAX = 100_000
PROOF_LENGTH = 16
PIN_PROOFS_LENGTH = 2 * PROOF_LENGTH
SALT_LENGTH = 16
COST_MAX = 17
"""128 MiB and some seconds."""


class Passback(IntEnum):
    """What becomes of a card that is to enter an area in which its holder is already, or from one in which he is not."""

    NONE = 0
    SOFT = 1
    """Let in, and noted."""
    HARD = 2
    """Refused."""
    TIMED = 3
    """Refused for so many minutes after entering; the area needs no readers that lead out."""


class AreaRow(msgspec.Struct, frozen=True, array_like=True):
    """An area that doors lead into and out of.

    ``forget_min``: how many minutes after it a passage counts no more, 0 for never. ``reset_minute``: the minute of the local
    day at which all passages before count no more, -1 for none. ``reset_no``: number of the operator's last reset (the centre's
    second of 1970 and later, made to rise with each reset of any area); a passage made before the device knew of it counts no more.
    ``occupancy_max``: so many holders may be inside, 0 for no limit.
    ``shared``: doors of other devices lead to it too, so that nobody is refused while this device is cut off from them
    (``rules.places``). ``open_when_cut_off``: a shared area with a limit lets in and notes it while this device is cut off, instead
    of refusing (``rules.occupancy``).
    """

    passback: Passback
    forget_min: int = 0
    reset_minute: int = -1
    reset_no: int = 0
    occupancy_max: int = 0
    shared: bool = False
    open_when_cut_off: bool = False


class DoorRulesRow(msgspec.Struct, frozen=True, array_like=True):
    """Rules of the door with the same number. ``inside``, ``outside``: areas on its two sides, 0 for none. ``interlock``: of the
    device's doors with the same number one opens only while all others are shut and locked, 0 for none. ``persons``: so many
    different holders must show their cards before it opens inwards, 1 or 2. ``first_card``: the unlock schedule of the door
    begins each time with the first card that opens it inwards. ``pin_schedule``: when a PIN is asked for beside the card, 0 for
    never. ``duress_pin``: the PIN with its last digit one higher opens too, and raises the silent alarm.
    """

    inside: int = 0
    outside: int = 0
    interlock: int = 0
    persons: int = 1
    first_card: bool = False
    pin_schedule: int = 0
    duress_pin: bool = False


class PinRow(msgspec.Struct, frozen=True, array_like=True):
    """The PIN of a card, known by the card's key; only devices with a door that asks for PINs have it.

    ``proofs``: those of the PIN and of its duress PIN, 16 bytes each (``protocol.pin``), made with ``salt`` and ``cost``.
    """

    proofs: bytes
    salt: bytes
    cost: int


class PresenceRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the holder with this number went last by what all devices have told, and when (milliseconds since 1970).

    ``area``: 0 for out of all of them, -1 (``rules.passback.UNKNOWN``) where it cannot be said: then passages before that
    moment say nothing. ``point``: the reader that let him through, 0 where there is none. ``reset_no``: of the last reset of
    places that his door knew of.
    """

    area: int
    at_ms: int
    point: int = 0
    reset_no: int = 0


def check_rule_row(row: DoorRulesRow | AreaRow | PinRow | PresenceRow) -> None:
    """Raise MalformedError when a row of the right shape has an impossible content."""
    match row:
        case DoorRulesRow() if not (
            0 <= row.inside < 2**32
            and 0 <= row.outside < 2**32
            and 0 <= row.interlock < 2**8
            and 1 <= row.persons <= PERSONS_MAX
            and 0 <= row.pin_schedule < 2**32
        ):
            raise MalformedError("a number of the rules of a door is out of range")
        case AreaRow() if not (
            0 <= row.forget_min <= FORGET_MIN_MAX
            and -1 <= row.reset_minute < MINUTES_A_DAY
            and 0 <= row.reset_no < 2**32
            and 0 <= row.occupancy_max <= OCCUPANCY_MAX
            and (row.forget_min or row.passback is not Passback.TIMED)
        ):
            raise MalformedError("a number of an area is out of range, or timed anti-passback has no time")
        case PinRow() if not (
            len(row.proofs) == PIN_PROOFS_LENGTH and len(row.salt) == SALT_LENGTH and 0 < row.cost <= COST_MAX
        ):
            raise MalformedError("the row of a PIN has two proofs, a salt, and a cost that a device can bear")
        case PresenceRow() if not (
            -1 <= row.area < 2**32
            and 0 <= row.at_ms < 2**63
            and 0 <= row.point < 2**32
            and 0 <= row.reset_no < 2**32
        ):
            raise MalformedError("a number of a holder's place is out of range")
        case _:
            pass
