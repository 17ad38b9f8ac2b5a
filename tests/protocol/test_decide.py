"""The decision, boundary by boundary and check by check, in the order of its docstring."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.decide import HOME_WINDOW_GRACE_MS, Decision, Instant, PointState, Presentation, Trust, decide
from protocol.ids import Stream, Tier, credential_key, uid_key
from protocol.reasons import Reason, is_granted
from protocol.records import (
    CardFlag,
    CardRow,
    Change,
    ClockPolicy,
    DoorRow,
    IssuerKeyRow,
    LevelRow,
    Mode,
    PointRow,
    ReadKeyRow,
    RestrictionRow,
    Revisions,
    ScheduleRow,
    SiteRow,
    StaleRightsRow,
    put,
)
from protocol.schedule import ALWAYS
from protocol.view import AccessPoint, View

UID, OTHER_UID = b"\x04\xa1\xb2\xc3\xd4\xe5\xf6", b"\x11\x22\x33\x44"
CREDENTIAL = b"CREDENT1"
WORKING_HOURS = 7
LEVEL_ALWAYS, LEVEL_HOURS, LEVEL_ELSEWHERE, LEVEL_BOTH = 20, 21, 22, 23
SECURE_POINT, HOME_POINT = 11, 12
REVISIONS = Revisions(1, 4, 9, 2)
FROM_S, UNTIL_S = 1_780_000_000, 1_800_000_000
ZONE = ZoneInfo("Asia/Shanghai")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1_000)


MONDAY_MORNING = at("2026-09-21T09:00")
MONDAY_NIGHT = at("2026-09-21T22:00")
CARD = CardRow(77, 0, 0, 3, (LEVEL_ALWAYS,))

SITE = [
    put(0, SiteRow("Asia/Shanghai", "春江花园")),
    put(1, DoorRow("gate", release_ms=5_000, extended_release_ms=15_000)),
    put(2, DoorRow("house", release_ms=4_000, clock_policy=ClockPolicy.HOME)),
    put(SECURE_POINT, PointRow("gate in", 1, 1)),
    put(HOME_POINT, PointRow("house in", 1, 2)),
    put(WORKING_HOURS, ScheduleRow(((0b11111, 480, 1_080),))),
    put(LEVEL_ALWAYS, LevelRow(((SECURE_POINT, ALWAYS), (HOME_POINT, ALWAYS)))),
    put(LEVEL_HOURS, LevelRow(((SECURE_POINT, WORKING_HOURS), (HOME_POINT, WORKING_HOURS)))),
    put(LEVEL_ELSEWHERE, LevelRow(((99, ALWAYS),))),
    put(LEVEL_BOTH, LevelRow(((SECURE_POINT, WORKING_HOURS), (SECURE_POINT, ALWAYS)))),
]
BARE = View().apply(SITE, REVISIONS)


def card(**fields: object) -> Change:
    return put(uid_key(UID), msgspec.structs.replace(CARD, **fields))


def by_credential(**fields: object) -> Change:
    return put(credential_key(CREDENTIAL), msgspec.structs.replace(CARD, **fields))


def lost(reason: Reason = Reason.CARD_LOST, issue_no_max: int = 65_535, key: bytes = b"") -> Change:
    return put(key or uid_key(UID), RestrictionRow(reason, issue_no_max, 1))


def view_of(*changes: Change) -> View:
    return BARE.apply(changes, REVISIONS)


SHOWN = Presentation(UID)
NORMAL = PointState()
NOW = Instant(MONDAY_MORNING)


def judge(
    view: View,
    shown: Presentation = SHOWN,
    state: PointState = NORMAL,
    now: Instant = NOW,
    point: int = SECURE_POINT,
    **point_fields: object,
) -> Decision:
    access_point: AccessPoint = msgspec.structs.replace(BARE.access_points[point], **point_fields)
    return decide(shown, view, access_point, state, now)


# -- what a grant says ----------------------------------------------------------------------------------------------


def test_a_grant_says_how_long_by_what_and_for_whom() -> None:
    assert judge(view_of(card())) == Decision(Reason.GRANTED, uid_key(UID), 77, 5_000, ALWAYS, REVISIONS)


def test_a_marked_holder_has_the_extended_time() -> None:
    assert judge(view_of(card(flags=CardFlag.EXTENDED_OPEN))).release_ms == 15_000


def test_a_refusal_releases_nothing_and_says_by_what_it_was_taken() -> None:
    decision = judge(view_of(card(levels=(LEVEL_HOURS,))), now=Instant(MONDAY_NIGHT))
    assert decision == Decision(Reason.OUTSIDE_SCHEDULE, uid_key(UID), 77, 0, WORKING_HOURS, REVISIONS)
    assert not decision.granted


# -- check by check -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (Presentation(UID, several=True), Reason.SEVERAL_CARDS),
        (Presentation(b"\x08\x01\x02\x03"), Reason.RANDOM_UID),
        (Presentation(b""), Reason.RANDOM_UID),
        (Presentation(UID, clone_suspected=True), Reason.CLONE_SUSPECTED),
    ],
)
def test_1_a_presentation_that_names_nobody_for_sure_is_denied(shown: Presentation, reason: Reason) -> None:
    assert judge(view_of(card(), lost()), shown).reason is reason


def test_1_a_random_uid_with_a_verified_credential_is_known_by_it() -> None:
    shown = Presentation(b"\x08\x01\x02\x03", CREDENTIAL, 3, Tier.AES)
    assert judge(view_of(by_credential()), shown).reason is Reason.GRANTED


def test_1_a_seven_byte_uid_that_begins_with_08_is_no_random_one() -> None:
    uid = b"\x08\x01\x02\x03\x04\x05\x06"
    assert judge(view_of(put(uid_key(uid), CARD)), Presentation(uid)).reason is Reason.GRANTED


@pytest.mark.parametrize(
    "reason",
    [
        Reason.CARD_LOST,
        Reason.CARD_STOLEN,
        Reason.CARD_DAMAGED,
        Reason.CARD_SUSPENDED,
        Reason.CARD_REPLACED,
        Reason.CARD_RETURNED,
        Reason.CARD_CANCELLED,
    ],
)
@pytest.mark.parametrize("trust", Trust)
@pytest.mark.parametrize("mode", Mode)
def test_2_a_dead_card_is_refused_on_every_clock_and_in_every_mode(
    reason: Reason, trust: Trust, mode: Mode
) -> None:
    """Planted break: look at the mode before the hotlist (I7)."""
    decision = judge(
        view_of(card(), lost(reason)), state=PointState(mode), now=Instant(MONDAY_MORNING, trust)
    )
    assert decision.reason is reason


def test_2_a_dead_card_is_refused_even_when_its_rights_are_not_known_here() -> None:
    assert judge(view_of(lost())).reason is Reason.CARD_LOST


@pytest.mark.parametrize(
    ("issue_no_max", "reason"), [(2, Reason.GRANTED), (3, Reason.CARD_LOST), (4, Reason.CARD_LOST)]
)
def test_2_a_restriction_holds_up_to_its_issue(issue_no_max: int, reason: Reason) -> None:
    assert judge(view_of(card(issue_no=3), lost(issue_no_max=issue_no_max))).reason is reason


@pytest.mark.parametrize(("shown_issue", "reason"), [(3, Reason.CARD_LOST), (4, Reason.GRANTED)])
def test_2_a_card_that_says_its_issue_is_judged_by_it(shown_issue: int, reason: Reason) -> None:
    view = view_of(by_credential(issue_no=4), lost(issue_no_max=3, key=credential_key(CREDENTIAL)))
    shown = Presentation(UID, CREDENTIAL, shown_issue, Tier.AES)
    assert judge(view, shown).reason is reason


def test_2_either_key_of_a_card_may_be_listed() -> None:
    shown = Presentation(UID, CREDENTIAL, 3, Tier.AES)
    for key in (uid_key(UID), credential_key(CREDENTIAL)):
        assert judge(view_of(by_credential(), lost(key=key)), shown).reason is Reason.CARD_LOST


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.NORMAL, Reason.GRANTED),
        (Mode.UNLOCKED, Reason.GRANTED),
        (Mode.LOCKED, Reason.GRANTED),
        (Mode.BLOCKED, Reason.DOOR_BLOCKED),
        (Mode.LOCKED_DOWN, Reason.LOCKED_DOWN),
    ],
)
def test_3_a_blocked_door_opens_for_no_card(mode: Mode, reason: Reason) -> None:
    assert judge(view_of(card()), state=PointState(mode)).reason is reason


def test_3_comes_before_4() -> None:
    assert judge(BARE, state=PointState(Mode.BLOCKED, True)).reason is Reason.DOOR_BLOCKED


@pytest.mark.parametrize(("ignored", "reason"), [(False, Reason.UNKNOWN_CARD), (True, Reason.WRONG_TRIES)])
def test_4_an_unknown_card_is_denied(ignored: bool, reason: Reason) -> None:
    assert judge(BARE, state=PointState(unknown_ignored=ignored)).reason is reason
    assert judge(View(), state=PointState(unknown_ignored=ignored)).reason is reason


def test_4_a_known_card_opens_while_unknown_ones_are_ignored() -> None:
    """Nobody may lock a building out with a transit card."""
    assert judge(view_of(card()), state=PointState(unknown_ignored=True)).granted


def test_4_the_credential_is_looked_up_before_the_uid() -> None:
    view = view_of(card(holder=1), by_credential(holder=2))
    assert judge(view, Presentation(UID, CREDENTIAL, 3, Tier.AES)).holder == 2
    assert judge(view, Presentation(UID)).holder == 1
    assert judge(view_of(card(holder=1)), Presentation(UID, CREDENTIAL, 3, Tier.AES)).holder == 1


@pytest.mark.parametrize(
    ("issue", "reason"), [(2, Reason.SUPERSEDED_ISSUE), (3, Reason.GRANTED), (4, Reason.GRANTED)]
)
def test_5_an_older_issue_is_denied(issue: int, reason: Reason) -> None:
    assert (
        judge(view_of(by_credential(issue_no=3)), Presentation(UID, CREDENTIAL, issue, Tier.AES)).reason
        is reason
    )


def test_5_a_card_that_cannot_say_its_issue_is_not_denied_for_it() -> None:
    assert judge(view_of(card(issue_no=9))).granted


@pytest.mark.parametrize(("revision", "reason"), [(9, Reason.GRANTED), (10, Reason.RIGHTS_CHANGING)])
def test_6_rights_that_shrank_are_void_until_the_access_rows_are_here(revision: int, reason: Reason) -> None:
    stale = put(uid_key(UID), StaleRightsRow(revision))
    assert judge(view_of(card(), stale)).reason is reason


def keyed(zone: int = 0) -> list[Change]:
    return [put(zone << 8 | 1, ReadKeyRow(bytes(16))), put(0, IssuerKeyRow(bytes(32)))]


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (Presentation(UID), Reason.CREDENTIAL_MISSING),
        (Presentation(UID, CREDENTIAL, 3, Tier.CLASSIC_MAC), Reason.GRANTED),
    ],
)
def test_7_a_card_that_has_a_credential_does_not_open_by_its_number_alone(
    shown: Presentation, reason: Reason
) -> None:
    """At any point, whatever its minimum: where the credential can be read, only a copy or a damaged card lacks it."""
    view = view_of(card(zones=0b101), by_credential(zones=0b101), *keyed(2))
    assert judge(view, shown, tier_min=Tier.UID_ONLY).reason is reason


@pytest.mark.parametrize(
    "keys", [[], keyed(1), keyed(0)[:1], keyed(0)[1:]], ids=["none", "zone", "read", "public"]
)
def test_7_where_no_credential_can_be_read_the_minimum_decides(keys: list[Change]) -> None:
    view = view_of(card(zones=0b1), *keys)
    assert judge(view).reason is Reason.GRANTED
    assert judge(view, tier_min=Tier.CLASSIC_MAC).reason is Reason.TIER_TOO_LOW


@pytest.mark.parametrize(
    ("shown", "minimum", "reason"),
    [
        (Tier.UID_ONLY, Tier.UID_ONLY, Reason.GRANTED),
        (Tier.UID_ONLY, Tier.CLASSIC_MAC, Reason.TIER_TOO_LOW),
        (Tier.CLASSIC_MAC, Tier.CLASSIC_MAC, Reason.GRANTED),
        (Tier.CLASSIC_MAC, Tier.AES, Reason.TIER_TOO_LOW),
        (Tier.AES, Tier.CLASSIC_MAC, Reason.GRANTED),
    ],
)
def test_8_a_point_asks_for_a_minimum(shown: Tier, minimum: Tier, reason: Reason) -> None:
    assert judge(view_of(card()), Presentation(UID, tier=shown), tier_min=minimum).reason is reason


@pytest.mark.parametrize(
    ("utc_ms", "reason"),
    [
        (FROM_S * 1_000 - 1, Reason.NOT_YET_VALID),
        (FROM_S * 1_000, Reason.GRANTED),
        (UNTIL_S * 1_000 - 1, Reason.GRANTED),
        (UNTIL_S * 1_000, Reason.EXPIRED),
    ],
)
@pytest.mark.parametrize("trust", [Trust.TRUSTED, Trust.HOLDOVER])
def test_10_validity_is_from_inclusive_until_exclusive(utc_ms: int, reason: Reason, trust: Trust) -> None:
    view = view_of(card(valid_from_s=FROM_S, valid_until_s=UNTIL_S))
    assert judge(view, now=Instant(utc_ms, trust)).reason is reason


@pytest.mark.parametrize("trust", [Trust.NONE, Trust.FLOOR_ONLY])
@pytest.mark.parametrize(
    ("floor_ms", "valid", "secure", "home"),
    [
        # no limits: normal
        (0, (0, 0), Reason.GRANTED, Reason.GRANTED),
        # the end has passed by the floor: denied everywhere
        (UNTIL_S * 1_000, (0, UNTIL_S), Reason.EXPIRED, Reason.EXPIRED),
        (UNTIL_S * 1_000, (FROM_S, UNTIL_S), Reason.EXPIRED, Reason.EXPIRED),
        # not passed by the floor: by the door's policy
        (UNTIL_S * 1_000 - 1, (0, UNTIL_S), Reason.TIME_UNKNOWN, Reason.GRANTED_TIME_NOT_CHECKED),
        (0, (FROM_S, UNTIL_S), Reason.TIME_UNKNOWN, Reason.GRANTED_TIME_NOT_CHECKED),
        # it has begun by the floor and has no end: sure
        (FROM_S * 1_000, (FROM_S, 0), Reason.GRANTED, Reason.GRANTED),
        (FROM_S * 1_000 - 1, (FROM_S, 0), Reason.TIME_UNKNOWN, Reason.GRANTED_TIME_NOT_CHECKED),
    ],
)
def test_10_on_a_clock_without_trust_the_floor_and_the_door_decide(
    trust: Trust, floor_ms: int, valid: tuple[int, int], secure: Reason, home: Reason
) -> None:
    view = view_of(card(valid_from_s=valid[0], valid_until_s=valid[1]))
    now = Instant(0, trust, floor_ms, untrusted_for_ms=10)
    assert judge(view, now=now).reason is secure
    assert judge(view, now=now, point=HOME_POINT).reason is home


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ((), Reason.NO_ACCESS_HERE),
        ((LEVEL_ELSEWHERE,), Reason.NO_ACCESS_HERE),
        ((LEVEL_ELSEWHERE, 1_234), Reason.NO_ACCESS_HERE),
        ((LEVEL_ELSEWHERE, LEVEL_ALWAYS), Reason.GRANTED),
    ],
)
def test_11_a_card_needs_a_level_with_this_point(levels: tuple[int, ...], reason: Reason) -> None:
    assert judge(view_of(card(levels=levels))).reason is reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-09-21T07:59:59.999", Reason.OUTSIDE_SCHEDULE),
        ("2026-09-21T08:00", Reason.GRANTED),
        ("2026-09-21T17:59:59.999", Reason.GRANTED),
        ("2026-09-21T18:00", Reason.OUTSIDE_SCHEDULE),
        ("2026-09-20T09:00", Reason.OUTSIDE_SCHEDULE),
    ],
)
def test_12_a_schedule_must_hold(text: str, reason: Reason) -> None:
    decision = judge(view_of(card(levels=(LEVEL_HOURS,))), now=Instant(at(text)))
    assert (decision.reason, decision.schedule) == (reason, WORKING_HOURS)


def test_12_any_schedule_of_any_level_will_do() -> None:
    night = Instant(MONDAY_NIGHT)
    assert judge(view_of(card(levels=(LEVEL_HOURS, LEVEL_ALWAYS))), now=night).schedule == ALWAYS
    assert judge(view_of(card(levels=(LEVEL_BOTH,))), now=night).granted


def test_12_a_schedule_that_is_not_here_does_not_hold() -> None:
    view = view_of(put(30, LevelRow(((SECURE_POINT, 1_000),))), card(levels=(30,)))
    assert judge(view).reason is Reason.OUTSIDE_SCHEDULE


@pytest.mark.parametrize("trust", [Trust.NONE, Trust.FLOOR_ONLY])
@pytest.mark.parametrize(
    ("untrusted_for_ms", "recent", "home"),
    [
        (0, True, Reason.GRANTED_TIME_NOT_CHECKED),
        (HOME_WINDOW_GRACE_MS - 1, True, Reason.GRANTED_TIME_NOT_CHECKED),
        (HOME_WINDOW_GRACE_MS, True, Reason.TIME_UNKNOWN),
        (0, False, Reason.TIME_UNKNOWN),
    ],
)
def test_12_on_a_clock_without_trust_home_doors_pass_over_windows_for_three_days(
    trust: Trust, untrusted_for_ms: int, recent: bool, home: Reason
) -> None:
    """A power cut without network must not lock residents out; a secure door stays shut."""
    view = view_of(card(levels=(LEVEL_HOURS,)))
    now = Instant(MONDAY_NIGHT, trust, 5, untrusted_for_ms, recent)
    assert judge(view, now=now, point=HOME_POINT).reason is home
    assert judge(view, now=now).reason is Reason.TIME_UNKNOWN


def test_12_always_needs_no_clock() -> None:
    assert judge(view_of(card()), now=Instant(0, Trust.NONE)).reason is Reason.GRANTED


# -- the order ------------------------------------------------------------------------------------------------------

FAULTS: list[tuple[Reason, dict[str, object], dict[str, object], list[Change]]] = [
    # reason, presentation fields, state and point fields, rows; each from one check later than the one before
    (Reason.CARD_LOST, {}, {}, [lost()]),
    (Reason.DOOR_BLOCKED, {}, {"state": PointState(Mode.BLOCKED)}, []),
    (Reason.SUPERSEDED_ISSUE, {"credential_id": CREDENTIAL, "issue_no": 1}, {}, []),
    (Reason.RIGHTS_CHANGING, {}, {}, [put(uid_key(UID), StaleRightsRow(99))]),
    (Reason.TIER_TOO_LOW, {}, {"tier_min": Tier.AES}, []),
    (Reason.EXPIRED, {}, {}, [card(valid_until_s=FROM_S, levels=(LEVEL_ELSEWHERE,))]),
    (Reason.NO_ACCESS_HERE, {}, {}, [card(levels=(LEVEL_ELSEWHERE,))]),
]


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_the_first_check_that_fails_gives_the_reason(first: int) -> None:
    """Every fault from this check on at once. Planted break: change the order of any two checks."""
    shown, fields, rows = Presentation(UID), {}, [card()]
    for _, shown_fields, other_fields, changes in reversed(FAULTS[first:]):
        shown = msgspec.structs.replace(shown, **shown_fields)
        fields |= other_fields
        rows += changes
    expired = card(valid_until_s=FROM_S, levels=(LEVEL_ELSEWHERE,))
    rows.append(expired if first <= 5 else card(levels=(LEVEL_ELSEWHERE,)))
    assert judge(view_of(*rows), shown, **fields).reason is FAULTS[first][0]


# -- always ---------------------------------------------------------------------------------------------------------

presentations = st.builds(
    Presentation,
    st.sampled_from([b"", UID, OTHER_UID, b"\x08\x01\x02\x03"]),
    st.sampled_from([b"", CREDENTIAL]),
    st.integers(0, 5),
    st.sampled_from(Tier),
    st.booleans(),
    st.booleans(),
)
instants = st.builds(
    Instant,
    st.integers(0, 4 * 10**12),
    st.sampled_from(Trust),
    st.integers(0, 4 * 10**12),
    st.integers(0, 10**9),
    st.booleans(),
)
states = st.builds(PointState, st.sampled_from(Mode), st.booleans())
FULL = view_of(
    card(valid_until_s=UNTIL_S, levels=(LEVEL_HOURS,)), by_credential(), put(uid_key(OTHER_UID), CARD)
)


@settings(max_examples=300, deadline=None)
@given(presentations, states, instants, st.sampled_from([SECURE_POINT, HOME_POINT]))
def test_an_empty_view_denies_everything(
    shown: Presentation, state: PointState, now: Instant, point: int
) -> None:
    assert not is_granted(judge(View(), shown, state, now, point).reason)


@settings(max_examples=300, deadline=None)
@given(presentations, states, instants, st.sampled_from([SECURE_POINT, HOME_POINT]))
def test_every_input_gives_a_decision_and_only_a_grant_releases(
    shown: Presentation, state: PointState, now: Instant, point: int
) -> None:
    decision = judge(FULL, shown, state, now, point)
    assert (decision.release_ms > 0) == decision.granted == is_granted(decision.reason)
    assert decision.revisions == REVISIONS
    assert judge(FULL, shown, state, now, point) == decision


@settings(max_examples=300, deadline=None)
@given(presentations, states, instants)
def test_a_listed_card_is_never_granted(shown: Presentation, state: PointState, now: Instant) -> None:
    listed = FULL.apply(
        [lost(key=key) for key in (uid_key(UID), uid_key(OTHER_UID), credential_key(CREDENTIAL))], REVISIONS
    )
    assert not judge(listed, shown, state, now).granted


@settings(max_examples=300, deadline=None)
@given(presentations, states, instants)
def test_a_time_limit_is_never_granted_at_a_secure_door_without_a_clock(
    shown: Presentation, state: PointState, now: Instant
) -> None:
    """I12: no time-limited grant on an untrusted clock unless the door allows it."""
    limited = view_of(card(valid_until_s=2**32 - 1), by_credential(levels=(LEVEL_HOURS,)))
    if not now.trusted:
        assert not judge(limited, shown, state, now).granted


def test_the_decision_is_explained_later_by_the_same_rows() -> None:
    """The centre rebuilds the View of the recorded revisions in another way, and comes to the same decision."""
    at_node = view_of(card(levels=(LEVEL_HOURS,)))
    rows = [*SITE, card(levels=(LEVEL_HOURS,))]
    at_centre = View().replaced(Stream.ACCESS, rows, REVISIONS)
    now = Instant(MONDAY_NIGHT)
    assert judge(at_node, now=now) == judge(at_centre, now=now)
