"""Tables of the sync: rows as published, facts as received, who is enrolled and how far everything got."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.sites.model import Organisation, Site


class Head(Model):
    """Newest revision of each stream at this centre; number 0 holds the config_epoch."""

    stream = peewee.IntegerField(primary_key=True)
    revision = peewee.BigIntegerField()


class PublishedRow(Model):
    """The newest state of one protocol row. An empty ``body`` is a deletion that devices have yet to hear of.

    ``space`` tells rows apart whose keys are numbers of one device or one estate: ``site:1``, ``device:7``.
    ``owner``: what the row was made from (``card:12``), so that rows under a former key can be found.
    """

    space = peewee.TextField()
    kind = peewee.IntegerField()
    key = peewee.BlobField()
    stream = peewee.IntegerField()
    body = peewee.BlobField()
    revision = peewee.BigIntegerField()
    owner = peewee.TextField(default="")

    class Meta:
        indexes = (
            (("space", "kind", "key"), True),
            (("stream", "revision"), False),
            (("owner",), False),
        )


class RowTag(Model):
    """Who is to have a row: devices whose scope holds the tag. ``removed``: devices with it must hear that it is gone."""

    row = peewee.ForeignKeyField(PublishedRow, backref="tags", on_delete="CASCADE")
    tag = peewee.TextField()
    removed = peewee.BooleanField(default=False)

    class Meta:
        indexes = ((("tag", "row"), True),)


class FormerRow(Model):
    """What a published row was, from one revision of its stream until another took its place (``central.sync.row_history``).

    ``tags``: who was to have it, with spaces between. Rows are added and pruned, never changed.
    """

    space = peewee.TextField()
    kind = peewee.IntegerField()
    key = peewee.BlobField()
    until_revision = peewee.BigIntegerField()
    from_revision = peewee.BigIntegerField()
    body = peewee.BlobField()
    tags = peewee.TextField()

    class Meta:
        primary_key = peewee.CompositeKey("space", "kind", "key", "until_revision")


class HistoryBegin(Model):
    """The lowest revisions whose rows are all known still; none: from the beginning on."""

    site = peewee.ForeignKeyField(Site, primary_key=True, on_delete="RESTRICT")
    restrictions = peewee.BigIntegerField()
    access = peewee.BigIntegerField()


class ConfigEpoch(Model):
    """Each config_epoch after the first, and the revisions at which it began: those of the backup that was restored."""

    epoch = peewee.BigIntegerField(primary_key=True)
    restrictions = peewee.BigIntegerField()
    access = peewee.BigIntegerField()


class ReportedRestriction(Model):
    """After a restore: a dead card that a device still knows and this centre had forgotten (design.md section 4).

    It is published beside what the centre knows itself (the union) until an operator decides: "kept" (it stays), "card" (the
    card's own state says it now) or "lifted". Empty while nobody has decided.
    """

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    key = peewee.BlobField()
    body = peewee.BlobField()
    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT", index=False)
    reported_at = InstantField()
    decision = peewee.TextField(default="")

    class Meta:
        indexes = ((("site", "key"), True),)


class DeviceScope(Model):
    """The tags whose rows a device holds. A change of the set means a snapshot: ``since`` is the revision it came with.

    ``restrictions_since``: the same of another stream, for a device that is to be loaded anew. ``balances_since``: likewise,
    for one that is told where holders are from then on.
    """

    device = peewee.ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    tags = JsonField(default=list)
    since = peewee.BigIntegerField(default=0)
    restrictions_since = peewee.BigIntegerField(default=0)
    balances_since = peewee.BigIntegerField(default=0)


class Enrolment(Model):
    """One enrolment of a device: a key that was born on a node, and its node_epoch."""

    device = peewee.ForeignKeyField(Device, backref="enrolments", on_delete="RESTRICT")
    node_epoch = peewee.IntegerField()
    public_key = peewee.BlobField()
    salt = peewee.BlobField()
    board_serial = peewee.TextField(default="")
    enrolled_at = InstantField()
    closed_at = InstantField(null=True)
    """A newer enrolment took its place, or it was revoked: its later facts go to quarantine."""
    forked = peewee.BooleanField(default=False)
    received_through = peewee.BigIntegerField(default=0)
    head = peewee.BlobField()
    uploaded_through_ms = peewee.BigIntegerField(default=0)
    """Corrected time up to which everything has been uploaded (B9)."""

    class Meta:
        indexes = ((("device", "node_epoch"), True),)


class EvidenceGap(Model):
    """From the last upload of a closed node_epoch to the enrolment that followed it: what was recorded then is lost (B12).

    Written once, when it closes: nothing that happened at the device in this span is ever judged missed or absent.
    ``ends_at`` is None until something stands in its place again.
    """

    device = peewee.ForeignKeyField(Device, backref="evidence_gaps", on_delete="RESTRICT")
    node_epoch = peewee.IntegerField()
    begins_at = InstantField()
    ends_at = InstantField(null=True)

    class Meta:
        indexes = ((("device", "node_epoch"), True),)


class CatchUp(Model):
    """A device that had been away has handed over everything: its records from ``begins_at`` to ``ends_at`` came late (B9)."""

    device = peewee.ForeignKeyField(Device, backref="catch_ups", on_delete="CASCADE", index=False)
    node_epoch = peewee.IntegerField()
    begins_at = InstantField()
    ends_at = InstantField()

    class Meta:
        indexes = (
            (("device", "ends_at"), False),
            (("ends_at",), False),
        )


class Ticket(Model):
    """A one-time enrolment ticket; only the verifier of its secret is kept."""

    ticket_id = peewee.TextField(unique=True)
    device = peewee.ForeignKeyField(Device, backref="tickets", on_delete="CASCADE")
    verifier = peewee.BlobField()
    created_at = InstantField()
    expires_at = InstantField()
    used_at = InstantField(null=True)
    used_key = peewee.BlobField(null=True)
    """The only key that may use it: the first one that did, or the one that an operator has approved."""
    answer_epoch = peewee.IntegerField(null=True)
    revoked = peewee.BooleanField(default=False)


class SpareTicket(Model):
    """A ticket of an estate for spare SD cards, which belong to no device yet (備用 SD 卡); only its verifier is kept.

    ``role``, ``readers`` and ``board`` stand on the cards: such devices they can become.
    """

    ticket_id = peewee.TextField(unique=True)
    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    verifier = peewee.BlobField()
    label = peewee.TextField(default="")
    """Where the cards lie, for people."""
    role = peewee.TextField()
    readers = peewee.IntegerField()
    board = peewee.TextField()
    cards_max = peewee.IntegerField(default=1)
    """How many boards it may serve; refused ones do not count."""
    created_at = InstantField()
    expires_at = InstantField()
    revoked_at = InstantField(null=True)
    tried_at = InstantField(null=True)
    """When a board was last refused because the ticket had served all that it may, as far as an alarm told of it."""

    class Meta:
        indexes = ((("site", "created_at"), False),)


class SpareBoard(Model):
    """A board that called in with a spare ticket. ``state``: see ``central.sync.spares``."""

    spare = peewee.ForeignKeyField(SpareTicket, backref="boards", on_delete="RESTRICT", index=False)
    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    public_key = peewee.BlobField()
    serial = peewee.TextField(default="")
    """Number of the board, as it says itself."""
    image_hash = peewee.BlobField(default=b"")
    address = peewee.TextField(default="")
    """The network address that it last called from."""
    state = peewee.TextField()
    first_at = InstantField()
    heard_at = InstantField()
    ticket = peewee.ForeignKeyField(Ticket, null=True, on_delete="SET NULL", index=False)
    """The device's own ticket, which the approval made for this key alone."""
    replaces = peewee.IntegerField(default=0)
    """The newest node_epoch of that device at the approval: another since then makes the approval void."""

    class Meta:
        indexes = (
            (("spare", "public_key"), True),
            (("site", "state"), False),
        )


class DeviceStatus(Model):
    """What a device last said of itself, and what it has been given."""

    device = peewee.ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    online = peewee.BooleanField(default=False)
    heard_at = InstantField(null=True)
    changed_at = InstantField(null=True)
    """When ``online`` last changed: "offline since"."""
    session = peewee.BlobField(default=b"")
    """The session that was heard last, in whatever process: another one cannot say that the device is gone."""
    software = peewee.TextField(default="")
    clock = peewee.IntegerField(default=0)
    last_seq = peewee.BigIntegerField(default=0)
    health = JsonField(default=dict)
    locks = JsonField(default=list)
    """[[door's number, is its lock relay released, since when in ms since 1970], ...] as last told; empty: not told since the
    device is online."""
    contacts = JsonField(default=list)
    """[[door's number, does its contact say open], ...] as of ``contacts_order``."""
    contacts_order = JsonField(default=lambda: [0, 0])
    """[node_epoch, seq]: a later fact about a door is newer than its contact there."""
    config_epoch = peewee.BigIntegerField(default=0)
    restrictions = peewee.BigIntegerField(default=0)
    access = peewee.BigIntegerField(default=0)
    balances = peewee.BigIntegerField(default=0)
    restrictions_in_memory = peewee.BigIntegerField(default=0)
    acknowledged_at = InstantField(null=True)
    trouble = peewee.TextField(default="")


class Acknowledgement(Model):
    """When a device first held the restrictions up to a revision, safe from a power cut (B2, U16). Never changed.

    ``DeviceStatus.acknowledged_at`` moves with every later delivery; this does not.
    """

    device = peewee.ForeignKeyField(Device, index=False, on_delete="CASCADE")
    config_epoch = peewee.BigIntegerField()
    restrictions = peewee.BigIntegerField()
    at = InstantField()

    class Meta:
        indexes = ((("device", "config_epoch", "restrictions"), True),)


class StoredFact(Model):
    """A fact as it was received; never edited. ``corrected_ms`` stands beside the original ``wall_ms`` (I12)."""

    enrolment = peewee.ForeignKeyField(Enrolment, on_delete="RESTRICT", index=False)
    seq = peewee.BigIntegerField()
    kind = peewee.IntegerField()
    boot = peewee.IntegerField()
    boottime_ms = peewee.BigIntegerField()
    wall_ms = peewee.BigIntegerField()
    clock = peewee.IntegerField()
    body = peewee.BlobField()
    personal = peewee.BlobField()
    commitment = peewee.BlobField()
    hash = peewee.BlobField()
    received_ms = peewee.BigIntegerField()
    corrected_ms = peewee.BigIntegerField()
    estimated = peewee.BooleanField(default=False)

    class Meta:
        indexes = ((("enrolment", "seq"), True),)


# The few facts whose time is not sure are looked for with every batch, among millions that are.
StoredFact.add_index(
    StoredFact.enrolment, StoredFact.seq, where=StoredFact.estimated, name="stored_fact_estimated"
)


class QuarantinedFact(Model):
    """異常記錄: facts that count nowhere: of a closed node_epoch, or the other side of a fork (I11)."""

    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT")
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    hash = peewee.BlobField()
    why = peewee.TextField()
    canonical = peewee.BlobField()
    personal = peewee.BlobField()
    received_ms = peewee.BigIntegerField()

    class Meta:
        indexes = ((("device", "node_epoch", "seq", "hash"), True),)
