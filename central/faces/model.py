"""Photos of people, card faces and what was printed of them, in the database so that backup and erasure reach them."""

from __future__ import annotations

import peewee

from central.cards.model import Card, CardClass
from central.db import Model
from central.fields import InstantField, JsonField
from central.people.model import Person
from central.sites.model import Organisation, Site


class Photo(Model):
    """The photo of a person, as we encoded it: its scope is the person's. Replaced as a whole, deleted by an erasure."""

    person = peewee.ForeignKeyField(Person, unique=True, backref="photos", on_delete="CASCADE")
    digest = peewee.TextField()
    """SHA-256 of ``image`` in hexadecimal. Stands before the pictures, so that lists read it without them."""
    taken_at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")
    thumb = peewee.BlobField()
    """JPEG of ``images.THUMB_PX``, for lists."""
    image = peewee.BlobField()
    """JPEG of ``images.PHOTO_PX``."""


class FaceTemplate(Model):
    """卡面 (25): how the cards of an estate look, or those of one organisation or class. Its look is in its versions."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, null=True, index=False, on_delete="RESTRICT")
    """None: for every organisation of the estate."""
    card_class = peewee.ForeignKeyField(CardClass, null=True, index=False, on_delete="RESTRICT")
    """None: for every class."""
    name = peewee.TextField()
    active = peewee.BooleanField(default=True)
    version = peewee.IntegerField(default=1)
    """The newest of its versions, which is the one that is printed."""
    changed_at = InstantField()

    class Meta:
        indexes = ((("site", "name"), True),)


class FaceVersion(Model):
    """One look of a template. Never changed: what was printed can be drawn again."""

    template = peewee.ForeignKeyField(FaceTemplate, backref="versions", on_delete="CASCADE")
    version = peewee.IntegerField()
    face = JsonField()
    """``layout.Face``."""
    made_at = InstantField()
    operator_name = peewee.TextField(default="")

    class Meta:
        indexes = ((("template", "version"), True),)


class FacePicture(Model):
    """A background picture of a template, as we encoded it; the sides name it by its digest."""

    template = peewee.ForeignKeyField(FaceTemplate, on_delete="CASCADE")
    digest = peewee.TextField()
    image = peewee.BlobField()
    """PNG of ``layout.CARD_PX``."""

    class Meta:
        indexes = ((("template", "digest"), True),)


class FaceBatch(Model):
    """Cards whose faces were printed together."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    made_at = InstantField(index=True)
    cards_count = peewee.IntegerField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")


class FacePrint(Model):
    """The faces of one card as they were printed: what stood on them and what the picture was, not the picture itself."""

    batch = peewee.ForeignKeyField(FaceBatch, backref="prints", on_delete="CASCADE")
    card = peewee.ForeignKeyField(Card, on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, null=True, on_delete="RESTRICT")
    version = peewee.ForeignKeyField(FaceVersion, index=False, on_delete="RESTRICT")
    texts = JsonField()
    """What each field said. Emptied by an erasure."""
    photo_digest = peewee.TextField(default="")
    front_digest = peewee.TextField()
    back_digest = peewee.TextField()
    """SHA-256 of the pixels of each side."""
