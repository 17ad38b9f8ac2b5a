"""巡更查詢 (73): every visit that was planned and every scan that was made, with what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from central.rounds.asking import (
    CHECKPOINT,
    GUARD,
    PERIOD,
    ROUTE,
    SITE,
    Asker,
    judged_for,
    number_asked,
)
from central.rounds.judging import Names, SeenScan, SiteJudgement, is_by_file
from central.rounds.marks import to_at
from central.rounds.words import COPY, EVENT_TEXT, FLAG_TEXT, LINE_TEXT, RESULT_TEXT, TOLD_TEXT
from central.web.columns import MOMENT, NUMBER, Column, Format, StatusFormat, WordFormat
from central.web.filters import ChoiceFilter
from central.web.found import POSITION_COLUMN, Found, FoundRow, FoundTable, FoundView
from central.web.i18n import _, lazy
from protocol.facts import PatrolEvent, ScanResult
from protocol.rules.patrol.calculate import responsible
from protocol.rules.patrol.judge import Judged
from protocol.rules.patrol.match import Relief


class Record(FoundRow, kw_only=True):
    """A visit with its scan, if there is one, or a scan that serves no visit."""

    at: datetime
    """When it was scanned, else when it was planned."""
    planned_at: datetime | None = None
    scanned_at: datetime | None = None
    round_at: datetime | None = None
    route_id: int = 0
    route: str = ""
    checkpoint_id: int = 0
    checkpoint: str = ""
    place: str = ""
    planned_guards: str = ""
    guard_id: int = 0
    guard: str = ""
    person_id: int = 0
    result: str = ""
    final: bool = True
    device: str = ""
    upload: str | None = None
    device_time: datetime | None = None
    difference_s: int | None = None
    received_at: datetime | None = None
    told: str | None = None
    event: str = "none"
    flags: tuple[str, ...] = ()


class FlagsFormat(Format):
    """Reasons to doubt, in words; the value is their names."""

    css = "long"

    def text(self, value: Any) -> str:
        return _("; ").join(str(FLAG_TEXT[name]) for name in value)

    def html(self, value: Any) -> Markup:
        return Markup("<br>").join(str(FLAG_TEXT[name]) for name in value)

    def json(self, value: Any) -> Any:
        return list(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "enum": sorted(FLAG_TEXT)}}


def records_of(found: SiteJudgement) -> list[Record]:
    """Everything that was planned or done in the span, by time."""
    seen = {one.scan.id: one for one in found.scans}
    records = [_of_visit(found, one, seen) for one in found.visits]
    told = {one.scan.id for one in found.visits if one.scan is not None}
    records += [_of_scan(found, one) for one in found.scans if one.scan.id not in told]
    return sorted(
        records, key=lambda row: (row.at, row.planned_at or row.at, row.route_id, row.checkpoint_id)
    )


def _of_visit(found: SiteJudgement, one: Judged, seen: dict[int, SeenScan]) -> Record:
    visit, names = one.visit, found.names
    record = Record(
        at=to_at(visit.planned_ms if one.scan is None else one.scan.at_ms),
        planned_at=to_at(visit.planned_ms),
        round_at=to_at(visit.round.start_ms),
        route_id=visit.round.route,
        route=names.routes.get(visit.round.route, ""),
        checkpoint_id=visit.checkpoint,
        checkpoint=names.checkpoints.get(visit.checkpoint, str(visit.checkpoint)),
        place=names.locations.get(visit.checkpoint, ""),
        planned_guards=guards_words(names, one, found.reliefs),
        guard_id=responsible(one, found.reliefs),
        result=one.result.name.lower(),
        final=one.is_final,
    )
    if one.scan is not None:
        _add_scan(record, names, seen.get(one.scan.id), one.scan)
    return record


def _of_scan(found: SiteJudgement, one: SeenScan) -> Record:
    """A scan of this time that serves nothing, or a visit of another time."""
    names, scan, visit = found.names, one.scan, one.serves
    record = Record(
        at=to_at(scan.at_ms),
        checkpoint_id=scan.checkpoint,
        checkpoint=names.checkpoints.get(scan.checkpoint, ""),
        place=names.locations.get(scan.checkpoint, ""),
        guard_id=scan.guard,
        result=result_of(one),
    )
    if visit is not None and visit.visit.round.route in names.routes:
        record.planned_at = to_at(visit.visit.planned_ms)
        record.round_at = to_at(visit.visit.round.start_ms)
        record.route_id = visit.visit.round.route
        record.route = names.routes[record.route_id]
        record.planned_guards = guards_words(names, visit, found.reliefs)
        record.final = visit.is_final
    _add_scan(record, names, one, scan)
    return record


def result_of(one: SeenScan) -> str:
    """Name in the vocabulary's group "visit" of a scan by itself."""
    if one.event is not PatrolEvent.NONE:
        return "event"
    if one.told in (ScanResult.ROUND_OPENED, ScanResult.ROUND_CLOSED):
        return "opened"
    if one.is_double:
        return "double"
    return "extra" if one.serves is None else one.serves.result.name.lower()


def _add_scan(record: Record, names: Names, one: SeenScan | None, scan: Any) -> None:
    record.scanned_at = to_at(scan.at_ms)
    record.device = names.devices.get(scan.unit, str(scan.unit))
    record.device_time = to_at(scan.at_ms - scan.difference_ms)
    record.difference_s = round(scan.difference_ms / 1_000)
    record.guard = names.guards.get(scan.guard, "")
    if one is not None:
        record.person_id = one.person
        record.upload = "file" if is_by_file(scan.id) else "online" if one.is_online else "offline"
        record.received_at = to_at(one.received_ms)
        record.told = one.told.name.lower()
        record.event = one.event.name.lower()
        record.flags = tuple(flag.name.lower() for flag in one.flags) + ((COPY,) if one.is_copy else ())


def guards_words(names: Names, one: Judged, reliefs: Iterable[Relief]) -> str:
    """Whose visit it is by the plan, with who relieves."""
    walk = one.visit.round
    words = [names.guards.get(guard, str(guard)) for guard in walk.guards] or [_("Any guard")]
    relieving = [
        names.guards.get(relief.guard, str(relief.guard))
        for relief in reliefs
        if relief.route == walk.route and relief.from_ms <= one.visit.planned_ms < relief.until_ms
    ]
    if relieving:
        words.append(_("relieved by %(names)s", names=_("; ").join(relieving)))
    return _("; ").join(words)


def find(asker: Asker, view: FoundView) -> Found:
    """The records that a view asks for; inside ``db.read``."""
    found = judged_for(asker, view)
    if found is None:
        return Found([])
    route, guard, checkpoint = (number_asked(view, name) for name in ("route", "guard", "checkpoint"))
    result, flag = view.asked("result"), view.asked("flag")
    rows = [
        row
        for row in records_of(found)
        if (not route or row.route_id == route)
        and (not guard or row.guard_id == guard)
        and (not checkpoint or row.checkpoint_id == checkpoint)
        and (result is None or row.result == result)
        and (flag is None or flag in row.flags or (flag == "any" and row.flags))
    ]
    counts = Counter(row.result for row in rows)
    by_result = [(str(RESULT_TEXT[name]), counts[name]) for name in RESULT_TEXT if counts[name]]
    return Found(rows, [(lazy("By result"), by_result)], found)


RECORDS: Final = FoundTable(
    name="patrol-records",
    title=lazy("Patrol records"),
    find=find,
    columns=(
        POSITION_COLUMN,
        Column("at", lazy("Time"), MOMENT),
        Column("checkpoint", lazy("Checkpoint")),
        Column("place", lazy("Location")),
        Column(
            "guard",
            lazy("Patrol guard"),
            href=lambda row: f"/people/{row.person_id}" if row.person_id else None,
        ),
        Column("result", lazy("Result"), StatusFormat("visit")),
        Column("flags", lazy("To be looked at"), FlagsFormat()),
        Column("route", lazy("Patrol route")),
        Column("round_at", lazy("Round began"), MOMENT),
        Column("planned_at", lazy("Planned for"), MOMENT),
        Column("planned_guards", lazy("Planned guard")),
        Column("event", lazy("Button"), WordFormat(EVENT_TEXT), is_shown=False),
        Column("device", lazy("Patrol unit")),
        Column("upload", lazy("Upload"), WordFormat(LINE_TEXT)),
        Column("difference_s", lazy("Clock difference (s)"), NUMBER),
        Column("device_time", lazy("Time of the unit"), MOMENT, is_shown=False),
        Column("received_at", lazy("Received at"), MOMENT, is_shown=False),
        Column("told", lazy("The guard heard"), WordFormat(TOLD_TEXT), is_shown=False),
    ),
    filters=(
        SITE,
        PERIOD,
        ROUTE,
        GUARD,
        CHECKPOINT,
        ChoiceFilter("result", lazy("Result"), choices=dict(RESULT_TEXT)),
        ChoiceFilter("flag", lazy("To be looked at"), choices={"any": lazy("Anything"), **FLAG_TEXT}),
    ),
    empty=lazy(
        "Visits that are planned and scans that are made appear here. Without a period: yesterday and today."
    ),
    empty_href="/patrol/routes",
    empty_action=lazy("Patrol routes"),
)
