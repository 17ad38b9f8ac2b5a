"""Photos of people, kept in the database so that backup and erasure reach them."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField
from central.people.model import Person


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
