"""The list of the old system's cards: its columns, how a number becomes a UID, and the way back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from central.cards import entitlements
from central.cards.model import Card, CardClass, CardNumbering
from central.cards.number_forms import NumberForm, readings
from central.cards.numbering import numbering_of
from central.errors import InvalidInputError
from central.imports.importer import Doing, Importer, Place, Planned, Written
from central.people.model import Person
from central.takeover.model import TakenCard
from central.vehicles.service import is_plate
from central.web.fields import FirstDayField, LastDayField, MoneyField, TextField
from central.web.i18n import _, lazy
from central.web.importing import ImportColumn, ImportRow, Layout
from protocol.ids import is_random_uid
from protocol.rules.plates import tidy

ROWS_MAX: Final = 5_000
"""As many as enter the books together."""
LAYOUT: Final = Layout(
    ImportColumn(
        TextField("number", lazy("Card number"), length_max=40),
        sample="0077705923",
        also=("卡号", "UID", "Card no."),
    ),
    ImportColumn(TextField("person", lazy("Person number")), sample="0001", also=("人员编号", "工号")),
    ImportColumn(TextField("card_class", lazy("Card class"), is_required=False), also=("卡类",)),
    ImportColumn(TextField("levels", lazy("Access levels"), is_required=False), also=("权限组",)),
    ImportColumn(FirstDayField("valid_from", lazy("First valid day"), is_required=False)),
    ImportColumn(LastDayField("valid_until", lazy("Last valid day"), is_required=False)),
    ImportColumn(
        TextField("plate", lazy("Number plate"), is_required=False, length_max=20), also=("车牌", "车牌号")
    ),
    ImportColumn(
        MoneyField("balance", lazy("Balance"), is_required=False, most=100_000_000),
        sample="12.50",
        also=("余额",),
    ),
    key=("number",),
    rows_max=ROWS_MAX,
)
_BETWEEN_LEVELS: Final = re.compile(r"\s*[;；、,，]\s*")
_FIELDS: Final = (
    "person_id",
    "card_class_id",
    "levels",
    "valid_from",
    "valid_until",
    "plate",
    "balance_fen",
    "uid",
)


def uid_of(number: str, numbering: CardNumbering | None) -> bytes | None:
    """The whole UID that a number in the list names; None when the card must be shown or swapped first.

    :raises InvalidInputError: it could be several, and nobody has said which; or it is no number of the chosen form.
    """
    found = readings(number)
    if numbering is None:
        if found:
            raise InvalidInputError(
                "This number can be read in several ways. Say first how cards are numbered here: menu, Numbers on cards."
            )
        return None
    form = NumberForm(numbering.form)
    if form is NumberForm.SERIAL:
        return None
    reading = next((reading for reading in found if reading.form is form), None)
    if reading is None:
        raise InvalidInputError("This is no number in the form of this estate.")
    if is_random_uid(reading.part):
        raise InvalidInputError("This card shows another number each time and cannot be issued by its UID.")
    is_whole = reading.is_whole or len(reading.part) == numbering.uid_bytes
    return reading.part if is_whole else None


def names_of(number: str, uid: bytes | None, numbering: CardNumbering | None) -> set[tuple[str, str | bytes]]:
    """What a number stands for: two texts that share one of these are the same card.

    ``0077705923`` and ``77705923``, ``04:a1:b2:c3`` and ``04A1B2C3``, ``161,45763`` and ``16145763`` where numbers are 3+5.
    """
    text = "".join(unicodedata.normalize("NFKC", number).split()).upper()
    names: set[tuple[str, str | bytes]] = {("text", text.lstrip("0") if text.isdecimal() else text)}
    form = NumberForm(numbering.form) if numbering is not None else NumberForm.SERIAL
    names |= {(form.value, reading.part) for reading in readings(number) if reading.form is form}
    return names | {("uid", uid)} if uid is not None else names


class TakenImporter(Importer):
    """Cards of people who were imported before, found again by their old number."""

    name = "takeover"
    title = lazy("Import cards of the old system")
    path = "/cards/takeover/import"
    api_path = "/api/cards/takeover/imports"
    back = "/cards/takeover/cards"
    permission = ("cards", "approve")
    layout = LAYOUT
    help_section = "cards"

    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        site, organisation = place.site_id, place.organisation_id
        people = Person.select(Person.number, Person.id).where(
            (Person.site == site) & (Person.organisation == organisation)
        )
        known = _Known(
            dict(people.tuples()),
            dict(CardClass.select(CardClass.name, CardClass.id).where(CardClass.site == site).tuples()),
            _levels(site, organisation),
            numbering_of(site),
        )
        numbering, seen = known.numbering, dict[tuple[str, str | bytes], int]()
        present: dict[tuple[str, str | bytes], TakenCard] = {}
        for card in TakenCard.select().where(TakenCard.site == site).order_by(TakenCard.id):
            uid = None if card.uid is None else bytes(card.uid)
            present |= dict.fromkeys(names_of(card.number, uid, numbering), card)
        uids = {bytes(uid) for (uid,) in Card.select(Card.uid).where(Card.uid.is_null(False)).tuples()}
        found = []
        for row in rows:
            values = known.values(row)
            number, uid = row.values["number"], values["uid"] if values is not None else None
            names = names_of(number, uid, numbering)
            before = next((present[name] for name in names if name in present), None)
            if before is not None and not _may_change(before, values, organisation):
                row.wrong(_("This card was put into use already."), "number")
                continue
            if values is None:
                continue
            if line := next((seen[name] for name in names if name in seen), None):
                row.wrong(_("The same stands in line %(line)s already.", line=line), "number")
                continue
            if before is not None and before.card_id is not None:
                values = {"balance_fen": values["balance_fen"]}
            elif values["uid"] in uids:
                row.wrong(_("A card with this UID is in the books already."), "number")
                continue
            seen |= dict.fromkeys(names, row.line)
            changes = before is None or not _plain(values).items() <= snapshot(before).items()
            found.append(Planned(row, None if before is None else before.id, changes, values))
        return found

    def write(self, doing: Doing, planned: Sequence[Planned]) -> list[Written]:
        place, now = doing.place, doing.now
        written = []
        for p in planned:
            if p.object_id is None:
                made = TakenCard.create(
                    site=place.site_id,
                    organisation=place.organisation_id,
                    number=p.row.values["number"],
                    entered_at=now,
                    **p.thing,
                )
                written.append(Written(p.row.line, made.id, None, 1))
            else:
                row = TakenCard.get_by_id(p.object_id)
                written.append(Written(p.row.line, row.id, snapshot(row), row.version + 1))
                _store(row, p.thing)
        return written

    def undo(self, doing: Doing, written: Sequence[Written]) -> list[str]:
        rows = {row.id: row for row in TakenCard.select().where(TakenCard.version > 0)}
        blocked = [
            rows[w.object_id].number if w.object_id in rows else f"#{w.object_id}"
            for w in written
            if w.object_id not in rows
            or rows[w.object_id].version != w.version
            or rows[w.object_id].card_id is not None
        ]
        if blocked:
            return blocked
        for w in written:
            if w.before is None:
                rows[w.object_id].delete_instance()
            else:
                _store(rows[w.object_id], _from_plain(w.before))
        return []


class _Known:
    """What the names in the list stand for."""

    def __init__(
        self,
        people: dict[str, int],
        classes: dict[str, int],
        levels: dict[str, int],
        numbering: CardNumbering | None,
    ) -> None:
        self.people, self.classes, self.levels, self.numbering = people, classes, levels, numbering

    def values(self, row: ImportRow) -> dict[str, Any] | None:
        """The fields of a :class:`TakenCard`; None when something is wrong with the row."""
        given = row.values
        person = self.people.get(given["person"])
        if person is None:
            row.wrong(_("There is no person with this number. Import the people first."), "person")
        class_name = given.get("card_class")
        if class_name and class_name not in self.classes:
            row.wrong(_("There is no such card class in this estate."), "card_class")
        names = [name for name in _BETWEEN_LEVELS.split(given.get("levels") or "") if name]
        if missing := [name for name in names if name not in self.levels]:
            row.wrong(_("There is no access level %(name)s here.", name=missing[0]), "levels")
        first, end = given.get("valid_from"), given.get("valid_until")
        if first and end and end <= first:
            row.wrong(_("The last valid day lies before the first."), "valid_until")
        if given.get("plate") and not is_plate(given["plate"]):
            row.wrong(_("This is no number plate."), "plate")
        uid = None
        try:
            uid = uid_of(given["number"], self.numbering)
        except InvalidInputError as error:
            row.wrong(_(str(error)), "number")
        if not row.is_good:
            return None
        return {
            "uid": uid,
            "person_id": person,
            "card_class_id": self.classes[class_name] if class_name else None,
            "levels": sorted(self.levels[name] for name in names),
            "valid_from": first,
            "valid_until": end,
            "plate": tidy(given.get("plate") or ""),
            "balance_fen": given.get("balance") or 0,
        }


def _may_change(before: TakenCard, values: dict[str, Any] | None, organisation_id: int) -> bool:
    """Of a card that is in the books a later list corrects the balance only, until it is signed anew."""
    if before.organisation_id != organisation_id:
        return False
    if before.card_id is None or values is None:
        return True
    fixed = [name for name in _FIELDS if name not in ("balance_fen", "uid")]
    was, wanted = snapshot(before), _plain(values)
    return all(was[name] == wanted[name] for name in fixed)


def _levels(site_id: int, organisation_id: int) -> dict[str, int]:
    provider = entitlements.provider("levels")
    choices = provider.choices(site_id, organisation_id) if provider is not None else []
    return {choice.label: choice.value for choice in choices}


def _store(row: TakenCard, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.version += 1
    row.save()


def snapshot(row: TakenCard) -> dict[str, Any]:
    """The row as plain values."""
    return _plain({name: getattr(row, name) for name in _FIELDS})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        if isinstance(value, datetime):
            value = value.astimezone(UTC).isoformat()
        found[name] = bytes(value).hex() if isinstance(value, bytes | memoryview) else value
    return found


def _from_plain(values: dict[str, Any]) -> dict[str, Any]:
    found = dict(values)
    for name in ("valid_from", "valid_until"):
        found[name] = datetime.fromisoformat(found[name]) if found[name] else None
    found["uid"] = bytes.fromhex(found["uid"]) if found["uid"] else None
    return found
