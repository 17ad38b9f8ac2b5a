"""Erasing a person: the personal fields and what other sub-systems keep of him; the records stay, without a name (I15).

A sub-system that keeps something of people appends to ``ERASERS``, one whose business must be settled first to
``BLOCKERS``; both run inside ``db.write`` of the erasure, which the caller records in the audit trail. Chains of facts and
of the audit trail go on verifying: they hold commitments to the personal parts, which are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from central.audit import drop_details_of
from central.errors import ConflictError
from central.imports.runs import forget_object
from central.people.model import Person
from central.people.service import cards_in_use
from central.web.i18n import LazyText, lazy

ERASERS: Final[list[Callable[[Person], None]]] = []
"""Each deletes what its sub-system keeps of this person."""
BLOCKERS: Final[list[Callable[[Person], LazyText | None]]] = []
"""Each says what must be settled first, None for nothing."""
NO_NAME: Final = "—"
"""What stands for the name afterwards; the number becomes ``#`` and the record number."""


def why_not(person: Person) -> list[LazyText]:
    """What stands against erasing this person; inside ``db.read`` or ``db.write``."""
    if person.erased_at is not None:
        return [lazy("This person was erased already.")]
    return [found for blocker in BLOCKERS if (found := blocker(person)) is not None]


def erase(person: Person, now: datetime) -> None:
    """Erase.

    :raises ConflictError: something must be settled first.
    """
    if reasons := why_not(person):
        raise ConflictError("; ".join(str(reason) for reason in reasons))
    for eraser in ERASERS:
        eraser(person)
    forget_object("people", person.id)
    drop_details_of("person", person.id)
    person.name, person.number = NO_NAME, f"#{person.id}"
    for name in _PERSONAL:
        setattr(person, name, "")
    person.active = False
    person.left_at = person.left_at or now
    person.erased_at = person.changed_at = now
    person.version += 1
    person.save()


_PERSONAL: Final = (
    "fold_key",
    "initials",
    "department",
    "building",
    "unit",
    "place_key",
    "phone",
    "id_number",
    "note",
)


def _holds_a_card(person: Person) -> LazyText | None:
    return (
        lazy("Take the cards of this person back, or cancel them, first.")
        if cards_in_use([person.id])
        else None
    )


BLOCKERS.append(_holds_a_card)
