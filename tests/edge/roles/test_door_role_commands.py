"""Remote opening, modes by hand and by schedule, storage that is slow or dead."""

from __future__ import annotations

import pytest

from edge.core.actions import Record, Release
from edge.core.feedback import Pattern
from edge.core.stimuli import (
    CommitLate,
    Committed,
    IntentId,
    ModeChanged,
    RemoteOpen,
    Started,
    StorageState,
    Tick,
)
from edge.core.stimuli import TestAsked as Asked
from protocol.decide import Trust
from protocol.door_rows import DoorRulesRow
from protocol.facts import (
    AccessFact,
    Alarm,
    CommandFact,
    CommandResult,
    DoorEvent,
    DoorFact,
    MemoryGrantsFact,
    Outcome,
)
from protocol.reasons import Reason
from protocol.records import DoorRow, Mode, Revisions, StoragePolicy, put
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.support.door_node import (
    BACK,
    FRONT,
    GOOD,
    LOST,
    OFFICE_HOURS,
    OUT,
    DoorNode,
    alarms,
    bodies,
    locked,
    make,
    outcomes,
    released,
    rows,
    signals,
)

HOUR_MS = 3_600_000
FROM_MEMORY = DoorRow("front", storage_policy=StoragePolicy.GRANT_FROM_MEMORY)


def results(actions: list[object]) -> list[CommandResult]:
    return [body.result for body in bodies(actions, CommandFact)]  # type: ignore[arg-type,attr-defined]


# -- remote opening ----------------------------------------------------------------------------------------------


def test_a_remote_opening_is_recorded_then_released(node: DoorNode) -> None:
    actions = node.send(RemoteOpen(500, FRONT))
    assert [type(action) for action in actions] == [Record]
    assert bodies(actions) == [CommandFact(500, FRONT, CommandResult.DONE, 5_000)]
    actions = node.commit()
    assert actions[0] == Release(1)
    assert outcomes(actions) == [(101, Outcome.RELEASED)]
    assert signals(actions) == [(1, Pattern.GRANTED), (2, Pattern.GRANTED)]


@pytest.mark.parametrize(
    ("asked_ms", "given_ms"), [(0, 5_000), (8_000, 8_000), (15_000, 15_000), (15_001, 15_000), (1, 1_000)]
)
def test_its_time_is_cut_to_the_doors_limit(node: DoorNode, asked_ms: int, given_ms: int) -> None:
    assert bodies(node.send(RemoteOpen(500, FRONT, asked_ms)), CommandFact)[0].release_ms == given_ms


def test_a_command_opens_once(node: DoorNode) -> None:
    node.send(RemoteOpen(500, FRONT))
    node.commit()
    again = node.send(RemoteOpen(500, FRONT))
    assert results(again) == [CommandResult.USED_NONCE]
    assert released(again) == []


def test_a_door_of_another_node_is_refused(node: DoorNode) -> None:
    assert results(node.send(RemoteOpen(500, 99))) == [CommandResult.WRONG_DOOR]


@pytest.mark.parametrize(("mode", "opens"), [(mode, mode is not Mode.LOCKED_DOWN) for mode in Mode])
def test_only_a_lockdown_refuses_a_remote_opening(mode: Mode, opens: bool) -> None:
    node = make(rows(DoorRow("front", mode=mode)))
    actions = node.send(RemoteOpen(500, FRONT))
    assert results(actions) == [CommandResult.DONE if opens else CommandResult.REFUSED_BY_MODE]
    assert bool(node.state.pending) is opens


@pytest.mark.parametrize("row", [DoorRow("front"), FROM_MEMORY])
def test_without_its_record_nothing_is_opened_remotely_whatever_the_policy(row: DoorRow) -> None:
    node = make(rows(row))
    node.send(RemoteOpen(500, FRONT))
    actions = node.fail_commit()
    assert released(actions) == []
    assert bodies(actions) == [CommandFact(500, FRONT, CommandResult.STORAGE_UNUSABLE)]
    node.send(StorageState(False))
    actions = node.send(RemoteOpen(501, FRONT))
    assert results(actions) == [CommandResult.STORAGE_UNUSABLE]
    assert released(actions) == []


def test_a_remote_opening_recorded_too_late_does_not_open(node: DoorNode) -> None:
    node.send(RemoteOpen(500, FRONT))
    node.send(CommitLate(IntentId(1)))
    actions = node.commit()
    assert released(actions) == []
    assert outcomes(actions) == [(101, Outcome.LATE_COMMIT)]


def test_a_tested_point_shows_itself(node: DoorNode) -> None:
    actions = node.send(Asked(600, OUT))
    assert signals(actions) == [(2, Pattern.IDENTIFY)]
    assert results(actions) == [CommandResult.DONE]
    assert [unit for unit, _ in signals(node.send(Asked(601)))] == [1, 2, 3]
    assert results(node.send(Asked(602, 999))) == [CommandResult.WRONG_DOOR]


# -- modes -------------------------------------------------------------------------------------------------------


def test_a_mode_by_hand_is_done_told_and_kept(node: DoorNode) -> None:
    actions = node.send(ModeChanged(700, FRONT, Mode.LOCKED_DOWN))
    assert Record(CommandFact(700, FRONT, CommandResult.DONE), keep=(("mode/7", b"\x04"),)) in actions, (
        "who reads that it is done finds it so after a power cut"
    )
    assert results(actions) == [CommandResult.DONE]
    assert bodies(actions, DoorFact) == [DoorFact(FRONT, DoorEvent.MODE_CHANGED, Mode.LOCKED_DOWN)]
    assert bodies(node.show(GOOD), AccessFact)[0].reason is Reason.LOCKED_DOWN


def test_a_lockdown_survives_a_restart() -> None:
    node = DoorNode(View().apply(rows(), Revisions(1, 1, 1, 0)))
    node.send(Started(kept={"mode/7": b"\x04", "other": b"x", "mode/9": b""}))
    assert node.state.doors[1].mode is Mode.LOCKED_DOWN
    assert node.state.doors[2].mode is Mode.NORMAL


def test_a_kept_mode_that_is_not_understood_is_the_strictest() -> None:
    node = DoorNode(View().apply(rows(), Revisions(1, 1, 1, 0)))
    node.send(Started(kept={"mode/7": b"\x63"}))
    assert node.state.doors[1].mode is Mode.LOCKED_DOWN


def test_giving_a_mode_back_returns_to_the_configured_one() -> None:
    node = make(rows(DoorRow("front", mode=Mode.LOCKED)))
    node.send(ModeChanged(700, FRONT, Mode.UNLOCKED))
    assert node.state.doors[1].lock_released
    actions = node.send(ModeChanged(701, FRONT, None))
    assert Record(CommandFact(701, FRONT, CommandResult.DONE), keep=(("mode/7", b""),)) in actions
    assert locked(actions) == [1]
    assert node.state.doors[1].mode is Mode.LOCKED


def test_a_door_is_unlocked_when_the_record_of_that_is_durable_and_never_before() -> None:
    """By hand, by its schedule, by another row, at a start (I8).

    Planted break that turns it red: ``put_in_force`` setting the mode at once.
    """
    unlocked = DoorRow("front", unlock_schedule=OFFICE_HOURS)
    for row, cause in (
        (DoorRow("front"), lambda node: node.send(ModeChanged(700, FRONT, Mode.UNLOCKED))),
        (DoorRow("front"), lambda node: node.change(put(FRONT, unlocked))),
        (DoorRow("front", mode=Mode.UNLOCKED), lambda node: node.send(Started())),
        (unlocked, lambda node: node.send(Started())),
        (unlocked, lambda node: node.send(Tick())),
    ):
        node = DoorNode(View().apply(rows(row), Revisions(1, 1, 1, 0)), stores_modes=False)
        asked = [*node.send(Started()), *cause(node)]
        assert released(asked) == []
        (record,) = [each for each in asked if isinstance(each, Record) and each.intent_id]
        by = OFFICE_HOURS if node.view.doors()[FRONT].unlock_schedule else 0
        assert record.body == DoorFact(FRONT, DoorEvent.MODE_CHANGED, Mode.UNLOCKED, by)
        assert released(node.send(Tick())) == [], "asked once"
        done = node.commit()
        assert released(done) == [1]
        assert bodies(done, DoorFact) == [DoorFact(FRONT, DoorEvent.UNLOCKED, Mode.UNLOCKED)]


@pytest.mark.parametrize("policy", StoragePolicy)
def test_where_the_unlocking_cannot_be_recorded_the_doors_policy_decides(policy: StoragePolicy) -> None:
    front = DoorRow("front", unlock_schedule=OFFICE_HOURS, storage_policy=policy)
    node = DoorNode(View().apply(rows(front), Revisions(1, 1, 1, 0)), stores_modes=False)
    node.send(Started())
    by_memory = policy is StoragePolicy.GRANT_FROM_MEMORY
    assert released(node.fail_commit()) == [1] * by_memory
    node.send(StorageState(False))
    node.send(Tick())
    assert node.state.doors[1].lock_released is by_memory
    node.send(StorageState(True))
    node.stores_modes = True
    node.send(Tick())
    assert node.state.doors[1].lock_released


def test_what_was_forbidden_while_its_record_was_on_the_way_stays_locked() -> None:
    node = DoorNode(View().apply(rows(), Revisions(1, 1, 1, 0)), stores_modes=False)
    node.send(Started())
    node.send(ModeChanged(700, FRONT, Mode.UNLOCKED))
    node.send(ModeChanged(701, FRONT, Mode.LOCKED_DOWN))
    done = node.commit()
    assert released(done) == []
    assert bodies(done, DoorFact) == [DoorFact(FRONT, DoorEvent.MODE_CHANGED, Mode.LOCKED_DOWN)]


def test_a_door_of_an_interlock_is_not_held_open() -> None:
    """Planted break that turns it red: ``_mode_of`` without the interlock."""
    node = make([*rows(), put(FRONT, DoorRulesRow(interlock=3)), put(BACK, DoorRulesRow(interlock=3))])
    assert results(node.send(ModeChanged(700, FRONT, Mode.UNLOCKED))) == [CommandResult.REFUSED_BY_INTERLOCK]
    node.change(put(BACK, DoorRow("back", mode=Mode.UNLOCKED)))
    assert not any(each.lock_released for each in node.state.doors.values())


def test_a_mode_for_another_nodes_door_is_refused(node: DoorNode) -> None:
    assert results(node.send(ModeChanged(700, 99, Mode.UNLOCKED))) == [CommandResult.WRONG_DOOR]


def test_the_unlock_schedule_holds_from_its_start_until_before_its_end() -> None:
    node = make(rows(DoorRow("front", unlock_schedule=OFFICE_HOURS)))
    assert node.state.doors[1].lock_released
    node._move(node.mono_ms + 6 * HOUR_MS - 1)
    assert node.send(Tick()) == []
    node._move(node.mono_ms + 1)
    assert locked(node.send(Tick())) == [1]  # 18:00
    node._move(node.mono_ms + 14 * HOUR_MS - 1)
    assert released(node.send(Tick())) == []
    node._move(node.mono_ms + 1)
    assert released(node.send(Tick())) == [1]  # 08:00 the next day


@pytest.mark.parametrize("mode", [Mode.LOCKED, Mode.BLOCKED, Mode.LOCKED_DOWN])
def test_the_unlock_schedule_yields_to_every_stricter_mode(mode: Mode) -> None:
    node = make(rows(DoorRow("front", mode=mode, unlock_schedule=OFFICE_HOURS)))
    assert not node.state.doors[1].lock_released


@pytest.mark.parametrize(("schedule", "unlocked"), [(OFFICE_HOURS, False), (ALWAYS, True)])
def test_on_a_clock_that_is_not_trusted_a_scheduled_unlock_stays_locked(
    schedule: int, unlocked: bool
) -> None:
    node = make(rows(DoorRow("front", unlock_schedule=schedule)))
    node.trust(Trust.FLOOR_ONLY)
    node.send(Tick())
    assert node.state.doors[1].lock_released is unlocked


def test_a_locked_door_still_opens_for_cards_and_a_blocked_one_does_not() -> None:
    assert released(make(rows(DoorRow("front", mode=Mode.LOCKED))).swipe(GOOD)) == [1]
    assert released(make(rows(DoorRow("front", mode=Mode.BLOCKED))).swipe(GOOD)) == []


# -- storage -----------------------------------------------------------------------------------------------------


def test_a_failed_commit_denies_at_a_secure_door(node: DoorNode) -> None:
    node.show(GOOD)
    actions = node.fail_commit()
    assert released(actions) == []
    assert signals(actions) == [(1, Pattern.STORAGE_FAULT)]
    (fact,) = bodies(actions, AccessFact)
    assert (fact.reason, fact.release_ms) == (Reason.STORAGE_UNUSABLE, 0)


def test_a_failed_commit_grants_from_memory_where_the_door_says_so() -> None:
    node = make(rows(FROM_MEMORY))
    node.show(GOOD)
    actions = node.fail_commit()
    assert released(actions) == [1]
    assert signals(actions) == [(1, Pattern.PROVISIONAL)]
    assert bodies(actions, AccessFact)[0].reason is Reason.GRANTED_FROM_MEMORY


def test_a_late_commit_denies_and_stands(node: DoorNode) -> None:
    node.show(GOOD)
    late = node.send(CommitLate(IntentId(1)))
    assert signals(late) == [(1, Pattern.STORAGE_FAULT)]
    assert bodies(late) == []
    actions = node.commit()
    assert released(actions) == []
    assert outcomes(actions) == [(101, Outcome.LATE_COMMIT)]


def test_a_late_commit_grants_from_memory_once() -> None:
    node = make(rows(FROM_MEMORY))
    node.show(GOOD)
    assert released(node.send(CommitLate(IntentId(1)))) == [1]
    assert node.send(CommitLate(IntentId(1))) == []
    actions = node.commit()
    assert released(actions) == []
    assert outcomes(actions) == [(101, Outcome.RELEASED_FROM_MEMORY)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [(DoorRow("front"), Reason.STORAGE_UNUSABLE), (FROM_MEMORY, Reason.GRANTED_FROM_MEMORY)],
)
def test_a_late_commit_that_then_fails_leaves_what_the_policy_did(row: DoorRow, reason: Reason) -> None:
    node = make(rows(row))
    node.show(GOOD)
    node.send(CommitLate(IntentId(1)))
    actions = node.send(Committed(IntentId(1), False))
    assert released(actions) == []
    assert [fact.reason for fact in bodies(actions, AccessFact)] == [reason]


def test_known_dead_storage_answers_at_once_without_an_intent() -> None:
    node = make(rows(FROM_MEMORY))
    assert alarms(node.send(StorageState(False, "disk"))) == [(Alarm.STORAGE_UNUSABLE, True, 0)]
    actions = node.show(GOOD)
    assert released(actions) == [1]
    assert not any(isinstance(action, Record) and action.intent_id for action in actions)


def test_the_centre_learns_how_often_a_door_was_opened_from_memory() -> None:
    node = make(rows(FROM_MEMORY))
    node.send(StorageState(False))
    for reader in (1, 2):
        node.show(GOOD, reader=reader)
    actions = node.send(StorageState(True))
    assert bodies(actions, MemoryGrantsFact) == [MemoryGrantsFact(FRONT, 2)]
    assert alarms(actions) == [(Alarm.STORAGE_UNUSABLE, False, 0)]
    node.send(StorageState(False))
    assert bodies(node.send(StorageState(True)), MemoryGrantsFact) == []


def test_dead_storage_lets_no_lost_card_in() -> None:
    node = make(rows(FROM_MEMORY))
    node.send(StorageState(False))
    assert released(node.show(LOST)) == []


def test_a_lockdown_outlives_dead_storage() -> None:
    node = make(rows(FROM_MEMORY))
    node.show(GOOD)
    node.change(
        put(FRONT, DoorRow("front", mode=Mode.LOCKED_DOWN, storage_policy=StoragePolicy.GRANT_FROM_MEMORY))
    )
    assert released(node.fail_commit()) == []
