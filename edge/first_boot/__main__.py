"""``python3 -P -m edge.first_boot prepare | settle``: the services ``onecard-setup`` and ``onecard-first-boot`` of a card.

``prepare`` runs at every start before network and node, and is quick. ``settle`` runs beside the node until it has joined and
holds everything, then takes the secrets from the card. Both may be killed at any moment; both write the card's report.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from edge.clock import SystemTime
from edge.config import load
from edge.enrol import board_of_this_machine
from edge.files import FileError
from edge.first_boot import report
from edge.first_boot.card import NODE_TOML, Card
from edge.first_boot.led import Pattern, show
from edge.first_boot.report import Spare
from edge.first_boot.settle import LATER, settle
from edge.first_boot.steps import ONCE, STAMPS, Setup, Stamps, prepare
from edge.i18n import use_language
from edge.identity import IdentityFiles
from edge.release import VERSION
from edge.table_reader import ConfigError
from protocol.enrolment import fingerprint, raw_public

CARD: Final = "boot/firmware/onecard"
EXIT_WRONG: Final = 1


def main(arguments: list[str] | None = None) -> int:
    """0 when all is done, 1 when a step failed or the card cannot be used."""
    parser = argparse.ArgumentParser(prog="edge.first_boot")
    parser.add_argument("phase", choices=("prepare", "settle"))
    parser.add_argument("--root", type=Path, default=Path("/"))
    chosen = parser.parse_args(arguments)
    card = Card(chosen.root / CARD)
    try:
        config = load(card.folder / NODE_TOML)
    except ConfigError:
        card.report(report.text("?", {}, _problems(card)))
        show(chosen.root, Pattern.FAILED)
        return EXIT_WRONG
    setup = Setup(chosen.root, card, config, SystemTime())
    return _prepare(setup) if chosen.phase == "prepare" else _settle(setup)


def _prepare(setup: Setup) -> int:
    stamps = Stamps(setup.under(STAMPS), setup.card.fingerprint())
    is_new = stamps.text(LATER[-1]) is None
    if is_new:
        show(setup.root, Pattern.PREPARING)
    complete = prepare(setup)
    setup.said |= {step: done for step in LATER if (done := stamps.text(step)) is not None}
    _report(setup)
    if not complete:
        show(setup.root, Pattern.FAILED)
    elif is_new:
        show(setup.root, Pattern.WAITING)
    return 0 if complete else EXIT_WRONG


def _settle(setup: Setup) -> int:
    stamps = Stamps(setup.under(STAMPS), setup.card.fingerprint())
    setup.said |= {step: done for step in ONCE if (done := stamps.text(step)) is not None}
    setup.said |= {
        "clock": "ok",
        "program": VERSION,
        "name": (setup.card.folder / "hostname").read_text("utf-8").strip(),
    }

    def tell() -> None:
        _report(setup)
        if any(words.startswith(report.FAILED) for words in setup.said.values()):
            show(setup.root, Pattern.FAILED)

    settle(setup, time.sleep, tell)
    show(setup.root, Pattern.DONE)
    return 0


def _report(setup: Setup) -> None:
    """Put it on the card; with what is to be read out, as long as nobody has said which device a spare card becomes."""
    name, spare = setup.config.name, None
    if setup.config.is_spare:
        files = IdentityFiles(setup.data_dir)
        try:
            member = files.member()
            name = "备用卡 spare card" if member is None else member.node
            if member is None:
                spare = Spare(
                    board_of_this_machine(setup.config).serial, fingerprint(raw_public(files.key()))
                )
        except (FileError, OSError):
            pass  # the step that failed says so
    setup.card.report(report.text(name, setup.said, spare=spare))


def _problems(card: Card) -> list[str]:
    """Every reason for which the card is refused, in both languages."""
    found: list[str] = []
    for language in ("zh_Hans", "en"):
        use_language(language)
        try:
            load(card.folder / NODE_TOML)
        except ConfigError as error:
            found += error.problems
    return found


if __name__ == "__main__":
    sys.exit(main())
