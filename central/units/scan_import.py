"""Scans of other makers' patrol units, read by a column mapper, as scans of ours (U18). Runs inside ``db``.

They stand in the table of the scans with node_epoch 0: a rebuild does not make them again, and the page of the import says
who brought which file. The same row again changes nothing. A unit's records count as complete up to its newest row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import peewee

from central.audit import act_on_many
from central.bulk import insert_rows
from central.cards.model import Card
from central.cards.number_forms import readings
from central.cards.rules import Holding
from central.db import announce, current_transaction
from central.imports.importer import Doing, Importer, Place, Planned, Written
from central.imports.model import ImportRun, ImportState
from central.imports.runs import forget_object
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Guard
from central.people.model import Person
from central.rounds import marks
from central.rounds.model import BY_FILE, ForcedMark, PatrolScan, PurgedSpan
from central.rounds.projection import SCANS, late_proof_followers
from central.sync.catch_up import CAUGHT_UP
from central.sync.model import CatchUp
from central.units import mapping as mapper
from central.units.kinds import unit_ids
from central.units.model import BroughtMark
from central.web.i18n import _, lazy
from central.web.importing import ImportRow, ReadTable
from protocol.decide import Trust
from protocol.facts import ScanResult

NAME: Final = "patrol_scans"


class _MappedLayout:
    """What ``central.imports.runs`` asks of a layout."""

    def __init__(self, mapping: mapper.Mapping, zone: ZoneInfo) -> None:
        self._mapping, self._zone = mapping, zone
        self.rows_max = mapper.ROWS_MAX

    def read(self, raw: bytes) -> ReadTable:
        """As ``mapping.read``."""
        return mapper.read(raw, self._mapping, self._zone)

    def failed(self, table: ReadTable) -> bytes:
        """As ``mapping.failed``."""
        return mapper.failed(table)


class ScanImporter(Importer):
    """One file with its mapping."""

    name = NAME
    title = lazy("Bring patrol records in")
    path = "/patrol/units/import"
    back = "/patrol/units"
    permission = ("patrol", "edit")
    help_section = "patrol"

    def __init__(self, mapping: mapper.Mapping, zone: ZoneInfo) -> None:
        self._mapping = mapping
        self.layout = _MappedLayout(mapping, zone)  # type: ignore[assignment]  # the two methods that are used

    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        known = _Known(place)
        found: list[Planned] = []
        keys: list[tuple[int, int, int, datetime]] = []
        good: list[ImportRow] = []
        for row in rows:
            key = known.key(row, self._mapping.unit_id)
            if key is not None:
                keys.append(key)
                good.append(row)
        standing = _standing(keys)
        seen: set[tuple[int, int, int, datetime]] = set()
        for row, key in zip(good, keys, strict=True):
            there = standing.get(key)
            found.append(Planned(row, there, there is None and key not in seen, key))
            seen.add(key)
        return found

    def write(self, doing: Doing, planned: Sequence[Planned]) -> list[Written]:
        place, now = doing.place, doing.now
        organisations = dict(
            Checkpoint.select(Checkpoint.id, Checkpoint.organisation)
            .where(Checkpoint.site == place.site_id)
            .tuples()
        )
        newest: dict[int, datetime] = {}
        for one in planned:
            device, at = one.thing[0], one.thing[3]
            newest[device] = max(at, newest.get(device, at))
        next_seq = _next_seqs(newest)
        closed = _closed_through(newest)
        lines: dict[tuple[int, int], int] = {}
        rows = []
        for one in sorted(planned, key=lambda one: (one.thing[0], one.thing[3], one.row.line)):
            device, checkpoint, _person, at = one.thing
            seq = next_seq[device]
            next_seq[device] += 1
            lines[device, seq] = one.row.line
            is_late = device in closed and at <= closed[device]
            rows.append(_scan(place.site_id, organisations[checkpoint], one.thing, seq, now, is_late))
        insert_rows(PatrolScan, rows)
        _tell_late(rows)
        _mark(doing.run, newest, now)
        for device in newest:
            announce(SCANS, {"site": place.site_id, "device": device})
            announce(CAUGHT_UP, {"site": place.site_id, "device": device})
        return [
            Written(lines[device, seq], number, None, 1)
            for number, device, seq in PatrolScan.select(PatrolScan.id, PatrolScan.device, PatrolScan.seq)
            .where((PatrolScan.node_epoch == BY_FILE) & PatrolScan.device.in_(list(newest)))
            .tuples()
            if (device, seq) in lines
        ]

    def undo(self, doing: Doing, written: Sequence[Written]) -> list[str]:
        """The newest file of a unit first: a later one may hold the same records, and its mark says that they are here."""
        devices = BroughtMark.select(BroughtMark.device).where(BroughtMark.run == doing.run.id)
        later = (
            ImportRun.select(ImportRun.file_name)
            .join(BroughtMark)
            .where(
                BroughtMark.device.in_(devices)
                & (ImportRun.id > doing.run.id)
                & (ImportRun.state == ImportState.DONE.value)
            )
            .distinct()
        )
        if blocked := [name for (name,) in later.tuples()]:
            return blocked
        ids = [one.object_id for one in written]
        for at in range(0, len(ids), 500):
            PatrolScan.delete().where(
                PatrolScan.id.in_(ids[at : at + 500]) & (PatrolScan.node_epoch == BY_FILE)
            ).execute()
        return []


def _mark(run: ImportRun, newest: Mapping[int, datetime], now: datetime) -> None:
    before = marks.unit_marks(newest)
    for device, through_at in newest.items():
        catch_up = None
        if before[device].through_ms > 0:
            catch_up = CatchUp.create(
                device=device,
                node_epoch=BY_FILE,
                begins_at=min(now, marks.to_at(before[device].through_ms)),
                ends_at=now,
            )
        BroughtMark.create(run=run, device=device, through_at=min(through_at, now), catch_up=catch_up)


def forget(person: Person) -> None:
    """Erasing a person: who stands in files that wait, and in rows that were wrong, is not known, so all of them go (I15)."""
    forget_object(NAME, 0)


def further_marks(devices: Collection[int]) -> Mapping[int, int]:
    """Up to when files of other makers that stand make these devices' records complete, in ms since 1970."""
    query = (
        BroughtMark.select(BroughtMark.device, peewee.fn.MAX(BroughtMark.through_at))
        .join(ImportRun)
        .where(BroughtMark.device.in_(list(devices)) & (ImportRun.state == ImportState.DONE.value))
        .group_by(BroughtMark.device)
        .tuples()
    )
    found = {}
    for device, through in query:
        found[device] = marks.in_ms(through)
    return found


class _Known:
    """What the words of a file stand for in one estate: checkpoints, guards and units of the organisation it is brought for."""

    def __init__(self, place: Place) -> None:
        site_id, organisation = place.site_id, place.organisation_id
        self._purged = list(
            PurgedSpan.select(PurgedSpan.from_at, PurgedSpan.until_at)
            .where(PurgedSpan.site == site_id)
            .tuples()
        )
        self.places: dict[str, set[int]] = defaultdict(set)
        self.place_uids: dict[bytes, int] = {}
        for row in Checkpoint.select().where(
            (Checkpoint.site == site_id) & (Checkpoint.organisation == organisation) & Checkpoint.active
        ):
            self.places[str(row.number)].add(row.id)
            self.places[row.name].add(row.id)
            if row.place_uid is not None:
                self.place_uids[bytes(row.place_uid)] = row.id
        self.people: dict[str, set[int]] = defaultdict(set)
        self.card_uids: dict[bytes, int] = {}
        guards: Any = Guard.select(Guard, Person).join(Person)
        guards = guards.where((Guard.site == site_id) & (Guard.organisation == organisation))
        for row in guards:
            self.people[row.person.number].add(row.person_id)
            self.people[row.person.name].add(row.person_id)
        persons = sorted({number for numbers in self.people.values() for number in numbers})
        cards = Card.select().where(Card.person.in_(persons) & (Card.holding == Holding.IN_USE.value))
        for card in cards:
            self.people[card.card_no].add(card.person_id)
            if card.uid is not None:
                self.card_uids[bytes(card.uid)] = card.person_id
        self._answers: dict[tuple[str, str], set[int]] = {}
        self.units: dict[str, set[int]] = defaultdict(set)
        self.unit_ids = set()
        units = Device.select().where(
            (Device.site == site_id)
            & (Device.organisation == organisation)
            & Device.id.in_(sorted(unit_ids()))
        )
        for device in units:
            self.unit_ids.add(device.id)
            self.units[str(device.number)].add(device.id)
            self.units[device.label].add(device.id)

    def key(self, row: ImportRow, unit_id: int) -> tuple[int, int, int, datetime] | None:
        """(device, checkpoint, person, instant); None when something is wrong with the row."""
        place = self._one(
            row, "place", self.places, self.place_uids, _("There is no such checkpoint in this estate.")
        )
        guard = self._one(
            row, "guard", self.people, self.card_uids, _("There is no guard with this number, name or card.")
        )
        device: int | None = unit_id or None
        if row.values["unit"]:
            device = self._one(
                row, "unit", self.units, {}, _("There is no patrol unit with this number or name.")
            )
        elif device not in self.unit_ids:
            row.wrong(_("No column says which unit it was, and none was chosen."), "unit")
        at = row.values["at"]
        if at is not None and any(from_at <= at < until_at for from_at, until_at in self._purged):
            row.wrong(_("Records of this time were purged."), "at")
        if not row.is_good or place is None or guard is None or device is None:
            return None
        return device, place, guard, row.values["at"]

    def _one(
        self,
        row: ImportRow,
        column: str,
        names: Mapping[str, set[int]],
        uids: Mapping[bytes, int],
        nothing: str,
    ) -> int | None:
        text = row.values[column]
        found = self._answers.get((column, text))
        if found is None:
            found = set(names.get(text, ()) or names.get(text.lstrip("0"), ()))
            if not found and uids:
                ways = readings(text)
                found = {number for uid, number in uids.items() if any(way.matches(uid) for way in ways)}
            self._answers[column, text] = found
        if len(found) == 1:
            return next(iter(found))
        row.wrong(_("This fits several: %(text)s", text=text) if found else nothing, column)
        return None


def _standing(keys: Sequence[tuple[int, int, int, datetime]]) -> dict[tuple[int, int, int, datetime], int]:
    """Scans that are here already, by a file or by the unit itself."""
    if not keys:
        return {}
    found = PatrolScan.select(
        PatrolScan.id, PatrolScan.device, PatrolScan.checkpoint, PatrolScan.person, PatrolScan.at
    ).where(
        PatrolScan.device.in_(sorted({key[0] for key in keys}))
        & (PatrolScan.at >= min(key[3] for key in keys))
        & (PatrolScan.at <= max(key[3] for key in keys))
        & PatrolScan.person.is_null(False)
    )
    return {(row.device_id, row.checkpoint, row.person_id, row.at): row.id for row in found}


def _next_seqs(devices: Collection[int]) -> dict[int, int]:
    """The next number of each device among the scans that files brought."""
    found = dict.fromkeys(devices, 1)
    query = (
        PatrolScan.select(PatrolScan.device, peewee.fn.MAX(PatrolScan.seq))
        .where((PatrolScan.node_epoch == BY_FILE) & PatrolScan.device.in_(list(devices)))
        .group_by(PatrolScan.device)
        .tuples()
    )
    for device, seq in query:
        found[device] = seq + 1
    return found


def _tell_late(rows: Sequence[dict[str, Any]]) -> None:
    """Scans from a time that had been closed prove visits afterwards: with an audit row each, beside the import's."""
    late: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["late_proof"]:
            late[row["device"]].append(row)
    for device, of_device in late.items():
        for follow in late_proof_followers:
            follow(Device.get_by_id(device), of_device)
    if late:
        act_on_many(current_transaction().audit_rows_count)


def _closed_through(devices: Collection[int]) -> dict[int, datetime]:
    """Up to when operators have closed the time of devices: a scan from before then proves a visit afterwards."""
    found: dict[int, datetime] = {}
    for row in ForcedMark.select().where(ForcedMark.device.in_(list(devices))):
        found[row.device_id] = max(row.through_at, found.get(row.device_id, row.through_at))
    return found


def _scan(
    site_id: int,
    organisation_id: int,
    key: tuple[int, int, int, datetime],
    seq: int,
    now: datetime,
    is_late: bool,
) -> dict[str, Any]:
    device, checkpoint, person, at = key
    return {
        "site": site_id,
        "organisation": organisation_id,
        "device": device,
        "node_epoch": BY_FILE,
        "seq": seq,
        "at": at,
        "wall_ms": marks.to_ms(at),
        "clock": Trust.HOLDOVER.value,
        "received_at": now,
        "point": None,
        "checkpoint": checkpoint,
        "key": None,
        "card": None,
        "person": person,
        "told": ScanResult.PLAN_UNKNOWN.value,
        "planned_at": None,
        "event": 0,
        "scan_seq": 0,
        "dead": False,
        "copy": False,
        "uncertain": False,
        "late_proof": is_late,
    }
