"""The process of ``onecard-central serve``: signals, the restart asked for on a page (30), and the words on the console."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

from central.app import build_centre
from central.clock import SystemClock
from central.config import Config
from central.security import first_run
from central.server import Server
from central.web.i18n import _

log = logging.getLogger(__name__)
STOPPING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(config: Config, say: Callable[[str], None]) -> int:
    """Run until a signal comes; ``say`` prints a line at once. After a restart from the page the same command runs again in this very process.

    A restart needs nobody: neither a service manager nor a second program has to notice.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if asyncio.run(_serve(config, say)):
        log.info("starting again")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (our own command line)
    return 0


async def _serve(config: Config, say: Callable[[str], None]) -> bool:
    """True when the process is to start again."""
    ended, wants_restart = asyncio.Event(), False

    def restart() -> None:
        nonlocal wants_restart
        wants_restart = True
        ended.set()

    loop = asyncio.get_running_loop()
    for number in STOPPING_SIGNALS:
        loop.add_signal_handler(number, ended.set)
    server = Server(build_centre(config, SystemClock(), restart))
    await server.start()
    try:
        await _greet(server, say)
        gc.freeze()  # what is there now stays: collections look at what requests make
        await ended.wait()
    finally:
        await server.stop()
    return wants_restart


async def _greet(server: Server, say: Callable[[str], None]) -> None:
    """Where the centre is and, as long as nobody has done it, the one-time link for the first set-up."""
    centre = server.centre
    say(_("The centre runs: %(url)s", url=" ".join(server.browser_urls)))
    if await centre.db.read(first_run.is_due):
        path = await centre.db.write(
            first_run.make_setup_link, centre.clock.now(), centre.config.security.link_valid_s
        )
        say(_("First set-up, once, at this address:"))
        for url in server.browser_urls:
            say(f"  {url}{path}")
        if centre.config.browsers.tls == "own":
            say(
                _("The browser will warn until the certificate of this centre is installed. Its fingerprint:")
            )
            say(f"  {centre.authority.fingerprint}")
