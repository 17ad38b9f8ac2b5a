"""The checklist after the first set-up: each step says by the data itself whether it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from central.access.model import AccessLevel, Door
from central.backup_record import last_backup_at
from central.cards.model import Card
from central.nodes.model import Device
from central.people.model import Person
from central.security.model import Operator
from central.sync.model import Enrolment
from central.web.i18n import LazyText, lazy


@dataclass(frozen=True)
class Step:
    """One thing to do. ``is_done`` runs inside ``db.read``."""

    href: str
    title: LazyText
    text: LazyText
    is_done: Callable[[], bool]


@dataclass(frozen=True)
class Shown:
    """A step as the page shows it."""

    href: str
    title: LazyText
    text: LazyText
    is_done: bool


def _some(model: Any) -> Callable[[], bool]:
    return lambda: bool(model.select().exists())


STEPS: Final = (
    Step(
        "/devices/new",
        lazy("Enter the devices"),
        lazy("Every door controller and card desk gets a number and a place."),
        _some(Device),
    ),
    Step(
        "/devices",
        lazy("Let the devices join"),
        lazy("Make the SD card of each device; it joins by itself when it is switched on."),
        _some(Enrolment),
    ),
    Step("/doors", lazy("Look at the doors"), lazy("Release times, contacts and modes."), _some(Door)),
    Step(
        "/access/levels",
        lazy("Make access levels"),
        lazy("Which doors belong together, and at which times they open."),
        _some(AccessLevel),
    ),
    Step("/people/new", lazy("Enter the people"), lazy("A card is issued to a person only."), _some(Person)),
    Step("/cards", lazy("Issue the first card"), lazy("Put a new card on the card desk."), _some(Card)),
    Step(
        "/operators/new",
        lazy("Enter the other operators"),
        lazy("Everybody signs in with a number and a password of their own."),
        lambda: Operator.select().count() > 1,
    ),
    Step(
        "/system",
        lazy("Make a backup"),
        lazy("And keep it on another machine."),
        lambda: last_backup_at() is not None,
    ),
)


def steps_done() -> list[Shown]:
    """Every step with its state; inside ``db.read``."""
    return [Shown(step.href, step.title, step.text, step.is_done()) for step in STEPS]
