"""The command ``onecard-provision``."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run a sub-command; its exit code."""
    parser = argparse.ArgumentParser(prog="onecard-provision", description="onecard: devices and sites")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="a whole site on this computer", add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    assert chosen.command == "demo"
    from provisioning.demo.__main__ import main as demo

    return demo(rest)


if __name__ == "__main__":
    sys.exit(main())
