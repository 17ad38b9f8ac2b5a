"""IC卡發行報表 (52): which cards were issued, to whom, for what, by whom."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.cards.limits import SUB_SYSTEM_TEXT
from central.cards.model import CardAct, CardClass, CardMoney
from central.cards.money import Kind
from central.cards.rules import Act
from central.people.table import KIND_WORDS
from central.reports.common import (
    act_query,
    card_column,
    classes_of,
    departments_of,
    holder_columns,
    operators_of,
    uid_column,
)
from central.sites.scope import Scope
from central.web.columns import DAY, LAST_DAY, LONG, MOMENT, MONEY, NUMBER, Column
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import lazy
from central.web.tables import Group, Table


def _amount(*kinds: Kind) -> Any:
    """What the act charged of these kinds, in fen."""
    charged = CardMoney.select(peewee.fn.SUM(CardMoney.amount_fen)).where(
        (CardMoney.act == CardAct.id) & CardMoney.kind.in_([kind.value for kind in kinds])
    )
    return peewee.fn.COALESCE(charged, 0)


DEPOSIT: Final = _amount(Kind.DEPOSIT_CHARGED, Kind.DEPOSIT_MOVED_IN)
COST: Final = _amount(Kind.COST_CHARGED)
WAIVED: Final = _amount(Kind.DEPOSIT_REMITTED, Kind.COST_REMITTED)


def _query(scope: Scope) -> Any:
    more = (
        CardAct.department,
        CardAct.valid_from,
        CardAct.sub_systems,
        CardClass.name.alias("class_name"),
        DEPOSIT.alias("deposit"),
        COST.alias("cost"),
        WAIVED.alias("waived"),
    )
    return scope.filter(act_query(Act.ISSUE, *more), CardAct)


ISSUES: Final = Table(
    name="issues",
    title=lazy("Card issue report"),
    query=_query,
    key=CardAct.id,
    sort="-at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
        card_column(),
        uid_column(),
        *holder_columns(),
        Column("department", lazy("Department")),
        Column("class_name", lazy("Card class")),
        Column(
            "sub_systems",
            lazy("Sub-systems"),
            value=lambda row: ", ".join(str(SUB_SYSTEM_TEXT[name]) for name in row.sub_systems),
        ),
        Column("doors", lazy("Doors"), LONG, value=lambda row: ", ".join(row.details.get("doors", []))),
        Column("valid_from", lazy("First valid day"), DAY),
        Column("valid_until", lazy("Last valid day"), LAST_DAY),
        Column("deposit", lazy("Deposit"), MONEY, total=DEPOSIT),
        Column("cost", lazy("Card cost"), MONEY, total=COST),
        Column("waived", lazy("Waived"), MONEY, total=WAIVED),
        Column("operator_name", lazy("Operator")),
        Column("at", lazy("Time"), MOMENT, sort=CardAct.at, sorts_down_first=True),
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=CardAct.at),
        ChoiceFilter("operator", lazy("Operator"), where=lambda value: CardAct.operator_id == int(value)),
        ChoiceFilter("class", lazy("Card class"), where=lambda value: CardAct.card_class == int(value)),
        ChoiceFilter("department", lazy("Department"), field=CardAct.department),
        ChoiceFilter(
            "sub_system",
            lazy("Sub-system"),
            choices=SUB_SYSTEM_TEXT,
            where=lambda value: CardAct.sub_systems.cast("text").contains(f'"{value}"'),
        ),
        ChoiceFilter("kind", lazy("Kind of person"), choices=KIND_WORDS, field=CardAct.kind),
    ),
    groups=(Group(lazy("By card class"), CardClass.name, lambda value: value or ""),),
    empty=lazy("No card has been issued yet."),
    empty_href="/cards/issue",
    empty_action=lazy("Issue a card"),
)


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    return {
        "operator": operators_of(scope, Act.ISSUE),
        "class": classes_of(scope),
        "department": departments_of(scope, CardAct, CardAct.act == Act.ISSUE.value),
    }
