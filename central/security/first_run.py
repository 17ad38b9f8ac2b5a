"""The first set-up: one operator who may do everything, one organisation, one estate, language and time zone.

It happens once. Whoever holds the one-time link from the console may do it; nothing else lets anyone in, and there is
no default password anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from central import settings
from central.audit import Actor, Audit
from central.centre import Centre
from central.db import announce
from central.errors import ConflictError
from central.security import links, roles
from central.security.model import Operator, OperatorGrant, OperatorRole
from central.sites.model import Organisation, Site
from central.web.i18n import _

SETTINGS_CHANGED: Final = "settings.changed"
SAMPLES: Final[web.AppKey[Sequence[Callable[[Centre, datetime], None]]]] = web.AppKey("samples", Sequence)
"""What "load a sample estate" does, inside the set-up's own transaction: the ``SAMPLES`` of every part."""


@dataclass(frozen=True)
class FirstRun:
    """What the set-up page asks for; ``password_hash`` is made before."""

    number: str
    name: str
    password_hash: str
    language: str
    zone: str
    organisation: str
    site: str


def is_due() -> bool:
    """True until somebody has done it; inside ``db``."""
    return not Operator.select().exists()


def make_setup_link(now: datetime, valid_s: int) -> str:
    """The path of a new one-time link; inside ``db.write``.

    :raises ConflictError: there is an operator already.
    """
    if not is_due():
        raise ConflictError(
            _("The set-up has been done. A forgotten password is reset by a command on the server.")
        )
    return links.make_link(links.Purpose.SETUP, None, now, valid_s)


def set_up(audit: Audit, wanted: FirstRun, now: datetime, address: str = "") -> int:
    """Make the first operator and what belongs to one; inside ``db.write``. Returns the operator's id.

    :raises ConflictError: it has been done.
    """
    if not is_due():
        raise ConflictError(
            _("The set-up has been done. A forgotten password is reset by a command on the server.")
        )
    organisation = Organisation.create(name=wanted.organisation, created_at=now)
    site = Site.create(name=wanted.site, zone=wanted.zone, created_at=now)
    operator = Operator.create(
        number=wanted.number,
        name=wanted.name,
        language=wanted.language,
        password_hash=wanted.password_hash,
        created_at=now,
        changed_at=now,
    )
    OperatorGrant.create(operator=operator, site=None, organisation=None)
    OperatorRole.create(operator=operator, role=roles.create_built_in()[roles.ADMINISTRATOR])
    settings.put("organisation_name", wanted.organisation, now)
    settings.put("zone", wanted.zone, now)
    settings.put("setup_done", True, now)
    announce(SETTINGS_CHANGED, {"organisation_name": wanted.organisation, "zone": wanted.zone})
    audit.record(
        Actor("operator", operator.id, f"{wanted.number} {wanted.name}", address),
        "system.set_up",
        "system",
        "",
        after={
            "operator": wanted.number,
            "organisation": organisation.name,
            "site": site.name,
            "zone": site.zone,
        },
    )
    return int(operator.id)
