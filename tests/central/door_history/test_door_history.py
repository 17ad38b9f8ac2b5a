"""The history of a door: every source in one order of time, page by page, each on its index, nobody sees too much."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import peewee
import pytest

from central.access.command_rules import CommandState
from central.access.model import Door, DoorCommand, DoorNote
from central.access.projection import apply, reset
from central.audit import AuditEntry, commit_to
from central.cards import acts
from central.cards.acts import Terms
from central.door_history.lines import HistoryLine
from central.door_history.pages import table_of
from central.door_history.sources import sources_of
from central.door_history.subject import AUDIT_RIGHT, REPAIRS_RIGHT, subject_of
from central.people.model import Person
from central.repairs.model import LogEntry, Ticket
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from central.sync.model import Enrolment, EvidenceGap
from central.updates.model import Release, Rollout, RolloutDevice
from central.web.cursors import cursor_of, encode_cursor
from protocol.facts import (
    Alarm,
    AlarmFact,
    BootFact,
    ClockFact,
    CommandFact,
    CommandResult,
    DoorEvent,
    DoorFact,
    ExitFact,
    MemoryGrantsFact,
)
from protocol.reasons import Reason
from protocol.records import Mode
from tests.support.estate import NOON, NOON_MS, Estate, by, later

UID = "04A1B2C3"
EVERYTHING = frozenset({AUDIT_RIGHT, REPAIRS_RIGHT})


def lived(estate: Estate) -> list[Any]:
    """A day of the gate with something of each kind, some of it at the same instant; its facts."""

    def issue() -> None:
        holder = Person.get_by_id(estate.person)
        acts.issue(by(later(hours=-1)), bytes.fromhex(UID), UID, holder, Terms())

    estate.write(issue)
    command = estate.write(_command, estate, "set_mode", later(minutes=3))
    facts = [
        estate.stored(BootFact("boot", "1.0", 0, True), at=later(minutes=0)),
        estate.stored(ClockFact("centre", NOON_MS + 5_000, 1, NOON_MS, 20), at=later(minutes=0)),
        estate.stored(ClockFact("centre", NOON_MS + 5, 1, NOON_MS, 20), at=later(minutes=1)),
        estate.shown(UID, Reason.GRANTED, at=later(minutes=2)),
        estate.shown("04FFFFFF", Reason.UNKNOWN_CARD, at=later(minutes=2)),
        estate.stored(ExitFact(1, 5_000), at=later(minutes=2)),
        estate.stored(CommandFact(command, 1, CommandResult.DONE), at=later(minutes=3)),
        estate.stored(DoorFact(1, DoorEvent.MODE_CHANGED, Mode.UNLOCKED), at=later(minutes=3)),
        estate.stored(DoorFact(1, DoorEvent.OPENED, Mode.UNLOCKED), at=later(minutes=3)),
        estate.stored(AlarmFact(Alarm.FORCED_OPEN, True, 1), at=later(minutes=4)),
        estate.stored(AlarmFact(Alarm.TAMPER, True, 0), at=later(minutes=4)),
        estate.stored(AlarmFact(Alarm.FORCED_OPEN, False, 1), at=later(minutes=5)),
        estate.stored(MemoryGrantsFact(1, 2), at=later(minutes=6)),
        estate.stored(
            DoorFact(1, DoorEvent.MODE_CHANGED, Mode.BLOCKED, estate.office_hours), at=later(minutes=7)
        ),
    ]
    estate.project(*facts)
    estate.write(_offices, estate)
    return facts


def _command(estate: Estate, kind: str, at: Any, state: str = CommandState.SENT.value) -> int:
    made = DoorCommand.create(
        site=estate.site,
        organisation=estate.organisation,
        device=estate.gate_device,
        door=estate.gate,
        kind=kind,
        mode=int(Mode.UNLOCKED),
        operator_name="0001 林",
        reason="搬家具",
        created_at=at,
        state=state,
    )
    return int(made.id)


def _offices(estate: Estate) -> None:
    """What stands in other tables: the office's acts, the device's installations, faults."""
    place = {"site": estate.site, "organisation": estate.organisation}
    _command(estate, "open", later(minutes=8), CommandState.FAILED.value)
    detail = {
        "actor": "0001 林",
        "address": "",
        "before": {"label": "门"},
        "after": {"label": "东门"},
        "reason": "",
    }
    for seq, (kind, number) in enumerate(
        (("door", estate.gate), ("reader", estate.exit), ("door", 999)), start=1
    ):
        AuditEntry.insert(
            seq=seq,
            at=later(minutes=9),
            actor_kind="operator",
            action=f"access.{kind}_change",
            object_kind=kind,
            object_id=str(number),
            site_id=estate.site,
            organisation_id=estate.organisation,
            detail=detail,
            salt=b"s",
            detail_hash=commit_to(detail, b"s"),
            hash=b"h",
        ).execute()
    for epoch, minutes in ((1, -60), (2, 10)):
        Enrolment.create(
            device=estate.gate_device,
            node_epoch=epoch,
            public_key=b"",
            salt=b"",
            board_serial="abc",
            enrolled_at=later(minutes=minutes),
            head=b"",
        )
    EvidenceGap.create(
        device=estate.gate_device, node_epoch=1, begins_at=later(minutes=9), ends_at=later(minutes=10)
    )
    release = Release.create(
        version="2.1",
        sha256=b"",
        size=1,
        arch="any",
        min_version="1",
        built_at=NOON,
        file_name="r",
        uploaded_at=NOON,
    )
    rollout = Rollout.create(
        site=estate.site, release=release, state="done", started_at=NOON, operator_name="0001 林"
    )
    RolloutDevice.create(
        rollout=rollout, device=estate.gate_device, offer=1, state="done", changed_at=later(minutes=11)
    )
    ticket = Ticket.create(
        **place,
        number=7,
        door=estate.gate,
        device=estate.gate_device,
        what="锁舌卡住",
        severity="urgent",
        state="repaired",
        reported_at=later(minutes=12),
        reported_by="0002 陈",
        due_at=later(minutes=90),
        repaired_at=later(minutes=40),
    )
    for act, minutes in (("report", 12), ("repair", 40)):
        LogEntry.create(
            **place,
            ticket=ticket,
            door=estate.gate,
            device=estate.gate_device,
            act=act,
            at=later(minutes=minutes),
            operator_name="0002 陈",
            note="换锁舌",
        )


def history(
    estate: Estate, scope: Scope = HEAD_OFFICE, rights: frozenset[Any] = EVERYTHING, **query: str
) -> list[HistoryLine]:
    """The lines of one page, newest first."""

    def read() -> list[HistoryLine]:
        subject = subject_of(scope.get(Door, estate.gate))
        view = table_of(sources_of(subject, lambda pair: pair in rights, NOON)).view(query)
        assert view.is_valid
        return list(view.fetch(scope).rows)

    return estate.read(read)


def test_everything_that_concerned_the_door_is_one_list_newest_first(estate: Estate) -> None:
    lived(estate)
    lines = history(estate)
    kinds = [line.kind for line in lines]
    assert all(later.at >= earlier.at for later, earlier in pairwise(lines))
    assert sorted(set(kinds)) == [
        "alarm",
        "card",
        "clock",
        "device",
        "exit",
        "lost",
        "program",
        "remote",
        "repair",
        "rule",
        "settings",
    ]
    assert kinds.count("clock") == 1  # a clock that is right is set all the time
    assert kinds.count("settings") == 2  # not those of another door
    assert kinds.count("repair") == 2  # the report is the ticket itself
    assert kinds.count("card") == 2
    (forced,) = [line for line in lines if "强行" in line.what]
    assert (forced.until, forced.state) == (later(minutes=5), ("alarm", "open"))
    (by_hand,) = [
        line for line in lines if line.kind == "rule" and line.who
    ]  # not what was asked for as well
    assert by_hand.note == "搬家具"
    (scheduled,) = [line for line in lines if line.kind == "rule" and not line.who]
    assert scheduled.note == "按时间段“办公时间”"
    (granted,) = [line for line in lines if line.person_name]
    assert (granted.person_name, granted.card_no, granted.href) == ("张三", UID, "/access/events/1")


@pytest.mark.parametrize("limit", ["1", "2", "3", "7"])
@pytest.mark.parametrize("sort", ["-at", "at"])
def test_pages_forward_and_back_show_every_line_once(estate: Estate, limit: str, sort: str) -> None:
    """Also where several sources have a row at the same instant. Planted break: ``_beyond`` without the rank."""
    lived(estate)
    everything = [line.key for line in history(estate, sort=sort)]
    assert len(everything) == len(set(everything)) > 15

    def walk() -> tuple[list[int], list[int]]:
        table = table_of(sources_of(subject_of(Door.get_by_id(estate.gate)), lambda pair: True, NOON))
        there, after, before = [], "", ""
        while True:
            page = table.view({"limit": limit, "sort": sort, "after": after}).fetch(HEAD_OFFICE)
            there += [line.key for line in page.rows]
            before = encode_cursor(cursor_of(page.rows[-1]))
            if page.next is None:
                break
            after = encode_cursor(page.next)
        page = table.view({"limit": "200", "sort": sort, "before": before}).fetch(HEAD_OFFICE)
        back = [line.key for line in page.rows]
        return there, back

    there, back = estate.read(walk)
    assert there == everything
    assert back == everything[:-1]  # the last one is the place itself


def test_filters_by_kind_day_and_person(estate: Estate) -> None:
    lived(estate)
    for kind in (
        "card",
        "exit",
        "alarm",
        "rule",
        "settings",
        "clock",
        "device",
        "program",
        "lost",
        "repair",
        "remote",
    ):
        found = history(estate, kind=kind)
        assert {line.kind for line in found} == {kind}, kind
    assert [line.person_name for line in history(estate, person="张三")] == ["张三"]
    assert not history(estate, person="李四")
    assert not history(estate, at_from="2026-07-02")
    assert len(history(estate, at_to="2026-07-01")) == len(history(estate))


def test_rights_and_organisations(estate: Estate) -> None:
    """Planted breaks: a source without ``scope.filter``; ``sources_of`` without a right."""
    lived(estate)
    kinds = {line.kind for line in history(estate, rights=frozenset())}
    assert not kinds & {"settings", "repair"}
    other = Scope.of([Grant(organisation_id=estate.other_organisation)])

    def whose() -> list[Any]:
        subject = subject_of(Door.get_by_id(estate.gate))
        return list(table_of(sources_of(subject, lambda pair: True, NOON)).view({}).fetch(other).rows)

    assert estate.read(whose) == []
    mine = Scope.of([Grant(site_id=estate.site, organisation_id=estate.organisation)])
    assert [line.key for line in history(estate, mine)] == [line.key for line in history(estate)]


def test_a_rebuild_gives_the_same_lines(estate: Estate) -> None:
    """A note comes again, alone and with a corrected time, and is one line still."""
    facts = lived(estate)
    before = [(line.at, line.what, line.who) for line in history(estate)]

    def again() -> None:
        reset()
        apply(estate.gate_device, facts, live=False)
        apply(estate.gate_device, facts[:2], live=False)

    estate.write(again)
    assert sorted((line.at, line.what, line.who) for line in history(estate)) == sorted(before)
    assert estate.read(lambda: DoorNote.select().count()) == 5


def plans(estate: Estate, scope: Scope, **query: str) -> list[str]:
    """How the database would find the rows of each source."""
    statements: list[tuple[str, Any]] = []
    execute = peewee.Database.execute_sql

    def keep(self: peewee.Database, sql: str, params: Any = None, *args: Any) -> Any:
        statements.append((sql, params))
        return execute(self, sql, params, *args)

    def read() -> list[str]:
        view = table_of(sources_of(subject_of(Door.get_by_id(estate.gate)), lambda pair: True, NOON)).view(
            query
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(peewee.Database, "execute_sql", keep)
            view.rows(scope, view.after, view.limit + 1)
        engine = Door._meta.database
        found = []
        for sql, params in statements:
            rows = engine.execute_sql("EXPLAIN QUERY PLAN " + sql, params).fetchall()
            found.append(" | ".join(str(row[3]) for row in rows))
        return found

    return estate.read(read)


@pytest.mark.parametrize(
    "filters", [{}, {"kind": "card"}, {"at_to": "2026-07-01"}], ids=["none", "kind", "day"]
)
@pytest.mark.parametrize(
    "scope",
    [HEAD_OFFICE, Scope.of([Grant(1)]), Scope.of([Grant(1, 1)])],
    ids=["head", "estate", "organisation"],
)
def test_what_grows_is_read_on_the_index_of_the_door(
    tmp_path: Any, scope: Scope, filters: dict[str, str]
) -> None:
    """Planted break: the index (door, at) of the events taken out."""
    estate = Estate(tmp_path)
    try:
        found = plans(estate, scope, **filters)
        assert found
        assert "USE TEMP B-TREE" not in found[0], found[0]
        assert "access_event_door_id_at (door_id=?" in found[0], found[0]
        rest = found[1:] if "kind" not in filters else []
        for plan, index in zip(
            rest, ("alarm_state_door_id_raised_at", "alarm_state_device_id_raised_at"), strict=False
        ):
            assert index in plan, plan
    finally:
        estate.close()
