"""Everything that access control brings to the centre, in one place for ``central.parts``."""

from __future__ import annotations

from typing import Final

from central.access import (
    alarm_pages,
    api_areas,
    api_doors,
    api_records,
    api_settings,
    area_pages,
    ask_pages,
    commands,
    door_pages,
    event_pages,
    feeds,
    hotlist_pages,
    level_pages,
    opener_pages,
    places,  # noqa: F401  (answers the card centre, from its import on)
    purge_pages,
    replaying,
    schedule_pages,
    search_pages,
    special_day_pages,
    watch,
)
from central.access.card_groups import CardGroups
from central.access.dossier import alarms_of, doors_of, places_of
from central.access.events import follow_department
from central.access.forgetting import forget
from central.access.presence import after_restore
from central.parts import Apps
from central.people import dossier, erasure
from central.people import service as people_service
from central.routes import Route
from central.web.figures import Figure
from central.web.hub import Feed
from central.web.i18n import lazy
from central.web.nav import NavItem

_PAGES: Final = (
    event_pages,
    ask_pages,
    opener_pages,
    alarm_pages,
    door_pages,
    hotlist_pages,
    level_pages,
    schedule_pages,
    area_pages,
    special_day_pages,
    purge_pages,
)
NAV: Final[list[NavItem]] = [
    *(item for module in _PAGES for item in module.NAV),
    # The card centre's own pages, in the menu of the doors too (70).
    NavItem("access", lazy("Inspect a card"), "/cards/desk", order=42),
    NavItem("access", lazy("Report lost or lift"), "/cards/losses", order=44),
]
ROUTES: Final[list[Route]] = [
    *(route for module in _PAGES for route in module.ROUTES),
    *search_pages.ROUTES,
    *api_areas.ROUTES,
    *api_doors.ROUTES,
    *api_records.ROUTES,
    *api_settings.ROUTES,
]
FIGURES: Final[list[Figure]] = [
    *alarm_pages.FIGURES,
    *hotlist_pages.FIGURES,
    *event_pages.FIGURES,
]
AFTER_RESTORE: Final = [after_restore]
FEEDS: Final[list[Feed]] = list(feeds.FEEDS)

if follow_department not in people_service.on_change:
    people_service.on_change.append(follow_department)
erasure.ERASERS.append(forget)
dossier.SECTIONS.extend((doors_of, places_of, alarms_of))


def install(apps: Apps) -> None:
    """The feeds, the sender of commands, the watch over the devices and over decisions, and what is kept of who opens what."""
    apps.browsers[opener_pages.CARD_GROUPS] = CardGroups()
    feeds.install(apps)
    commands.install(apps)
    watch.install(apps)
    replaying.install(apps)
