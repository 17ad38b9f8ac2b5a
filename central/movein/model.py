"""入伙: a move-in, the units it goes through, the desks that pack their cards, the cards that lie in their bags (U2)."""

from __future__ import annotations

from enum import Enum
from typing import Final

import peewee

from central.cards.model import Card, CardClass
from central.db import Model
from central.fields import InstantField, JsonField
from central.households.model import Unit
from central.people.model import Person
from central.sites.model import Organisation, Site
from central.web.i18n import LazyText, lazy


class BagState(Enum):
    """How far the bag of a unit is."""

    WAITING = "waiting"
    AT_DESK = "at_desk"
    PACKED = "packed"
    SIGNED = "signed"


class Outcome(Enum):
    """What became of the card that was shown last at a desk."""

    PACKED = "packed"
    KEPT = "kept"
    NOT_BLANK = "not_blank"
    FOREIGN = "foreign"
    RANDOM = "random"
    NO_UNIT = "no_unit"
    WRITING = "writing"
    BUSY = "busy"


OUTCOME_TEXT: Final[dict[str, LazyText]] = {
    Outcome.PACKED.value: lazy("Put it into the bag."),
    Outcome.KEPT.value: lazy("This card lies in a bag already."),
    Outcome.NOT_BLANK.value: lazy("This card is not blank. Take another."),
    Outcome.FOREIGN.value: lazy("This card belongs to another estate or organisation."),
    Outcome.RANDOM.value: lazy("This card shows another number each time. Take another."),
    Outcome.NO_UNIT.value: lazy("All units have their cards."),
    Outcome.WRITING.value: lazy("It is being written: leave it on the reader until it beeps."),
    Outcome.BUSY.value: lazy("The reader still waits for another card. Show that one first."),
}
assert set(OUTCOME_TEXT) == {outcome.value for outcome in Outcome}


class MoveIn(Model):
    """One move-in: for these units so many cards each, with these terms."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    name = peewee.TextField()
    card_class = peewee.ForeignKeyField(CardClass, index=False, on_delete="RESTRICT")
    levels = JsonField(default=list)
    """Access levels that the cards get when they are signed for."""
    cards_per_unit = peewee.IntegerField()
    created_at = InstantField(index=True)
    operator_name = peewee.TextField()


class Desk(Model):
    """A reader at which cards are packed for a move-in, from when to when. It survives every restart."""

    move_in = peewee.ForeignKeyField(MoveIn, backref="desks", on_delete="RESTRICT")
    point = peewee.IntegerField(index=True)
    """The reader, as in ``central.cards.model.Showing``."""
    label = peewee.TextField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField()
    opened_at = InstantField()
    closed_at = InstantField(null=True)
    shown_at = InstantField(null=True)
    """When a card was shown here last."""
    outcome = peewee.TextField(default="")
    """What became of it: a value of :class:`Outcome`."""
    card = peewee.ForeignKeyField(Card, null=True, index=False, on_delete="SET NULL")


class Bag(Model):
    """One unit of a move-in, in the order of the list."""

    move_in = peewee.ForeignKeyField(MoveIn, index=False, backref="bags", on_delete="RESTRICT")
    unit = peewee.ForeignKeyField(Unit, backref="bags", on_delete="RESTRICT")
    position = peewee.IntegerField()
    state = peewee.TextField()
    """A value of :class:`BagState`."""
    desk = peewee.ForeignKeyField(Desk, null=True, backref="bags", on_delete="RESTRICT")
    """Where it is or was packed."""
    packed_at = InstantField(null=True)
    signed_at = InstantField(null=True)
    signed_by = peewee.ForeignKeyField(Person, null=True, index=False, on_delete="RESTRICT")

    class Meta:
        indexes = (
            (("move_in", "unit"), True),
            (("move_in", "position"), False),
            (("move_in", "state", "position"), False),
            (("position",), False),
        )


class BagCard(Model):
    """A card that lies in a bag; it opens nothing before somebody has signed for it."""

    bag = peewee.ForeignKeyField(Bag, backref="cards", on_delete="RESTRICT")
    card = peewee.ForeignKeyField(Card, unique=True, on_delete="RESTRICT")
    at = InstantField()
    """When it was shown at the desk."""
