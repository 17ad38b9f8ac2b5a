"""Whatever was decided: from the rows of then and the fact alone the same comes out once more."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from protocol.basis import PIN_STAND_IN, Basis, Used, basis_of, without_lock
from protocol.decide import Decision, Instant, PointState, Presentation, Trust, decide
from protocol.door_rows import OCCUPANCY_MAX, AreaRow, DoorRulesRow, Passback, PresenceRow
from protocol.facts import AccessFact, Fact, decode_body, encode_body
from protocol.ids import Tier, credential_key, uid_key
from protocol.limits import FACT_BYTES_MAX
from protocol.pin import pin_row, proof_of
from protocol.reasons import DISABLING, Reason
from protocol.records import (
    CardFlag,
    CardRow,
    Change,
    ClockPolicy,
    DoorRow,
    HoursRow,
    IssuerKeyRow,
    Kind,
    LevelRow,
    Mode,
    PointRow,
    ReadKeyRow,
    RestrictionRow,
    Revisions,
    ScheduleRow,
    SiteRow,
    SpecialDayRow,
    StaleRightsRow,
    UsesRow,
    put,
)
from protocol.replay import agrees, decide_again
from protocol.rules.doors import RuleState
from protocol.rules.passback import Place, Places
from protocol.schedule import ALWAYS
from protocol.view import View

UID, CREDENTIAL = b"\x04\xa1\xb2\xc3", b"CREDENT1"
NOON_MS = 1_782_878_400_000
MINUTE_MS = 60_000
DAY = 739_798
HOLDER, OTHER = 7, 8
ENTRY, EXIT = 11, 12
REVISIONS = Revisions(1, 5, 9, 0)
SALT = bytes(16)
PIN = pin_row("1357", SALT, cost=1)
PROOFS = [b"", *(proof_of(digits, SALT, 1) for digits in ("1357", "1358", "9999"))]
TIMES = 3_000

OF_DOORS = {
    reason for reason in Reason if reason.name.startswith("GRANTED") or 20 <= reason < 49 or reason >= 70
} - {
    Reason.GRANTED_ALONG,
    Reason.GRANTED_FROM_MEMORY,
    Reason.GRANTED_FREE_PASSAGE,
    Reason.NOT_CONFIGURED,
    Reason.LOCKED_DOWN,
    Reason.STORAGE_UNUSABLE,
    Reason.READER_FAULT,
    Reason.CARD_UNREADABLE,
}


class Chance:
    """Rows, states and presentations in which every check has its turn."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.one = self._random.choice

    def seldom(self) -> bool:
        return self._random.random() < 0.04

    def time(self) -> int:
        return NOON_MS + self.one([0, 0, -5 * 60, 7 * 60, 11 * 60]) * MINUTE_MS

    def rows(self) -> list[Change]:
        one, seldom = self.one, self.seldom
        card = CardRow(
            HOLDER,
            self.time() // 1_000 - 1 if seldom() else 0,
            self.time() // 1_000 if seldom() else 0,
            one([0, 0, 0, 1, 1, 2]),
            one([(20,)] * 4 + [(21,), (20, 21), ()]),
            one([CardFlag.NONE] * 6 + list(CardFlag)),
            one([0, 0, 0, 1]),
        )
        rows = [
            put(0, SiteRow("Asia/Shanghai", "")),
            put(1, DoorRow("", clock_policy=one(list(ClockPolicy)))),
            put(ENTRY, PointRow("", 1, 1, tier_min=one([Tier.UID_ONLY] * 5 + list(Tier)))),
            put(EXIT, PointRow("", 2, 1, leaving=True)),
            put(5, ScheduleRow(((0b0011111, 8 * 60, 18 * 60),))),
            put(20, LevelRow(((ENTRY, ALWAYS), (EXIT, ALWAYS)))),
            put(21, LevelRow(((ENTRY, 5), (EXIT, 5)))),
        ]
        if seldom():
            rows.append(put(DAY, SpecialDayRow(1)))
        if one([True, False]):
            rows.append(
                put(
                    1,
                    DoorRulesRow(
                        one([0, 30]),
                        one([0, 0, 31]),
                        one([0, 2]),
                        one([1, 1, 2]),
                        pin_schedule=one([0, 0, 5, ALWAYS]),
                        duress_pin=one([True, False]),
                    ),
                )
            )
            for area in (30, 31):
                passback = one(list(Passback))
                rows.append(
                    put(
                        area,
                        AreaRow(
                            passback,
                            60 if passback is Passback.TIMED else one([0, 60]),
                            one([-1, -1, 600]),
                            one([0, 0, 3]),
                            one([0, 2]),
                            one([True, False]),
                            one([True, False]),
                        ),
                    )
                )
        if seldom():
            rows += [put(1, ReadKeyRow(bytes(16))), put(0, IssuerKeyRow(bytes(32)))]
        for key in (uid_key(UID), credential_key(CREDENTIAL)):
            if not seldom():
                rows.append(put(key, card))
            if seldom():
                rows.append(put(key, RestrictionRow(one(sorted(DISABLING)), one([0, 1]), 1)))
            if seldom():
                rows.append(put(key, StaleRightsRow(one([9, 10]))))
            if seldom():
                rows.append(put(key, HoursRow(((2**15 - 1, one([0, 780]), 840),))))
            if one([True, False, False]):
                rows.append(put(key, UsesRow(3, card.issue_no, 2, one([(), ((ENTRY, 1),)]))))
            if not seldom():
                rows.append(put(key, PIN))
        if one([True, False]):
            rows.append(put(HOLDER, PresenceRow(one([-1, 0, 30, 30]), NOON_MS - 40_000, EXIT + 9)))
        return rows

    def shown(self) -> Presentation:
        credential = self.one([b"", b"", CREDENTIAL, CREDENTIAL, b"CREDENT2"])
        return Presentation(
            self.one([UID] * 8 + [b"\x08\1\2\3", b"\x04\1\2\3"]),
            credential,
            self.one([0, 1, 1, 1]) if credential else 0,
            self.one([Tier.CLASSIC_MAC, Tier.AES]) if credential else Tier.UID_ONLY,
            several=self.seldom(),
            clone_suspected=self.seldom(),
            pin=self.one(PROOFS),
        )

    def state(self) -> PointState:
        one = self.one
        places = Places()
        if one([True, False]):
            at_ms = NOON_MS - one([1, 59, 60, 61, 200]) * MINUTE_MS
            places = places.with_(HOLDER, Place(one([0, 30, 30, 31]), at_ms, one([0, 3])))
        inside = frozenset(self._random.sample([HOLDER, OTHER, 9, 10], one([0, 1, 2])))
        return PointState(
            Mode.BLOCKED if self.seldom() else one([Mode.NORMAL, Mode.NORMAL, Mode.UNLOCKED]),
            self.seldom(),
            {(3, 1): {ENTRY: one([0, 1, 2])}},
            RuleState(
                places,
                self.seldom(),
                inside,
                self.seldom(),
                one([0, HOLDER, OTHER]),
                one([True, False]),
                frozenset(one([(), (), (OTHER,), (9, 10)])),
            ),
            one([0, HOLDER, OTHER]),
            one([0, 5, ALWAYS]),
        )

    def instant(self) -> Instant:
        if not self.seldom():
            return Instant(self.time(), Trust.TRUSTED, NOON_MS - 10**7)
        return Instant(
            self.time(),
            Trust.FLOOR_ONLY,
            self.one([0, NOON_MS // 1_000 * 1_000]),
            self.one([0, 10**10]),
            self.one([True, False]),
        )


def recorded(
    shown: Presentation, view: View, point: int, state: PointState, now: Instant
) -> tuple[Decision, AccessFact, bytes]:
    """As the door role records it."""
    at_point = view.access_points[point]
    made = decide(shown, view, at_point, state, now)
    fact = AccessFact(
        point,
        made.reason,
        made.revisions,
        shown.tier,
        shown.issue_no,
        made.schedule,
        made.release_ms,
        state.mode,
        state.unknown_ignored,
        now.floor_ms // 1_000,
        made.used,
        place=made.place,
        basis=basis_of(shown, view, at_point, state, now, made),
    )
    return made, fact, made.key


def as_kept(rows: list[Change]) -> View:
    """The rows as the centre keeps them: no PIN, and where holders are stands in the facts."""
    kept = [row for row in rows if row.kind != Kind.PRESENCE]
    stand_in = msgspec.msgpack.encode(PIN_STAND_IN)
    return View().apply(
        [Change(row.kind, row.key, stand_in) if row.kind == Kind.PIN else row for row in kept], REVISIONS
    )


@pytest.mark.requirement("B6")
def test_whatever_was_decided_comes_out_once_more() -> None:
    """Planted breaks that turn it red, each tried: ``basis_of`` without the escort, the interlock, the place's time, who waits or who
    goes along;
    ``state_again`` without the uses, INSIDE, ``others`` or the schedule that blocks; ``presentation_again`` without the stand-in for a credential.
    """
    chance, reasons = Chance(1), set()
    for _ in range(TIMES):
        rows, shown, state, now = chance.rows(), chance.shown(), chance.state(), chance.instant()
        view = View().apply(rows, REVISIONS)
        made, fact, key = recorded(shown, view, chance.one([ENTRY, ENTRY, EXIT]), state, now)
        kind, body = encode_body(fact)
        back = decode_body(Fact(1, kind, 1, 1, now.utc_ms, now.trust, body))
        assert isinstance(back, AccessFact)
        again = decide_again(back, key, now.utc_ms, now.trust, as_kept(rows))
        assert (again.reason, again.schedule, again.release_ms, again.place, again.used, again.duress) == (
            made.reason,
            made.schedule,
            made.release_ms,
            made.place,
            made.used,
            made.duress,
        ), (shown, state, now, fact, rows)
        reasons.add(made.reason)
    assert reasons >= OF_DOORS


def test_a_reader_without_a_lock_and_what_storage_made_of_a_grant() -> None:
    view = View().apply(Chance(1).rows(), REVISIONS)
    fact = AccessFact(ENTRY, Reason.NOT_CONFIGURED, REVISIONS, basis=without_lock(Presentation(UID)))
    key = uid_key(UID)
    assert decide_again(fact, key, NOON_MS, Trust.TRUSTED, view).reason is Reason.NOT_CONFIGURED
    fact = AccessFact(999, Reason.NOT_CONFIGURED, REVISIONS, basis=Basis())
    assert decide_again(fact, key, NOON_MS, Trust.TRUSTED, view).reason is Reason.NOT_CONFIGURED
    assert agrees(Reason.STORAGE_UNUSABLE, Reason.GRANTED)
    assert agrees(Reason.GRANTED_FROM_MEMORY, Reason.GRANTED_PASSBACK)
    assert not agrees(Reason.STORAGE_UNUSABLE, Reason.EXPIRED)
    assert not agrees(Reason.GRANTED, Reason.GRANTED_PASSBACK)
    assert agrees(Reason.GRANTED_ALONG, Reason.ESCORT)
    assert agrees(Reason.GRANTED_ALONG, Reason.SECOND_PERSON)
    assert not agrees(Reason.GRANTED_ALONG, Reason.GRANTED)


def test_what_a_device_writes_of_others_is_bounded() -> None:
    """A fact of a device that has gone mad makes no set of a billion holders, and is short."""
    fact = AccessFact(ENTRY, Reason.AREA_FULL, REVISIONS, basis=Basis(Used.INSIDE, others=2**60))
    view = View().apply(Chance(1).rows(), REVISIONS)
    decide_again(fact, uid_key(UID), NOON_MS, Trust.TRUSTED, view)
    assert OCCUPANCY_MAX < 2**20
    assert len(encode_body(fact)[1]) < FACT_BYTES_MAX
