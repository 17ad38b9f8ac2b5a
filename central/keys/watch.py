"""The keys' part in the life of the centre: made or found when it starts, looked at as long as it runs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from central.cards import keys_in_force
from central.centre import Centre
from central.errors import StorageError
from central.health import GOOD, Finding, Level
from central.keys import service
from central.parts import Apps
from central.security import card_master
from central.sync import key_rows
from central.web.i18n import LazyText, lazy

HEALTH_NAME: Final = "card_keys"
MISSING: Final = lazy("The master key of the cards is missing. Bring it back with the printed code.")
FOREIGN: Final = lazy("The master key of the cards is not the one that the cards were made with.")
SEALED: Final = lazy(
    "The card keys in the database cannot be opened. Bring the master key back with the printed code."
)
_log: Final = logging.getLogger(__name__)


def install(apps: Apps) -> None:
    """Begin before devices are served; a missing master is told of and stops nothing."""
    centre = apps.centre

    async def life(app: web.Application) -> AsyncIterator[None]:
        try:
            await centre.db.write(service.begin, centre)
        except StorageError as error:
            _log.warning("%s", error)
        yield

    apps.nodes.cleanup_ctx.append(life)
    centre.health.add(HEALTH_NAME, lambda: look(centre))


async def look(centre: Centre) -> Finding:
    """The master is there, it is the right one, and what devices are to get can be opened."""
    trouble = await centre.db.read(trouble_of, centre)
    return GOOD if trouble is None else Finding(Level.DEGRADED, trouble)


def trouble_of(centre: Centre) -> LazyText | None:
    """What is wrong with the keys; None when nothing is. Inside ``db.read``."""
    state = keys_in_force.current()
    try:
        master = card_master.load(centre.keys.folder)
    except StorageError:
        return FOREIGN
    if master is None:
        return MISSING
    if state is not None and master.fingerprint != state.fingerprint:
        return FOREIGN
    return SEALED if key_rows.broken(centre.keys) else None
