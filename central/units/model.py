"""Patrol units (巡更器): what kind each is, and what operators had them do."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.sites.model import Organisation, Site


class PatrolUnit(Model):
    """巡更器類型, where an operator has set it; a device without a row is a fixed reader with a network."""

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
