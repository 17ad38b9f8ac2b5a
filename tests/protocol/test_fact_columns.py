"""Batches of facts as columns: every canonical byte comes back, in at most sixteen bytes a fact."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import codec, columns
from protocol.decide import Trust
from protocol.errors import LimitError, MalformedError, SequenceError
from protocol.facts import (
    CHAIN_START,
    AccessFact,
    Body,
    DoorEvent,
    DoorFact,
    Entry,
    Fact,
    Outcome,
    OutcomeFact,
    chained,
    encode_body,
)
from protocol.limits import FACTS_PER_BATCH_MAX
from protocol.messages import FactBatch, MessageKind
from protocol.reasons import Reason
from protocol.records import Revisions

SALT = bytes(range(16))
times = st.integers(0, 2**62)
facts = st.tuples(
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
    times,
    times,
    st.sampled_from(Trust),
    st.binary(max_size=40),
    st.binary(max_size=11),
)


def chain(drawn: list[tuple[int, int, int, int, Trust, bytes, bytes]], first_seq: int = 1) -> list[Entry]:
    entries: list[Entry] = []
    head = CHAIN_START
    for seq, fields in enumerate(drawn, start=first_seq):
        kind, boot, boottime, wall, clock, body, personal = fields
        entries.append(chained(head, Fact(seq, kind, boot, boottime, wall, clock, body, personal), SALT))
        head = entries[-1].hash
    return entries


@settings(max_examples=200, deadline=None)
@given(st.lists(facts, min_size=1, max_size=30), st.integers(1, 2**62))
def test_every_fact_comes_back_as_it_was(drawn: list[tuple[int, ...]], first_seq: int) -> None:
    entries = chain(drawn, first_seq)
    batch = codec.decode(MessageKind.FACT_BATCH, codec.encode(columns.pack(1, CHAIN_START, entries)))
    assert isinstance(batch, FactBatch)
    assert columns.unpack(batch, SALT) == entries


@settings(max_examples=50, deadline=None)
@given(st.lists(facts, min_size=1, max_size=10), st.sets(st.integers(0, 9)))
def test_the_chain_holds_when_personal_parts_are_gone(drawn: list[tuple[int, ...]], gone: set[int]) -> None:
    entries = [
        msgspec.structs.replace(entry, fact=msgspec.structs.replace(entry.fact, personal=b""))
        if number in gone
        else entry
        for number, entry in enumerate(chain(drawn))
    ]
    assert columns.unpack(columns.pack(1, CHAIN_START, entries), SALT) == entries


def day_at_a_door(count: int, cards: int, *, with_outcomes: bool, seed: int = 1) -> list[Entry]:
    """A realistic stretch: few points and revisions, some refusals, one card after another, the wall clock corrected."""
    random = Random(seed)
    keys = [b"U" + random.randbytes(random.choice((4, 4, 7))) for _ in range(cards)]
    revisions, boottime, offset = Revisions(1, 5, 200, 3), 100_000, 1_790_000_000_000
    drawn: list[tuple[int, int, int, int, Trust, bytes, bytes]] = []

    def add(body: Body, personal: bytes = b"") -> None:
        kind, encoded = encode_body(body)
        drawn.append((int(kind), 3, boottime, boottime + offset, Trust.TRUSTED, encoded, personal))

    while len(drawn) < count:
        boottime += 300 + int(random.expovariate(1 / 8_000))
        offset += random.randrange(-3, 3) if random.random() < 0.01 else 0
        if random.random() < 0.02:
            revisions = Revisions(1, revisions.restrictions, revisions.access + 1, 3)
        reason, schedule, release_ms = random.choices(
            [(Reason.GRANTED, 1, 5_000), (Reason.OUTSIDE_SCHEDULE, 7, 0), (Reason.UNKNOWN_CARD, 0, 0)],
            [93, 4, 3],
        )[0]
        access = AccessFact(
            random.choice((11, 12)),
            reason,
            revisions,
            schedule=schedule,
            release_ms=release_ms,
            floor_s=1_790_000_000 + 3_600 * (boottime // 3_600_000),
        )
        add(access, random.choice(keys))
        if with_outcomes and release_ms:
            boottime += random.randrange(5, 30)
            add(OutcomeFact(len(drawn), Outcome.RELEASED))
            boottime += random.randrange(800, 3_000)
            add(DoorFact(1, DoorEvent.OPENED))
    return chain(drawn[:count])


@pytest.mark.parametrize("with_outcomes", [False, True])
@pytest.mark.parametrize(("count", "cards"), [(100, 2_000), (500, 2_000), (500, 300)])
def test_a_fact_takes_at_most_sixteen_bytes(count: int, cards: int, with_outcomes: bool) -> None:
    entries = day_at_a_door(count, cards, with_outcomes=with_outcomes)
    size = len(codec.encode(columns.pack(1, CHAIN_START, entries)))
    assert size <= 16 * count, f"{size / count:.1f} bytes a fact"


BATCH = columns.pack(1, CHAIN_START, day_at_a_door(6, 3, with_outcomes=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"boottimes": BATCH.boottimes[:-1]},
        {"body_of": (*BATCH.body_of, 0)},
        {"body_of": (99,) * 6},
        {"person_of": (99,) * 6},
        {"boots": ((3, 5),)},
        {"boots": ((3, 6), (4, 1))},
        {"boots": ((-1, 6),)},
        {"clocks": ((9, 6),)},
        {"offsets": ((-(2**62), 6),)},
        {"boottimes": (2**62,) * 6},
        {"boottimes": (-1, *BATCH.boottimes[1:])},
        {"commitments": ((0, bytes(16)),)},
        {"commitments": ((99, bytes(16)),)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_columns_that_do_not_fit_are_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        columns.unpack(msgspec.structs.replace(BATCH, **wrong), SALT)


@pytest.mark.parametrize(
    "wrong", [{"first_seq": 2**63 - 3}, {"bodies": (bytes(3_000),)}, {"people": (bytes(17),)}]
)
def test_a_number_or_text_over_its_limit_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LimitError):
        columns.unpack(msgspec.structs.replace(BATCH, **wrong), SALT)


@pytest.mark.parametrize(
    "changed",
    [
        {"previous": bytes([1]) * 16},
        {"head": bytes(16)},
        {"first_seq": 2},
        {"kinds": b"\x01" * 6},
        {"offsets": ((1_790_000_000_001, 6),)},
        {"people": (b"U\x01\x02\x03\x04",) * len(BATCH.people)},
        {"bodies": (b"\x90",) * len(BATCH.bodies)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_changed_byte_breaks_the_chain(changed: dict[str, object]) -> None:
    with pytest.raises(SequenceError):
        columns.unpack(msgspec.structs.replace(BATCH, **changed), SALT)


def test_another_salt_breaks_the_chain() -> None:
    with pytest.raises(SequenceError):
        columns.unpack(BATCH, bytes(16))


def test_a_batch_has_a_most() -> None:
    entries = day_at_a_door(FACTS_PER_BATCH_MAX + 1, 10, with_outcomes=False)
    columns.pack(1, CHAIN_START, entries[:-1])
    with pytest.raises(AssertionError):
        columns.pack(1, CHAIN_START, entries)
