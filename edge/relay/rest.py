"""The stop hook: put every output of a board at rest, whatever became of the program that drove them.

Small on purpose: it needs a profile and the pins, nothing else. For the service file::

    ExecStopPost=/opt/onecard/bin/python -m edge.relay.rest --profile pi-one-door

Exit codes: 0 everything is at rest; 1 some pin did not obey; 2 the profile cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from edge.i18n import _, language_of, use_language
from edge.relay.base import Board
from edge.relay.board import BoardProfile, load
from edge.relay.errors import BoardError, ProfileError


def _pins(profile: BoardProfile) -> Board:
    from edge.relay.gpio import GpioBoard  # imports RPi.GPIO, which refuses to be imported elsewhere

    return GpioBoard(profile)


def main(arguments: Sequence[str] | None = None, make_board: Callable[[BoardProfile], Board] = _pins) -> int:
    """Run the hook; returns the exit code."""
    use_language(language_of())
    parser = argparse.ArgumentParser(
        prog="python -m edge.relay.rest", description=_("Put every output of a board at rest.")
    )
    parser.add_argument("--profile", required=True, help=_("name or .toml file of the board profile"))
    name = parser.parse_args(arguments).profile
    if name == "simulated":
        return 0  # nothing is wired
    try:
        board = make_board(load(name))
    except ProfileError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    except (ImportError, RuntimeError) as error:
        print(_("the pins cannot be reached: %(error)s", error=error), file=sys.stderr)  # noqa: T201 - as above
        return 1
    try:
        board.open()  # takes every output at rest, in one call each
        board.rest()
    except BoardError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as above
        return 1
    finally:
        board.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
