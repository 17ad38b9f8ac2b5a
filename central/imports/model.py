"""What was uploaded, what came of it, and what it changed, so that it can be taken back."""

from __future__ import annotations

from enum import Enum

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.sites.model import Organisation, Site


class ImportState(Enum):
    """How far an import is."""

    CHECKED = "checked"
    """Shown to the operator; nothing has been written."""
    DONE = "done"
    UNDONE = "undone"


class ImportRun(Model):
    """One uploaded file."""

    kind = peewee.TextField()
    """Name of the importer: ``people``, ``units``."""
    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, null=True, index=False, on_delete="RESTRICT")
    """None: of every organisation of the estate."""
    state = peewee.TextField(default=ImportState.CHECKED.value)
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField()
    uploaded_at = InstantField()
    done_at = InstantField(null=True)
    """When its rows were written."""
    undone_at = InstantField(null=True)
    file_name = peewee.TextField()
    sha256 = peewee.TextField()
    """Of the file as it came, in hexadecimal."""
    new_count = peewee.IntegerField(default=0)
    changed_count = peewee.IntegerField(default=0)
    removed_count = peewee.IntegerField(default=0)
    """What loses all that this kind of import gives."""
    unchanged_count = peewee.IntegerField(default=0)
    wrong_count = peewee.IntegerField(default=0)
    ignored = JsonField(default=list)
    """Headings of the file that belong to no column."""
    options = JsonField(default=dict)
    """What else the operator chose, by the fields of the importer."""
    changes = JsonField(null=True)
    """The first of what would change: [line, name, words]; line 0 stands in no line of the file."""
    followed_at = peewee.TextField(default="")
    """The page where it is carried out, or taken back, for an importer that does not write at once."""
    mistakes = JsonField(default=list)
    """The first of them: [line, column, message] in the language of the operator."""
    content = peewee.BlobField(null=True)
    """The file itself, between looking at it and importing it; personal data, so dropped afterwards."""
    failed = peewee.BlobField(null=True)
    """The wrong rows as a file; dropped when its time has passed."""

    class Meta:
        indexes = (
            (("kind", "uploaded_at"), False),
            (("kind", "site", "uploaded_at"), False),
            (("state", "uploaded_at"), False),
        )


class ImportedRow(Model):
    """One thing that an import made or changed."""

    run = peewee.ForeignKeyField(ImportRun, backref="rows", on_delete="CASCADE")
    line = peewee.IntegerField()
    object_id = peewee.IntegerField(index=True)
    before = JsonField(null=True)
    """As it was before; None when the import made it. Personal data, so dropped when its time has passed."""
    version = peewee.IntegerField()
    """Of the thing right after the import: a higher one means that somebody has changed it since."""
