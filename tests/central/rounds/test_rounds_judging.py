"""Scans become rows, a replay gives the same; rounds are judged by them, never before the data is in (B9, B12)."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from central.cards import acts
from central.cards.acts import Terms
from central.patrol.model import CarriedUnit, Checkpoint, Guard, RoutePlan
from central.rounds import judging, projection
from central.rounds.judging import Without
from central.rounds.marks import to_ms
from central.rounds.model import (
    ClockSet,
    ErasedScan,
    ForcedMark,
    PatrolScan,
    PurgedSpan,
    RoundLimits,
    WayTime,
)
from central.rounds.model import Relief as ReliefRow
from central.sites.scope import Grant, Scope
from central.sync.model import Enrolment, EvidenceGap, StoredFact
from protocol.facts import ClockFact, FactKind, PatrolEvent
from protocol.rules.patrol.integrity import Flag
from protocol.rules.patrol.judge import Result, RoundState
from protocol.rules.patrol.plan import AtRandom, Rounds, starts_of
from tests.support.estate import NOON, Estate, by, later, person_row
from tests.support.rounds import EVERY_DAY, LONG_AGO, Laid, Patrol, plan


@pytest.fixture
def patrol(estate: Estate) -> Patrol:
    return Patrol(estate)


def rows(patrol: Patrol) -> list[dict[str, Any]]:
    """Every scan and setting of a clock without its id, in order."""

    def read() -> list[dict[str, Any]]:
        found = [dict(row) for model in (PatrolScan, ClockSet) for row in model.select().dicts()]
        for row in found:
            row.pop("id")
        return sorted(found, key=repr)

    return patrol.estate.read(read)


def test_a_scan_is_its_guards_and_keeps_what_the_clock_said(patrol: Patrol) -> None:
    patrol.project(patrol.scan(patrol.first, 1, wall=later(minutes=3), received=later(minutes=50)))
    (row,) = rows(patrol)
    assert (row["person"], row["card"], row["checkpoint"]) == (
        patrol.estate.person,
        patrol.card,
        patrol.first,
    )
    assert (row["at"], row["wall_ms"]) == (later(minutes=1), to_ms(later(minutes=3)))
    (seen,) = patrol.judged().scans
    assert (seen.scan.guard, seen.scan.difference_ms, seen.is_online) == (patrol.guard, -120_000, False)
    assert seen.serves is not None
    assert seen.serves.result is Result.ON_TIME


def test_a_replay_gives_the_same_rows_and_the_same_bytes(patrol: Patrol) -> None:
    facts = [
        patrol.scan(patrol.first, 1),
        patrol.scan(patrol.second, 9, uid="04FFFFFF", is_dead=True),
        patrol.estate.stored(ClockFact("sync", to_ms(later(minutes=70)), 0, to_ms(later(minutes=10)), 0)),
        patrol.scan(patrol.first, 61, event=PatrolEvent.HELP, uid=""),
    ]
    patrol.project(*facts)
    first, judged = rows(patrol), msgspec.msgpack.encode(patrol.judged())
    for fact in facts:
        patrol.project(fact)
    assert rows(patrol) == first
    patrol.estate.write(projection.reset)
    assert rows(patrol) == []
    patrol.project(*facts, live=False)
    assert rows(patrol) == first
    assert msgspec.msgpack.encode(patrol.judged()) == judged


def test_nothing_is_judged_before_it_is_uploaded(patrol: Patrol) -> None:
    patrol.project(patrol.scan(patrol.first, 1))
    assert patrol.results() == ["ON_TIME", "PENDING", "PENDING", "PENDING"]
    assert not patrol.judged().visits[0].is_final
    patrol.uploaded(minutes=24)
    assert patrol.results() == ["ON_TIME", "PENDING", "PENDING", "PENDING"]
    patrol.uploaded(minutes=25)
    assert patrol.results() == ["ON_TIME", "MISSED", "PENDING", "PENDING"]
    patrol.uploaded(minutes=90)
    assert patrol.results() == ["ON_TIME", "MISSED", "MISSED", "MISSED"]
    assert patrol.results(now_min=30) == ["ON_TIME", "MISSED", "PENDING", "PENDING"], (
        "the future is not missed"
    )
    assert [made.state for made in patrol.judged().rounds] == [RoundState.INCOMPLETE, RoundState.EXPIRED]


def test_a_unit_that_was_never_there_is_pending_and_one_that_came_later_has_no_evidence(
    patrol: Patrol,
) -> None:
    def move(enrolled_at: Any) -> None:
        Enrolment.update(enrolled_at=enrolled_at).execute()

    patrol.estate.write(move, later(minutes=40))
    patrol.uploaded(minutes=90)
    assert patrol.results() == ["NO_EVIDENCE", "NO_EVIDENCE", "MISSED", "MISSED"]
    patrol.estate.write(lambda: Enrolment.delete().execute())
    assert patrol.results() == ["PENDING"] * 4


def test_a_carried_unit_is_asked_for_the_time_in_which_it_was_carried(patrol: Patrol) -> None:
    """Seen when: a second unit is entered at 12:40 and has brought nothing yet. Location cards of 12:00 are judged by the
    first; those of 13:00 wait for both, and for the first alone when the second was taken away before.

    Planted break: ``coverage_of`` without ``serves_ms``: all four wait.
    """

    estate = patrol.estate

    def carry(point: int, from_at: Any) -> int:
        place = {"site": estate.site, "organisation": estate.organisation}
        unit: int = CarriedUnit.create(name="棒", point=point, from_at=from_at, **place).id
        return unit

    def enter() -> int:
        Checkpoint.update(point=None, place_uid=b"\x04\x01\x02\x03").execute()
        carry(estate.entrance, LONG_AGO)
        return carry(estate.desk, later(minutes=40))

    second = patrol.estate.write(enter)
    patrol.uploaded(minutes=90)
    assert patrol.results() == ["MISSED", "MISSED", "PENDING", "PENDING"]

    def take_away() -> None:
        CarriedUnit.update(taken_at=later(minutes=44)).where(CarriedUnit.id == second).execute()

    patrol.estate.write(take_away)
    assert patrol.results() == ["MISSED"] * 4


def test_a_scan_whose_time_nobody_knows_leaves_no_visit_missed_where_it_may_belong(patrol: Patrol) -> None:
    """Seen when: a unit lost its clock twice between sure records of 12:30 and 13:20; its scan counts where the estimate
    puts it, is flagged, and what it may have served instead is not called missed.

    Planted break: ``unit_marks`` without ``uncertain``.
    """
    scan = replace(patrol.scan(patrol.first, 76, received=later(minutes=90)), is_estimated=True)
    patrol.project(scan)
    patrol.uploaded(minutes=100)

    def store() -> None:
        for seq, kind, minutes, is_estimated in (
            (scan.fact.seq - 1, FactKind.CLOCK, 30, False),
            (scan.fact.seq, FactKind.SCAN, 76, True),
            (scan.fact.seq + 1, FactKind.CLOCK, 80, False),
        ):
            at_ms = to_ms(later(minutes=minutes))
            StoredFact.create(
                enrolment=patrol.enrolment,
                seq=seq,
                kind=kind.value,
                boot=1,
                boottime_ms=0,
                wall_ms=at_ms,
                clock=0,
                body=b"",
                personal=b"",
                commitment=b"",
                hash=b"",
                received_ms=to_ms(later(minutes=90)),
                corrected_ms=at_ms,
                estimated=is_estimated,
            )

    assert patrol.results() == ["MISSED"] * 4
    patrol.estate.write(store)
    assert patrol.results() == ["MISSED", "MISSED", "NO_EVIDENCE", "NO_EVIDENCE"]
    assert patrol.judged().scans[0].flags == (Flag.TIME_UNCERTAIN,)


def test_a_round_that_was_over_before_its_plan_was_entered_is_nobodys(patrol: Patrol) -> None:
    """A new route may hold from today. Planted break: judge all rounds of the day."""
    patrol.uploaded(minutes=90)
    assert len(patrol.results()) == 4
    patrol.estate.write(lambda: RoutePlan.update(made_at=later(minutes=40)).execute())
    assert patrol.results() == ["MISSED", "MISSED"]


def test_what_a_dead_unit_took_with_it_is_no_evidence(patrol: Patrol) -> None:
    """Seen when: a device dies between two uploads; until it is replaced and after, what it may have held is never missed.

    Planted break: ``coverage_of`` without the lost spans.
    """
    patrol.project(patrol.scan(patrol.first, 1))
    patrol.uploaded(minutes=20)

    def die() -> None:
        Enrolment.update(closed_at=later(minutes=50)).execute()
        EvidenceGap.create(device=patrol.estate.gate_device, node_epoch=1, begins_at=later(minutes=20))

    patrol.estate.write(die)
    assert patrol.results() == ["ON_TIME", "NO_EVIDENCE", "NO_EVIDENCE", "NO_EVIDENCE"]

    def replace() -> None:
        EvidenceGap.update(ends_at=later(minutes=50)).execute()
        Enrolment.create(
            device=patrol.estate.gate_device,
            node_epoch=2,
            public_key=b"",
            salt=b"",
            head=b"",
            enrolled_at=later(minutes=50),
        )

    patrol.estate.write(replace)
    assert patrol.results() == ["ON_TIME", "NO_EVIDENCE", "PENDING", "PENDING"]
    patrol.estate.write(lambda: Enrolment.update(uploaded_through_ms=to_ms(later(hours=9))).execute())
    assert patrol.results() == ["ON_TIME", "NO_EVIDENCE", "NO_EVIDENCE", "MISSED"]


def test_time_that_an_operator_closed_is_missed_until_a_scan_proves_the_visit(patrol: Patrol) -> None:
    patrol.project(patrol.scan(patrol.first, 1))
    kept = patrol.scan(patrol.second, 11, received=later(hours=5))

    def force() -> None:
        ForcedMark.create(
            site=patrol.estate.site,
            organisation=patrol.estate.organisation,
            device=patrol.estate.gate_device,
            through_at=later(minutes=40),
            node_epoch=1,
            seq=kept.fact.seq - 1,
            reason="浸水",
            made_at=later(minutes=60),
            made_by="值班员",
        )

    patrol.estate.write(force)
    assert patrol.results() == ["ON_TIME", "MISSED", "PENDING", "PENDING"]
    told: list[tuple[int, int]] = []
    projection.late_proof_followers.append(lambda device, late: told.append((device.id, len(late))))
    try:
        patrol.project(kept)
        patrol.project(kept)
    finally:
        projection.late_proof_followers.pop()
    assert told == [(patrol.estate.gate_device, 1)], "once"
    assert patrol.results() == ["ON_TIME", "LATE_PROVED", "PENDING", "PENDING"]


def test_a_late_upload_can_be_thought_away(patrol: Patrol) -> None:
    patrol.project(patrol.scan(patrol.first, 1))
    patrol.uploaded(minutes=20)
    late = Without(patrol.estate.gate_device, to_ms(later(minutes=20)), to_ms(later(minutes=100)))
    patrol.project(patrol.scan(patrol.second, 11, received=later(minutes=99)))
    patrol.uploaded(minutes=100)
    assert patrol.results() == ["ON_TIME", "ON_TIME", "MISSED", "MISSED"]
    assert patrol.results(without=late) == ["ON_TIME", "PENDING", "PENDING", "PENDING"]


def test_a_relief_guard_counts_as_assigned(patrol: Patrol) -> None:
    other = "04E0E0E0"
    guard = patrol.estate.write(_second_guard, patrol, other)
    patrol.project(patrol.scan(patrol.first, 1, uid=other), patrol.scan(patrol.first, 61, uid=other))
    patrol.uploaded(minutes=100)
    assert patrol.results()[::2] == ["WRONG_GUARD", "WRONG_GUARD"]
    patrol.estate.write(_relieve, patrol, guard)
    assert patrol.results()[::2] == ["ON_TIME", "WRONG_GUARD"]
    patrol.estate.write(lambda: ReliefRow.update(withdrawn_at=later(hours=9)).execute())
    assert patrol.results()[::2] == ["WRONG_GUARD", "WRONG_GUARD"]


def _second_guard(patrol: Patrol, uid: str) -> int:
    estate = patrol.estate
    person = person_row(estate.site, estate.organisation, "0009", "王五")
    acts.issue(by(LONG_AGO), bytes.fromhex(uid), uid, person, Terms())
    number: int = Guard.create(site=estate.site, organisation=estate.organisation, person=person).id
    return number


def _relieve(patrol: Patrol, guard: int) -> None:
    ReliefRow.create(
        site=patrol.estate.site,
        organisation=patrol.estate.organisation,
        route=patrol.route,
        guard=guard,
        from_at=NOON,
        until_at=later(minutes=30),
        reason="病假",
        made_at=later(hours=8),
        made_by="值班员",
    )


def test_doubtful_scans_are_flagged_and_count(patrol: Patrol) -> None:
    patrol.estate.write(lambda: RoundLimits.create(site=patrol.estate.site, way_s=120, clock_s=60))
    clock = ClockFact("sync", to_ms(later(minutes=59)), 0, to_ms(later(minutes=10)), 0)
    patrol.project(
        patrol.scan(patrol.first, 1),
        patrol.scan(patrol.second, 2),
        patrol.estate.stored(clock),
        patrol.scan(patrol.first, 61, wall=later(minutes=65)),
    )
    assert [one.flags for one in patrol.judged().scans] == [
        (),
        (Flag.TOO_FAST,),
        (Flag.CLOCK_CHANGED, Flag.CLOCK_OFF),
    ]
    patrol.estate.write(lambda: WayTime.create(first=patrol.first, second=patrol.second, least_s=30))
    assert patrol.judged().scans[1].flags == ()
    patrol.project(patrol.scan(patrol.second, 70, is_dead=True))
    assert patrol.judged().scans[-1].flags == (Flag.DEAD_CARD,)


def test_purged_scans_stay_away_and_their_time_is_no_evidence(patrol: Patrol) -> None:
    there, late = patrol.scan(patrol.first, 1), patrol.scan(patrol.second, 11)
    patrol.project(there)
    patrol.uploaded(minutes=100)

    def purge() -> None:
        PatrolScan.delete().execute()
        PurgedSpan.create(
            site=patrol.estate.site,
            from_at=NOON - timedelta(hours=1),
            until_at=later(minutes=30),
            through={str(patrol.estate.gate_device): [1, there.fact.seq]},
            scans_count=1,
            reason="期满",
            made_at=later(hours=9),
            made_by="值班员",
        )

    patrol.estate.write(purge)
    patrol.project(there, late, live=False)
    assert [row["seq"] for row in rows(patrol)] == [late.fact.seq], "what came later is kept"
    assert patrol.results() == ["NO_EVIDENCE", "ON_TIME", "MISSED", "MISSED"]


def test_the_scans_of_an_erased_person_remain_one_guards(patrol: Patrol) -> None:
    scan = patrol.scan(patrol.first, 1)
    patrol.project(scan)
    patrol.estate.write(
        lambda: ErasedScan.create(
            device=patrol.estate.gate_device, node_epoch=1, seq=scan.fact.seq, person=patrol.estate.person
        )
    )
    patrol.project(replace(scan, fact=msgspec.structs.replace(scan.fact, personal=b"")), live=False)
    (row,) = rows(patrol)
    assert (row["key"], row["card"], row["person"]) == (None, None, patrol.estate.person)
    assert patrol.results()[0] == "ON_TIME"


def test_another_organisation_sees_neither_routes_nor_scans(patrol: Patrol) -> None:
    patrol.project(patrol.scan(patrol.first, 1))
    scope = Scope.of([Grant(patrol.estate.site, patrol.estate.other_organisation)])
    span = [to_ms(later(minutes=minutes)) for minutes in (-30, 120, 600)]
    found = patrol.estate.read(judging.judgement, scope, patrol.estate.site, *span)
    assert (found.visits, found.rounds, found.scans) == ((), (), ())
    assert (found.names.guards, found.names.checkpoints, found.names.devices) == ({}, {}, {})


def test_a_round_at_a_random_time_is_seen_when_it_begins_and_stays_as_it_was_drawn(patrol: Patrol) -> None:
    """Planted break: ``_visits`` without its look at ``drawn``."""
    times = AtRandom(EVERY_DAY, 12 * 60, 20 * 60, 60, 120, "5eed")
    patrol.estate.write(
        plan,
        Laid(patrol.first, patrol.second, patrol.guard, patrol.card, patrol.route),
        LONG_AGO,
        rounds=(Rounds(times, (patrol.guard,)),),
    )
    patrol.uploaded(600)
    starts = [start - 12 * 60 for start in starts_of(times, NOON.date().toordinal())]
    span = {"from_min": 0.0, "until_min": 480.0}
    for number, start in enumerate(starts):
        before = patrol.judged(now_min=start - 0.5, **span).visits
        assert len({one.visit.round.start_ms for one in before}) == number
    whole = patrol.judged(now_min=480, **span).visits
    seen = [one.visit.round.start_ms for one in whole if one.visit.stop == 0]
    assert seen == [to_ms(later(minutes=start)) for start in starts]


def test_a_long_span_asks_no_more_than_a_short_one(patrol: Patrol, caplog: pytest.LogCaptureFixture) -> None:
    """Planted break: the guard of each scan looked up by itself."""
    patrol.project(*(patrol.scan(patrol.first, 60 * number + 1) for number in range(30)))
    caplog.set_level(logging.DEBUG, logger="peewee")
    counts = []
    for until_min in (90, 60 * 24 * 30):
        caplog.clear()
        found = patrol.judged(until_min=until_min, now_min=60 * 24 * 40)
        counts.append(len(caplog.records))
        assert found.visits
    assert counts[0] == counts[1] <= 25
