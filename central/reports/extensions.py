"""IC卡延期報表 (54): whose card works longer than was said, since when, by whom, why."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from central.cards.model import CardAct, CardClass
from central.cards.rules import Act
from central.reports.common import act_query, card_column, classes_of, holder_columns, operators_of
from central.sites.scope import Scope
from central.web.columns import LAST_DAY, LONG, MOMENT, NOT_KEPT, NUMBER, Column, LastDayFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import _, lazy
from central.web.tables import Group, Table


def _query(scope: Scope) -> Any:
    return scope.filter(act_query(Act.EXTEND), CardAct)


def _old_until(row: Any) -> datetime | None:
    text = row.details.get("old_until")
    return None if text is None else datetime.fromisoformat(text)


class _NewEnd(LastDayFormat):
    """The new last day; an extension without an end says so."""

    def text(self, value: Any) -> str:
        return _("No end") if value is None else super().text(value)


EXTENSIONS: Final = Table(
    name="extensions",
    title=lazy("Card extension report"),
    query=_query,
    key=CardAct.id,
    sort="-at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
        card_column(),
        *holder_columns(),
        Column("old_until", lazy("Old last valid day"), LAST_DAY, value=_old_until),
        Column("valid_until", lazy("New last valid day"), _NewEnd()),
        Column("fee", lazy("Fee"), NOT_KEPT, value=lambda row: None),
        Column("operator_name", lazy("Operator")),
        Column("at", lazy("Time"), MOMENT, sort=CardAct.at, sorts_down_first=True),
        Column("reason", lazy("Reason"), LONG),
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=CardAct.at),
        ChoiceFilter("operator", lazy("Operator"), where=lambda value: CardAct.operator_id == int(value)),
        ChoiceFilter("class", lazy("Card class"), where=lambda value: CardAct.card_class == int(value)),
    ),
    groups=(Group(lazy("By card class"), CardClass.name, lambda value: value or ""),),
    empty=lazy("No card has been extended yet. Open a card and press “Extend”."),
)


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    return {"operator": operators_of(scope, Act.EXTEND), "class": classes_of(scope)}
