"""The people of an estate: everyone who may hold a card (T12)."""

from __future__ import annotations

from enum import Enum
from typing import Final

import peewee

from central.db import Model
from central.fields import InstantField
from central.sites.model import Organisation, Site
from central.web.i18n import LazyText, lazy


class PersonKind(Enum):
    """What a person is to the estate."""

    OWNER = "owner"
    FAMILY = "family"
    CHILD = "child"
    HELPER = "helper"
    TENANT = "tenant"
    STAFF = "staff"
    CONTRACTOR = "contractor"
    MERCHANT = "merchant"
    VISITOR = "visitor"
    GUARD = "guard"


KIND_TEXT: Final[dict[PersonKind, LazyText]] = {
    PersonKind.OWNER: lazy("Owner"),
    PersonKind.FAMILY: lazy("Family member"),
    PersonKind.CHILD: lazy("Child"),
    PersonKind.HELPER: lazy("Domestic helper"),
    PersonKind.TENANT: lazy("Tenant"),
    PersonKind.STAFF: lazy("Staff"),
    PersonKind.CONTRACTOR: lazy("Contractor"),
    PersonKind.MERCHANT: lazy("Merchant"),
    PersonKind.VISITOR: lazy("Visitor"),
    PersonKind.GUARD: lazy("Security guard"),
}
assert KIND_TEXT.keys() == set(PersonKind)


class Person(Model):
    """One person. The name is kept as it was entered: never converted, never reordered."""

    site = peewee.ForeignKeyField(Site, backref="people", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="people", on_delete="RESTRICT")
    kind = peewee.TextField()
    """A value of :class:`PersonKind`."""
    number = peewee.TextField()
    """人員編號: unique within the estate."""
    name = peewee.TextField()
    fold_key = peewee.TextField()
    """The name as ``central.web.fold`` folds it, for search."""
    initials = peewee.TextField(default="")
    """Pinyin initials, editable because surnames are misread (單 is Shan)."""
    department = peewee.TextField(default="", index=True)
    building = peewee.TextField(default="", index=True)
    unit = peewee.TextField(default="")
    """Room or shop within the building."""
    place_key = peewee.TextField(default="")
    """Building and unit folded together, for search: ``1栋101``."""
    phone = peewee.TextField(default="")
    id_number = peewee.TextField(default="")
    """證件號碼 of an identity card or passport. Like the telephone number, shown masked (12)."""
    note = peewee.TextField(default="")
    active = peewee.BooleanField(default=True)
    """False for a leaver: kept for the records, holds no card in use."""
    stays_until = InstantField(null=True)
    """Of a visitor: no card is valid longer."""
    left_at = InstantField(null=True)
    """Since when the person is away; None while present."""
    erased_at = InstantField(null=True)
    """When the personal data was erased; the record stays, without a name."""
    version = peewee.IntegerField(default=1)
    """Rises with each change; a form that was opened on an older one is refused."""
    created_at = InstantField()
    changed_at = InstantField()

    class Meta:
        indexes = (
            (("site", "number"), True),
            (("number",), False),
            (("fold_key",), False),
            (("place_key",), False),
            (("unit",), False),
            (("left_at",), False),
            (("site", "fold_key"), False),
            (("site", "initials"), False),
        )
