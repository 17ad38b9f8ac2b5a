"""A running centre: the database open, both listeners up, and everything down again in under a second."""

from __future__ import annotations

import asyncio
import logging
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Final

from aiohttp import web

from central.addresses import addresses_of
from central.app import build_apps
from central.centre import Centre
from central.config import Config, split_address
from central.malformed import keep_log_short
from central.parts import Apps, Collected
from central.security.certificates import BROWSER_DAYS, NODE_DAYS, listener_context, server_context
from central.security.headers import hide_version

log = logging.getLogger(__name__)
BACKLOG: Final = 1_024
GRACE_S: Final = 0.3
"""Requests that are running at the stop may take this long; streams have been woken before."""


class Server:
    """``start``, then ``stop``; not to be started again."""

    def __init__(self, centre: Centre, collected: Collected | None = None) -> None:
        self.centre = centre
        self.apps: Apps = build_apps(centre, collected)
        self._runners: list[web.AppRunner] = []
        self.browser_address: tuple[str, int] = ("", 0)
        self.node_address: tuple[str, int] = ("", 0)
        """Where the listeners really are (the configuration may leave the port to the system)."""

    async def start(self) -> None:
        """Open the database, then the listeners: a request never meets half a centre.

        :raises StorageError: the database cannot be used. :raises OSError: an address is taken.
        """
        hide_version()
        keep_log_short()
        SSLProtocol.max_size = (
            self.centre.config.nodes.read_buffer_bytes
        )  # of every connection of this process
        centre, config = self.centre, self.centre.config
        try:
            await centre.db.open()
            await centre.audit.start()
            self.node_address = await self._listen(
                self.apps.nodes, config.nodes.listen, node_tls(centre), config.nodes.keepalive_s
            )
            self.browser_address = await self._listen(
                self.apps.browsers, config.browsers.listen, browser_tls(centre), config.browsers.keepalive_s
            )
            await centre.health.start()
        except BaseException:
            await self.stop()
            raise
        log.info("browsers: %s, devices: %s:%s", self.browser_urls[0], *self.node_address)

    async def stop(self) -> None:
        """Close the listeners, wake what is open, finish the writes."""
        await self.centre.health.stop()
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        self._runners.clear()
        self.centre.hasher.close()
        await self.centre.db.close()

    @property
    def browser_urls(self) -> list[str]:
        """What to type in a browser: on this machine, then on others."""
        return addresses_of(self.centre.config.browsers, *self.browser_address)

    async def _listen(
        self, app: web.Application, address: str, tls: ssl.SSLContext | None, keepalive_s: int
    ) -> tuple[str, int]:
        runner = web.AppRunner(app, keepalive_timeout=keepalive_s, access_log=None, shutdown_timeout=GRACE_S)
        self._runners.append(runner)
        await runner.setup()
        host, port = split_address("listen", address)
        site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=BACKLOG)
        await site.start()
        found: tuple[str, int] = runner.addresses[0][:2]
        return found


def node_tls(centre: Centre) -> ssl.SSLContext:
    """Devices pin our CA; there is no other way in."""
    config = centre.config
    names = config.nodes.names + config.browsers.names
    return listener_context(
        centre.authority, centre.keys.folder, "nodes", names, NODE_DAYS, centre.clock.now()
    )


def browser_tls(centre: Centre) -> ssl.SSLContext | None:
    """Ours, the supplied one, or none."""
    browsers: Final = centre.config.browsers
    if browsers.tls == "off":
        return None
    if browsers.tls == "supplied":
        assert browsers.certificate is not None
        return server_context(browsers.certificate, browsers.private_key)
    return listener_context(
        centre.authority, centre.keys.folder, "browsers", browsers.names, BROWSER_DAYS, centre.clock.now()
    )


def is_loopback_only(config: Config) -> bool:
    """True when only this computer reaches the browser listener."""
    host, _port = split_address("browsers.listen", config.browsers.listen)
    return host in ("127.0.0.1", "::1", "localhost")
