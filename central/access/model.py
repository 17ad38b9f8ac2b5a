"""Doors, readers, access levels, schedules, special days; and what is projected from facts."""

from __future__ import annotations

from typing import ClassVar

import peewee

from central.cards.model import Card
from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Organisation, Site
from protocol.door_rows import Passback
from protocol.ids import Tier
from protocol.records import ClockPolicy, Mode, StoragePolicy

# -- what is set by operators ---------------------------------------------------------------------------------------


class Schedule(Model):
    """時間段: weekly periods with special-day groups. Number 1 is "always", belongs to no estate and is never edited."""

    site = peewee.ForeignKeyField(Site, null=True, backref="schedules", on_delete="RESTRICT")
    name = peewee.TextField()
    periods = JsonField(default=list)
    """[[days, start_minute, end_minute], ...] as ``protocol.records.ScheduleRow`` has it."""
    version = peewee.IntegerField(default=1)

    class Meta:
        indexes = ((("site", "name"), True),)


class SpecialDay(Model):
    """A date that is not an ordinary weekday in this estate."""

    site = peewee.ForeignKeyField(Site, backref="special_days", on_delete="RESTRICT")
    day_on = peewee.DateField()
    group = peewee.IntegerField()
    """1..8, see ``access.special_days.Group``."""
    name = peewee.TextField(default="")

    class Meta:
        indexes = ((("site", "day_on"), True),)


class Area(Model):
    """區域: a part of the estate that doors lead into and out of, with its rule against passing a card back."""

    site = peewee.ForeignKeyField(Site, backref="areas", on_delete="RESTRICT")
    name = peewee.TextField()
    passback = peewee.IntegerField(default=Passback.NONE.value)
    forget_min = peewee.IntegerField(default=0)
    """Minutes after which a passage counts no more; 0: never."""
    reset_minute = peewee.IntegerField(null=True)
    """Minute of the local day at which everybody's place is forgotten."""
    occupancy_max = peewee.IntegerField(default=0)
    """So many people may be inside; 0 for no limit."""
    open_when_cut_off = peewee.BooleanField(default=False)
    """While a device is cut off from the others, the limit lets in and notes it, instead of refusing."""
    reset_at = InstantField(null=True)
    """When an operator last had everybody's place forgotten."""
    version = peewee.IntegerField(default=1)

    class Meta:
        indexes = ((("site", "name"), True),)


class Door(Model):
    """One door: a lock, perhaps a contact and an exit button, on one device. Durations in milliseconds."""

    site = peewee.ForeignKeyField(Site, backref="doors", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="doors", on_delete="RESTRICT")
    device = peewee.ForeignKeyField(Device, backref="doors", on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Number of the door on its device, from 1; records name it by this, so it never changes."""
    unit = peewee.IntegerField(null=True)
    """Which lock output of the device's board it has; its contact and exit button have the same number. None: the device
    takes one that is free."""
    label = peewee.TextField()
    location = peewee.TextField(default="")
    enabled = peewee.BooleanField(default=True)
    mode = peewee.IntegerField(default=Mode.NORMAL.value)
    unlock_schedule = peewee.ForeignKeyField(Schedule, null=True, on_delete="RESTRICT")
    """In these times it is held open; which mode stands before which is said in ``protocol.rules.door_modes``."""
    lock_schedule = peewee.ForeignKeyField(Schedule, null=True, on_delete="RESTRICT")
    """In these times nothing holds it open; cards open."""
    block_schedule = peewee.ForeignKeyField(Schedule, null=True, on_delete="RESTRICT")
    """In these times no card opens it."""
    release_ms = peewee.IntegerField(default=5_000)
    extended_release_ms = peewee.IntegerField(default=15_000)
    held_open_ms = peewee.IntegerField(default=30_000)
    pre_alarm_ms = peewee.IntegerField(default=10_000)
    storage_policy = peewee.IntegerField(default=StoragePolicy.DENY.value)
    clock_policy = peewee.IntegerField(default=ClockPolicy.SECURE.value)
    contact_fitted = peewee.BooleanField(default=True)
    exit_fitted = peewee.BooleanField(default=True)
    """An exit button is fitted. Without one people inside rely on cards, which a blocked door refuses."""
    inside = peewee.ForeignKeyField(Area, null=True, backref="doors_in", on_delete="RESTRICT")
    """The area that one goes into through this door."""
    outside = peewee.ForeignKeyField(Area, null=True, backref="doors_out", on_delete="RESTRICT")
    """The area that one comes from, where it is not the street."""
    interlock = peewee.IntegerField(default=0)
    """Of the device's doors with this number only one may be open; 0: no interlock."""
    first_card = peewee.BooleanField(default=False)
    """首卡常開: it is held open in its hours from the first card on."""
    pin_schedule = peewee.ForeignKeyField(Schedule, null=True, on_delete="RESTRICT")
    """In these times a PIN is asked for beside the card; None: never."""
    duress_pin = peewee.BooleanField(default=False)
    """The PIN with its last digit one higher opens too, and raises the silent alarm."""
    persons = peewee.IntegerField(default=1)
    """So many different people must show their cards before it opens inwards."""
    version = peewee.IntegerField(default=1)

    class Meta:
        indexes = (
            (("device", "number"), True),
            (("device", "unit"), True),
            (("site", "label"), False),
        )


class AccessPoint(Model):
    """One reader of a device. Its id is ``protocol.ids.PointId``. Without a door it is an issuer's, a patrol point's or a terminal's."""

    device = peewee.ForeignKeyField(Device, backref="points", on_delete="RESTRICT")
    door = peewee.ForeignKeyField(Door, null=True, backref="points", on_delete="RESTRICT")
    reader = peewee.IntegerField(default=1)
    """Number of the reader on its device, from 1."""
    label = peewee.TextField()
    leaving = peewee.BooleanField(default=False)
    """The reader stands on the inside: people who show their card here go out."""
    tier_min = peewee.IntegerField(default=Tier.UID_ONLY.value)
    zone = peewee.IntegerField(default=0)
    """Number of the zone by whose read key cards are read here (``central.keys.model.Zone``)."""

    class Meta:
        indexes = (
            (("device", "reader"), True),
            (("zone",), False),
        )


class AccessLevel(Model):
    """權限組: readers, each with the schedule in which it opens."""

    site = peewee.ForeignKeyField(Site, backref="access_levels", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(
        Organisation, null=True, backref="access_levels", on_delete="RESTRICT"
    )
    """None: every organisation of the estate may give it."""
    name = peewee.TextField()
    note = peewee.TextField(default="")
    active = peewee.BooleanField(default=True)
    version = peewee.IntegerField(default=1)

    class Meta:
        indexes = ((("site", "name"), True),)


class LevelEntry(Model):
    """One reader of an access level, with the schedule in which it opens."""

    level = peewee.ForeignKeyField(AccessLevel, backref="entries", on_delete="CASCADE")
    point = peewee.ForeignKeyField(AccessPoint, backref="entries", on_delete="RESTRICT")
    schedule = peewee.ForeignKeyField(Schedule, backref="entries", on_delete="RESTRICT")

    class Meta:
        indexes = ((("level", "point"), True),)


class CardLevel(Model):
    """A card has an access level."""

    card = peewee.ForeignKeyField(Card, backref="levels", on_delete="CASCADE")
    level = peewee.ForeignKeyField(AccessLevel, backref="cards", on_delete="RESTRICT")

    class Meta:
        indexes = ((("card", "level"), True),)


class DoorCommand(Model):
    """A remote open or a mode by hand: who asked, why, and what became of it (23)."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT")
    door = peewee.ForeignKeyField(Door, backref="commands", on_delete="RESTRICT")
    kind = peewee.TextField()
    """A value of ``command_rules.CommandKind``."""
    mode = peewee.IntegerField(default=Mode.NORMAL.value)
    release_ms = peewee.IntegerField(default=0)
    operator_id = peewee.IntegerField(null=True)
    """None for an integration."""
    operator_name = peewee.TextField()
    reason = peewee.TextField()
    created_at = InstantField()
    state = peewee.TextField()
    """A value of ``command_rules.CommandState``."""
    result = peewee.IntegerField(null=True)
    """``protocol.facts.CommandResult`` once the device has answered."""
    trouble = peewee.TextField(default="")
    """Why it could not be sent (English msgid)."""
    node_epoch = peewee.IntegerField(null=True)
    intent_seq = peewee.BigIntegerField(null=True)
    """The fact by which the device accepted it."""
    answered_at = InstantField(null=True)
    """When, by the device's corrected clock."""
    heard_at = InstantField(null=True)
    """When the answer that stands was here, by the clock that ``created_at`` is from (B10)."""

    class Meta:
        indexes = (
            (("door", "created_at"), False),
            (("device", "node_epoch", "intent_seq"), False),
        )


class AlarmAcknowledgement(Model):
    """Somebody has seen an alarm. Kept apart from the projection, so that a rebuild loses none."""

    device = peewee.ForeignKeyField(Device, on_delete="CASCADE")
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField()
    note = peewee.TextField(default="")
    at = InstantField()

    class Meta:
        indexes = ((("device", "node_epoch", "seq"), True),)


class AlarmEvent(Model):
    """What became of an alarm without an ``AlarmFact``: see ``alarm_events``. Kept apart from the projection."""

    device = peewee.ForeignKeyField(Device, on_delete="CASCADE", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    what = peewee.TextField()
    """raised, acknowledged or cleared."""
    at = InstantField()
    is_time_sure = peewee.BooleanField()
    after_fact = peewee.BigIntegerField(index=True)
    """It stands behind the stored fact of this number, and before the next one."""

    class Meta:
        indexes = ((("device", "node_epoch", "seq", "what"), True),)


class PurgedEvents(Model):
    """清除門禁記錄 (61): events of an estate from ``from_at`` until ``until_at`` that were there are gone; their counts stay."""

    site = peewee.ForeignKeyField(Site, backref="purged_events", on_delete="RESTRICT")
    from_at = InstantField()
    until_at = InstantField()
    through = JsonField(default=dict)
    """By device: [node_epoch, seq] of the last fact that was there; what came later is kept."""
    kept = JsonField(default=dict)
    """By device: [[node_epoch, seq], ...] of what was there and stayed, because it was held (U11)."""
    counts = JsonField(default=dict)
    """By source (card, exit_button, remote) and, of cards, ``refused``."""
    events_count = peewee.IntegerField()
    reason = peewee.TextField()
    made_at = InstantField()
    made_by = peewee.TextField()


# -- what is projected from facts -----------------------------------------------------------------------------------


class Showing(Model):
    """Base of what is projected from one fact of a card at a reader, and made again by a rebuild with the same outcome."""

    IS_BASE: ClassVar = True

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    """Whose row it is: of the holder or of the place, as the sub-system says."""
    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    at = InstantField()
    """Device time corrected by the measured difference; ``wall_ms`` is what the device's clock said."""
    wall_ms = peewee.BigIntegerField()
    clock = peewee.IntegerField()
    """``protocol.decide.Trust`` of the device's clock at that moment."""
    point = peewee.ForeignKeyField(AccessPoint, null=True, on_delete="RESTRICT", index=False)
    key = peewee.BlobField(null=True)
    """The card key; None where none was read or its time is over."""
    card = peewee.ForeignKeyField(Card, null=True, on_delete="SET NULL", index=False)
    person = peewee.ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    """Who held the card at that time."""


class AccessEvent(Showing):
    """開門記錄: one presentation, press of an exit button or remote open, with what came of it.

    ``organisation``: the holder's; the door's when nobody is known to hold the card.
    """

    source = peewee.TextField()
    """card, exit_button or remote."""
    door = peewee.ForeignKeyField(Door, null=True, on_delete="RESTRICT", index=False)
    leaving = peewee.BooleanField(default=False)
    department = peewee.TextField(default="")
    """The holder's department; follows the person when it changes, so that the filter stays on an index."""
    reason = peewee.IntegerField()
    granted = peewee.BooleanField()
    outcome = peewee.IntegerField(null=True)
    """``protocol.facts.Outcome``; None until it is known."""
    schedule = peewee.IntegerField(default=0)
    mode = peewee.IntegerField(default=Mode.NORMAL.value)
    unknown_ignored = peewee.BooleanField(default=False)
    floor_s = peewee.BigIntegerField(default=0)
    tier = peewee.IntegerField(default=Tier.UID_ONLY.value)
    issue_no = peewee.IntegerField(default=0)
    release_ms = peewee.IntegerField(default=0)
    command_id = peewee.BigIntegerField(null=True)
    was_in = peewee.IntegerField(null=True)
    """Number of the area where the holder was for the device, 0 for none; None where it was not asked, or not known."""
    config_epoch = peewee.BigIntegerField(default=0)
    restrictions_revision = peewee.BigIntegerField(default=0)
    access_revision = peewee.BigIntegerField(default=0)

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("at",), False),
            (("site", "at"), False),
            (("organisation", "at"), False),
            (("door", "at"), False),
            (("person", "at"), False),
            (("card", "at"), False),
            (("department", "at"), False),
            (("site", "reason", "at"), False),
            (("site", "granted", "at"), False),
        )


class Disagreement(Model):
    """A record whose decision, taken once more by the settings of its moment, gave ``again`` instead (``access.replaying``)."""

    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    again = peewee.IntegerField()
    found_at = InstantField()

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("found_at",), False),
        )


class AlarmState(Model):
    """One raising of an alarm, and its end. Raised by a fact (seq > 0) or by the centre itself (seq < 0)."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    kind = peewee.TextField()
    """A key of ``alarm_kinds.KINDS``."""
    where = peewee.IntegerField(default=0)
    door = peewee.ForeignKeyField(Door, null=True, on_delete="SET NULL", index=False)
    card = peewee.ForeignKeyField(Card, null=True, on_delete="SET NULL", index=False)
    person = peewee.ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    detail = peewee.TextField(default="")
    raised_at = InstantField()
    cleared_at = InstantField(null=True)
    cleared_epoch = peewee.IntegerField(null=True)
    cleared_seq = peewee.BigIntegerField(null=True)
    """The fact that ended it; both None when the centre did."""

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("raised_at",), False),
            (("site", "raised_at"), False),
            (("door", "raised_at"), False),
            (("device", "raised_at"), False),
            (("device", "kind", "where", "cleared_at"), False),
        )


class DoorNote(Model):
    """What a device told of a door, or of itself, that is neither a passage nor an alarm: a line of the door's history."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    at = InstantField()
    door = peewee.ForeignKeyField(Door, null=True, on_delete="CASCADE", index=False)
    """None: the whole device."""
    kind = peewee.TextField()
    """A value of ``projection.notes.Note``."""
    value = peewee.BigIntegerField()
    """As the kind says: a mode, milliseconds, a count."""
    command_id = peewee.BigIntegerField(null=True)
    """The command by which an operator set a rule; None: the settings or a schedule did."""
    schedule = peewee.IntegerField(default=0)
    """The schedule that did, 0 for none."""

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("door", "at"), False),
            (("device", "at"), False),
            (("command_id",), False),
        )


class DoorState(Model):
    """Contact and rule of a door, as last reported by facts. Its lock relay stands in ``DeviceStatus.locks``."""

    door = peewee.ForeignKeyField(Door, primary_key=True, on_delete="CASCADE")
    contact = peewee.TextField(default="unknown")
    """closed, open, forced, held or unknown."""
    mode = peewee.IntegerField(null=True)
    """The mode in force; None before the device has said one."""
    mode_schedule = peewee.IntegerField(default=0)
    """The schedule by which it is; 0: by hand, or by the settings."""
    changed_at = InstantField()
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()


class HolderPlace(Model):
    """Where somebody went last by what all devices of the estate have told (``protocol.rules.places``): one row for a holder."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    holder = peewee.BigIntegerField()
    """As the devices know him (``cards.rows.holder_number``)."""
    person = peewee.ForeignKeyField(Person, null=True, on_delete="CASCADE")
    card = peewee.ForeignKeyField(Card, null=True, on_delete="CASCADE")
    """Of a holder who is no person: the card of a unit."""
    last = JsonField(default=list)
    """``rules.places.last_ones``: [[at_ms, device, node_epoch, seq, area, point, reset_no], ...]."""
    doubt_ms = peewee.BigIntegerField(default=0)
    """A passage by a clock that was not trusted happened before that moment."""
    forgotten_ms = peewee.BigIntegerField(default=0)
    """When an operator last had this holder's place forgotten; a rebuild keeps it."""
    area = peewee.ForeignKeyField(Area, null=True, on_delete="SET NULL", index=False)
    """Where he is; None: out of all areas, or not known."""
    is_known = peewee.BooleanField(default=False)
    at = InstantField(null=True)
    """When he went there."""
    point = peewee.ForeignKeyField(AccessPoint, null=True, on_delete="SET NULL", index=False)

    class Meta:
        indexes = (
            (("site", "holder"), True),
            (("area", "at"), False),
        )
