"""Erasing a person from what the time clocks recorded: that somebody punched stays, who it was does not (I15)."""

from __future__ import annotations

from central.attendance.model import Punch
from central.people.model import Person
from central.sync import ingest


def forget(person: Person) -> None:
    """Drop the personal part of his facts, and make the punches anew from what is left: a rebuild gives the same rows."""
    facts: dict[int, list[tuple[int, int]]] = {}
    rows = Punch.select(Punch.device, Punch.node_epoch, Punch.seq).where(Punch.person == person.id)
    for device, node_epoch, seq in rows.tuples():
        facts.setdefault(device, []).append((node_epoch, seq))
    for device, which in facts.items():
        ingest.forget(device, sorted(which))
