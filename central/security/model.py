"""Tables of who may do what: operators, roles, sessions, wrong tries, one-time links, tokens of other programs."""

from __future__ import annotations

import peewee

from central.audit import unaudited
from central.db import Model
from central.fields import InstantField, JsonField
from central.sites.model import Organisation, Site


class Role(Model):
    """A role. A built-in one has a ``key`` of :data:`central.security.roles.BUILT_IN`; its title is translated."""

    key = peewee.TextField(unique=True)
    title = peewee.TextField()
    built_in = peewee.BooleanField(default=False)
    permissions = JsonField(default=list)
    """Pairs ``[sub-system, verb]``, sorted."""


class Operator(Model):
    """Somebody who signs in. ``number`` is the number on the operator's card (31, T16)."""

    number = peewee.TextField(unique=True)
    name = peewee.TextField()
    language = peewee.TextField(default="")
    """``zh-Hans``, ``zh-Hant``, ``en``; empty: as the browser asks."""
    password_hash = peewee.TextField(default="")
    """Argon2id in its own text form; empty until the operator has chosen a password by a one-time link."""
    totp_sealed = peewee.BlobField(null=True)
    """The TOTP secret, encrypted with the centre's keys; ``None``: not used."""
    totp_step = peewee.BigIntegerField(default=0)
    """The time step of the last code that was taken, so that none is taken twice."""
    disabled_at = InstantField(null=True)
    created_at = InstantField()
    changed_at = InstantField()
    version = peewee.IntegerField(default=1)


class OperatorRole(Model):
    """An operator has a role."""

    operator = peewee.ForeignKeyField(Operator, backref="role_links", on_delete="CASCADE")
    role = peewee.ForeignKeyField(Role, backref="operator_links", on_delete="RESTRICT")

    class Meta:
        indexes = ((("operator", "role"), True),)


class OperatorGrant(Model):
    """One part of an operator's scope (:class:`central.sites.scope.Grant`); both empty: head office."""

    operator = peewee.ForeignKeyField(Operator, backref="grants", on_delete="CASCADE")
    site = peewee.ForeignKeyField(Site, null=True, on_delete="CASCADE")
    organisation = peewee.ForeignKeyField(Organisation, null=True, on_delete="CASCADE")


@unaudited
class Session(Model):
    """A signed-in browser. Only the hash of its token is kept."""

    token_hash = peewee.BlobField(unique=True)
    operator = peewee.ForeignKeyField(Operator, backref="sessions", on_delete="CASCADE")
    address = peewee.TextField()
    agent = peewee.TextField(default="")
    created_at = InstantField()
    seen_at = InstantField()
    password_at = InstantField()
    """When the password was last given in this session: the age of the step-up."""


@unaudited
class Throttle(Model):
    """Wrong tries of one account or from one address; survives a restart."""

    key = peewee.TextField(primary_key=True)
    failures_count = peewee.IntegerField()
    last_at = InstantField(index=True)


@unaudited
class KnownAddress(Model):
    """An operator signed in from here before: strangers' wrong tries do not slow this address down."""

    operator = peewee.ForeignKeyField(Operator, on_delete="CASCADE")
    address = peewee.TextField()
    last_at = InstantField()

    class Meta:
        indexes = ((("operator", "address"), True),)


@unaudited
class OneTimeLink(Model):
    """A link that works once: first set-up, choosing a password, signing in. Only the hash of its token is kept."""

    token_hash = peewee.BlobField(unique=True)
    purpose = peewee.TextField()
    operator = peewee.ForeignKeyField(Operator, null=True, on_delete="CASCADE")
    expires_at = InstantField()
    used_at = InstantField(null=True)


class ApiToken(Model):
    """Lets another program use the JSON API with its own permissions and scope; revocable. The token is shown once."""

    name = peewee.TextField(unique=True)
    token_hash = peewee.BlobField(unique=True)
    permissions = JsonField(default=list)
    grants = JsonField(default=list)
    """Pairs ``[site id or null, organisation id or null]``."""
    created_by = peewee.ForeignKeyField(Operator, on_delete="RESTRICT")
    created_at = InstantField()
    expires_at = InstantField(null=True)
    revoked_at = InstantField(null=True)
