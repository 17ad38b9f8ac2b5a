"""A View against a plain dictionary of rows, through any history of changes; and what it costs."""

from __future__ import annotations

import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import LimitError, MalformedError, ProtocolError, ScheduleError, UnknownRecordError
from protocol.ids import Stream, credential_key, uid_key
from protocol.limits import LEVELS_PER_CARD_MAX, PERIODS_PER_SCHEDULE_MAX, ROW_BYTES_MAX, TEXT_MAX_CHARS
from protocol.packed_cards import PackedCards
from protocol.reasons import Reason
from protocol.records import (
    CardRow,
    Change,
    DoorRow,
    IssuerKeyRow,
    Kind,
    LevelRow,
    Mode,
    PointRow,
    ReadKeyRow,
    RestrictionRow,
    Revisions,
    Row,
    ScheduleRow,
    SiteRow,
    SpecialDayRow,
    StaleRightsRow,
    decode_row,
    delete,
    number_key,
    put,
)
from protocol.view import View

KEYS = [uid_key(bytes((1, 2, 3, number))) for number in range(4)] + [
    uid_key(bytes(range(7))),
    credential_key(bytes(8)),
    credential_key(b"\0\0\0\0\0\0\0\1"),
]
LEVELS, SCHEDULES, POINTS, DOORS = (20, 21), (30, 31), (11, 12), (1, 2)
numbers = st.integers(0, 2**32 - 1)

cards = st.tuples(
    st.sampled_from(KEYS),
    st.builds(
        CardRow,
        numbers,
        numbers,
        numbers,
        st.integers(0, 2**16 - 1),
        st.lists(st.sampled_from(LEVELS)).map(tuple),
    ),
)
restrictions = st.tuples(
    st.sampled_from(KEYS), st.builds(RestrictionRow, st.just(Reason.CARD_LOST), st.integers(0, 9), numbers)
)
stale = st.tuples(st.sampled_from(KEYS), st.builds(StaleRightsRow, st.integers(0, 9)))
levels = st.tuples(
    st.sampled_from(LEVELS),
    st.lists(st.tuples(st.sampled_from(POINTS), st.sampled_from(SCHEDULES)), max_size=4)
    .map(tuple)
    .map(LevelRow),
)
points = st.tuples(
    st.sampled_from(POINTS), st.builds(PointRow, st.just("p"), st.integers(1, 2), st.sampled_from(DOORS))
)
doors = st.tuples(st.sampled_from(DOORS), st.builds(DoorRow, st.just("d"), st.sampled_from(Mode)))
schedules = st.tuples(
    st.sampled_from(SCHEDULES), st.lists(st.just((127, 480, 1_080)), max_size=2).map(tuple).map(ScheduleRow)
)
days = st.tuples(st.integers(739_000, 739_003), st.builds(SpecialDayRow, st.integers(1, 8)))
rows = st.one_of(cards, cards, restrictions, stale, levels, points, doors, schedules, days)
puts = rows.map(lambda row: put(*row))
deletes = rows.map(lambda row: put(*row)).map(lambda change: Change(change.kind, change.key, b""))
changes = st.lists(st.one_of(puts, puts, deletes), max_size=8)
steps = st.lists(
    st.one_of(
        changes.map(lambda some: ("apply", some)),
        st.tuples(st.sampled_from(["restrictions", "access"]), st.lists(puts, max_size=8)),
        st.just(("compact", [])),
    ),
    max_size=8,
)


class Model:
    """The obvious View: a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, bytes], Row] = {}

    def apply(self, some: list[Change]) -> None:
        for change in some:
            self.rows.pop((change.kind, change.key), None)
            if not change.deleted:
                self.rows[change.kind, change.key] = decode_row(change)

    def of(self, kind: Kind) -> dict[bytes, Row]:
        return {key: row for (at, key), row in self.rows.items() if at == kind}


def stream_of(change: Change) -> str:
    return "restrictions" if change.kind in (Kind.RESTRICTION, Kind.STALE_RIGHTS) else "access"


def check_same(view: View, model: Model, revisions: Revisions) -> None:
    assert view.revisions == revisions
    assert view.card_count() == len(model.of(Kind.CARD))
    assert dict(view.restricted()) == model.of(Kind.RESTRICTION)
    doors_ = {int.from_bytes(key, "big"): row for key, row in model.of(Kind.DOOR).items()}
    points_ = {int.from_bytes(key, "big"): row for key, row in model.of(Kind.POINT).items()}
    assert view.doors() == doors_
    assert view.points() == points_
    assert view.access_points.keys() == {number for number, row in points_.items() if row.door in doors_}
    for key in KEYS:
        assert view.card(key) == model.of(Kind.CARD).get(key)
        assert view.restriction(key) == model.of(Kind.RESTRICTION).get(key)
        row = model.of(Kind.STALE_RIGHTS).get(key)
        assert view.rights_changing(key) == (row is not None and row.access_revision > revisions.access)
    for point in POINTS:
        for held in ((), LEVELS[:1], LEVELS):
            wanted = []
            for level in held:
                row = model.of(Kind.LEVEL).get(number_key(level))
                wanted += [schedule for at, schedule in (row.entries if row else ()) if at == point]
            assert sorted(view.schedules_at(held, point)) == sorted(wanted)
    for kind, choice in ((Kind.SCHEDULE, SCHEDULES), (Kind.LEVEL, LEVELS)):
        for number in choice:
            assert view.row(kind, number) == model.of(kind).get(number_key(number))
    for day in range(739_000, 739_004):
        row = model.of(Kind.SPECIAL_DAY).get(number_key(day))
        assert view.calendar.day_bit(day) == (1 << (6 + row.group) if row else 1 << ((day + 6) % 7))


@settings(max_examples=250, deadline=None)
@given(steps)
def test_a_view_is_the_dictionary_of_its_rows_whatever_happened(
    history: list[tuple[str, list[Change]]],
) -> None:
    view, model = View(), Model()
    for number, (step, some) in enumerate(history, start=1):
        revisions = Revisions(1, number, number, 0)
        before, before_rows = view, dict(model.rows)
        if step == "apply":
            view = view.apply(some, revisions)
            model.apply(some)
        elif step == "compact":
            view = view.compacted()
            assert view.overlay_count == 0
            revisions = view.revisions
        else:
            some = [change for change in some if stream_of(change) == step]
            stream = Stream.RESTRICTIONS if step == "restrictions" else Stream.ACCESS
            view = view.replaced(stream, some, revisions)
            model.rows = {
                key: row for key, row in model.rows.items() if stream_of(Change(key[0], key[1], b"")) != step
            }
            model.apply(some)
        check_same(view, model, revisions)
        old = Model()
        old.rows = before_rows
        check_same(before, old, before.revisions)  # the View before is as it was


def test_cards_whose_keys_end_or_begin_alike_are_told_apart() -> None:
    """Keys of different kind and length with the same bytes in them."""
    alike = [
        uid_key(b"\1\2\3\4"),
        uid_key(b"\1\2\3\4\0\0\0"),
        uid_key(b"\0\0\0\1\2\3\4"),
        uid_key(b"\1\2\3\4\0\0\0\0\0\0"),
        uid_key(b"\0\0\0\0\0\0\1\2\3\4"),
        uid_key(b"\1\2\3\4\0\0\0\0\0\1"),
        credential_key(b"\1\2\3\4\0\0\0\0"),
        credential_key(b"\1\2\3\4\0\0\0\1"),
    ]
    packed = PackedCards((key, CardRow(number, 0, 0, 1, ())) for number, key in enumerate(alike))
    for number, key in enumerate(alike):
        found = packed.get(key)
        assert found is not None
        assert found.holder == number
    assert packed.get(uid_key(b"\1\2\3\5")) is None
    assert PackedCards().get(alike[0]) is None


def test_a_card_takes_at_most_eighty_bytes() -> None:
    """With 400 different sets of access levels: buildings times classes of holders."""
    random = Random(4)
    count = 20_000
    sets = [tuple(sorted(random.sample(range(1_000), random.randrange(1, 6)))) for _ in range(400)]
    packed = PackedCards(
        (
            uid_key(random.randbytes(random.choice((4, 7, 10)))),
            CardRow(number, 1, 2**32 - 1, 1, random.choice(sets)),
        )
        for number in range(count)
    )
    parts = [packed._prints, packed._rows, packed._level_sets, *packed._level_sets]
    size = sum(sys.getsizeof(part) for part in parts) + 28 * sum(map(len, packed._level_sets))
    assert len(packed) > count * 0.99
    assert size / len(packed) <= 80, f"{size / len(packed):.0f} bytes a card"


BAD: list[tuple[Change, type[ProtocolError]]] = [
    (Change(63, number_key(1), b"\x90"), UnknownRecordError),
    (Change(63, number_key(1), b""), UnknownRecordError),
    (Change(10, KEYS[0], b"\xc1"), MalformedError),
    (Change(10, KEYS[0], b"\x91\x01"), MalformedError),
    (Change(10, b"X1234", b"\x90"), MalformedError),
    (Change(10, b"U12", put(KEYS[0], CardRow(1, 0, 0, 1, ())).body), MalformedError),
    (Change(1, KEYS[0], b"\x93\x01\x01\x01"), MalformedError),
    (Change(11, b"\1", b"\x91\x90"), MalformedError),
    (put(2, SpecialDayRow(0)), MalformedError),
    (put(2, SpecialDayRow(9)), MalformedError),
    (put(KEYS[0], CardRow(-1, 0, 0, 1, ())), MalformedError),
    (put(KEYS[0], CardRow(1, 0, 0, 2**16, ())), MalformedError),
    (put(KEYS[0], CardRow(1, 0, 0, 1, (7,) * (LEVELS_PER_CARD_MAX + 1))), LimitError),
    (put(2, ScheduleRow(((1, 0, 60),) * (PERIODS_PER_SCHEDULE_MAX + 1))), LimitError),
    (put(2, ScheduleRow(((0, 0, 60),))), ScheduleError),
    (put(0, SiteRow("Mars/Olympus", "x")), ScheduleError),
    (put(1, DoorRow("d" * (TEXT_MAX_CHARS + 1))), LimitError),
    (put(1, DoorRow("d", release_ms=-1)), LimitError),
    (put(1, DoorRow("d", held_open_ms=10**9)), LimitError),
    (put(0x0001, ReadKeyRow(bytes(15))), MalformedError),
    (put(0x1000, ReadKeyRow(bytes(16))), MalformedError),
    (put(1, IssuerKeyRow(bytes(31))), MalformedError),
    (put(256, IssuerKeyRow(bytes(32))), MalformedError),
]


def test_card_keys_are_found_newest_version_first() -> None:
    changes = [
        put(number, ReadKeyRow(bytes((number & 0xFF,)) * 16)) for number in (0x0102, 0x0001, 0x0103, 0x0002)
    ]
    view = View().apply([*changes, put(4, IssuerKeyRow(bytes(32)))], Revisions(1, 1, 1, 1))
    keys = view.door_keys
    assert [(key.zone, key.version) for key in keys.read] == [(0, 2), (0, 1), (1, 3), (1, 2)]
    assert keys.zones == (0, 1)
    assert keys.usable
    later = view.apply([put(1, DoorRow("d"))], Revisions(1, 1, 2, 1)).door_keys
    assert later == keys
    fewer = view.apply([delete(Kind.READ_KEY, 0x0001)], Revisions(1, 1, 2, 1)).door_keys
    assert [key.version for key in fewer.of_zone(0)] == [2]
    assert not View().door_keys.usable


@pytest.mark.parametrize(("bad", "error"), BAD, ids=lambda value: getattr(value, "__name__", None))
def test_a_bad_row_leaves_the_view_as_it_was(bad: Change, error: type[ProtocolError]) -> None:
    good = put(KEYS[0], CardRow(1, 0, 0, 1, ()))
    view = View().apply([good], Revisions(1, 1, 1, 1))
    with pytest.raises(error):
        view.apply([delete(Kind.CARD, KEYS[0]), bad], Revisions(1, 1, 2, 1))
    assert view.card(KEYS[0]) is not None
    assert view.revisions == Revisions(1, 1, 1, 1)


def test_kinds_that_need_not_be_understood_are_passed_over() -> None:
    view = View().apply([Change(64, b"whatever", b"\xc1"), Change(200, b"", b"")], Revisions(1))
    assert view.card_count() == 0


def test_a_row_that_is_too_long_is_not_written() -> None:
    with pytest.raises(LimitError):
        put(1, LevelRow(((1, 1),) * ROW_BYTES_MAX))
