"""``onecard-provision collect``: texts in the language of the shell (LANG), bars on a terminal, lines elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge import config
from edge.collect.collector import Collector, Unit
from edge.i18n import language_of, use_language
from edge.link.port import Direction
from edge.table_reader import ConfigError
from protocol.line import ADDRESS_MAX
from provisioning.texts import N_, of_os_error, translator

EXIT_INCOMPLETE: Final = 1
EXIT_REFUSED: Final = 2
EXIT_INTERRUPTED: Final = 130
USUAL_ADDRESSES: Final = range(1, 17)
WAIT_S: Final = 45
"""Longer than a unit's period, at which it says by itself how it stands."""
_Translate = Callable[..., str]
REFUSALS: Final = {
    "UNKNOWN_NODE": N_("the centre does not know this device"),
    "OLD_EPOCH": N_("another device has taken the place of this one; its records are set aside"),
    "REVOKED": N_("this device was revoked at the centre"),
    "FORK": N_("the centre has other records of this device; it must join anew with a new ticket"),
    "TICKET_UNKNOWN": N_("the centre does not know the ticket of this device"),
    "TICKET_USED": N_("the ticket of this device was used by another one"),
    "TICKET_EXPIRED": N_("the ticket of this device has expired"),
}


def main(arguments: list[str]) -> int:
    """The command; 0 when every unit is done, 1 when not, 2 when it was called wrongly, 130 on Ctrl-C."""
    use_language(language_of())
    _ = translator(language_of().replace("_", "-"))
    chosen = _parser(_).parse_args(arguments)
    try:
        urls, ca_pem = _centre(chosen, _)
        addresses = addresses_of(chosen.units)
    except ConfigError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return EXIT_REFUSED
    except ValueError as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    try:
        return asyncio.run(_collect(chosen, urls, ca_pem, addresses, _))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _parser(_: _Translate) -> argparse.ArgumentParser:
    text = _("fetch the records of units on a serial line, and load them")
    parser = argparse.ArgumentParser(prog="onecard-provision collect", description=text)
    parser.add_argument("--port", required=True, help=_("serial port, such as COM3 or /dev/ttyUSB0"))
    parser.add_argument("--speed", type=int, default=115_200, help=_("baud on the serial port"))
    parser.add_argument(
        "--direction",
        choices=[direction.value for direction in Direction],
        default=Direction.AUTO.value,
        help=_("what turns the RS-485 converter round: itself, or RTS, active or not, while sending"),
    )
    parser.add_argument(
        "--units", default="", help=_("addresses on the line, such as 1,3-5; else whoever answers among 1-16")
    )
    parser.add_argument(
        "--centre", action="append", default=[], help=_("address of the centre; may be repeated")
    )
    parser.add_argument("--ca", type=Path, help=_("certificate of the centre"))
    parser.add_argument(
        "--config", type=Path, help=_("a node.toml from the centre, instead of address and certificate")
    )
    parser.add_argument(
        "--wait", type=int, default=WAIT_S, help=_("seconds without any progress after which it is given up")
    )
    parser.add_argument("--stay", action="store_true", help=_("go on until Ctrl-C"))
    return parser


def _centre(chosen: argparse.Namespace, _: _Translate) -> tuple[tuple[str, ...], str]:
    """
    :raises ConfigError: the file given cannot be used.
    :raises ValueError: no centre was given.
    """
    urls, ca_pem = tuple(chosen.centre), ""
    if chosen.config is not None:
        found = config.load(chosen.config)
        urls, ca_pem = urls or found.centre, found.ca_pem
    if chosen.ca is not None:
        try:
            ca_pem = chosen.ca.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error if isinstance(error, OSError) else OSError(0, str(error))
            raise ValueError(of_os_error(reason, chosen.ca, _)) from error
    if not urls or not ca_pem:
        raise ValueError(
            _("Give %(one)s, or %(many)s of a device of this centre.", one="--centre, --ca", many="--config")
        )
    return urls, ca_pem


def addresses_of(text: str) -> tuple[int, ...]:
    """``1,3-5`` as numbers; none for nothing.

    :raises ValueError: not of that form, or no addresses of a line.
    """
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _dash, last = part.partition("-")
        if not (first + last).isdecimal():
            raise ValueError(f"--units: {text}")
        found += range(int(first), int(last or first) + 1)
    if any(not 1 <= address <= ADDRESS_MAX for address in found):
        raise ValueError(f"--units: 1-{ADDRESS_MAX}")
    return tuple(dict.fromkeys(found))


async def _collect(
    chosen: argparse.Namespace, urls: tuple[str, ...], ca_pem: str, addresses: tuple[int, ...], _: _Translate
) -> int:
    with _telling(_) as told:
        collector = Collector(
            chosen.port,
            chosen.speed,
            urls,
            ca_pem,
            addresses or tuple(USUAL_ADDRESSES),
            named=bool(addresses),
            wait_s=chosen.wait,
            stays=chosen.stay,
            direction=Direction(chosen.direction),
            told=told,
        )
        is_done = await collector.run()
    for unit in collector.wanted:
        print(_said_of(unit, _), flush=True)
    if not is_done and collector.port_problem:
        print(collector.port_problem, file=sys.stderr)
    if not is_done and not collector.wanted:
        print(_("No unit answers on %(port)s.", port=chosen.port), file=sys.stderr)
    return 0 if is_done else EXIT_INCOMPLETE


def _said_of(unit: Unit, _: _Translate) -> str:
    watched = unit.watched
    name = f"{unit.address} {watched.name}".rstrip()
    if unit.is_done:
        text = _(
            "%(name)s: done. Records up to %(last)s are at the centre, %(new)s of them new.",
            name=name,
            last=watched.received_through,
            new=watched.new_count,
        )
        return text + (" " + _("The centre could not load it.") if watched.cannot_load else "")
    if watched.refusal in REFUSALS:
        why = _(REFUSALS[watched.refusal])
    elif unit.problem:
        why = _("the centre is not reached: %(problem)s", problem=unit.problem)
    else:
        why = _("answers no more") if unit.is_heard else _("did not answer")
    return _(
        "%(name)s: NOT done: %(why)s. Records up to %(last)s are at the centre.",
        name=name,
        why=why,
        last=watched.received_through,
    )


@contextmanager
def _telling(_: _Translate) -> Iterator[Callable[[Unit], None]]:
    """Bars on a terminal; elsewhere a line when a unit is there, and nothing more."""
    if not sys.stderr.isatty():
        known: set[int] = set()

        def line(unit: Unit) -> None:
            if unit.watched.has_begun and unit.address not in known:
                known.add(unit.address)
                records = unit.watched.last_seq - unit.watched.received_through
                name = f"{unit.address} {unit.watched.name}"
                print(_("%(name)s: %(records)s records to fetch", name=name, records=records), flush=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[int, TaskID] = {}

        def bar(unit: Unit) -> None:
            watched = unit.watched
            if unit.address not in tasks:
                tasks[unit.address] = bars.add_task("", total=None)
            where = "" if unit.is_here else " " + _("(unplugged?)")
            bars.update(
                tasks[unit.address],
                description=f"{unit.address} {watched.name}{where}",
                completed=watched.new_count,
                total=max(0, watched.last_seq - watched.began_through) if watched.has_begun else None,
            )

        yield bar
