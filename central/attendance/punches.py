"""原始打卡: the list of all showings at time clocks, for the page, the files and the API."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.access.events import ReasonFormat
from central.access.model import AccessPoint
from central.access.showing_list import FACT, PERSON, TIMES, person_filter
from central.attendance.model import Punch
from central.attendance.words import REASON_TEXT, RESULT_TEXT, STATUS_TEXT
from central.cards.model import Card
from central.nodes.model import Device
from central.people.model import Person
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, YES, Column, StatusFormat, WordFormat
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import lazy
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    select = (
        Punch.select(
            Punch.id,
            Punch.at,
            Punch.wall_ms,
            Punch.clock,
            Punch.received_at,
            Punch.status,
            Punch.keyed,
            Punch.reason,
            Punch.result,
            Punch.department,
            Punch.person.alias("person_id"),
            Punch.card.alias("card_id"),
            Punch.node_epoch,
            Punch.seq,
            AccessPoint.label.alias("point_label"),
            Device.number.alias("device_number"),
            Device.label.alias("device_label"),
            Person.name.alias("person_name"),
            Person.number.alias("person_number"),
            Card.card_no,
        )
        .join(Device)
        .switch(Punch)
        .left_outer_join(AccessPoint)
        .switch(Punch)
        .left_outer_join(Card)
        .join(Person, peewee.JOIN.LEFT_OUTER, on=(Person.id == Punch.person))
    )
    return scope.filter(select, Punch)


RAW: Final = Table(
    name="punches",
    title=lazy("Raw punches"),
    query=_query,
    key=Punch.id,
    sort="-at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("at", lazy("Time"), MOMENT, sort=Punch.at, sorts_down_first=True),
        Column("device_number", lazy("Device number"), NUMBER),
        Column("device_label", lazy("Time clock")),
        Column("point_label", lazy("Reader"), is_shown=False),
        *PERSON,
        Column("department", lazy("Department")),
        Column(
            "card_no",
            lazy("Card number"),
            CODE,
            href=lambda row: f"/cards/{row.card_id}" if row.card_id else None,
        ),
        Column("status", lazy("Direction"), WordFormat(STATUS_TEXT)),
        Column("result", lazy("Result"), StatusFormat("punch")),
        Column("reason", lazy("Reason"), ReasonFormat(REASON_TEXT)),
        Column("keyed", lazy("By key"), YES, is_shown=False),
        *TIMES,
        *FACT,
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=Punch.at),
        person_filter(Punch),
        ChoiceFilter("device", lazy("Time clock"), where=lambda value: Punch.device == int(value)),
        ChoiceFilter("department", lazy("Department"), field=Punch.department),
        ChoiceFilter("result", lazy("Result"), choices=RESULT_TEXT, field=Punch.result),
        ChoiceFilter(
            "status",
            lazy("Direction"),
            choices={str(int(status)): text for status, text in STATUS_TEXT.items()},
            where=lambda value: Punch.status == int(value),
        ),
    ),
    empty=lazy(
        "Every card that is shown at a time clock appears here, taken or refused, and stays as it was."
    ),
)
