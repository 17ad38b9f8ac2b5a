"""Facts become events, alarms and door states; a replay gives the same rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from central.access.command_rules import CommandState
from central.access.door_lines import door_lines
from central.access.model import AccessEvent, AlarmState, DoorCommand, DoorState
from central.access.projection import Stored, apply, reset
from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card, CardUse, Showing
from central.people.model import Person
from central.sites.scope import HEAD_OFFICE
from protocol.facts import (
    AccessFact,
    Alarm,
    AlarmFact,
    Body,
    BootFact,
    CommandFact,
    CommandResult,
    Content,
    DoorEvent,
    DoorFact,
    ExitFact,
    InspectionFact,
    Outcome,
    OutcomeFact,
    ScanFact,
    ScanResult,
    WriteFact,
    WriteResult,
)
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Mode, Revisions
from tests.support.estate import NOON, Estate, by, later

UID = "04A1B2C3"
BOOT = BootFact("boot", "1.0", 0, False)


def issue(estate: Estate, person: int, uid: str = UID, at_minutes: int = -60) -> int:
    def act() -> int:
        holder = Person.get_by_id(person)
        return acts.issue(by(later(minutes=at_minutes)), bytes.fromhex(uid), uid, holder, Terms()).card.id

    return estate.write(act)


def rows(estate: Estate, model: Any) -> list[dict[str, Any]]:
    """Every row without its id, in a fixed order."""

    def read() -> list[dict[str, Any]]:
        found = [dict(row) for row in model.select().dicts()]
        for row in found:
            row.pop("id", None)
        return sorted(found, key=repr)

    return estate.read(read)


def all_rows(estate: Estate) -> dict[str, list[dict[str, Any]]]:
    return {
        model.__name__: rows(estate, model)
        for model in (AccessEvent, AlarmState, DoorState, Showing, CardUse)
    }


def replay(estate: Estate, facts: list[Stored]) -> None:
    def again() -> None:
        reset()
        apply(estate.gate_device, facts, live=False)

    estate.write(again)


def test_a_granted_card_is_an_event_of_its_holder(estate: Estate) -> None:
    card = issue(estate, estate.person)
    shown = estate.shown(UID, Reason.GRANTED, release_ms=5_000)
    estate.project(shown, estate.stored(OutcomeFact(shown.fact.seq, Outcome.RELEASED)))
    (event,) = rows(estate, AccessEvent)
    assert (event["card"], event["person"], event["department"]) == (card, estate.person, "工程部")
    assert (event["door"], event["point"], event["leaving"]) == (estate.gate, estate.entrance, False)
    assert (event["granted"], event["outcome"], event["at"]) == (True, Outcome.RELEASED, NOON)
    assert (event["config_epoch"], event["restrictions_revision"], event["access_revision"]) == (1, 3, 5)


def test_an_outcome_that_comes_in_a_later_batch_finds_its_event(estate: Estate) -> None:
    shown = estate.shown(UID, Reason.GRANTED)
    estate.project(shown)
    assert rows(estate, AccessEvent)[0]["outcome"] is None
    estate.project(estate.stored(OutcomeFact(shown.fact.seq, Outcome.UNKNOWN)))
    assert rows(estate, AccessEvent)[0]["outcome"] == Outcome.UNKNOWN


def test_the_event_belongs_to_the_holders_organisation_else_to_the_doors(estate: Estate) -> None:
    issue(estate, estate.stranger)
    estate.project(estate.shown(UID, Reason.GRANTED), estate.shown("04FFFFFF"))
    known, unknown = sorted(rows(estate, AccessEvent), key=lambda row: row["seq"])
    assert known["organisation"] == estate.other_organisation
    assert unknown["organisation"] == estate.organisation
    assert unknown["person"] is None


def test_an_old_event_keeps_its_holder_when_the_card_is_issued_again(estate: Estate) -> None:
    card = issue(estate, estate.person)
    estate.show_at_desk(UID)

    def hand_on() -> None:
        found = Card.get_by_id(card)
        acts.take_back(by(NOON), found)
        acts.restock(by(NOON), found)
        holder = Person.get_by_id(estate.stranger)
        acts.issue(by(later(minutes=30)), bytes.fromhex(UID), "", holder, Terms())

    estate.write(hand_on)
    times = {-30: estate.person, 10: None, 40: estate.stranger}
    estate.project(*(estate.shown(UID, at=later(minutes=minutes)) for minutes in times))
    found = {
        row["at"]: row["person"] for row in rows(estate, AccessEvent) if row["device"] == estate.gate_device
    }
    assert found == {later(minutes=minutes): person for minutes, person in times.items()}


def test_a_card_issued_after_the_event_does_not_own_it(estate: Estate) -> None:
    issue(estate, estate.person, at_minutes=5)
    estate.project(estate.shown(UID))
    (event,) = rows(estate, AccessEvent)
    assert (event["card"], event["person"]) == (None, None)


def test_a_reader_that_is_not_registered_loses_no_event(estate: Estate) -> None:
    estate.project(estate.shown(UID, point=999))
    (event,) = rows(estate, AccessEvent)
    assert (event["point"], event["door"], event["site"]) == (None, None, estate.site)


def test_a_card_on_the_desk_is_seen_but_is_no_door_event(estate: Estate) -> None:
    estate.show_at_desk(UID)
    assert rows(estate, AccessEvent) == []
    assert rows(estate, Showing)[0]["point"] == estate.desk


def test_the_exit_button_is_an_event_without_a_person(estate: Estate) -> None:
    estate.project(estate.stored(ExitFact(1, 5_000)))
    (event,) = rows(estate, AccessEvent)
    assert (event["source"], event["door"], event["leaving"]) == ("exit_button", estate.gate, True)
    assert (event["reason"], event["granted"]) == (Reason.EXIT_BUTTON, True)


def test_where_a_card_was_shown_last_is_kept_whatever_the_order_of_arrival(estate: Estate) -> None:
    estate.project(estate.shown(UID, at=later(minutes=5)), estate.shown(UID, at=later(minutes=1)))
    estate.project(estate.shown(UID, at=later(minutes=2)))
    (showing,) = rows(estate, Showing)
    assert (showing["shown_at"], showing["point"]) == (later(minutes=5), estate.entrance)


# -- doors ----------------------------------------------------------------------------------------------------------


def door_state(estate: Estate) -> tuple[str, int | None]:
    (state,) = rows(estate, DoorState)
    return state["contact"], state["mode"]


def test_contact_and_rule_of_a_door_are_what_facts_say(estate: Estate) -> None:
    estate.project(
        estate.stored(DoorFact(1, DoorEvent.LOCKED)),
        estate.stored(DoorFact(1, DoorEvent.CLOSED)),
    )
    assert door_state(estate) == ("closed", Mode.NORMAL)
    estate.project(
        estate.stored(DoorFact(1, DoorEvent.UNLOCKED)), estate.stored(DoorFact(1, DoorEvent.OPENED))
    )
    assert door_state(estate) == ("open", Mode.NORMAL)
    estate.project(estate.stored(DoorFact(1, DoorEvent.MODE_CHANGED, Mode.LOCKED_DOWN)))
    assert door_state(estate) == ("open", Mode.LOCKED_DOWN)


def test_the_rule_of_a_door_is_told_with_the_schedule_by_which_it_is(estate: Estate) -> None:
    """Planted break that turns it red: ``projection.doors.door`` without the schedule, or forgetting it with the next fact."""

    def told() -> tuple[str, str]:
        (line,) = [one for one in estate.read(door_lines, HEAD_OFFICE) if one.id == estate.gate]
        return line.rule, line.rule_schedule

    for schedule, name in ((estate.office_hours, "办公时间"), (0, "")):
        estate.project(
            estate.stored(DoorFact(1, DoorEvent.MODE_CHANGED, Mode.BLOCKED, schedule)),
            estate.stored(DoorFact(1, DoorEvent.OPENED, Mode.BLOCKED)),
        )
        assert told() == ("blocked", name)


def test_an_older_fact_does_not_turn_the_door_back(estate: Estate) -> None:
    opened = estate.stored(DoorFact(1, DoorEvent.OPENED))
    estate.project(opened, estate.stored(DoorFact(1, DoorEvent.CLOSED)))
    estate.project(replace(opened, at=later(minutes=3)))
    assert door_state(estate)[0] == "closed"


def test_a_forced_door_shows_it_at_its_contact_until_it_is_over(estate: Estate) -> None:
    estate.project(
        estate.stored(DoorFact(1, DoorEvent.OPENED)), estate.stored(AlarmFact(Alarm.FORCED_OPEN, True, 1))
    )
    assert door_state(estate)[0] == "forced"
    estate.project(estate.stored(AlarmFact(Alarm.FORCED_OPEN, False, 1)))
    assert door_state(estate)[0] == "open"


def test_the_end_of_an_alarm_does_not_open_a_closed_door(estate: Estate) -> None:
    estate.project(
        estate.stored(AlarmFact(Alarm.HELD_OPEN, True, 1)),
        estate.stored(DoorFact(1, DoorEvent.CLOSED)),
        estate.stored(AlarmFact(Alarm.HELD_OPEN, False, 1)),
    )
    assert door_state(estate)[0] == "closed"


# -- alarms ---------------------------------------------------------------------------------------------------------


def alarms(estate: Estate) -> list[tuple[str, Any]]:
    return estate.read(
        lambda: [
            (a.kind, a.cleared_at)
            for a in AlarmState.select().order_by(AlarmState.node_epoch, AlarmState.seq)
        ]
    )


def test_an_alarm_is_one_row_from_its_raising_to_its_end(estate: Estate) -> None:
    estate.project(
        estate.stored(AlarmFact(Alarm.READER_FAULT, True, estate.entrance)),
        estate.stored(AlarmFact(Alarm.READER_FAULT, True, estate.entrance), at=later(minutes=1)),
    )
    assert alarms(estate) == [("reader_fault", None)]
    estate.project(estate.stored(AlarmFact(Alarm.READER_FAULT, False, estate.entrance), at=later(minutes=2)))
    assert alarms(estate) == [("reader_fault", later(minutes=2))]
    estate.project(estate.stored(AlarmFact(Alarm.READER_FAULT, True, estate.entrance), at=later(minutes=3)))
    assert [kind for kind, cleared in alarms(estate) if cleared is None] == ["reader_fault"]


def test_a_restart_ends_what_is_not_raised_again(estate: Estate) -> None:
    estate.project(
        estate.stored(AlarmFact(Alarm.TAMPER, True)),
        estate.stored(AlarmFact(Alarm.FIRE, True)),
        estate.stored(BOOT, at=later(minutes=1)),
        estate.stored(AlarmFact(Alarm.FIRE, True), at=later(minutes=1)),
    )
    assert alarms(estate) == [("tamper", later(minutes=1)), ("fire", later(minutes=1)), ("fire", None)]


def test_a_replaced_device_does_not_keep_the_alarms_of_the_old_one(estate: Estate) -> None:
    estate.project(estate.stored(AlarmFact(Alarm.STORAGE_UNUSABLE, True)))
    boot = replace(estate.stored(BOOT, epoch=2), fact=estate.stored(BOOT).fact)
    estate.project(boot)
    assert [cleared is None for _, cleared in alarms(estate)] == [False]


def test_a_dead_card_shown_anywhere_raises_an_alarm_with_its_holder(estate: Estate) -> None:
    card = issue(estate, estate.person)
    estate.project(estate.shown(UID, Reason.CARD_LOST))
    (alarm,) = rows(estate, AlarmState)
    assert (alarm["kind"], alarm["card"], alarm["person"]) == ("dead_card_used", card, estate.person)
    assert (alarm["door"], alarm["where"], alarm["raised_at"]) == (estate.gate, estate.entrance, NOON)


@pytest.mark.parametrize(("seconds", "count"), [(59.999, 1), (60, 2)])
def test_the_same_dead_card_within_a_minute_is_one_alarm(estate: Estate, seconds: float, count: int) -> None:
    estate.project(
        estate.shown(UID, Reason.CARD_LOST), estate.shown(UID, Reason.CARD_LOST, at=later(seconds=seconds))
    )
    assert len(alarms(estate)) == count


@pytest.mark.parametrize(
    "reason", [Reason.CARD_RETURNED, Reason.CARD_SUSPENDED, Reason.EXPIRED, Reason.UNKNOWN_CARD]
)
def test_other_refusals_are_no_alarm(estate: Estate, reason: Reason) -> None:
    estate.project(estate.shown(UID, reason))
    assert alarms(estate) == []


# -- commands -------------------------------------------------------------------------------------------------------


def command(estate: Estate, kind: str = "open") -> int:
    return estate.write(
        lambda: (
            DoorCommand.create(
                site=estate.site,
                organisation=estate.organisation,
                device=estate.gate_device,
                door=estate.gate,
                kind=kind,
                operator_id=1,
                operator_name="值班员",
                reason="送货",
                created_at=NOON,
                state=CommandState.SENT.value,
            ).id
        )
    )


def state_of(estate: Estate, command_id: int) -> CommandState:
    return CommandState(estate.read(DoorCommand.get_by_id, command_id).state)


def test_a_remote_open_is_accepted_then_confirmed_and_stands_among_the_events(estate: Estate) -> None:
    number = command(estate)
    accepted = estate.stored(CommandFact(number, 1, CommandResult.DONE, 5_000))
    estate.project(accepted)
    assert state_of(estate, number) is CommandState.ACCEPTED
    estate.project(estate.stored(OutcomeFact(accepted.fact.seq, Outcome.RELEASED)))
    assert state_of(estate, number) is CommandState.CONFIRMED
    (event,) = rows(estate, AccessEvent)
    assert (event["source"], event["reason"], event["command_id"]) == ("remote", Reason.REMOTE_OPEN, number)
    assert (event["door"], event["outcome"]) == (estate.gate, Outcome.RELEASED)


def test_a_refused_command_failed_with_its_result_and_is_no_event(estate: Estate) -> None:
    number = command(estate)
    estate.project(estate.stored(CommandFact(number, 1, CommandResult.TOO_OLD)))
    assert state_of(estate, number) is CommandState.FAILED
    assert estate.read(DoorCommand.get_by_id, number).result == CommandResult.TOO_OLD
    assert rows(estate, AccessEvent) == []


def test_a_mode_by_hand_is_confirmed_by_the_device(estate: Estate) -> None:
    number = command(estate, "set_mode")
    estate.project(estate.stored(CommandFact(number, 1, CommandResult.DONE)))
    assert state_of(estate, number) is CommandState.CONFIRMED


def test_another_device_cannot_answer_for_this_one(estate: Estate) -> None:
    number = command(estate)
    answer = estate.stored(CommandFact(number, 1, CommandResult.DONE, 5_000), device=estate.desk_device)
    estate.project(answer, device=estate.desk_device)
    assert state_of(estate, number) is CommandState.SENT


# -- once, and again ------------------------------------------------------------------------------------------------


def history(estate: Estate) -> list[Stored]:
    issue(estate, estate.person)
    first = estate.shown(UID, Reason.GRANTED)
    counted = AccessFact(estate.entrance, Reason.GRANTED, Revisions(1, 3, 5, 0), use_no=1, use_issue=1)
    return [
        estate.stored(BOOT),
        first,
        estate.stored(OutcomeFact(first.fact.seq, Outcome.RELEASED)),
        estate.stored(DoorFact(1, DoorEvent.UNLOCKED)),
        estate.stored(DoorFact(1, DoorEvent.OPENED), at=later(seconds=2)),
        estate.stored(AlarmFact(Alarm.HELD_OPEN, True, 1), at=later(seconds=32)),
        estate.stored(AlarmFact(Alarm.READER_FAULT, True, estate.exit), at=later(seconds=33)),
        estate.stored(AlarmFact(Alarm.HELD_OPEN, False, 1), at=later(seconds=40)),
        estate.shown(UID, Reason.CARD_LOST, at=later(seconds=50)),
        estate.shown("04FFFFFF", at=later(seconds=51)),
        estate.stored(ExitFact(1, 5_000), at=later(seconds=55)),
        estate.stored(BOOT, at=later(seconds=90)),
        estate.stored(AlarmFact(Alarm.READER_FAULT, True, estate.exit), at=later(seconds=91)),
        estate.stored(AlarmFact(Alarm.HELD_OPEN, True, 1), at=later(seconds=95)),
        estate.stored(counted, at=later(seconds=96), personal=uid_key(bytes.fromhex(UID))),
    ]


@pytest.mark.parametrize("cut", range(0, 15, 2))
def test_batches_of_any_size_and_a_replay_give_the_same_rows(estate: Estate, cut: int) -> None:
    facts = history(estate)
    estate.project(*facts[:cut])
    estate.project(*facts[cut:])
    once = all_rows(estate)
    assert all(once.values())
    replay(estate, facts)
    assert all_rows(estate) == once


def test_applying_facts_again_changes_nothing(estate: Estate) -> None:
    facts = history(estate)
    estate.project(*facts)
    once = all_rows(estate)
    for fact in facts:
        estate.project(fact)
    estate.project(*facts)
    assert all_rows(estate) == once


def test_a_corrected_time_gives_the_rows_that_a_replay_gives(estate: Estate) -> None:
    facts = history(estate)
    estate.project(*facts)
    corrected = [replace(fact, at=fact.at + timedelta(days=1)) for fact in facts]
    estate.project(*corrected)
    once = all_rows(estate)
    replay(estate, corrected)
    assert all_rows(estate) == once


@pytest.mark.parametrize(
    ("minutes", "reason", "count"),
    [
        (-1, Reason.GRANTED, 0),
        (0, Reason.GRANTED, 1),
        (9, Reason.NOT_CONFIGURED, 1),
        (10, Reason.GRANTED, 0),
    ],
)
def test_a_lost_card_is_told_of_where_the_device_did_not_know_it_yet(
    estate: Estate, minutes: float, reason: Reason, count: int
) -> None:
    """From the report on, until it was lifted; found again by a rebuild long after. Planted break: ask ``DEAD_CARD`` only."""
    card = issue(estate, estate.person)

    def life() -> None:
        acts.report_lost(by(), Card.get_by_id(card), reporter="the holder")
        acts.lift(by(later(minutes=10)), Card.get_by_id(card), identity_checked=True, reason="found")

    estate.write(life)
    shown = estate.shown(UID, reason, at=later(minutes=minutes))
    for _ in range(2):
        estate.project(shown)
        found = [row["kind"] for row in rows(estate, AlarmState)]
        assert found == ["dead_card_used"] * count
        estate.write(reset)


def test_a_card_that_was_replaced_is_dead_for_ever(estate: Estate) -> None:
    card = issue(estate, estate.person)

    def replace_it() -> None:
        acts.report_lost(by(), Card.get_by_id(card))
        acts.replace(by(later(minutes=1)), Card.get_by_id(card), b"\x05" * 7, "00000099")

    estate.write(replace_it)
    estate.project(estate.shown(UID, Reason.GRANTED, at=later(days=400)))
    assert [row["kind"] for row in rows(estate, AlarmState)] == ["dead_card_used"]


@pytest.mark.parametrize(
    "body", [InspectionFact(3, 0, Content.UNREAD, 0, copy=True), WriteFact(5, 3, WriteResult.COPY)]
)
def test_a_copy_laid_on_an_issuer_raises_an_alarm(estate: Estate, body: Body) -> None:
    """Planted break: leave ``of_copy`` out of either case."""
    card = issue(estate, estate.person)
    stored = estate.stored(body, device=estate.desk_device, personal=uid_key(bytes.fromhex(UID)))
    estate.project(stored, device=estate.desk_device)
    (alarm,) = rows(estate, AlarmState)
    assert (alarm["kind"], alarm["card"], alarm["where"]) == ("clone_suspected", card, 3)


@pytest.mark.parametrize(
    ("is_dead", "is_copy", "kinds"),
    [
        (True, False, ["dead_card_used"]),
        (False, True, ["clone_suspected"]),
        (False, False, []),
    ],
)
def test_a_dead_or_copied_card_at_a_patrol_point_raises_an_alarm(
    estate: Estate, is_dead: bool, is_copy: bool, kinds: list[str]
) -> None:
    """Planted break: leave scans out of ``_apply_one``."""
    card = issue(estate, estate.person)
    body = ScanFact(estate.desk, 1, ScanResult.NOT_A_GUARD, Revisions(), is_dead=is_dead, is_copy=is_copy)
    stored = estate.stored(body, device=estate.desk_device, personal=uid_key(bytes.fromhex(UID)))
    estate.project(stored, device=estate.desk_device)
    found = rows(estate, AlarmState)
    assert [(alarm["kind"], alarm["card"], alarm["where"]) for alarm in found] == [
        (kind, card, estate.desk) for kind in kinds
    ]


def test_a_dead_guards_card_at_a_door_that_is_a_checkpoint_is_one_alarm(estate: Estate) -> None:
    """Planted break: let ``of_scan`` write past ``_of_card``."""
    issue(estate, estate.person)
    body = ScanFact(estate.entrance, 1, ScanResult.NOT_A_GUARD, Revisions(), is_dead=True)
    estate.project(
        estate.shown(UID, Reason.CARD_LOST),
        estate.stored(body, personal=uid_key(bytes.fromhex(UID))),
    )
    assert [alarm["kind"] for alarm in rows(estate, AlarmState)] == ["dead_card_used"]


def test_a_call_for_help_is_an_alarm_at_its_point_until_somebody_acknowledges(estate: Estate) -> None:
    estate.project(estate.stored(AlarmFact(Alarm.HELP_WANTED, True, estate.entrance)))
    (alarm,) = rows(estate, AlarmState)
    assert (alarm["kind"], alarm["where"], alarm["door"]) == ("help_wanted", estate.entrance, estate.gate)
