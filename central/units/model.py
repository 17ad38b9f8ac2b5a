"""Patrol units (巡更器): what kind each is, and what operators had them do."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.imports.model import ImportRun
from central.nodes.model import Device
from central.sites.model import Organisation, Site
from central.sync.model import CatchUp


class PatrolUnit(Model):
    """巡更器類型 that no connection tells: a unit that an operator has called carried."""

    device = peewee.ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    kind = peewee.TextField()
    """``rules.UnitKind``."""


class UnitCommand(Model):
    """測試, 加載信息, 校時, 清空記錄: asked by an operator, answered by the unit, however much later."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    device = peewee.ForeignKeyField(Device, index=False, on_delete="RESTRICT")
    kind = peewee.TextField()
    """``rules.Act``."""
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField()
    created_at = InstantField()
    state = peewee.TextField()
    """``rules.ActState``."""
    tries = peewee.IntegerField(default=0)
    done_at = InstantField(null=True)
    wanted = JsonField(default=dict)
    """Of a load: config_epoch, restrictions and access that the unit is to hold. Of a clear: node_epoch and the last
    record that is to be erased."""
    answer = JsonField(default=dict)
    """What the unit said: the fields of ``protocol.facts.TestFact`` or ``ClearedFact``."""
    trouble = peewee.TextField(default="")

    class Meta:
        indexes = (
            (("device", "created_at"), False),
            (("site", "created_at"), False),
            (("state",), False),
        )


class BroughtFile(Model):
    """A file that a unit had written and somebody brought (U18), as often as it was brought."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    device = peewee.ForeignKeyField(Device, backref="brought_files", on_delete="RESTRICT")
    node_epoch = peewee.IntegerField()
    file_name = peewee.TextField()
    sha256 = peewee.TextField()
    """Of the file as it came, in hexadecimal."""
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField()
    brought_at = InstantField()
    first_seq = peewee.BigIntegerField()
    last_seq = peewee.BigIntegerField()
    new_count = peewee.IntegerField()
    known_count = peewee.IntegerField()
    apart_count = peewee.IntegerField()
    through_at = InstantField(null=True)
    """Up to when the unit's records were complete then."""
    catch_up = peewee.ForeignKeyField(CatchUp, null=True, index=False, on_delete="SET NULL")
    """The late upload that it was; None when it moved nothing."""

    class Meta:
        indexes = ((("site", "brought_at"), False),)


class ColumnMapping(Model):
    """Which column of another maker's file is what, under a name, for the next time."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    name = peewee.TextField()
    mapping = JsonField()
    """``mapping.Mapping``."""
    made_at = InstantField()
    made_by = peewee.TextField()

    class Meta:
        indexes = ((("site", "organisation", "name"), True),)


class MappedImport(Model):
    """How the file of an import is to be read."""

    run = peewee.ForeignKeyField(ImportRun, primary_key=True, on_delete="CASCADE")
    mapping = JsonField()


class BroughtMark(Model):
    """Up to when an import of another maker's file makes a unit's records complete; it counts while the import stands."""

    run = peewee.ForeignKeyField(ImportRun, backref="marks", on_delete="CASCADE")
    device = peewee.ForeignKeyField(Device, backref="brought_marks", on_delete="CASCADE")
    through_at = InstantField()
    catch_up = peewee.ForeignKeyField(CatchUp, null=True, index=False, on_delete="SET NULL")

    class Meta:
        indexes = ((("run", "device"), True),)
