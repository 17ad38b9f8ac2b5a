"""Pre-printed forms, the printers that print them, and the log of everything that was printed for somebody (U9)."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.sites.model import Organisation, Site


class FormTemplate(Model):
    """套打: how a kind of paper is printed into the forms of an estate. Its look is in its versions."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, null=True, index=False, on_delete="RESTRICT")
    """None: for every organisation of the estate."""
    kind = peewee.TextField()
    """A key of ``kinds.KINDS``."""
    name = peewee.TextField()
    active = peewee.BooleanField(default=True)
    version = peewee.IntegerField(default=1)
    """The newest of its versions, which is the one that is printed."""
    changed_at = InstantField()

    class Meta:
        indexes = ((("site", "name"), True),)


class FormVersion(Model):
    """One look of a template. Never changed."""

    template = peewee.ForeignKeyField(FormTemplate, index=False, backref="versions", on_delete="CASCADE")
    version = peewee.IntegerField()
    page = JsonField()
    """``layout.FormPage``."""
    made_at = InstantField()
    operator_name = peewee.TextField(default="")

    class Meta:
        indexes = ((("template", "version"), True),)


class FormScan(Model):
    """What the empty form of a template looks like, for the editor only."""

    template = peewee.ForeignKeyField(FormTemplate, unique=True, on_delete="CASCADE")
    digest = peewee.TextField()
    """SHA-256 of ``image`` in hexadecimal. Stands before the picture, so that the editor reads it without that."""
    made_at = InstantField()
    image = peewee.BlobField()
    """JPEG, encoded by us."""


class FormPrinter(Model):
    """A printer at a desk, and how far from where it should it prints: this much is added to every place."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, null=True, index=False, on_delete="RESTRICT")
    """None: every organisation of the estate prints on it."""
    name = peewee.TextField()
    active = peewee.BooleanField(default=True)
    x_um = peewee.IntegerField(default=0)
    y_um = peewee.IntegerField(default=0)
    """To the right and down is above zero."""
    changed_at = InstantField()

    class Meta:
        indexes = ((("site", "name"), True),)


class PaperPrint(Model):
    """One printing of a paper, on a slip or into a form; from the second on it is a reprint (補打)."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    kind = peewee.TextField()
    """A key of ``kinds.KINDS``."""
    subject_id = peewee.IntegerField()
    """The record that the paper is about."""
    about = peewee.TextField()
    number = peewee.IntegerField()
    """Counts the printings of this paper from one on, whatever they were printed on."""
    form = peewee.ForeignKeyField(FormVersion, null=True, index=False, on_delete="RESTRICT")
    """None: a slip for a receipt printer."""
    printed_at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")

    class Meta:
        indexes = (
            (("kind", "subject_id", "number"), True),
            (("printed_at",), False),
            (("site", "printed_at"), False),
            (("organisation", "printed_at"), False),
        )
