"""What ``/patterns`` shows: every widget with every state, to look at and to check with axe. Development only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee
from aiohttp import web

from central.web.columns import CODE, MOMENT, MONEY, Column, StatusFormat
from central.web.fields import (
    CheckField,
    ChoiceField,
    ChoicesField,
    LastDayField,
    MoneyField,
    NoteField,
    NumberField,
    TextField,
)
from central.web.filters import ChoiceFilter, DayFilter, NumberFilter, TextFilter
from central.web.forms import Form
from central.web.i18n import lazy
from central.web.tables import Page, Table
from central.web.vocabulary import STATUSES


class _Sample(peewee.Model):
    """Never stored: gives the sample table its columns."""

    at = peewee.BigIntegerField()
    fen = peewee.IntegerField()


@dataclass(frozen=True)
class _Row:
    id: int
    at: datetime
    person: str
    card: str
    door: str
    decision: str
    reason: str
    fen: int


@dataclass(frozen=True)
class _Input:
    name: str
    kind: str
    until_at: datetime | None
    doors: tuple[str, ...]
    limit_count: int
    deposit_fen: int
    note: str | None
    is_resident: bool


_KINDS = {"owner": lazy("Owner"), "tenant": lazy("Tenant"), "staff": lazy("Staff")}
_DECISIONS = {name: state.text for name, state in STATUSES["decision"].items()}
_PEOPLE = ("张伟", "王秀英", "李娜", "劉德明", "陈静", "Anna Schmidt", "赵敏", "黃志強")
_DOORS = ("东门", "西门", "1 号楼大堂", "地下车库")

SAMPLE_TABLE = Table(
    name="sample",
    title=lazy("Access events"),
    query=lambda scope: _Sample.select(),
    key=_Sample.id,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=_Sample.at, sorts_down_first=True),
        Column("person", lazy("Person"), href=lambda row: "/patterns"),
        Column("card", lazy("Card number"), CODE),
        Column("door", lazy("Door")),
        Column("decision", lazy("Decision"), StatusFormat("decision")),
        Column("reason", lazy("Reason")),
        Column("fen", lazy("Amount"), MONEY, sort=_Sample.fen, total=_Sample.fen),
    ),
    filters=(
        TextFilter("q", lazy("Person or card"), placeholder=lazy("Name, initials or number")),
        ChoiceFilter("decision", lazy("Decision"), choices=_DECISIONS),
        DayFilter("at", lazy("Day")),
        NumberFilter("fen", lazy("Amount")),
    ),
)

SAMPLE_FORM = Form(
    _Input,
    TextField("name", lazy("Name"), length_max=40),
    ChoiceField("kind", lazy("Kind of person"), choices=_KINDS),
    LastDayField(
        "until_at", lazy("Last valid day"), is_required=False, hint=lazy("Valid to the end of this day.")
    ),
    NumberField("limit_count", lazy("Cards at most"), least=1, most=9),
    MoneyField("deposit_fen", lazy("Deposit")),
    ChoicesField("doors", lazy("Doors"), choices={str(n): door for n, door in enumerate(_DOORS)}),
    NoteField("note", lazy("Note"), is_required=False),
    CheckField("is_resident", lazy("Lives here")),
)


def pattern_context(request: web.Request) -> dict[str, Any]:
    """Everything that the pattern page needs."""
    start = datetime(2026, 11, 23, 6, 5, 9, tzinfo=UTC)
    rows = [
        _Row(
            id=n,
            at=start - timedelta(seconds=97 * n),
            person=_PEOPLE[n % len(_PEOPLE)],
            card=f"{1000234 + 7 * n:010d}",
            door=_DOORS[n % len(_DOORS)],
            decision=("granted", "granted", "denied", "granted", "unknown")[n % 5],
            reason=("", "", str(lazy("Card reported lost")), "", "")[n % 5],
            fen=n * 1250 - 5000,
        )
        for n in range(12)
    ]
    view = SAMPLE_TABLE.view(request.query)
    wrong = SAMPLE_FORM.bind(
        {"name": "x" * 60, "kind": "owner", "until_at": "2200-01-01", "limit_count": "12"}
    )
    return {
        "page": Page(view, rows, None, (0, 0), 10_000, True),
        "form": SAMPLE_FORM.blank(kind="owner", limit_count=2, deposit_fen=5000, doors=("0", "2")),
        "wrong": wrong,
        "groups": STATUSES,
        "now": start,
    }
