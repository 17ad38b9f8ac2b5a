"""What the lines of an access list would do, each held against what stands; nothing is written. Inside ``db``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from central.access.access_list import OPEN_END, Shown, doors_in, is_listed, titles_of
from central.access.level_service import points_of, schedules_of
from central.access.model import AccessLevel, AccessPoint, CardLevel, Door, LevelEntry
from central.access_list.finding import CardFinder
from central.access_list.giving import DAYS, provider
from central.access_list.rights import Entries, LevelChange, change_of
from central.cards.acts.base import By
from central.cards.acts.issuing import bounded
from central.cards.model import Card
from central.cards.numbering import form_of
from central.cards.rules import Holding, shown_status
from central.cards.table import VOCABULARY
from central.cards.terms import Terms
from central.errors import CentralError, InvalidInputError
from central.imports.importer import Effect, Place, Planned
from central.sites.model import Site
from central.sites.scope import Grant, Scope
from central.web.i18n import _
from central.web.importing import ImportRow
from central.web.vocabulary import STATUSES
from protocol.limits import LEVELS_PER_CARD_MAX
from protocol.schedule import ALWAYS

MADE_MAX: Final = 100
"""Levels that one file may make: more are a sign that levels are not what is wanted."""


@dataclass(frozen=True)
class Wish:
    """What one card gets: the change of its levels, and the days that change."""

    card: Card
    levels: LevelChange
    days: Mapping[str, datetime | None]


class Planner:
    """Everything that the lines are held against, read once.

    :raises InvalidInputError: the hours of new rights are not the estate's.
    """

    def __init__(self, place: Place) -> None:
        assert place.who is not None
        assert place.at is not None
        self.place, self.who, self.now = place, place.who, place.at
        self.zone = ZoneInfo(Site.get_by_id(place.site_id).zone)
        self.hours = hours_of(place.options)
        if self.hours not in {number for number, _name in schedules_of(place.site_id)}:
            raise InvalidInputError("There is no such schedule in this estate.")
        self.doors = doors_of(place)
        self.titles = titles_of(self.doors)
        self.devices = {door.id: door.device_id for door in self.doors}
        columns = [(door, door.id, column_of(door.id)) for door in self.doors]
        self.columns = [column for column in columns if column[2] in place.columns]
        self.shown = Shown()
        scope = Scope.of([Grant(place.site_id, place.organisation_id or None)])
        self.cards = {card.id: card for card in scope.filter(Card.select())}
        self.form = form_of(place.site_id)
        self.finder = CardFinder(self.cards.values(), self.form)
        self._elsewhere: CardFinder | None = None
        self.levels = _levels_in_use()
        self.present = levels_of_cards(None)
        points = AccessPoint.select(AccessPoint.id, AccessPoint.door, AccessPoint.leaving)
        self.readers: dict[int, list[int]] = {}
        self.door_of: dict[int, int] = {}
        self.led_into: set[int] = set()
        for point, door, leaving in points.where(AccessPoint.door.is_null(False)).tuples():
            self.readers.setdefault(door, []).append(point)
            self.door_of[point] = door
            if not leaving:
                self.led_into.add(door)
        self.own_points = {point for point, _label in points_of(self.who.scope, place.site_id)}
        self._offered: dict[int, frozenset[int]] = {}
        self._changes: dict[Any, LevelChange] = {}
        self._made: set[tuple[int, Entries]] = set()

    def plan(self, rows: Sequence[ImportRow]) -> list[Planned]:
        """What each good line would do; the others say what is wrong with them."""
        found, lines = [], dict[int, int]()
        for row in rows:
            card = self._card(row)
            if card is None:
                continue
            line = lines.setdefault(card.id, row.line)
            if line != row.line:
                row.wrong(_("The same stands in line %(line)s already.", line=line), "number")
            elif planned := self._row(row, card):
                found.append(planned)
        if self.place.options.get("exact"):
            found += self._others(lines, [door for door, _number, _name in self.columns])
        return found

    def _others(self, lines: Mapping[int, int], columns: Sequence[Door]) -> list[Planned]:
        """Cards that the list of today names and this one does not."""
        found = []
        for card in sorted(self.cards.values(), key=lambda card: (card.card_no, card.id)):
            if card.id not in lines and is_listed(card, self.now):
                has = self.shown.doors(card.id, self.devices)
                taken = [door for door in columns if door.id in has]
                if taken:
                    row = ImportRow(0, [card.card_no])
                    planned = self._planned(row, card, [], taken, {})
                    assert planned is not None, "taking needs no right that is not there"
                    found.append(planned)
        return found

    def _card(self, row: ImportRow) -> Card | None:
        found = self.finder.find(row.values["number"])
        if len(found) > 1:
            row.wrong(
                _(
                    "%(n)s cards have this number, in different forms. Say first how cards are numbered here: menu, Numbers on cards.",
                    n=len(found),
                ),
                "number",
            )
            return None
        if found:
            return self.cards[found.pop()]
        if self._elsewhere is None:
            others = self.who.scope.filter(Card.select(Card.id, Card.card_no, Card.uid))
            self._elsewhere = CardFinder(others, self.form)
        if self._elsewhere.find(row.values["number"]):
            row.wrong(_("This card belongs to another estate or organisation."), "number")
        else:
            row.wrong(_("There is no card with this number."), "number")
        return None

    def _row(self, row: ImportRow, card: Card) -> Planned | None:
        """What one line does to its card; None: it is wrong, and says why."""
        status = shown_status(card.state, card.valid_from, card.valid_until, self.now)
        if card.holding != Holding.IN_USE.value or card.reasons:
            word = STATUSES["card"][VOCABULARY[status]].text
            row.wrong(_("This card gets no rights: %(status)s.", status=word), "number")
            return None
        given, taken = [], []
        has = self.shown.doors(card.id, self.devices)
        for door, number, name in self.columns:
            mark = row.values[name]
            if mark is None or (mark == "Y") == (number in has):
                continue
            if mark == "N":
                taken.append(door)
            elif not self.shown.reaches(card.id, door.device_id):
                row.wrong(
                    _("The card is closed for doors, or limited to other devices. Rewrite it on its page."),
                    name,
                )
            elif number not in self.led_into:
                row.wrong(_("No reader leads in through this door."), name)
            else:
                given.append(door)
        days = self._days(row, card) if row.is_good else {}
        return self._planned(row, card, given, taken, days) if row.is_good else None

    def _days(self, row: ImportRow, card: Card) -> dict[str, datetime | None]:
        """The days of a line that are not what the list says of the card."""
        first, last = self.shown.days(card)
        found: dict[str, datetime | None] = {}
        if (day := row.values.get("first")) not in (None, first):
            found["valid_from"] = self._start(day)
        if (day := row.values.get("last")) not in (None, last):
            found["valid_until"] = None if day == OPEN_END else self._start(day + timedelta(days=1))
        if found:
            starts, ends = (found.get(name, getattr(card, name)) for name in DAYS)
            by = By(None, self.who.name, self.now)
            try:
                terms = bounded(by, card.person, Terms(card.card_class_id, starts, ends), card)
                terms.check()
            except CentralError as error:
                row.wrong(_(str(error)), "last")
            else:
                if any(getattr(terms, name) != found[name] for name in found):
                    row.wrong(_("These days lie outside the visit, lease or permit of the holder."), "last")
        return found

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, time(0), self.zone)

    def _planned(
        self,
        row: ImportRow,
        card: Card,
        given: Sequence[Door],
        taken: Sequence[Door],
        days: Mapping[str, datetime | None],
    ) -> Planned | None:
        if not (given or taken or days):
            return Planned(row, card.id, changes=False)
        change = self._change(card, given, taken)
        if not self._may(row, card, change):
            return None
        had = self.shown.doors(card.id, self.devices)
        has = (had | {door.id for door in given}) - {door.id for door in taken}
        effect: Effect = "removed" if had and not has else "new" if has and not had else "changed"
        words = [
            *(f"+{self.titles[door.id]}" for door in given),
            *(f"−{self.titles[door.id]}" for door in taken),
        ]
        if days:
            first, last = self.shown.days(card)
            words.append(f"{row.values.get('first') or first} – {row.values.get('last') or last}")
        return Planned(
            row,
            card.id,
            thing=Wish(card, change, days),
            counts_as=effect,
            name=str(card.card_no),
            words=", ".join(words),
        )

    def _change(self, card: Card, given: Sequence[Door], taken: Sequence[Door]) -> LevelChange:
        """Cards with the same levels and the same wish are worked out once."""
        if not (given or taken):
            return LevelChange(frozenset(), frozenset())
        present = frozenset(self.present.get(card.id, ()))
        key = (
            card.organisation_id,
            present,
            tuple(door.id for door in given),
            tuple(door.id for door in taken),
        )
        if key not in self._changes:
            self._changes[key] = change_of(
                self.levels,
                self._offered_to(card),
                present,
                self.door_of,
                {door.id: self.readers[door.id] for door in given},
                [door.id for door in taken],
                self.hours,
            )
        return self._changes[key]

    def _may(self, row: ImportRow, card: Card, change: LevelChange) -> bool:
        """Whether the operator may have this done; a level that is missing must be one that the operator may make."""
        if change.made and not self.who.may("access", "edit"):
            row.wrong(_("No access level gives exactly these doors, and you may not make one."))
        elif any(point not in self.own_points for entries in change.made for point, _at in entries):
            row.wrong(
                _("A level of this card leads to doors that are not yours. Rewrite the card on its page.")
            )
        elif change.count_after(self.present.get(card.id, ())) > LEVELS_PER_CARD_MAX:
            row.wrong(_("A card has 64 access levels at most."))
        elif change.made:
            made = self._made | {(card.organisation_id, entries) for entries in change.made}
            if len(made) > MADE_MAX:
                row.wrong(_("So many different sets of doors need levels of their own first."))
            else:
                self._made = made
        return row.is_good

    def _offered_to(self, card: Card) -> frozenset[int]:
        if card.organisation_id not in self._offered:
            choices = provider().choices(self.place.site_id, card.organisation_id)
            self._offered[card.organisation_id] = frozenset(choice.value for choice in choices)
        return self._offered[card.organisation_id]


def column_of(door_id: int) -> str:
    """Name of the column of a door."""
    return f"door_{door_id}"


def hours_of(options: Mapping[str, Any]) -> int:
    """The schedule of new rights."""
    return int(options.get("hours") or ALWAYS)


def doors_of(place: Place) -> list[Door]:
    """The doors in use that the operator sees in the estate."""
    assert place.who is not None, "an access list is imported by somebody"
    grants = place.who.scope.grants
    inside = [
        Grant(place.site_id, one.organisation_id) for one in grants if one.site_id in (None, place.site_id)
    ]
    return doors_in(Scope.of(inside))


def _levels_in_use() -> dict[int, Entries]:
    """Every level in use, with what it gives."""
    found: dict[int, set[tuple[int, int]]] = {}
    query = LevelEntry.select(LevelEntry.level, LevelEntry.point, LevelEntry.schedule).join(AccessLevel)
    for level, point, schedule in query.where(AccessLevel.active).tuples().iterator():
        found.setdefault(level, set()).add((point, schedule))
    return {level: frozenset(entries) for level, entries in found.items()}


def levels_of_cards(cards: set[int] | None) -> dict[int, set[int]]:
    """The levels of these cards, or of all."""
    found: dict[int, set[int]] = {}
    for card, level in CardLevel.select(CardLevel.card, CardLevel.level).tuples().iterator():
        if cards is None or card in cards:
            found.setdefault(card, set()).add(level)
    return found
