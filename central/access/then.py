"""One recorded decision by the settings of its moment: what the device held then, and whether the same comes out once more (B6).

The View of then is made from the history of published rows (``central.sync.row_history``), for the card and the reader of the
record alone, and the function that the device decided with decides again, with the state and the time that the record carries.
Runs inside ``db.read``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from central.access.model import AccessEvent
from central.nodes.model import Device
from central.sync.ingest import fact_of
from central.sync.model import Enrolment, StoredFact
from central.sync.row_history import Gap, Rows, gap
from central.sync.storage import read_heads
from protocol.facts import AccessFact, decode_body
from protocol.ids import is_random_uid
from protocol.reasons import Reason
from protocol.records import (
    CardRow,
    Change,
    DoorRow,
    DoorRulesRow,
    Kind,
    LevelRow,
    PointRow,
    Revisions,
    Row,
    decode_row,
    number_key,
)
from protocol.replay import agrees, decide_again
from protocol.schedule import ALWAYS
from protocol.view import View

_OF_CARD: Final = (Kind.RESTRICTION, Kind.STALE_RIGHTS, Kind.CARD, Kind.USES, Kind.HOURS, Kind.PIN)
KEYS_SPACE: Final = "keys"


class Verdict(Enum):
    """What came of deciding it once more."""

    SAME = "same"
    OTHER = "other"
    """Something else comes out: shown and counted, never hidden."""
    NO_REVISION = Gap.NO_REVISION.value
    LOST = Gap.LOST.value
    PURGED = Gap.PURGED.value
    NOT_SAID = "not_said"
    """The program of the device did not record all that it used."""
    NO_CARD = "no_card"
    """The card was taken out of the record since."""
    NOT_OURS = "not_ours"
    """It came from elsewhere, without a record of a device."""


@dataclass(frozen=True)
class Settings:
    """What a device held of one card and one reader. ``rows``: by kind and key; ``pin_since``: the revision of its PIN."""

    view: View
    rows: Mapping[tuple[Kind, bytes], Row]
    pin_since: int

    def row(self, kind: Kind, key: bytes | int) -> Row | None:
        """One of them."""
        return self.rows.get((kind, number_key(key) if isinstance(key, int) else key))

    def of(self, kind: Kind) -> dict[int, Row]:
        """All of a kind that is known by numbers."""
        return {int.from_bytes(key, "big"): row for (of, key), row in self.rows.items() if of is kind}


@dataclass(frozen=True)
class Then:
    """A record and what is known of its moment. ``then`` and ``now`` are None where the settings of then are not known."""

    fact: AccessFact
    key: bytes
    wall_ms: int
    verdict: Verdict
    again: Reason | None = None
    then: Settings | None = None
    now: Settings | None = None


def look_back(event: AccessEvent) -> Then | None:
    """The decision of an event; None where no card was shown to a device of ours."""
    stored = (
        StoredFact.select()
        .join(Enrolment)
        .where(
            (Enrolment.device == event.device_id)
            & (Enrolment.node_epoch == event.node_epoch)
            & (StoredFact.seq == event.seq)
        )
        .first()
    )
    fact = decode_body(fact_of(stored)) if stored is not None else None
    if stored is None or not isinstance(fact, AccessFact):
        return None
    key, wall_ms = bytes(stored.personal), stored.wall_ms
    device, heads = Device.get_by_id(event.device_id), read_heads()
    unknown = gap(device.site_id, fact.revisions, heads)
    if unknown is not None:
        return Then(fact, key, wall_ms, Verdict(unknown.value))
    if stored.commitment and not key:
        return Then(fact, key, wall_ms, Verdict.NO_CARD)
    then = settings_at(device, fact.point, key, fact.revisions)
    now = settings_at(device, fact.point, key, heads, then.of(Kind.SCHEDULE))
    if fact.basis is None:
        return Then(fact, key, wall_ms, Verdict.NOT_SAID, None, then, now)
    again = decide_again(fact, key, wall_ms, fact_of(stored).clock, then.view).reason
    verdict = Verdict.SAME if agrees(fact.reason, again) else Verdict.OTHER
    return Then(fact, key, wall_ms, verdict, again, then, now)


def settings_at(
    device: Device, point: int, key: bytes, revisions: Revisions, schedules_too: Iterable[int] = ()
) -> Settings:
    """What the device held of this card and this reader, and of these schedules whoever has them."""
    held = Rows(device.id, revisions)
    site, own = f"site:{device.site_id}", f"device:{device.id}"
    is_known = bool(key) and not (key[:1] == b"U" and is_random_uid(key[1:]))
    changes = [row for kind in _OF_CARD for row in (held.of(site, kind, [key]) if is_known else ())]
    found = dict(_decoded(changes))
    at_reader = held.of(own, Kind.POINT, [number_key(point)])
    changes += at_reader
    card = found.get((Kind.CARD, key))
    reader = decode_row(at_reader[0]) if at_reader else None
    schedules = set(schedules_too)
    if isinstance(card, CardRow):
        levels = held.of(site, Kind.LEVEL, [number_key(level) for level in card.levels])
        changes += levels
        for _, row in _decoded(levels):
            assert isinstance(row, LevelRow)
            schedules |= {schedule for of, schedule in row.entries if of == point}
    if isinstance(reader, PointRow):
        door = [number_key(reader.door)]
        doors = held.of(own, Kind.DOOR, door)
        changes += doors
        for _, row in _decoded(doors):
            assert isinstance(row, DoorRow)
            schedules |= {row.unlock_schedule, row.lock_schedule, row.block_schedule}
        rules = held.of(own, Kind.DOOR_RULES, door)
        changes += rules
        for _, row in _decoded(rules):
            assert isinstance(row, DoorRulesRow)
            changes += held.of(own, Kind.AREA, [number_key(area) for area in {row.inside, row.outside}])
            schedules.add(row.pin_schedule)
    changes += held.of(site, Kind.SCHEDULE, [number_key(each) for each in schedules - {0, ALWAYS}])
    for space, kind in (
        (site, Kind.SITE),
        (site, Kind.SPECIAL_DAY),
        (KEYS_SPACE, Kind.READ_KEY),
        (KEYS_SPACE, Kind.ISSUER_KEY),
    ):
        changes += held.of(space, kind)
    return Settings(
        View().apply(changes, revisions),
        dict(_decoded(changes)),
        held.since(site, Kind.PIN, key) if (Kind.PIN, key) in found else 0,
    )


def _decoded(changes: list[Change]) -> list[tuple[tuple[Kind, bytes], Row]]:
    return [((Kind(change.kind), change.key), decode_row(change)) for change in changes]
