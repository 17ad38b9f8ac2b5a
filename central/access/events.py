"""開門查詢 (68): the list of access events, for the page, the files, the API and the live monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

import peewee
from markupsafe import Markup

from central.access.model import AccessEvent, AccessPoint, Door
from central.access.replaying import is_unexplained
from central.access.then import Verdict
from central.access.words import DIRECTION_TEXT, REASON_TEXT, SOURCE_TEXT
from central.cards.model import Card, CardIssue
from central.faces.model import Photo
from central.faces.photos import thumb_path
from central.nodes.model import Device
from central.people.model import Person
from central.people.search import found_by
from central.sites.scope import HEAD_OFFICE, Scope
from central.web.columns import CODE, MOMENT, NUMBER, YES, Column, Format, StatusFormat, WordFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import _, lazy
from central.web.tables import Table
from protocol.decide import Trust
from protocol.facts import Outcome
from protocol.reasons import Reason

PEOPLE_PER_FILTER_MAX: Final = 50
"""A search for people narrows the list to this many at most; more is no search."""


def query(scope: Scope) -> Any:
    """Events in scope with all that a line shows, unordered."""
    select = (
        AccessEvent.select(
            AccessEvent.id,
            AccessEvent.site.alias("site_id"),
            AccessEvent.organisation.alias("organisation_id"),
            AccessEvent.at,
            AccessEvent.clock,
            AccessEvent.source,
            AccessEvent.leaving,
            AccessEvent.reason,
            AccessEvent.granted,
            AccessEvent.outcome,
            AccessEvent.department,
            AccessEvent.door.alias("door_id"),
            AccessEvent.person.alias("person_id"),
            AccessEvent.card.alias("card_id"),
            Door.label.alias("door_label"),
            AccessPoint.label.alias("point_label"),
            Device.label.alias("device_label"),
            Person.name.alias("person_name"),
            Person.number.alias("person_number"),
            Photo.digest.alias("photo_digest"),
            Card.card_no,
        )
        .join(Device)
        .switch(AccessEvent)
        .left_outer_join(Door)
        .switch(AccessEvent)
        .left_outer_join(AccessPoint)
        .switch(AccessEvent)
        .left_outer_join(Card)
        .join(Person, peewee.JOIN.LEFT_OUTER, on=(Person.id == AccessEvent.person))
        .join(Photo, peewee.JOIN.LEFT_OUTER, on=(Photo.person == Person.id))
    )
    return scope.filter(select, AccessEvent)


def result_of(row: Any) -> str:
    """Name in the vocabulary's group "decision": granted, denied, granted and nobody came, or with an unknown outcome."""
    if not row.granted:
        return "denied"
    if row.outcome == Outcome.NOT_ENTERED:
        return "not_entered"
    return "unknown" if row.outcome in (Outcome.UNKNOWN, Outcome.LATE_COMMIT) else "granted"


def _where_result(value: str) -> Any:
    if value == "not_entered":
        return AccessEvent.granted & (AccessEvent.outcome == Outcome.NOT_ENTERED)
    return AccessEvent.granted == (value == "granted")


def _matches_result(row: Any, value: str) -> bool:
    if value == "not_entered":
        return result_of(row) == "not_entered"
    return bool(row.granted == (value == "granted"))


def where_person(text: str) -> Any:
    """Events of these people, and of cards that were theirs last and are nobody's any more (replaced, returned)."""
    people = Person.select(Person.id).where(found_by(text)).limit(PEOPLE_PER_FILTER_MAX)
    cards = CardIssue.select(CardIssue.card).where(CardIssue.person.in_(people))
    is_nobodys = AccessEvent.person.is_null() & AccessEvent.card.in_(cards)
    return AccessEvent.person.in_(people) | (is_nobodys & _holder().in_(people))


def _holder() -> Any:
    """The person of an event; where the card was nobody's any more, of its newest issue at that moment."""
    issue = CardIssue.alias()
    of_card = issue.select(issue.person).where(
        issue.card == AccessEvent.card, issue.issued_at <= AccessEvent.at
    )
    return peewee.fn.COALESCE(AccessEvent.person, of_card.order_by(issue.issue_no.desc()).limit(1))


def _same(name: str) -> Any:
    return lambda row, value: str(getattr(row, name)) == value


def _matches_person(row: Any, text: str) -> bool:
    """A live row against the search: by name and number of who holds or last held the card, which is what it carries."""
    return text.lower() in (row.holder_name or "").lower() or (row.holder_number or "").startswith(text)


class ReasonFormat(WordFormat):
    """Why it came out so. On the page a plain grant says nothing: the result beside it says it already."""

    def html(self, value: Any) -> Markup:
        return Markup() if value == Reason.GRANTED else super().html(value)


_AGAIN: Final = ChoiceFilter(
    "again",
    lazy("Decided again"),
    choices={Verdict.OTHER.value: lazy("Something else comes out")},
    where=lambda value: is_unexplained(),
    matches=lambda row, value: False,
)
"""Of records that have been looked at (``access.replaying``), so not of those that are just coming in."""
EVENTS: Final = Table(
    name="events",
    title=lazy("Door events"),
    query=query,
    key=AccessEvent.id,
    sort="-at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "at",
            lazy("Time"),
            MOMENT,
            sort=AccessEvent.at,
            sorts_down_first=True,
            href=lambda row: f"/access/events/{row.id}",
        ),
        Column(
            "door_label",
            lazy("Door"),
            value=lambda row: row.door_label or row.device_label,
            href=lambda row: f"/doors/{row.door_id}/history" if row.door_id else None,
        ),
        Column("point_label", lazy("Reader")),
        Column(
            "direction",
            lazy("Direction"),
            WordFormat(DIRECTION_TEXT),
            value=lambda row: "out" if row.leaving else "in",
        ),
        Column("source", lazy("Source"), WordFormat(SOURCE_TEXT)),
        Column(
            "card_no",
            lazy("Card number"),
            CODE,
            href=lambda row: f"/cards/{row.card_id}" if row.card_id else None,
        ),
        Column(
            "person_name",
            lazy("Person"),
            href=lambda row: f"/people/{row.person_id}" if row.person_id else None,
        ),
        Column("person_number", lazy("Person number"), CODE, is_shown=False),
        Column("department", lazy("Department")),
        Column("result", lazy("Result"), StatusFormat("decision"), value=result_of),
        Column(
            "reason",
            lazy("Reason"),
            ReasonFormat(REASON_TEXT),
        ),
        Column(
            "time_sure",
            lazy("Time certain"),
            YES,
            value=lambda row: row.clock >= Trust.HOLDOVER,
            is_shown=False,
        ),
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=AccessEvent.at),
        TextFilter(
            "person",
            lazy("Person"),
            where=where_person,
            matches=_matches_person,
            placeholder=lazy("Name, initials, number, card"),
        ),
        ChoiceFilter(
            "door",
            lazy("Door"),
            where=lambda value: AccessEvent.door == int(value),
            matches=_same("door_id"),
        ),
        ChoiceFilter(
            "department", lazy("Department"), field=AccessEvent.department, matches=_same("department")
        ),
        ChoiceFilter(
            "result",
            lazy("Result"),
            choices={
                "granted": lazy("Granted"),
                "denied": lazy("Denied"),
                "not_entered": lazy("Granted, nobody went through"),
            },
            where=_where_result,
            matches=_matches_result,
        ),
        ChoiceFilter(
            "reason",
            lazy("Reason"),
            choices={str(code): text for code, text in REASON_TEXT.items()},
            where=lambda value: AccessEvent.reason == int(value),
            matches=_same("reason"),
        ),
        ChoiceFilter(
            "direction",
            lazy("Direction"),
            choices=DIRECTION_TEXT,
            where=lambda value: AccessEvent.leaving == (value == "out"),
            matches=lambda row, value: bool(row.leaving == (value == "out")),
        ),
        ChoiceFilter(
            "source",
            lazy("Source"),
            choices=SOURCE_TEXT,
            where=lambda value: AccessEvent.source == value,
            matches=_same("source"),
        ),
        _AGAIN,
    ),
    empty=lazy("Every card shown at a reader, every exit button and every remote opening appears here."),
)


class PhotoFormat(Format):
    """The holder's small photo, a drawing where there is none. The value is its address; the name stands beside it."""

    def html(self, value: Any) -> Markup:
        if value is not None:
            return Markup('<img class="photo" src="{}" width="36" height="48" loading="lazy" alt="">').format(
                value
            )
        return Markup(
            '<svg class="photo" viewBox="0 0 24 32" role="img" aria-label="{}"><circle cx="12" cy="12" r="6"/>'
            '<path d="M1 32c0-8 4-12 11-12s11 4 11 12z"/></svg>'
        ).format(_("No photo"))


def _photo_of(row: Any) -> str | None:
    return thumb_path(row.person_id, row.photo_digest) if row.photo_digest else None


_MONITOR_COLUMNS: Final = ("at", "door_label", "direction", "person_name", "department", "result", "reason")
MONITOR: Final = replace(
    EVENTS,
    name="monitor",
    title=lazy("Live monitor"),
    filters=tuple(each for each in EVENTS.filters if each is not _AGAIN),
    columns=(
        Column("photo", lazy("Photo"), PhotoFormat(), value=_photo_of, is_exported=False),
        *(EVENTS.column(name) for name in _MONITOR_COLUMNS),
    ),
)
"""The same events as the guard watches them: fewer columns, the photo beside the swipe."""


def choices_in(scope: Scope) -> dict[str, Choices]:
    """What the door and department filters offer. Inside ``db.read``."""
    doors = scope.filter(Door.select(Door.id, Door.label)).order_by(Door.label).limit(500).tuples()
    departments = scope.filter(Person.select(Person.department).where(Person.department != "").distinct())
    return {
        "door": {str(number): label for number, label in doors},
        "department": {name: name for (name,) in departments.order_by(Person.department).limit(200).tuples()},
    }


def rows_after(last_id: int, limit: int) -> list[dict[str, Any]]:
    """Events that were added after that one, oldest first, for the live feed: whatever the scope."""
    select = _live_query().where(AccessEvent.id > last_id).order_by(AccessEvent.id).limit(limit)
    return list(select.dicts())


def rows_of(ids: list[int]) -> list[dict[str, Any]]:
    """These events, for the live feed."""
    return list(_live_query().where(AccessEvent.id.in_(ids)).order_by(AccessEvent.id).dicts())


def _live_query() -> Any:
    """Every event, with what the search for a person looks at (:func:`_matches_person`)."""
    holder = Person.alias()
    select = query(HEAD_OFFICE).join_from(
        AccessEvent, holder, peewee.JOIN.LEFT_OUTER, on=(holder.id == _holder())
    )
    return select.select_extend(holder.name.alias("holder_name"), holder.number.alias("holder_number"))


def last_id() -> int:
    """The newest event."""
    return int(AccessEvent.select(peewee.fn.MAX(AccessEvent.id)).scalar() or 0)


def live_row(payload: Mapping[str, Any]) -> SimpleNamespace:
    """A row of the live feed as the columns and filters take it."""
    return SimpleNamespace(**payload)


def follow_department(person: Person) -> None:
    """The person's events follow the department, so that the filter on it stays on an index."""
    AccessEvent.update(department=person.department).where(
        (AccessEvent.person == person.id) & (AccessEvent.department != person.department)
    ).execute()
