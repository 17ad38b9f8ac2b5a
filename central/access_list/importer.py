"""What an access list that comes in would do, and handing it on: rows of doors become changes of access levels and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from central.access.access_list import OPEN_END, numbered, titles_of
from central.access.level_service import LevelInput, save_level, schedules_of, snapshot
from central.access.model import AccessLevel, AccessPoint, Door, Schedule
from central.access_list.giving import GIVE_BY_LIST, days_of
from central.access_list.planner import Planner, Wish, column_of, doors_of, hours_of, levels_of_cards
from central.access_list.rights import Entries
from central.bulk_acts import service as bulk_acts
from central.bulk_acts.kinds import illegal
from central.bulk_acts.model import BulkAct, BulkCard
from central.bulk_acts.rules import ItemState
from central.bulk_acts.rules import State as BulkState
from central.cards.model import Card
from central.cards.rules import Act
from central.errors import ConflictError
from central.imports.importer import Doing, Importer, Place, Planned, UploadForm, Written
from central.imports.model import ImportRun
from central.people.table import sites_in
from central.sites.scope import Scope
from central.web.fields import CheckField, ChoiceField, Choices, DateField, TextField
from central.web.forms import Form
from central.web.i18n import Text, _, lazy
from central.web.importing import ImportColumn, ImportRow, Layout
from protocol.schedule import ALWAYS

ROWS_MAX: Final = 20_000
"""As many as one bulk act has."""
BYTES_MAX: Final = 16 * 2**20
COLUMNS_MAX: Final = 500
NAME_CHARS_MAX: Final = 60
_YES: Final = {"y": "Y", "yes": "Y", "1": "Y", "是": "Y", "有": "Y", "√": "Y", "✓": "Y"}
_NO: Final = {"n": "N", "no": "N", "0": "N", "否": "N", "无": "N", "×": "N"}
_MARKS: Final = {"Y": "Y", "N": "N"}


class AccessListUpload(UploadForm, kw_only=True):
    """Whose cards; at which hours new rights hold; whether cards that stand in no line lose access."""

    hours: str | None
    exact: bool | None


class AccessListImporter(Importer):
    """Cards of an estate, or of one organisation in it, by a list as ``central.access.access_list`` makes it."""

    name = "access_list"
    title = lazy("Import an access list")
    path = "/access/levels/import"
    api_path = "/api/access-list/imports"
    back = "/access/levels"
    permission = ("cards", "edit")
    help_section = "levels"
    is_for_estates = True
    removes = True
    form = Form(
        AccessListUpload,
        ChoiceField("organisation", lazy("Organisation")),
        ChoiceField("site", lazy("Estate")),
        ChoiceField(
            "hours",
            lazy("Hours of new rights"),
            is_required=False,
            hint=lazy("Rights that a card has already keep their hours."),
        ),
        CheckField(
            "exact",
            lazy("Exactly this list"),
            hint=lazy("Cards that stand in no line lose the doors that the file has columns for."),
        ),
    )
    words = {
        "new": lazy("Get access"),
        "changed": lazy("Differs"),
        "removed": lazy("Lose all access"),
        "unchanged": lazy("Unchanged"),
        "wrong": lazy("Wrong"),
    }
    name_title = lazy("Card number")
    hints = (
        lazy(
            "Best begin with today's access list: one line for each card, one column for each door, Y or N, first and last day. Change what shall be otherwise."
        ),
        lazy(
            "Lines, columns and cells that are left out change nothing. Card numbers may be written in any form that the search understands. A card that is lost, suspended or returned gets nothing."
        ),
    )
    example = ("/access/levels/access-list.tsv", lazy("Access list (TSV)"))
    layout = Layout(
        ImportColumn(
            TextField("number", lazy("Card number"), length_max=40),
            sample="00001234",
            also=("Card Number", "卡号", "UID", "Card no."),
        ),
        ImportColumn(
            DateField("first", lazy("First valid day"), is_required=False),
            sample="2026-01-01",
            also=("From", "开始日期"),
        ),
        ImportColumn(
            DateField("last", lazy("Last valid day"), is_required=False),
            sample=OPEN_END.isoformat(),
            also=("To", "截止日期"),
        ),
        key=("number",),
        rows_max=ROWS_MAX,
        columns_max=COLUMNS_MAX,
        bytes_max=BYTES_MAX,
    )

    def choices(self, scope: Scope) -> dict[str, Choices]:
        """The schedules of the operator's estates, "always" first."""
        found: dict[str, Text] = {}
        sites = sites_in(scope)
        for site_id, site_name in sites:
            for number, name in schedules_of(site_id):
                is_shared = number == ALWAYS or len(sites) == 1
                found[str(number)] = name if is_shared else f"{site_name} · {name}"
        return {"hours": found}

    def layout_of(self, place: Place) -> Layout:
        """A column for each door in use that the operator sees in the estate."""
        doors = doors_of(place)
        titles = titles_of(doors)
        columns = [
            ImportColumn(
                ChoiceField(column_of(door.id), titles[door.id], choices=_MARKS, is_required=False),
                sample="Y",
                also=(numbered(titles[door.id], door.id),),
                words={**_YES, **_NO},
            )
            for door in doors
        ]
        own = self.layout
        return Layout(
            *own.columns,
            *columns,
            key=own.key,
            rows_max=own.rows_max,
            columns_max=own.columns_max,
            bytes_max=own.bytes_max,
        )

    def option_facts(self, options: Mapping[str, Any]) -> list[tuple[Text, Text]]:
        """Both choices; inside ``db.read``."""
        exact = _("yes, others lose access") if options.get("exact") else _("no, others stay as they are")
        level = _schedule_name(hours_of(options))
        return [(_("Hours of new rights"), level), (_("Exactly this list"), exact)]

    def needs_every_row(self, options: Mapping[str, Any]) -> bool:
        """A card whose line could not be read would lose its access for a slip of the pen."""
        return bool(options.get("exact"))

    def asks_again(self, run: ImportRun) -> int:
        """Those who lose all access, where the file is to be exactly what stands."""
        return int(run.removed_count) if run.options.get("exact") else 0

    def warning(self, count: int) -> Text:
        """What is asked again."""
        return _(
            "Cards that lose access to every door: %(n)s. Most of them stand in no line of the file. Their holders stand before locked doors.",
            n=count,
        )

    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        assert place.who is not None, "an access list is imported by somebody"
        assert place.at is not None
        return Planner(place).plan(rows)

    def write(self, doing: Doing, planned: Sequence[Planned]) -> list[Written]:
        """Make the levels that are missing, and enter one bulk act."""
        made: dict[tuple[int, Entries], int] = {}
        given: dict[int, dict[str, Any]] = {}
        written = []
        for one in planned:
            wish: Wish = one.thing
            new = [_level(doing, made, wish.card, entries) for entries in wish.levels.made]
            before, after = {}, {}
            for name, at in wish.days.items():
                before[name], after[name] = _text(getattr(wish.card, name)), _text(at)
            added, removed = sorted({*wish.levels.added, *new}), sorted(wish.levels.removed)
            given[wish.card.id] = {"add": added, "remove": removed, **after}
            back = {"add": removed, "remove": added, **before}
            kept = {"card_no": wish.card.card_no, "given": given[wish.card.id], "back": back}
            written.append(Written(one.row.line, wish.card.id, kept, 0))
        _enter(doing, given, _("Access list %(file)s", file=doing.run.file_name))
        return written

    def undo(self, doing: Doing, written: Sequence[Written]) -> list[str]:
        """Enter a bulk act the other way round, for the cards that were done."""
        bulk = BulkAct.get_by_id(int(doing.run.followed_at.rpartition("/")[2]))
        if bulk.state in (BulkState.WAITING.value, BulkState.RUNNING.value):
            raise ConflictError(
                "The bulk act of this import is not over. Stop it, or wait for its end, then roll back."
            )
        done = BulkCard.select(BulkCard.card).where(
            (BulkCard.bulk == bulk.id) & (BulkCard.state == ItemState.DONE.value)
        )
        numbers = {number for (number,) in done.tuples()}
        cards = {card.id: card for card in Card.select().where(Card.id.in_(done))}
        present = levels_of_cards(set(numbers))
        blocked, given = [], {}
        for one in written:
            if one.object_id not in numbers or one.before is None:
                continue
            card, gave = cards[one.object_id], one.before["given"]
            has = present.get(card.id, set())
            stands = set(gave["add"]) <= has and not set(gave["remove"]) & has
            if not stands or days_of(card, gave) or illegal(card, Act.REWRITE):
                blocked.append(str(card.card_no))
            given[card.id] = one.before["back"]
        if not blocked and given:
            _enter(doing, given, _("Access list %(file)s rolled back", file=doing.run.file_name))
        return blocked


def _schedule_name(number: int) -> str:
    row = Schedule.get_or_none(Schedule.id == number)
    return "" if row is None else _(row.name) if row.site_id is None else str(row.name)


def _level(doing: Doing, made: dict[tuple[int, Entries], int], card: Card, entries: Entries) -> int:
    """The number of a level that gives exactly this, made now when it is the first card that needs it."""
    key = (card.organisation_id, entries)
    if key not in made:
        assert doing.place.who is not None
        who, site_id = doing.place.who, doing.place.site_id
        given = LevelInput(
            site=site_id,
            name=_free_name(site_id, _name_of(entries)),
            note=_("Made by the access list %(file)s", file=doing.run.file_name)[:200],
            organisation=card.organisation_id,
            entries=dict(entries),
        )
        level = save_level(who.scope, None, given, None)
        after = snapshot(level)
        doing.audit.record(
            who.actor, "access.level_create", "level", level.id, None, after, site_id=level.site_id
        )
        made[key] = level.id
    return made[key]


def _name_of(entries: Entries) -> str:
    """The doors of a level, by name."""
    points = [point for point, _at in entries]
    query = Door.select(Door.label).join(AccessPoint).where(AccessPoint.id.in_(points)).distinct()
    return "、".join(sorted(label for (label,) in query.tuples())) or _("Access list")


def _free_name(site_id: int, wanted: str) -> str:
    taken = {
        name for (name,) in AccessLevel.select(AccessLevel.name).where(AccessLevel.site == site_id).tuples()
    }
    name, number = wanted[:NAME_CHARS_MAX], 1
    while name in taken:
        number += 1
        end = f" {number}"
        name = wanted[: NAME_CHARS_MAX - len(end)] + end
    return name


def _enter(doing: Doing, given: Mapping[int, dict[str, Any]], reason: str) -> None:
    assert doing.place.who is not None
    run, place = doing.run, doing.place
    order = bulk_acts.Order(GIVE_BY_LIST, {"file": run.file_name, "import": run.id}, {}, reason[:200], "")
    where = (place.site_id, place.organisation_id or None)
    bulk = bulk_acts.enter_each(doing.audit, doing.place.who, order, where, given, doing.now)
    run.followed_at = f"/cards/bulk/{bulk.id}"


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


ACCESS_LIST_IMPORTER: Final = AccessListImporter()
