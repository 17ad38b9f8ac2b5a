"""What is said on the command line of ``onecard-edge issuer``: a node's configuration without a file."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Final

from edge.config import DIRECTIONS, NodeConfig, SerialConfig, check, load
from edge.i18n import _

LINE_SPEED_BAUD: Final = 115_200
PERIOD_S: Final = 5
"""A clerk waits for it."""


class DesktopOptions(Namespace):
    """The parsed options."""

    config: Path | None
    name: str
    centre: list[str]
    ca: Path | None
    ticket: str
    port: str
    speed: int
    data: Path
    line: str
    line_speed: int
    line_direction: str


def add_to(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--config", type=Path, help=_("node.toml from the centre, instead of the next four"))
    parser.add_argument("--name", default="", help=_("the name of this device at the centre"))
    parser.add_argument("--centre", action="append", default=[], help=_("address of the centre, https://..."))
    parser.add_argument("--ca", type=Path, help=_("file with the certificate that came with the ticket"))
    parser.add_argument("--ticket", default="", help=_("the one-time ticket, at the first start only"))
    parser.add_argument(
        "--port", default="", help=_("serial port, such as COM3 or /dev/ttyUSB0; else the centre's setting")
    )
    parser.add_argument(
        "--speed", type=int, default=0, help=_("baud on the serial port; else the centre's setting")
    )
    parser.add_argument(
        "--line", default="", help=_("serial port of units without a network, which the pages read there")
    )
    parser.add_argument(
        "--line-speed", type=int, default=LINE_SPEED_BAUD, help=_("baud on the port of the units")
    )
    parser.add_argument(
        "--line-direction",
        choices=DIRECTIONS,
        default=DIRECTIONS[0],
        help=_(
            "what turns the RS-485 converter of the units round: itself, or RTS, active or not, while sending"
        ),
    )
    parser.add_argument("--data", type=Path, default=default_folder(), help=_("folder for what is kept"))


def default_folder() -> Path:
    """Where a program of this user keeps its data."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "onecard" / "issuer"
    shared = os.environ.get("XDG_DATA_HOME", "")
    return (Path(shared) if shared else Path.home() / ".local" / "share") / "onecard" / "issuer"


def config_of(chosen: Any) -> NodeConfig:
    """The configuration; port and speed given here go before the centre's.

    :raises ConfigError: with every problem found.
    """
    reader: dict[str, Any] = {"unit": 1, "bus": "uart", "port": chosen.port or "centre"}
    if chosen.speed:
        reader["speed_hz"] = chosen.speed
    if chosen.config is not None:
        found = load(chosen.config)
        values: dict[str, Any] = {
            "name": found.name,
            "centre": list(found.centre),
            "ca_pem": found.ca_pem,
            "language": found.language,
        }
        if found.ticket is not None:
            values["ticket"] = ticket_text(found)
    else:
        values = {"name": chosen.name, "centre": chosen.centre}
        if chosen.ca is not None:
            values["ca_file"] = str(chosen.ca.absolute())
    if chosen.ticket:
        values["ticket"] = chosen.ticket
    common = {
        "role": "issuer",
        "board": "simulated",
        "period_s": PERIOD_S,
        "data_dir": str(chosen.data.absolute()),
        "readers": [reader],
    }
    return check({**values, **common}, Path.cwd())


def line_of(chosen: Any) -> SerialConfig | None:
    """The line of the units that are read here; None: there is none."""
    return (
        SerialConfig(chosen.line, chosen.line_speed, direction=chosen.line_direction) if chosen.line else None
    )


def ticket_text(config: NodeConfig) -> str:
    """The ticket as it is written."""
    import base64

    assert config.ticket is not None
    secret = base64.urlsafe_b64encode(config.ticket.secret).decode().rstrip("=")
    return f"{config.ticket.ticket_id}.{secret}"
