"""The sync as a part of the centre: its routes, its life, what a backup and a restore mean for it."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.addresses import EVERYWHERE, reached_at
from central.audit import SYSTEM
from central.centre import Centre
from central.config import Config, split_address
from central.nodes.pages import NODE_URLS
from central.parts import Apps, BackupMark, Projection
from central.sync import endpoints, ingest, key_rows, storage
from central.sync.hub import Hub
from central.sync.model import Enrolment
from protocol.centre_peer import AuditHead

ROUTES: Final = endpoints.ROUTES
PROJECTIONS: Final = [Projection("access", lambda centre: ingest.rebuild())]


def _received() -> dict[str, Any]:
    """How far each enrolment had been received when the copy was made: so far devices may purge (I1)."""
    return {str(row.id): row.received_through for row in Enrolment.select()}


BACKUP_MARKS: Final = [BackupMark("received", _received)]


def _after_restore(now: datetime) -> None:
    storage.raise_config_epoch(now)


AFTER_RESTORE: Final = [_after_restore]


def install(apps: Apps) -> None:
    """Make the hub, give it to both listeners, start and end it with them."""
    centre = apps.centre
    hub = Hub(
        centre.db,
        centre.clock,
        centre.keys.signing,
        centre.keys.box_public,
        secrets.token_bytes,
        centre.clock.monotonic,
        lambda: _audit_head(centre),
        lambda action, device, detail: centre.audit.record(
            SYSTEM,
            action,
            "device",
            device.id,
            after=detail,
            site_id=device.site_id,
            organisation_id=device.organisation_id,
        ),
    )
    hub.storage.open_key = key_rows.opener(centre.keys)
    apps.nodes[endpoints.HUB] = apps.browsers[endpoints.HUB] = hub
    apps.nodes[endpoints.SOCKETS] = set()
    apps.browsers[NODE_URLS] = node_urls(centre.config)

    async def life(app: web.Application) -> AsyncIterator[None]:
        await hub.start()
        yield
        await hub.stop()

    apps.nodes.cleanup_ctx.append(life)
    apps.nodes.on_shutdown.append(endpoints.close_sockets)


def _audit_head(centre: Centre) -> AuditHead:
    head = centre.audit.head
    return AuditHead(head.seq, head.hash) if head.seq else AuditHead()


def node_urls(config: Config) -> list[str]:
    """Addresses under which devices find the node listener, in the order in which they try them: the names set for it, else
    where it listens. Numbers go first: a new estate has no name server that knows this machine's name."""
    host, port = split_address("nodes.listen", config.nodes.listen)
    names = list(config.nodes.names)
    if not names:
        is_everywhere = host in (*EVERYWHERE, "")
        names = [*reached_at(host), socket.gethostname()] if is_everywhere else [host]
    return [f"https://{f'[{name}]' if ':' in name else name}:{port}" for name in names]
