"""A batch of facts as columns: what repeats from fact to fact is sent once (about a dozen bytes for an access).

``pack`` and ``unpack`` are inverse: every canonical byte comes back, so the chain can be checked at the centre.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from protocol.decide import Trust
from protocol.errors import LimitError, MalformedError, SequenceError
from protocol.facts import Entry, Fact, chain_hash, commitment
from protocol.limits import FACT_BYTES_MAX, FACTS_PER_BATCH_MAX, PERSONAL_MAX
from protocol.messages import FactBatch

_INT63_MAX: Final = 2**63 - 1
_TRUST: Final = {int(trust): trust for trust in Trust}


def pack(node_epoch: int, previous: bytes, entries: Sequence[Entry]) -> FactBatch:
    """The batch of these consecutive entries; ``previous`` is the chain hash before the first."""
    assert 0 < len(entries) <= FACTS_PER_BATCH_MAX, "a batch has 1 to FACTS_PER_BATCH_MAX facts"
    first = entries[0].fact
    bodies: dict[bytes, int] = {}
    people: dict[bytes, int] = {}
    boottimes: list[int] = []
    last_boottime = 0
    for number, entry in enumerate(entries):
        fact = entry.fact
        assert fact.seq == first.seq + number, "a batch has no gaps"
        boottimes.append(fact.boottime_ms - last_boottime)
        last_boottime = fact.boottime_ms
    facts = [entry.fact for entry in entries]
    return FactBatch(
        node_epoch=node_epoch,
        first_seq=first.seq,
        previous=previous,
        head=entries[-1].hash,
        kinds=bytes(fact.kind for fact in facts),
        boots=_runs(fact.boot for fact in facts),
        boottimes=tuple(boottimes),
        offsets=_runs(fact.wall_ms - fact.boottime_ms for fact in facts),
        clocks=_runs(int(fact.clock) for fact in facts),
        body_of=tuple(bodies.setdefault(fact.body, len(bodies)) for fact in facts),
        bodies=tuple(bodies),
        person_of=tuple(
            people.setdefault(fact.personal, len(people) + 1) if fact.personal else 0 for fact in facts
        ),
        people=tuple(people),
        commitments=tuple(
            (number, entry.commitment)
            for number, entry in enumerate(entries)
            if entry.commitment and not entry.fact.personal
        ),
    )


def unpack(batch: FactBatch, salt: bytes) -> list[Entry]:
    """The entries of a batch, their chain recomputed from ``batch.previous``.

    :param salt: of the node_epoch; the commitments of personal parts are made with it.
    :raises MalformedError: the columns do not fit together, or a number is out of range.
    :raises LimitError: a fact is over its limit.
    :raises SequenceError: the chain does not end at ``batch.head``.
    """
    count = len(batch.kinds)
    if not (len(batch.boottimes) == len(batch.body_of) == len(batch.person_of) == count):
        raise MalformedError("the columns of a batch differ in length")
    if any(len(body) > FACT_BYTES_MAX for body in batch.bodies):
        raise LimitError(f"a fact of more than {FACT_BYTES_MAX} bytes")
    if any(not 0 < len(person) <= PERSONAL_MAX for person in batch.people):
        raise LimitError(f"a personal part has 1 to {PERSONAL_MAX} bytes")
    if batch.first_seq + count > _INT63_MAX:
        raise LimitError("a seq is out of range")
    given = dict(batch.commitments)
    people = (b"", *batch.people)
    bodies = batch.bodies
    boots, offsets, clocks = (_expand(runs, count) for runs in (batch.boots, batch.offsets, batch.clocks))
    entries: list[Entry] = []
    boottime, head = 0, batch.previous
    try:
        for number in range(count):
            boottime += batch.boottimes[number]
            wall = boottime + offsets[number]
            if not (0 <= boottime <= _INT63_MAX and 0 <= wall <= _INT63_MAX and 0 <= boots[number] < 2**32):
                raise MalformedError("a time or boot number is out of range")
            personal = people[batch.person_of[number]]
            seq = batch.first_seq + number
            fact = Fact(
                seq,
                batch.kinds[number],
                boots[number],
                boottime,
                wall,
                _TRUST[clocks[number]],
                bodies[batch.body_of[number]],
                personal,
            )
            promise = commitment(salt, seq, personal) if personal else given.pop(number, b"")
            head = chain_hash(head, fact.canonical(promise))
            entries.append(Entry(fact, promise, head))
    except (IndexError, KeyError):
        raise MalformedError("a column points outside its dictionary") from None
    if given:
        raise MalformedError("a commitment beside the personal part that it stands for")
    if head != batch.head:
        raise SequenceError(f"the chain of facts {batch.first_seq}.. does not end where the batch says")
    return entries


def _runs(values: Iterable[int]) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1] = (value, runs[-1][1] + 1)
        else:
            runs.append((value, 1))
    return tuple(runs)


def _expand(runs: Sequence[tuple[int, int]], count: int) -> list[int]:
    if sum(length for _, length in runs) != count:
        raise MalformedError("the runs of a column do not add up to the number of facts")

    def values() -> Iterator[int]:
        for value, length in runs:
            yield from (value for _ in range(length))

    return list(values())
