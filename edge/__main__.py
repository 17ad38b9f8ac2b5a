"""The node's program: reads ``node.toml``, builds everything, runs it. The only place that makes real objects.

Nothing is imported before it is needed: the first decision comes before network, scheduler and cryptography. Until then
the garbage collector rests too: everything made so far stays for the life of the process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge import desktop_options
from edge.config import NodeConfig, load
from edge.errors import EdgeError
from edge.i18n import _, language_of, use_language
from edge.only_one import OnlyOne
from edge.table_reader import ConfigError

if TYPE_CHECKING:
    from edge.clock import MachineTime
    from edge.config import ReaderConfig
    from edge.emulated import Emulation
    from edge.keypad.base import Keypad
    from edge.node import Node
    from edge.parts import Parts
    from edge.reader.base import CardReader, Verify
    from edge.relay.base import Board
    from edge.roles.base import Role

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread may keep the interpreter: a big snapshot being unpacked must not hold up a swipe."""
DEFAULT_CONFIG: Final = Path("/boot/firmware/onecard/node.toml")
EXIT_REFUSED: Final = 2
_log: Final = logging.getLogger("edge")


def main(arguments: list[str] | None = None) -> int:
    """The command ``onecard-edge``; its exit code."""
    gc.disable()
    try:
        return _main(arguments)
    finally:
        gc.enable()


def _main(arguments: list[str] | None) -> int:
    use_language(language_of())
    parser = argparse.ArgumentParser(prog="onecard-edge", description=_("A node of the one-card system"))
    commands = parser.add_subparsers(dest="command", required=True, prog=parser.prog)
    for name, text in (
        ("run", _("run the node")),
        ("status", _("show how the running node is")),
        ("enrol", _("join the centre with the ticket, and end")),
        ("export", _("write the kept records into a file for the centre, where there is no network")),
        ("load", _("load what the centre wrote into a file for this device, where there is no network")),
        ("stick", _("load from a USB stick what is for this device, and write records and status onto it")),
        ("rest", _("put every output of the board at rest: the stop hook of the service")),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=_("path of node.toml"))
        command.add_argument("--verbose", action="store_true", help=_("log more"))
        if name == "status":
            command.add_argument("--json", action="store_true", help=_("as JSON, for programs"))
        if name == "export":
            command.add_argument("--out", type=Path, required=True, help=_("path of the file"))
        if name == "load":
            command.add_argument("file", type=Path, help=_("path of the file"))
        if name == "stick":
            command.add_argument("place", type=Path, help=_("folder, or device of the stick"))
        if name == "enrol":
            command.add_argument(
                "--ticket", default="", help=_("the ticket, instead of the one in node.toml")
            )
    text = _("run a card issuer on this computer, with its reader on a serial port")
    command = commands.add_parser("issuer", help=text, description=text)
    command.add_argument("--verbose", action="store_true", help=_("log more"))
    desktop_options.add_to(command)
    chosen = parser.parse_args(arguments)
    _set_up_logging(verbose=chosen.verbose)
    try:
        if chosen.command == "issuer":
            _leave_out_other_databases()
            from edge.desktop import run as run_desktop

            return run_desktop(desktop_options.config_of(chosen), desktop_options.line_of(chosen))
        config = load(chosen.config)
        if config.language:
            use_language(config.language)
        for warning in config.warnings:
            print(warning, file=sys.stderr)
        match chosen.command:
            case "run":
                return run(config)
            case "status":
                return show_status(config, as_json=chosen.json)
            case "export":
                return export_records(config, chosen.out)
            case "load":
                return load_file(config, chosen.file)
            case "stick":
                return serve_stick(config, chosen.place)
            case "rest":
                from edge.relay import rest

                return rest.main(["--profile", config.board])
            case _enrol:
                return enrol(config, chosen.ticket)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return EXIT_REFUSED
    except EdgeError as error:
        print(error, file=sys.stderr)
        return 1


def _set_up_logging(*, verbose: bool) -> None:
    stamped = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format=stamped + "%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)


# -- run ----------------------------------------------------------------------------------------------------------


def _leave_out_other_databases() -> None:
    """peewee imports the drivers of every database that it finds; a node has SQLite only, and 17 MiB to save."""
    for driver in ("psycopg", "psycopg2", "pymysql", "MySQLdb"):
        sys.modules.setdefault(driver, None)  # type: ignore[arg-type]  # None makes the import fail


def _trust_no_public_authorities() -> None:
    """A node believes the authority of its centre alone; aiohttp reads the 150 of the system when it is imported (a sixth of a start)."""
    os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull


def run(config: NodeConfig) -> int:
    """Run the node until it is told to end."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    os.umask(0o077)
    _leave_out_other_databases()
    _trust_no_public_authorities()
    from edge.node import Node
    from edge.relay.guard import RestGuard

    with OnlyOne(config.data_dir):
        parts, take_away = build(config)
        try:
            with RestGuard(parts.board):
                code = asyncio.run(_run_until_signal(Node(parts)))
        finally:
            take_away()
    logging.shutdown()
    if any(thread.is_alive() and not thread.daemon for thread in threading.enumerate()[1:]):
        os._exit(code)  # a medium that does not answer must not keep a node from being started anew
    return code


async def _run_until_signal(node: Node) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.stop)
    return await node.run()


def build(config: NodeConfig) -> tuple[Parts, Callable[[], None]]:
    """Everything a node is made of, nothing of it started; and what takes away what runs in other processes."""
    from edge.assembly import Assembly
    from edge.clock import SystemTime
    from edge.reader.verify import CardVerifier

    time: MachineTime = SystemTime()
    emulation: Emulation | None = None
    board: Board
    # an issuer asks the card itself, with all that it carries
    verify = CardVerifier(lambda: assembly.configuration.view.door_keys) if config.role == "door" else None
    if config.emulator is not None:
        from edge.emulated import Emulation

        emulation = Emulation(config, time, verify)
        time, board, readers = emulation.time, emulation.board, emulation.readers()
        keypads: Mapping[int, Keypad] = emulation.keypads
    else:
        board = _board(config)
        readers = {reader.unit: _reader(reader, board, verify) for reader in config.readers}
        keypads = _keypads(config)
    assembly = Assembly(config, time)
    parts = assembly.parts(board, readers, _role(config.role, board), emulation, keypads=keypads)
    return parts, emulation.close if emulation is not None else _nothing


def _keypads(config: NodeConfig) -> Mapping[int, Keypad]:
    if not config.keypads:
        return {}
    from edge.keypad.evdev import EvdevKeypad

    return {keypad.reader: EvdevKeypad(keypad.device) for keypad in config.keypads}


def _role(name: str, board: Board) -> Role[Any]:
    if name == "issuer":
        from edge.roles.issuer import IssuerRole

        return IssuerRole()
    from edge.roles.attendance import AttendanceRole
    from edge.roles.door import DoorRole
    from edge.roles.patrol import PatrolRole
    from edge.roles.till import TillRole

    return TillRole(AttendanceRole(PatrolRole(DoorRole(board.profile.lock_units))))


def _nothing() -> None:
    """A real node runs in one process."""


def _board(config: NodeConfig) -> Board:
    from edge.relay.board import load as load_profile

    if config.board == "simulated":
        raise ConfigError([_("board: a node without [emulator] needs the profile of its board")])
    profile = load_profile(config.board)
    try:
        from edge.relay.gpio import GpioBoard
    except (ImportError, RuntimeError) as error:
        raise EdgeError(_("the pins cannot be reached: %(error)s", error=error)) from error
    return GpioBoard(profile)


def _reader(config: ReaderConfig, board: Board, verify: Verify | None) -> CardReader:
    from edge.core.lines import OutputLine, OutputRole
    from edge.reader.base import MonotonicTicks, Transport
    from edge.reader.reader import Mfrc522Reader

    line = OutputLine(OutputRole.READER_RESET, config.unit)
    pin = next((output.pin for output in board.profile.outputs if output.line == line), None)
    bus: Transport
    if config.bus == "uart":
        from edge.reader.bus_uart import UartBus

        bus = UartBus(config.port, config.speed_hz) if config.speed_hz else UartBus(config.port)
    else:
        from edge.reader.bus_spi import SPEED_HZ, SpiBus

        if pin is None:
            raise ConfigError(
                [
                    _(
                        "board %(board)s has no reset line for reader %(unit)s",
                        board=board.profile.name,
                        unit=config.unit,
                    )
                ]
            )
        bus = SpiBus(config.bus_number, config.device, pin, config.speed_hz or SPEED_HZ)
    reset = partial(board.set, line) if pin is not None else None
    return Mfrc522Reader(bus, MonotonicTicks(), reset, verify)


# -- the other commands -------------------------------------------------------------------------------------------


def show_status(config: NodeConfig, *, as_json: bool) -> int:
    """Ask the running node and print what it says."""
    from edge.status import ask
    from edge.status_text import lines

    status = ask(config.status_socket)
    if as_json:
        import json

        print(json.dumps(status, ensure_ascii=False, indent=2))
    else:
        print("\n".join(lines(status)))
    return 0


def export_records(config: NodeConfig, out: Path) -> int:
    """Write the file, and say what it holds."""
    _leave_out_other_databases()
    from edge.export import export

    made = export(config, out)
    print(_("records %(first)s to %(last)s written", first=made.first_seq, last=made.last_seq))
    if not made.is_dated:
        print(_("the node is not running: the file does not say up to when they are complete"))
    return 0


def load_file(config: NodeConfig, file: Path) -> int:
    """Give a file to the running node, and say what it holds then."""
    from edge.load import ANSWER_WITHIN_S, LoadError
    from edge.status import ask

    answer = ask(config.status_socket, {"load": str(file.absolute())}, ANSWER_WITHIN_S)
    if "problem" in answer:
        raise LoadError(answer["problem"])
    print(_("loaded: %(restrictions)s / %(access)s", **answer))
    return 0


def serve_stick(config: NodeConfig, place: Path) -> int:
    """Do what a stick is for, and say it."""
    _leave_out_other_databases()
    from edge import stick

    try:
        print("\n".join(stick.at(config, place)))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def enrol(config: NodeConfig, ticket: str) -> int:
    """Join the centre now; for an installer who wants to see it happen."""
    _leave_out_other_databases()
    from edge.config import parse_ticket
    from edge.enrol_now import enrol_now

    try:
        chosen = parse_ticket(ticket) if ticket else config.ticket
    except ValueError:
        chosen = None
    if chosen is None:
        raise ConfigError([_("ticket: not a ticket, or cut short; copy it whole from the centre")])
    if not config.centre:
        raise ConfigError([_("%(key)s is missing", key="centre")])
    with OnlyOne(config.data_dir):
        member = asyncio.run(enrol_now(config, chosen, lambda text: print(text, file=sys.stderr)))
    print(_("joined as %(name)s, number %(epoch)s", name=member.node, epoch=member.node_epoch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
