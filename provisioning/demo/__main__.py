"""`make demo`: brings the site up, says what to try, ends everything on Ctrl-C in under a second."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

from edge.i18n import language_of
from provisioning.demo.demo import Demo
from provisioning.errors import DemoError
from provisioning.texts import translator


async def run(folder: Path, headless_check: bool, to_network: bool) -> int:
    """Bring the site up and keep it until Ctrl-C, or play the story."""
    _ = translator(language_of().replace("_", "-"))
    demo = Demo(folder, to_network, has_patrol=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        await demo.start()
        if headless_check:
            from provisioning.demo.story import play

            await play(demo, partial(print, flush=True))
            return 0
        assert demo.site is not None
        demo.walk()
        print(_("A whole site runs on this computer. Ctrl-C ends it."))
        print(_("Centre (one-time sign-in): %(url)s", url=demo.centre_url + demo.site.login_path))
        print(_("Operator 0001, password %(password)s", password=demo.password))
        print(_("Virtual tap page: %(url)s", url=demo.taps_url))
        print(
            _(
                "Try: tap the resident's card at the east gate, watch it in the live monitor, report the card lost, "
                "tap again; cut the network and tap once more."
            )
        )
        print(
            _(
                "Guards walk a round every five minutes: see the patrol in the menu. Every third round one is missed."
            )
        )
        print(_("Data of this demo: %(path)s", path=folder), flush=True)
        await ended.wait()
        return 0
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        await demo.stop()


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description="a whole site on this computer")
    parser.add_argument("--headless-check", action="store_true", help="play the story and end")
    parser.add_argument("--lan", action="store_true", help="open it to the other computers of this network")
    parser.add_argument("--data", type=Path, default=Path(".demo"), help="folder of the demo; made anew")
    chosen = parser.parse_args(arguments)
    os.umask(0o077)
    return asyncio.run(run(chosen.data.resolve(), chosen.headless_check, chosen.lan))


if __name__ == "__main__":
    sys.exit(main())
