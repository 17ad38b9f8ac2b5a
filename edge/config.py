"""``node.toml``: what an installer says about one node. Everything else comes from the centre.

A key that is not known is a warning, because a newer image may meet an older program; a value that cannot be is refused
with every reason at once, so that a card has to be written only once more.

::

    name = "east-gate"                      # as at the centre; "*": a spare card, the centre says which device it becomes
    data_dir = "/data/onecard"              # relative paths start at the file's own folder
    centre = ["https://10.0.0.5:8443"]      # tried in this order; none: the node works offline
    ca_file = "centre-ca.pem"               # or ca_pem = '''-----BEGIN CERTIFICATE-----...'''
    ticket = "T7K2.secret"                  # one-time
    board = "pi-two-doors"                  # profile of edge/relay; "simulated" without a board
    role = "door"                           # door; issuer: a card desk (發卡器)
    period_s = 30
    language = "zh_Hans"                    # of the commands; else LANG
    schema = 1                              # form of this file; a newer one is refused
    release_key = "base64url"               # Ed25519 key under which a new version of the program is believed; none: none is
    update_trial_s = 300                    # how long a new version must have run well before it is kept
    replaces = 2                            # installation whose place it takes; onecard-provision image asks for it
    site, time_servers, [network]           # of the card image; the first boot of the device reads them

    [[readers]]
    unit = 1                                # counted from 1; the centre's points name it
    bus = "spi"                             # spi, uart; emulator: no wire at all, with [emulator] only
    device = 0                              # spi: /dev/spidev<bus_number>.<device>
    speed_hz = 4000000

    [[keypads]]                             # beside a reader, where doors ask for PINs
    reader = 1                              # unit of the reader
    device = "/dev/input/by-path/..."       # input device of Linux: USB keypad, or a matrix that the kernel scans

    [serial]                                # no network: records are fetched over this line, centre is not called
    port = "/dev/ttyUSB0"
    speed_baud = 115200
    address = 1                             # 1 to 247, another for each unit of one RS-485 line
    direction = "auto"                      # RS-485: the converter turns itself round; rts, rts_low: by the line RTS

    [emulator]                              # chips, board and clock are emulated (demo, tests)
    control = "127.0.0.1:0"
    board_serial = "100000008a2b3c4d"       # what a spare card calls in with
"""

from __future__ import annotations

import base64
import binascii
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from edge.i18n import LANGUAGES, _
from edge.table_reader import ConfigError, TableReader
from protocol.ids import UNASSIGNED
from protocol.limits import NODE_NAME_MAX, POINTS_PER_NODE_MAX

ROLES: Final = ("door", "issuer")
BUSES: Final = ("spi", "uart", "emulator")
PERIOD_S_RANGE: Final = (2, 3_600)
SPEED_HZ_RANGE: Final = (9_600, 10_000_000)
SPEED_BAUD_RANGE: Final = (9_600, 3_000_000)
ADDRESS_MAX: Final = 247
DIRECTIONS: Final = ("auto", "rts", "rts_low")
DEFAULT_PORT: Final = "/dev/serial0"
CENTRES_MAX: Final = 8
FILE_MAX_BYTES: Final = 256 * 1024
KEY_BYTES: Final = 32
IMAGE_HASH: Final = "image.sha256"
"""Beside ``node.toml``."""
SERIAL_MAX: Final = 64
TRIAL_S_RANGE: Final = (5, 86_400)
TRIAL_S: Final = 300
SCHEMA: Final = 1
"""The form of ``node.toml``: a number that grows when an older program would misread a newer file."""


class Ticket(Struct, frozen=True):
    """The one-time permission to join: ``id.secret``, the secret 32 bytes in base64url."""

    ticket_id: str
    secret: bytes

    @property
    def is_spent(self) -> bool:
        """The device had joined, and its secret was taken from the card (``edge.first_boot``): nobody joins with it again."""
        return not any(self.secret)

    def __repr__(self) -> str:
        return f"Ticket({self.ticket_id!r})"


class ReaderConfig(Struct, frozen=True):
    """One reader chip and the wire to it. ``port`` is for uart, ``bus_number``/``device`` for spi."""

    unit: int = 1
    bus: str = "spi"
    bus_number: int = 0
    device: int = 0
    port: str = DEFAULT_PORT
    speed_hz: int = 0
    """0: the bus's own default."""


class KeypadConfig(Struct, frozen=True):
    """A keypad beside a reader: ``device`` is an input device of Linux."""

    reader: int
    device: str


class SerialConfig(Struct, frozen=True):
    """The line of a unit without a network. ``port`` as the system calls it; ``address`` another for each unit of a line."""

    port: str
    speed_baud: int = 115_200
    address: int = 1
    direction: str = "auto"
    """One of ``DIRECTIONS``: what turns an RS-485 converter round to send (``edge.link.port.Direction``)."""


class EmulatorConfig(Struct, frozen=True):
    """An emulated board. ``control``: ``host:port`` on loopback (port 0: any), or a path for a unix socket."""

    control: str = "127.0.0.1:0"
    board_serial: str = ""


class NodeConfig(Struct, frozen=True):
    """A checked ``node.toml``."""

    name: str
    data_dir: Path
    centre: tuple[str, ...] = ()
    ca_pem: str = ""
    ticket: Ticket | None = None
    board: str = "simulated"
    role: str = "door"
    period_s: int = 30
    language: str = ""
    readers: tuple[ReaderConfig, ...] = (ReaderConfig(),)
    emulator: EmulatorConfig | None = None
    serial: SerialConfig | None = None
    warnings: tuple[str, ...] = ()
    release_key: bytes = b""
    """32 bytes; empty: this node takes no new version of its program."""
    update_trial_s: int = TRIAL_S
    keypads: tuple[KeypadConfig, ...] = ()
    image_hash: bytes = b""
    """SHA-256 of what the card was made of, as its file ``image.sha256`` says; empty: it has none."""

    @property
    def is_spare(self) -> bool:
        """A spare card: which device it is, the centre says when it joins."""
        return self.name == UNASSIGNED

    @property
    def status_socket(self) -> Path:
        """Where a running node answers ``onecard-edge status``."""
        return self.data_dir / "status.sock"


def load(path: Path) -> NodeConfig:
    """Read and check a file.

    :raises ConfigError: it cannot be read, is no TOML, or holds values that cannot be.
    """
    try:
        with path.open("rb") as file:
            text = file.read(FILE_MAX_BYTES + 1)
        if len(text) > FILE_MAX_BYTES:
            raise ConfigError([_("%(path)s is too long for a configuration", path=path)])
        values = tomllib.loads(text.decode())
    except OSError as error:
        raise ConfigError(
            [_("%(path)s cannot be read: %(error)s", path=path, error=error.strerror)]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([_("%(path)s is not valid TOML: %(error)s", path=path, error=error)]) from error
    return check(values, path.parent)


def check(values: Mapping[str, Any], folder: Path) -> NodeConfig:
    """The configuration that these values mean.

    :raises ConfigError: with every problem found.
    """
    reading = TableReader(values)
    reading.number("schema", SCHEMA, 1, SCHEMA)
    for key in ("site", "time_servers", "network", "replaces"):
        reading.leave(key)
    name = reading.text("name", required=True, longest=NODE_NAME_MAX)
    data_dir = folder / (reading.text("data_dir") or "data")
    centre = reading.texts("centre", CENTRES_MAX)
    for url in centre:
        if not url.startswith("https://"):
            reading.problem(_("centre: %(url)s does not begin with https://", url=url))
    ca_pem = reading.text("ca_pem")
    if ca_file := reading.text("ca_file"):
        try:
            ca_pem = (folder / ca_file).read_text()
        except (OSError, UnicodeDecodeError):
            reading.problem(_("ca_file: %(path)s cannot be read", path=folder / ca_file))
    if centre and not ca_pem:
        reading.problem(
            _("a node with a centre needs ca_file or ca_pem: the certificate that came with its ticket")
        )
    ticket = _ticket(reading)
    release_key = _release_key(reading)
    trial_s = reading.number("update_trial_s", TRIAL_S, *TRIAL_S_RANGE)
    period_s = reading.number("period_s", 30, *PERIOD_S_RANGE)
    language = reading.text("language").replace("-", "_")
    if language and language not in LANGUAGES:
        reading.problem(
            _("language: %(value)s is none of %(known)s", value=language, known=", ".join(LANGUAGES))
        )
    role = reading.text("role") or "door"
    if role not in ROLES:
        reading.problem(
            _("%(key)s: %(value)s is none of %(known)s", key="role", value=role, known=", ".join(ROLES))
        )
    emulator = _emulator(reading)
    serial = _serial(reading)
    board = reading.text("board") or "simulated"
    readers = _readers(reading, emulated=emulator is not None)
    keypads = _keypads(reading, {reader.unit for reader in readers})
    reading.raise_problems()
    return NodeConfig(
        name,
        data_dir,
        centre,
        ca_pem,
        ticket,
        board,
        role,
        period_s,
        language,
        readers,
        emulator,
        serial,
        tuple(reading.warnings()),
        release_key,
        trial_s,
        keypads,
        _image_hash(folder),
    )


def _image_hash(folder: Path) -> bytes:
    """Only told to the centre: a card without it, or with a damaged one, works as well."""
    try:
        found = bytes.fromhex((folder / IMAGE_HASH).read_text().strip())
    except (OSError, ValueError):
        return b""
    return found if len(found) == KEY_BYTES else b""


def parse_ticket(text: str) -> Ticket:
    """``id.secret`` as the centre prints it.

    :raises ValueError: it is not of that form.
    """
    ticket_id, _dot, encoded = text.strip().rpartition(".")
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        secret = b""
    if not 0 < len(ticket_id) <= NODE_NAME_MAX or len(secret) != 32:
        raise ValueError("a ticket is an id, a dot, and 32 bytes in base64url")
    return Ticket(ticket_id, secret)


def _ticket(reading: TableReader) -> Ticket | None:
    text = reading.text("ticket")
    if not text:
        return None
    try:
        return parse_ticket(text)
    except ValueError:
        reading.problem(_("ticket: not a ticket, or cut short; copy it whole from the centre"))
        return None


def _release_key(reading: TableReader) -> bytes:
    text = reading.text("release_key")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        key = b"?"
    if len(key) not in (0, KEY_BYTES):
        reading.problem(_("release_key: must be 32 bytes in base64url"))
    return key


def _emulator(reading: TableReader) -> EmulatorConfig | None:
    table = reading.table("emulator")
    if table is None:
        return None
    control = table.text("control") or "127.0.0.1:0"
    host, _colon, port = control.rpartition(":")
    if "/" not in control and (host not in ("127.0.0.1", "localhost", "[::1]") or not port.isdecimal()):
        reading.problem(_("emulator.control: must be a loopback address with a port, or a path"))
    return EmulatorConfig(control, table.text("board_serial", longest=SERIAL_MAX))


def _serial(reading: TableReader) -> SerialConfig | None:
    table = reading.table("serial")
    if table is None:
        return None
    direction = table.text("direction") or DIRECTIONS[0]
    if direction not in DIRECTIONS:
        reading.problem(
            _(
                "%(key)s: %(value)s is none of %(known)s",
                key="serial.direction",
                value=direction,
                known=", ".join(DIRECTIONS),
            )
        )
    return SerialConfig(
        table.text("port", required=True),
        table.number("speed_baud", 115_200, *SPEED_BAUD_RANGE),
        table.number("address", 1, 1, ADDRESS_MAX),
        direction,
    )


def _readers(reading: TableReader, *, emulated: bool) -> tuple[ReaderConfig, ...]:
    tables = reading.tables("readers")
    if not tables:
        return (ReaderConfig(),)
    found: list[ReaderConfig] = []
    for number, table in enumerate(tables, 1):
        bus = table.text("bus") or "spi"
        if bus not in BUSES:
            reading.problem(
                _(
                    "%(key)s: %(value)s is none of %(known)s",
                    key=f"readers[{number}].bus",
                    value=bus,
                    known=", ".join(BUSES),
                )
            )
        if bus == "emulator" and not emulated:
            reading.problem(
                _("readers[%(number)s]: an emulated reader needs the table [emulator]", number=number)
            )
        found.append(
            ReaderConfig(
                table.number("unit", number, 1, POINTS_PER_NODE_MAX),
                bus,
                table.number("bus_number", 0, 0, 9),
                table.number("device", 0, 0, 9),
                table.text("port") or DEFAULT_PORT,
                table.number("speed_hz", 0, *SPEED_HZ_RANGE),
            )
        )
    units = [reader.unit for reader in found]
    if len(set(units)) < len(units) or len(units) > POINTS_PER_NODE_MAX:
        reading.problem(_("readers: every unit once, at most %(most)s", most=POINTS_PER_NODE_MAX))
    return tuple(found)


def _keypads(reading: TableReader, units: set[int]) -> tuple[KeypadConfig, ...]:
    tables = reading.tables("keypads")
    found = tuple(
        KeypadConfig(table.number("reader", 1, 1, POINTS_PER_NODE_MAX), table.text("device", required=True))
        for table in tables
    )
    readers = [keypad.reader for keypad in found]
    if len(set(readers)) < len(readers) or not set(readers) <= units:
        reading.problem(_("keypads: one beside a reader, and only readers that there are"))
    return found
