"""The messages that were sent, or could not be: one list for the page, its files and the first page's figure."""

from __future__ import annotations

from typing import Any, Final

from peewee import JOIN

from central.paging.model import PagingContact, PagingMessage, PagingRule
from central.paging.rules import Way
from central.sites.scope import Scope
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.figures import Figure
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import LazyText, lazy
from central.web.tables import Table

WAY_TEXT: Final[dict[str, LazyText]] = {
    Way.EMAIL.value: lazy("E-mail"),
    Way.SMS.value: lazy("SMS"),
    Way.WEBHOOK.value: lazy("Web address"),
}
STATE_TEXT: Final[dict[str, LazyText]] = {
    "waiting": lazy("Waits to be sent"),
    "sent": lazy("Sent and received"),
    "given_up": lazy("Given up"),
    "handed_on": lazy("Handed on to the web address"),
    "not_needed": lazy("Acknowledged before it was sent"),
}


def _query(scope: Scope) -> Any:
    select = (
        PagingMessage.select(
            PagingMessage.id,
            PagingMessage.created_at,
            PagingMessage.way,
            PagingMessage.subject,
            PagingMessage.state,
            PagingMessage.tries_count,
            PagingMessage.done_at,
            PagingContact.label.alias("contact_label"),
            PagingRule.label.alias("rule_label"),
        )
        .join(PagingContact)
        .join_from(PagingMessage, PagingRule, JOIN.LEFT_OUTER)
    )
    return scope.filter(select, PagingMessage)


MESSAGES: Final = Table(
    name="alarm_messages",
    title=lazy("Messages about alarms"),
    query=_query,
    key=PagingMessage.id,
    sort="-created_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "created_at",
            lazy("Time"),
            MOMENT,
            sort=PagingMessage.created_at,
            sorts_down_first=True,
            href=lambda row: f"/alarms/messages/{row.id}",
        ),
        Column("state", lazy("How it goes"), StatusFormat("message")),
        Column("contact_label", lazy("Contact")),
        Column("way", lazy("Way"), WordFormat(WAY_TEXT)),
        Column("subject", lazy("Message")),
        Column("rule_label", lazy("By the rule")),
        Column("tries_count", lazy("Tries"), NUMBER),
        Column("done_at", lazy("Done"), MOMENT),
    ),
    filters=(
        ChoiceFilter("state", lazy("How it goes"), choices=STATE_TEXT, field=PagingMessage.state),
        ChoiceFilter("way", lazy("Way"), choices=WAY_TEXT, field=PagingMessage.way),
        DayFilter("created_at", lazy("Day"), field=PagingMessage.created_at),
    ),
    empty=lazy("Nobody has been told yet. Messages to contacts and what was answered appear here."),
)
FIGURES: Final = [
    Figure(
        "alarm_messages",
        lazy("Messages about alarms given up"),
        "/alarms/messages",
        MESSAGES,
        {"state": "given_up"},
        today="created_at",
        tone="bad",
        order=12,
    )
]
