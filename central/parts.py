"""The parts that a centre is made of, in one list, and what each of them may bring.

A module named here may define any of these names; all are optional::

    ROUTES: list[Route]                 pages and API (central.routes)
    NAV: list[NavItem]                  entries of the menu
    FEEDS: list[Feed]                   live feeds
    PROJECTIONS: list[Projection]       what `onecard-central rebuild` makes again
    BACKUP_MARKS: list[BackupMark]      how far the data of a backup goes
    AFTER_RESTORE: list[Callable[[datetime], None]]  run in one transaction on a restored database
    FIGURES: list[Figure]               numbers of the first page (central.web.figures)
    SAMPLES: list[Callable[[Centre, datetime], None]]  "load a sample estate", inside the set-up's transaction
    def install(apps: Apps) -> None     objects with a life of their own: application keys, start-up and clean-up
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from aiohttp import web

from central.centre import Centre
from central.routes import Route
from central.web.figures import Figure
from central.web.hub import Feed
from central.web.nav import NavItem

PARTS: Final[tuple[str, ...]] = (
    "central.web.pages",
    "central.security.pages",
    "central.security.account_pages",
    "central.security.admin_pages",
    "central.security.role_pages",
    "central.security.token_pages",
    "central.security.audit_pages",
    "central.webhooks.pages",
    "central.sites.pages",
    "central.system.pages",
    "central.people.pages",
    "central.visitors.pages",
    "central.duty.pages",
    "central.cards.pages",
    "central.households.pages",
    "central.faces.pages",
    "central.forms.pages",
    "central.movein.pages",
    "central.contractors.pages",
    "central.vehicles.pages",
    "central.bulk_acts.pages",
    "central.takeover.pages",
    "central.access.pages",
    "central.access_list.pages",
    "central.paging.pages",
    "central.muster.pages",
    "central.attendance.pages",
    "central.patrol.pages",
    "central.patrol_map.pages",
    "central.units.pages",
    "central.rounds.pages",
    "central.stock.pages",
    "central.purse.pages",
    "central.tills.pages",
    "central.reports.pages",
    "central.compliance.pages",
    "central.oversight.pages",
    "central.usage.pages",
    "central.repairs.pages",
    "central.door_history.pages",
    "central.nodes.pages",
    "central.nodes.connection_pages",
    "central.nodes.card_pages",
    "central.nodes.spare_pages",
    "central.nodes.waiting_pages",
    "central.nodes.base_pages",
    "central.nodes.reported_pages",
    "central.nodes.pull_pages",
    "central.keys.pages",
    "central.sync.service",
    "central.updates.pages",
)


@dataclass(frozen=True)
class Apps:
    """What ``install`` gets. Start-up functions appended here run after the database is open."""

    centre: Centre
    browsers: web.Application
    nodes: web.Application


@dataclass(frozen=True)
class Projection:
    """Something shown that is derived from facts and can be made again.

    ``rebuild`` runs inside ``db.write``: it clears its tables, applies all facts in order, and returns their number.
    """

    name: str
    rebuild: Callable[[Centre], int]


@dataclass(frozen=True)
class BackupMark:
    """``read`` runs inside ``db.read`` on the *copy*; what it returns (JSON-able) is kept with the backup."""

    name: str
    read: Callable[[], Any]


@dataclass(frozen=True, eq=False)
class Collected:
    """What all parts bring together; not changed afterwards (``dataclasses.replace`` makes another one)."""

    routes: list[Route] = field(default_factory=list)
    nav: list[NavItem] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    backup_marks: list[BackupMark] = field(default_factory=list)
    after_restore: list[Callable[[datetime], None]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    samples: list[Callable[[Centre, datetime], None]] = field(default_factory=list)
    installers: list[Callable[[Apps], None]] = field(default_factory=list)


@cache
def collect(names: tuple[str, ...] = PARTS) -> Collected:
    """Import the parts and put together what they bring; the same object for the same names."""
    found = Collected()
    for name in names:
        module = importlib.import_module(name)
        found.routes.extend(getattr(module, "ROUTES", []))
        found.nav.extend(getattr(module, "NAV", []))
        found.feeds.extend(getattr(module, "FEEDS", []))
        found.projections.extend(getattr(module, "PROJECTIONS", []))
        found.backup_marks.extend(getattr(module, "BACKUP_MARKS", []))
        found.after_restore.extend(getattr(module, "AFTER_RESTORE", []))
        found.figures.extend(getattr(module, "FIGURES", []))
        found.samples.extend(getattr(module, "SAMPLES", []))
        if hasattr(module, "install"):
            found.installers.append(module.install)
    return found
