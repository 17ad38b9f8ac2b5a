"""Erasing a person from what the tills recorded: that somebody paid stays, who it was does not (I15)."""

from __future__ import annotations

from central.people.model import Person
from central.sync import ingest
from central.tills.model import Purchase


def forget(person: Person) -> None:
    """Drop the personal part of his facts, and make the purchases anew from what is left: a rebuild gives the same rows."""
    facts: dict[int, list[tuple[int, int]]] = {}
    rows = Purchase.select(Purchase.device, Purchase.node_epoch, Purchase.seq).where(
        Purchase.person == person.id
    )
    for device, node_epoch, seq in rows.tuples():
        facts.setdefault(device, []).append((node_epoch, seq))
    for device, which in facts.items():
        ingest.forget(device, sorted(which))
