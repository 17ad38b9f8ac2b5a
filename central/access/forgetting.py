"""Erasing a person from what the doors recorded: that somebody came in stays, who it was does not (I15)."""

from __future__ import annotations

from central.access import presence
from central.access.model import AccessEvent, AlarmState
from central.people.model import Person
from central.sync import ingest


def forget(person: Person) -> None:
    """Drop the personal part of his facts, and make the events anew from what is left of them.

    A rebuild therefore gives the same rows. The chain of each device goes on verifying: it holds a commitment.
    """
    presence.erase(person)
    facts: dict[int, set[tuple[int, int]]] = {}
    for model in (AccessEvent, AlarmState):
        rows = model.select(model.device, model.node_epoch, model.seq).where(model.person == person.id)
        for device, node_epoch, seq in rows.tuples():
            facts.setdefault(device, set()).add((node_epoch, seq))
    for device, which in facts.items():
        ingest.forget(device, sorted(which))
    AccessEvent.update(person=None, card=None, key=None, department="").where(
        AccessEvent.person == person.id
    ).execute()
    AlarmState.update(person=None, card=None).where(AlarmState.person == person.id).execute()
