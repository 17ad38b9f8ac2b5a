"""The command ``onecard-provision``."""

from __future__ import annotations

import argparse
import sys

from edge.i18n import language_of
from provisioning.texts import translator


def main(arguments: list[str] | None = None) -> int:
    """Run a sub-command; its exit code."""
    _ = translator(language_of().replace("_", "-"))
    parser = argparse.ArgumentParser(prog="onecard-provision", description=_("onecard: devices and sites"))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help=_("a whole site on this computer"), add_help=False)
    commands.add_parser("base", help=_("make a base image from Debian packages (as root)"), add_help=False)
    commands.add_parser(
        "release",
        help=_("build and sign a release of the program of the devices, or check one"),
        add_help=False,
    )
    commands.add_parser("image", help=_("make the SD card image of a device"), add_help=False)
    commands.add_parser(
        "inspect", help=_("show what is on an image or a card; secrets stay hidden"), add_help=False
    )
    commands.add_parser(
        "verify", help=_("compare an image, or a card not yet started, with its manifest"), add_help=False
    )
    commands.add_parser(
        "collect", help=_("fetch the records of units on a serial line, and load them"), add_help=False
    )
    commands.add_parser("wiring", help=_("draw which wire of a device goes to which pin"), add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command == "demo":
        from provisioning.demo.__main__ import main as demo

        return demo(rest)
    if chosen.command == "base":
        from provisioning.base.cli import main as base

        return base(rest)
    if chosen.command == "release":
        from provisioning.release.cli import main as release

        return release(rest)
    if chosen.command == "collect":
        from provisioning.collect.cli import main as collect

        return collect(rest)
    if chosen.command == "wiring":
        from provisioning.wiring.cli import main as wiring

        return wiring(rest)
    from provisioning.image.cli import main as image

    return image([chosen.command, *rest])


if __name__ == "__main__":
    sys.exit(main())
