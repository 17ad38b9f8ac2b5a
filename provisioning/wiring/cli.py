"""``onecard-provision wiring``: the boards by name, or the picture of one, in the language of the shell (LANG)."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from edge.i18n import language_of, use_language
from edge.relay import board
from edge.relay.errors import ProfileError
from provisioning.texts import translator
from provisioning.wiring.drawing import draw
from provisioning.wiring.header import TITLES, wires_of

EXIT_REFUSED: Final = 2


def main(arguments: list[str]) -> int:
    """The command; 0, or 2 when there is no such board."""
    use_language(language_of())
    _ = translator(language_of().replace("_", "-"))
    text = _("draw which wire of a device goes to which pin")
    parser = argparse.ArgumentParser(prog="onecard-provision wiring", description=text)
    parser.add_argument("--board", default="", help=_("profile of the board"))
    chosen = parser.parse_args(arguments)
    if not chosen.board:
        print(json.dumps({name: _(title) for name, title in TITLES.items()}, ensure_ascii=False))
        return 0
    try:
        profile = board.load(chosen.board)
    except ProfileError as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    title = _(TITLES.get(chosen.board, profile.title))
    print(draw(title, wires_of(profile, _), _), end="")
    return 0
