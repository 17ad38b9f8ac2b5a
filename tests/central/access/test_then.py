"""An event is explained by what its device held then: whatever was changed since, the same comes out once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import msgspec
import pytest

from central.access.explain import SOME_PIN
from central.access.model import (
    AccessEvent,
    AccessLevel,
    AccessPoint,
    Area,
    CardLevel,
    Door,
    LevelEntry,
    Schedule,
    SpecialDay,
)
from central.access.then import Then, Verdict, look_back
from central.access.then_lines import lines, sight_of
from central.cards.model import Card, CardClass, CardDevice, CardPin
from central.nodes.model import Device
from central.sites.model import Organisation
from central.sites.scope import Grant, Scope
from central.sync import ingest, publish, row_history, storage
from central.sync.model import Enrolment, FormerRow, HistoryBegin
from central.sync.storage import read_heads, rows_of_scope
from central.web.i18n import _ as words
from protocol.basis import PIN_STAND_IN, Basis, basis_of, without_lock
from protocol.card_layout.door_keys import read_key_number
from protocol.decide import Instant, PointState, Presentation, Trust, decide
from protocol.facts import CHAIN_START, AccessFact, Fact, chained, encode_body
from protocol.ids import Stream, uid_key
from protocol.reasons import Reason, is_granted
from protocol.records import IssuerKeyRow, Kind, Mode, ReadKeyRow, Revisions, number_key, put
from protocol.rules.doors import RuleState
from protocol.rules.passback import Place, Places
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.support.estate import NOON, Estate, card_row, later

UID = bytes.fromhex("04A1B2C3")
KEY = uid_key(UID)
CARDS = 3
TAPS = 100


@dataclass
class Gate:
    """The gate's device: holds what it was sent when it last asked, and records what it decides by that."""

    estate: Estate
    seq: int = 0
    head: bytes = CHAIN_START
    view: View = field(default_factory=View)

    def join(self) -> None:
        Enrolment.create(
            device=self.estate.gate_device,
            node_epoch=1,
            public_key=bytes(32),
            salt=bytes(16),
            enrolled_at=NOON,
            head=CHAIN_START,
        )

    def ask(self) -> None:
        """Take what the centre sends to it now. Inside ``db.read``."""
        rows = [
            row
            for stream in (Stream.RESTRICTIONS, Stream.ACCESS)
            for row in rows_of_scope("east-gate", stream, lambda sealed: sealed)
        ]
        self.view = View().apply(rows, read_heads())

    def shown(
        self,
        uid: bytes = UID,
        *,
        at: datetime = NOON,
        point: int = 0,
        state: PointState | None = None,
        pin: bytes = b"",
    ) -> int:
        """Decide and record; the seq. Inside ``db.write``."""
        point, card = point or self.estate.entrance, Presentation(uid, pin=pin)
        at_point, now = self.view.access_points.get(point), Instant(int(at.timestamp() * 1_000))
        if at_point is None:
            fact = AccessFact(point, Reason.NOT_CONFIGURED, self.view.revisions, basis=without_lock(card))
            key = uid_key(uid)
        else:
            state = state or PointState(at_point.mode)
            made, key = decide(card, self.view, at_point, state, now), b""
            key = made.key
            fact = AccessFact(
                point,
                made.reason,
                made.revisions,
                schedule=made.schedule,
                release_ms=made.release_ms,
                mode=state.mode,
                unknown_ignored=state.unknown_ignored,
                used=made.used,
                place=made.place,
                basis=basis_of(card, self.view, at_point, state, now, made),
            )
        self.record(fact, key, at)
        return self.seq

    def record(self, body: AccessFact, key: bytes, at: datetime = NOON) -> None:
        self.seq += 1
        kind, encoded = encode_body(body)
        fact = Fact(self.seq, kind, 1, self.seq, int(at.timestamp() * 1_000), Trust.TRUSTED, encoded, key)
        entry = chained(self.head, fact, bytes(16))
        self.head = entry.hash
        ingest.store(Enrolment.get().id, [entry], fact.wall_ms)

    def then(self, seq: int) -> Then:
        """What its event says now. Inside ``db.read``."""
        found = look_back(AccessEvent.get(AccessEvent.seq == seq))
        assert found is not None
        return found


@pytest.fixture
def gate(estate: Estate) -> Gate:
    made = Gate(estate)
    estate.write(made.join)
    estate.write(publish.everything_changed, estate.site)
    return made


def in_use(estate: Estate, number: int, uid: bytes, *levels: int, **values: object) -> int:
    card = card_row(
        site=estate.site,
        organisation=estate.organisation,
        card_no=f"{number:04d}",
        uid=uid,
        holding="in_use",
        person=estate.person,
        issue_no=1,
        **values,
    )
    for level in levels:
        CardLevel.create(card=card.id, level=level)
    publish.card_changed(card.id)
    return int(card.id)


# -- the boundaries -------------------------------------------------------------------------------------------------


def change_schedule(estate: Estate, start: int) -> None:
    Schedule.update(periods=[[0b1111111, start, 23 * 60]]).where(Schedule.id == estate.office_hours).execute()
    publish.schedule_changed(estate.office_hours)


@pytest.mark.parametrize(
    ("steps", "reason"), [(-1, Reason.OUTSIDE_SCHEDULE), (0, Reason.GRANTED), (1, Reason.GRANTED)]
)
def test_a_row_holds_from_its_revision_on_and_until_the_next(gate: Gate, steps: int, reason: Reason) -> None:
    """One before the change, equal to it, one after it.

    Planted breaks that turn it red: ``>=`` instead of ``>`` in ``_former``; ``<`` instead of ``<=`` in ``_standing``;
    ``row_history.keep`` left out of ``set_body``.
    """
    estate = gate.estate
    estate.write(in_use, estate, 1, UID, estate.office_level)
    estate.write(change_schedule, estate, 20 * 60)
    estate.write(change_schedule, estate, 8 * 60)
    changed = estate.read(read_heads).access
    estate.write(publish.zones_changed, [estate.site])
    estate.write(in_use, estate, 2, b"\x04\0\0\2")
    revisions = estate.read(read_heads).with_(Stream.ACCESS, changed + steps)
    fact = AccessFact(estate.entrance, reason, revisions, basis=Basis())
    estate.write(lambda: gate.record(fact, KEY))
    found = estate.read(gate.then, 1)
    assert (found.verdict, found.again) == (Verdict.SAME, reason)


def test_a_row_that_was_deleted_and_put_again_leaves_a_gap(gate: Gate) -> None:
    """The card is there, is not, and is there once more; a device with none of its rows knows nothing of it.

    Planted break that turns it red: ``_former`` without ``from_revision``.
    """
    estate = gate.estate
    before = estate.read(read_heads)
    card = estate.write(in_use, estate, 1, UID, estate.level)
    seen = [before, estate.read(read_heads)]
    for holding in ("stock", "in_use"):
        estate.write(lambda holding=holding: Card.update(holding=holding).execute())
        estate.write(publish.card_changed, card)
        seen.append(estate.read(read_heads))
    for revisions in seen:
        estate.write(
            lambda revisions=revisions: gate.record(
                AccessFact(estate.entrance, Reason.GRANTED, revisions, basis=Basis()), KEY
            )
        )
    again = [estate.read(gate.then, seq).again for seq in (1, 2, 3, 4)]
    assert again == [Reason.UNKNOWN_CARD, Reason.GRANTED, Reason.UNKNOWN_CARD, Reason.GRANTED]


def test_who_had_a_row_is_told_by_the_tags_of_then(gate: Gate) -> None:
    """A level without this device, and a card that was limited to another device: it knew nothing of the card then; now it does.
    Loading the device anew and whole changes nothing of it.

    Planted breaks that turn it red: ``_scope`` from ``DeviceScope`` alone; ``Rows.of`` without the tags.
    """
    estate = gate.estate

    def move(to_gate: bool) -> None:
        LevelEntry.delete().where(LevelEntry.level == estate.office_level).execute()
        if to_gate:
            LevelEntry.create(level=estate.office_level, point=estate.entrance, schedule=ALWAYS)
        publish.level_changed(estate.office_level)

    estate.write(move, False)
    card = estate.write(in_use, estate, 1, UID, estate.office_level)
    estate.read(gate.ask)
    first = estate.write(gate.shown)
    estate.write(move, True)
    estate.read(gate.ask)
    second = estate.write(gate.shown)
    estate.write(
        lambda: CardDevice.create(card=card, device=estate.desk_device) and publish.card_changed(card)
    )
    estate.read(gate.ask)
    third = estate.write(gate.shown)
    estate.write(publish.anew, [estate.gate_device])
    estate.write(move, False)
    found = [estate.read(gate.then, seq) for seq in (first, second, third)]
    assert [each.verdict for each in found] == [Verdict.SAME] * 3
    assert [each.fact.reason for each in found] == [Reason.UNKNOWN_CARD, Reason.GRANTED, Reason.UNKNOWN_CARD]


def test_settings_that_are_not_known_are_said_so(gate: Gate) -> None:
    """No revision at all, one that the centre never had, what was published after the backup that was restored, a config_epoch
    that nobody knows here, and a program that did not say what it used.

    Planted breaks that turn it red: ``begin_epoch`` left out of ``raise_config_epoch``; ``gap`` without ``following``.
    """
    estate = gate.estate
    estate.write(in_use, estate, 1, UID, estate.level)
    backed_up = estate.read(read_heads)
    lost = backed_up.with_(Stream.ACCESS, backed_up.access + 1)
    epoch = estate.write(storage.raise_config_epoch, NOON)
    estate.write(in_use, estate, 2, b"\x04\0\0\2", estate.level)
    renewed = estate.read(read_heads)
    later_epoch = estate.write(storage.raise_config_epoch, later(days=1))
    cases = [
        (Revisions(), Verdict.NO_REVISION),
        (Revisions(later_epoch + 1, 1, 1), Verdict.NO_REVISION),
        (Revisions(later_epoch, renewed.restrictions, renewed.access + 1), Verdict.NO_REVISION),
        (backed_up, Verdict.SAME),
        (lost, Verdict.LOST),
        (Revisions(epoch - 1, backed_up.restrictions, backed_up.access), Verdict.LOST),
        (renewed, Verdict.SAME),
        (Revisions(later_epoch, renewed.restrictions, renewed.access), Verdict.SAME),
    ]
    for revisions, verdict in cases:
        fact = AccessFact(estate.entrance, Reason.GRANTED, revisions, basis=Basis())
        estate.write(lambda fact=fact: gate.record(fact, KEY))
        assert estate.read(gate.then, gate.seq).verdict is verdict, revisions
    estate.write(lambda: gate.record(AccessFact(estate.entrance, Reason.GRANTED, renewed), KEY))
    assert estate.read(gate.then, gate.seq).verdict is Verdict.NOT_SAID
    estate.write(lambda: ingest.forget(estate.gate_device, [(1, 4)]))
    assert estate.read(gate.then, 4).verdict is Verdict.NO_CARD


def test_a_record_that_does_not_follow_from_its_settings_is_told(gate: Gate) -> None:
    """Planted break that turns it red: ``look_back`` taking ``fact.reason`` for what comes out."""
    estate = gate.estate
    estate.write(in_use, estate, 1, UID, estate.level)
    heads = estate.read(read_heads)
    estate.write(lambda: gate.record(AccessFact(estate.entrance, Reason.EXPIRED, heads, basis=Basis()), KEY))
    found = estate.read(gate.then, 1)
    assert (found.verdict, found.again) == (Verdict.OTHER, Reason.GRANTED)


def test_an_organisation_is_told_of_its_own_cards_and_doors_alone(gate: Gate) -> None:
    """Planted breaks that turn it red: ``sight_of`` with everything; the schedules of a door told with those of levels."""
    estate = gate.estate
    site, mine = estate.site, estate.organisation
    other = estate.write(lambda: Organisation.create(name="另一单位", created_at=NOON).id)
    card = estate.write(in_use, estate, 1, UID, estate.level)
    hours = estate.write(
        lambda: Schedule.create(site=site, name="夜间", periods=[[127, 1_320, 360]]).id,
    )
    gate_door = estate.read(lambda: AccessPoint.get_by_id(estate.entrance).door)
    estate.write(Door.update(unlock_schedule=hours).where(Door.id == gate_door.id).execute)
    estate.write(publish.device_changed, estate.gate_device)
    estate.write(publish.schedule_changed, hours)
    estate.read(gate.ask)
    seq = estate.write(gate.shown)

    def told(organisation: int | None) -> dict[str, str | None]:
        event = AccessEvent.get(AccessEvent.seq == seq)
        return {
            line.rule: line.since
            for line in lines(gate.then(seq), sight_of(Scope.of([Grant(site, organisation)]), event))
        }

    everything = estate.read(told, None)
    assert {
        words("Release time"),
        words("Schedule “%(name)s”", name="夜间"),
        words("Issue of the card"),
    } <= everything.keys()
    assert estate.read(told, mine) == everything
    estate.write(Device.update(organisation=other).where(Device.id == estate.gate_device).execute)
    found = estate.read(told, mine)
    assert words("Issue of the card") in found
    assert (
        not {words("Release time"), words("Schedule “%(name)s”", name="夜间"), words("Held open during")}
        & found.keys()
    )
    estate.write(Card.update(organisation=other, valid_until=later(hours=3)).where(Card.id == card).execute)
    estate.write(publish.card_changed, card)
    found = estate.read(told, mine)
    assert found[words("Issue of the card")] == "closed"
    assert words("Valid before") not in found
    assert estate.read(told, None)[words("Valid before")] == "added"


def test_history_goes_with_the_events_and_no_sooner(gate: Gate) -> None:
    """Rows that the oldest event asks for stay; when that is gone they go, and a record from before is told to be older.

    Planted breaks that turn it red: ``<`` instead of ``<=`` in ``prune``; ``gap`` without ``HistoryBegin``;
    ``_needed_from`` without the events; without the devices.
    """
    estate = gate.estate
    card = estate.write(in_use, estate, 1, UID, estate.level)
    estate.read(gate.ask)
    first = estate.write(gate.shown)
    oldest = gate.view.revisions
    for day in (1, 2, 3):
        estate.write(lambda day=day: Card.update(valid_until=later(days=day)).execute())
        estate.write(publish.card_changed, card)
        if day == 2:
            estate.read(gate.ask)
            second = estate.write(gate.shown)

    for reasons in (["lost"], []):
        estate.write(lambda reasons=reasons: Card.update(reasons=reasons, dead_since=NOON).execute())
        estate.write(publish.card_changed, card)

    def of_cards() -> int:
        return FormerRow.select().where(FormerRow.kind == Kind.CARD.value).count()

    assert estate.read(of_cards) == 3
    estate.write(row_history.prune, estate.site)
    assert estate.read(of_cards) == 3
    assert estate.read(gate.then, first).verdict is Verdict.SAME
    estate.write(lambda: AccessEvent.delete().where(AccessEvent.seq == first).execute())
    estate.write(row_history.prune, estate.site)
    assert estate.read(of_cards) == 1
    assert estate.read(gate.then, second).verdict is Verdict.SAME
    estate.write(lambda: gate.record(AccessFact(estate.entrance, Reason.GRANTED, oldest, basis=Basis()), KEY))
    assert estate.read(gate.then, gate.seq).verdict is Verdict.PURGED
    estate.write(lambda: AccessEvent.delete().execute())
    estate.write(row_history.prune, estate.site)
    assert estate.read(FormerRow.select().count) == 0
    assert estate.read(lambda: HistoryBegin.get().access) == estate.read(read_heads).access


ASKED = (
    *(
        Kind.RESTRICTION,
        Kind.STALE_RIGHTS,
        Kind.CARD,
        Kind.LEVEL,
        Kind.SCHEDULE,
        Kind.SPECIAL_DAY,
        Kind.POINT,
    ),
    *(
        Kind.DOOR,
        Kind.SITE,
        Kind.READ_KEY,
        Kind.ISSUER_KEY,
        Kind.USES,
        Kind.HOURS,
        Kind.DOOR_RULES,
        Kind.AREA,
    ),
    Kind.PIN,
)


def test_every_row_that_a_decision_asks_is_kept_and_no_other(gate: Gate) -> None:
    """Planted break that turns it red: ``KEPT`` without any one of them, or with BALANCE."""
    estate = gate.estate

    def twice(kind: Kind) -> None:
        for body in (b"first", b"second"):
            publish.set_body(
                publish.Revision(), "device:99", kind, number_key(1), body, {f"site:{estate.site}"}
            )

    for kind in Kind:
        estate.write(twice, kind)
    kept = estate.read(
        lambda: [
            kind
            for (kind,) in FormerRow.select(FormerRow.kind).where(FormerRow.space == "device:99").tuples()
        ]
    )
    assert sorted(kept) == sorted(ASKED)


def test_no_key_and_no_pin_is_kept(gate: Gate) -> None:
    """Planted break that turns it red: ``_put`` with the body as it stood."""
    estate = gate.estate

    def secrets(body: bytes) -> None:
        revision = publish.Revision()
        publish.set_body(revision, f"site:{estate.site}", Kind.PIN, KEY, body, {"level:1"})
        publish.set_body(revision, "keys", Kind.READ_KEY, number_key(1), body, {"zone:0"})

    for body in (b"sealed one", b"sealed two", b""):
        estate.write(secrets, body)
    kept = estate.read(lambda: [bytes(body) for (body,) in FormerRow.select(FormerRow.body).tuples()])
    assert len(kept) == 4
    assert not any(b"sealed" in body for body in kept)
    assert msgspec.msgpack.encode(PIN_STAND_IN) in kept


# -- random histories -----------------------------------------------------------------------------------------------


class Histories:
    """Everything that a decision depends on is changed at random, and cards are shown in between."""

    def __init__(self, gate: Gate, seed: int) -> None:
        self.gate, self.estate, self._random = gate, gate.estate, Random(seed)
        self.cards: list[tuple[int, bytes]] = []

    def begin(self) -> None:
        estate = self.estate
        self.area = Area.create(site=estate.site, name="院", passback=2, occupancy_max=2).id
        self.extra = CardClass.create(site=estate.site, name="多", active_max_count=9, needs_escort=True).id
        for number in range(CARDS):
            uid = b"\x04\0\0" + bytes([number])
            card = in_use(estate, number, uid, estate.level, estate.office_level)
            self.cards.append((card, uid))
        revision = publish.Revision()
        key = put(read_key_number(0, 1), ReadKeyRow(bytes(16)))
        publish.set_body(revision, "keys", Kind.READ_KEY, key.key, key.body, {"zone:0"})

    def change(self) -> None:
        """One of everything that an operator can do."""
        one, estate = self._random.choice, self.estate
        card, _ = one(self.cards)
        act: Callable[[], object] = one(
            [
                lambda: self._card(card, valid_until=one([None, NOON, later(days=9)])),
                lambda: self._card(card, valid_from=one([None, NOON, later(hours=3)])),
                lambda: self._card(card, holding=one(["in_use", "in_use", "stock"])),
                lambda: self._card(card, reasons=one([[], [], [], ["lost"]]), dead_since=NOON),
                lambda: self._card(card, uses_max=one([0, 2])),
                lambda: self._card(card, issue_no=one([1, 2])),
                lambda: self._card(card, card_class=one([None, self.extra])),
                lambda: self._levels(
                    card, one([(), (estate.level,), (estate.level,), (estate.office_level,)])
                ),
                lambda: self._limited(card, one([None, None, estate.desk_device, estate.gate_device])),
                lambda: self._pin(card, one([True, True, False])),
                lambda: self._entries(
                    one([[], [(estate.entrance, estate.office_hours)], [(estate.exit, ALWAYS)]])
                ),
                lambda: self._level(active=one([True, True, True, False])),
                lambda: change_schedule(estate, one([8 * 60, 13 * 60])),
                lambda: self._days(one([0, 1, 2])),
                lambda: self._door(mode=one([0, 0, 0, 0, 3]), enabled=one([True] * 6 + [False])),
                lambda: self._door(persons=one([1, 1, 2]), interlock=one([0, 1])),
                lambda: self._door(pin_schedule=one([None, None, ALWAYS, estate.office_hours])),
                lambda: self._door(inside=one([None, self.area])),
                lambda: self._reader(tier_min=one([1, 1, 1, 2])),
                lambda: self._area(passback=one([0, 1, 2]), occupancy_max=one([0, 2])),
                lambda: self._public(one([True, False])),
                lambda: publish.prune(estate.site),
            ]
        )
        act()

    def _card(self, card: int, **values: object) -> None:
        Card.update(**values).where(Card.id == card).execute()
        publish.card_changed(card)

    def _levels(self, card: int, levels: tuple[int, ...]) -> None:
        CardLevel.delete().where(CardLevel.card == card).execute()
        for level in levels:
            CardLevel.create(card=card, level=level)
        publish.card_changed(card)

    def _limited(self, card: int, device: int | None) -> None:
        CardDevice.delete().where(CardDevice.card == card).execute()
        if device is not None:
            CardDevice.create(card=card, device=device)
        publish.card_changed(card)

    def _pin(self, card: int, is_set: bool) -> None:
        CardPin.delete().where(CardPin.card == card).execute()
        if is_set:
            CardPin.create(card=card, issue_no=1, sealed=SOME_PIN, set_at=NOON)
        publish.card_changed(card)

    def _entries(self, entries: list[tuple[int, int]]) -> None:
        LevelEntry.delete().where(LevelEntry.level == self.estate.office_level).execute()
        for point, schedule in entries:
            LevelEntry.create(level=self.estate.office_level, point=point, schedule=schedule)
        publish.level_changed(self.estate.office_level)

    def _level(self, **values: object) -> None:
        AccessLevel.update(**values).where(AccessLevel.id == self.estate.level).execute()
        publish.level_changed(self.estate.level)

    def _days(self, group: int) -> None:
        SpecialDay.delete().execute()
        if group:
            SpecialDay.create(site=self.estate.site, day_on="2026-07-01", group=group)
        publish.special_days_changed(self.estate.site)

    def _door(self, **values: object) -> None:
        Door.update(**values).where(Door.id == self.estate.gate).execute()
        publish.door_changed(self.estate.gate)

    def _reader(self, **values: object) -> None:
        AccessPoint.update(**values).where(AccessPoint.id == self.estate.entrance).execute()
        publish.device_changed(self.estate.gate_device)

    def _area(self, **values: object) -> None:
        Area.update(**values).execute()
        publish.device_changed(self.estate.gate_device)

    def _public(self, is_there: bool) -> None:
        revision, row = publish.Revision(), put(0, IssuerKeyRow(bytes(32)))
        publish.set_body(revision, "keys", Kind.ISSUER_KEY, row.key, row.body if is_there else b"", {"keys"})

    def tap(self) -> None:
        """One card at one reader, with whatever the point remembers."""
        one, estate = self._random.choice, self.estate
        point = one([estate.entrance, estate.entrance, estate.exit])
        at_point = self.gate.view.access_points.get(point)
        places = Places()
        if one([True, False]):
            places = places.with_(
                estate.person, Place(one([0, self.area]), int(NOON.timestamp() * 1_000) - 60_000)
            )
        state = PointState(
            Mode(at_point.mode) if at_point else Mode.NORMAL,
            rules=RuleState(
                places,
                one([True, False, False]),
                frozenset(one([(), (901, 902), (estate.person, 901)])),
                first_holder=one([0, 901]),
            ),
            escort=one([0, 901]),
        )
        self.gate.shown(
            one([*(uid for _, uid in self.cards), b"\x04\x09\x09\x09"]),
            at=NOON + timedelta(hours=one([-5, 0, 0, 5]), seconds=self.gate.seq),
            point=point,
            state=state,
            pin=one([b"", bytes(16), bytes(16), b"x" * 16]),
        )


@pytest.mark.requirement("B6")
@pytest.mark.parametrize("seed", range(2))
def test_whatever_was_changed_since_every_record_is_explained_by_its_own_settings(
    gate: Gate, seed: int
) -> None:
    """The device holds what the sync would have sent it, at times long ago; every record gives its reason once more.

    Planted breaks that turn it red, each tried: ``row_history.keep`` left out of ``set_body``; ``keep_scope`` left out of
    ``_rescope``; ``KEPT`` without RESTRICTION, CARD, LEVEL, SCHEDULE, SPECIAL_DAY, POINT, DOOR, DOOR_RULES or AREA.
    """
    history = Histories(gate, seed)
    estate, dice = gate.estate, Random(seed)
    estate.write(history.begin)
    estate.read(gate.ask)
    for _ in range(TAPS):
        for _ in range(dice.choice([0, 1, 2])):
            estate.write(history.change)
        if dice.random() < 0.6:
            estate.read(gate.ask)
        estate.write(history.tap)
    found = [estate.read(gate.then, seq) for seq in range(1, gate.seq + 1)]
    wrong = [(each.fact, each.again) for each in found if each.verdict is not Verdict.SAME]
    assert not wrong
    assert len({each.fact.reason for each in found}) >= 6
    assert any(is_granted(each.fact.reason) for each in found)
