"""PINs: proofs, the duress variant, and when a door asks for one. Each boundary of the hours is named."""

from __future__ import annotations

import pytest

from protocol.decide import Decision, Instant, PointState, Presentation, Trust, decide
from protocol.door_rows import DoorRulesRow, PinRow
from protocol.errors import MalformedError
from protocol.ids import uid_key
from protocol.pin import PinCheck, checked, duress_of, pin_row, proof_of
from protocol.reasons import Reason
from protocol.records import ClockPolicy, DoorRow, Mode, Revisions, ScheduleRow, decode_row, put
from protocol.rules.doors import RuleState
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.support.door_node import FRONT, GOOD, IN, MONDAY_NOON_MS, OUT, rows

CHEAP = 1
SALT = b"salt of a PIN 16"
ROW = pin_row("1239", SALT, CHEAP)
RIGHT, WRONG, DURESS = (proof_of(digits, SALT, CHEAP) for digits in ("1239", "1238", "1230"))
NIGHT = 31
"""From 20:00 to 06:00, every day."""
AT_NIGHT = put(NIGHT, ScheduleRow(((0b1111111, 20 * 60, 6 * 60),)))
HOUR_MS = 3_600_000


def given(
    proof: bytes = b"",
    *,
    at_ms: int = MONDAY_NOON_MS,
    point: int = IN,
    row: PinRow | None = ROW,
    rules: DoorRulesRow = DoorRulesRow(pin_schedule=ALWAYS, duress_pin=True),
    door: DoorRow | None = None,
    trust: Trust = Trust.TRUSTED,
    state: PointState = PointState(),
    knows_night: bool = True,
) -> Decision:
    changes = [*rows(door), put(FRONT, rules)]
    changes += [AT_NIGHT] if knows_night else []
    changes += [] if row is None else [put(uid_key(GOOD.uid), row)]
    view = View().apply(changes, Revisions(1, 1, 1, 0))
    return decide(
        Presentation(GOOD.uid, pin=proof), view, view.access_points[point], state, Instant(at_ms, trust)
    )


def test_a_proof_is_slow_salted_and_says_nothing_of_its_length() -> None:
    """RFC 7914, with N = 2^13: the first bytes by an independent computation (Python's own ``hashlib.scrypt`` is OpenSSL's)."""
    assert proof_of("1239", SALT, CHEAP) != proof_of("1239", SALT[::-1], CHEAP)
    assert len({len(proof_of(digits, SALT, CHEAP)) for digits in ("1", "12345678")}) == 1
    assert proof_of("1239", SALT, 2) != RIGHT


@pytest.mark.parametrize(("pin", "duress"), [("1234", "1235"), ("1239", "1230"), ("99999999", "99999990")])
def test_the_duress_pin_is_one_higher_in_its_last_digit(pin: str, duress: str) -> None:
    assert duress_of(pin) == duress


@pytest.mark.parametrize("pin", ["123", "123456789", "12a4", "", "１２３４"])
def test_what_is_no_pin_has_no_row(pin: str) -> None:
    with pytest.raises(ValueError, match="4 to 8"):
        pin_row(pin, SALT, CHEAP)


@pytest.mark.parametrize(
    ("proof", "with_duress", "found"),
    [
        (RIGHT, True, PinCheck.RIGHT),
        (RIGHT, False, PinCheck.RIGHT),
        (DURESS, True, PinCheck.DURESS),
        (DURESS, False, PinCheck.WRONG),
        (WRONG, True, PinCheck.WRONG),
        (b"", True, PinCheck.WRONG),
    ],
)
def test_a_proof_is_right_wrong_or_a_call_for_help(proof: bytes, with_duress: bool, found: PinCheck) -> None:
    assert checked(ROW, proof, with_duress=with_duress) is found


@pytest.mark.parametrize(
    ("proof", "reason", "release_ms"),
    [(b"", Reason.PIN_MISSING, 0), (WRONG, Reason.PIN_WRONG, 0), (RIGHT, Reason.GRANTED, 5_000)],
)
def test_a_card_opens_with_its_pin_only(proof: bytes, reason: Reason, release_ms: int) -> None:
    """Planted break that turns it red: ``rules.doors.judge`` without ``WITHOUT_PIN``."""
    decision = given(proof)
    assert (decision.reason, decision.release_ms, decision.duress) == (reason, release_ms, False)


def test_the_duress_pin_opens_and_says_so() -> None:
    decision = given(DURESS)
    assert (decision.reason, decision.release_ms, decision.duress) == (
        Reason.GRANTED_UNDER_DURESS,
        5_000,
        True,
    )
    assert given(DURESS, rules=DoorRulesRow(pin_schedule=ALWAYS)).reason is Reason.PIN_WRONG


def test_without_a_pin_of_its_own_a_card_is_refused_in_the_hours_only() -> None:
    assert given(row=None).reason is Reason.PIN_NOT_SET
    assert given(row=None, rules=DoorRulesRow(pin_schedule=NIGHT)).reason is Reason.GRANTED


@pytest.mark.parametrize(
    ("after_ms", "reason"),
    [
        (8 * HOUR_MS - 1, Reason.GRANTED),
        (8 * HOUR_MS, Reason.PIN_MISSING),
        (18 * HOUR_MS - 1, Reason.PIN_MISSING),
        (18 * HOUR_MS, Reason.GRANTED),
    ],
)
def test_the_hours_begin_with_their_first_and_end_before_their_last_moment(
    after_ms: int, reason: Reason
) -> None:
    """20:00 and 06:00 in Shanghai, over midnight."""
    found = given(at_ms=MONDAY_NOON_MS + after_ms, rules=DoorRulesRow(pin_schedule=NIGHT))
    assert found.reason is reason


def test_nobody_who_goes_out_and_nobody_at_an_unlocked_door_is_asked() -> None:
    assert given(point=OUT).reason is Reason.GRANTED
    assert given(state=PointState(Mode.UNLOCKED)).reason is Reason.GRANTED
    assert given(state=PointState(Mode.LOCKED)).reason is Reason.PIN_MISSING


@pytest.mark.parametrize(
    ("policy", "schedule", "reason"),
    [
        (ClockPolicy.SECURE, NIGHT, Reason.PIN_MISSING),
        (ClockPolicy.HOME, NIGHT, Reason.GRANTED),
        (ClockPolicy.HOME, ALWAYS, Reason.PIN_MISSING),
    ],
)
def test_without_the_time_a_secure_door_asks_and_a_home_door_does_not(
    policy: ClockPolicy, schedule: int, reason: Reason
) -> None:
    found = given(
        rules=DoorRulesRow(pin_schedule=schedule),
        door=DoorRow("front", clock_policy=policy),
        trust=Trust.FLOOR_ONLY,
    )
    assert found.reason is reason


def test_hours_that_are_not_here_ask_always() -> None:
    """Planted break that turns it red: ``decide._pin`` asking ``view.holds`` alone."""
    rules = DoorRulesRow(pin_schedule=NIGHT)
    assert given(rules=rules, knows_night=False).reason is Reason.PIN_MISSING


def test_a_blocked_pin_is_not_looked_at_and_an_unset_one_says_so_first() -> None:
    blocked = PointState(rules=RuleState(pin_blocked=True))
    assert given(RIGHT, state=blocked).reason is Reason.WRONG_TRIES
    assert given(row=None, state=blocked).reason is Reason.PIN_NOT_SET


def test_who_would_be_refused_anyhow_is_not_asked() -> None:
    rules = DoorRulesRow(interlock=1, pin_schedule=ALWAYS)
    assert given(rules=rules, state=PointState(rules=RuleState(interlocked=True))).reason is Reason.INTERLOCK


def test_the_second_person_is_asked_after_the_pin() -> None:
    rules = DoorRulesRow(persons=2, pin_schedule=ALWAYS)
    assert given(rules=rules).reason is Reason.PIN_MISSING
    assert given(RIGHT, rules=rules).reason is Reason.SECOND_PERSON


@pytest.mark.parametrize(
    "row", [PinRow(bytes(31), SALT, 13), PinRow(bytes(32), b"", 13), PinRow(bytes(32), SALT, 18)]
)
def test_a_row_that_cannot_be_is_refused(row: PinRow) -> None:
    with pytest.raises(MalformedError):
        decode_row(put(uid_key(GOOD.uid), row))
