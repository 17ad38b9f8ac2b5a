"""Erasing a person from the rounds: his scans stay those of one and the same guard, whose name and card are gone (I15)."""

from __future__ import annotations

from typing import Final

from central.people.model import Person
from central.rounds.model import ErasedScan, PatrolScan
from central.sync import ingest

AT_ONCE: Final = 1_000


def forget(person: Person) -> None:
    """Drop the personal part of his scans, and remember that they were one person's: results of past rounds stay."""
    query = PatrolScan.select(PatrolScan.device, PatrolScan.node_epoch, PatrolScan.seq).where(
        (PatrolScan.person == person.id) & (PatrolScan.node_epoch > 0)
    )
    facts: dict[int, list[tuple[int, int]]] = {}
    rows = []
    for device, node_epoch, seq in query.tuples():
        facts.setdefault(device, []).append((node_epoch, seq))
        rows.append({"device": device, "node_epoch": node_epoch, "seq": seq, "person": person.id})
    for at in range(0, len(rows), AT_ONCE):
        ErasedScan.insert_many(rows[at : at + AT_ONCE]).on_conflict_ignore().execute()
    for device, which in facts.items():
        ingest.forget(device, sorted(which))
    PatrolScan.update(card=None, key=None).where(PatrolScan.person == person.id).execute()
