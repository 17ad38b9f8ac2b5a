"""``node.toml`` for the card: what the centre gave out for one device, and what the installer adds."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edge.config import FILE_MAX_BYTES, NodeConfig, parse_ticket
from edge.config import check as check_node
from edge.table_reader import ConfigError
from protocol.ids import UNASSIGNED
from provisioning.image.errors import RefusedError
from provisioning.image.network import Network
from provisioning.release.key import as_text
from provisioning.texts import N_

SCHEMA: Final = 1
DATA_DIR: Final = "/var/lib/onecard"
OWN_DATA_DIR: Final = "/data/onecard/node"
"""On a card that brings the program."""
SECRET_KEYS: Final = frozenset({"ticket", "wifi_pmk"})
"""Keys whose values are never shown."""
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Given:
    """What the installer gave for one device. ``ticket_file``: the file that the centre showed, or the bare ticket; the
    fields after it complete a bare ticket. ``replaces``: whether the installer wants to replace a device that has joined."""

    node: str
    ticket_file: Path
    site: str = ""
    centre: tuple[str, ...] = ()
    ca_file: Path | None = None
    role: str = ""
    board: str = ""
    network: Network = field(default_factory=Network)
    replaces: bool = False
    release_key: bytes = b""
    """Public half of the release key, when the card brings the program."""


@dataclass(frozen=True)
class Seed:
    """A checked ``node.toml``: its text, what it means, and the site, which only people read."""

    text: str
    config: NodeConfig
    site: str
    network: Network

    @property
    def ticket_id(self) -> str:
        """The public half of the ticket."""
        return self.config.ticket.ticket_id if self.config.ticket else ""

    @property
    def title(self) -> str:
        """The device for people; a spare card goes by its ticket."""
        return f"spare-{self.ticket_id}" if self.config.is_spare else self.config.name

    @property
    def host_name(self) -> str:
        """The device's name as the network takes it (RFC 1123)."""
        plain = re.sub(r"[^a-z0-9-]+", "-", self.title.lower()).strip("-")[:63].strip("-")
        return plain or "onecard-" + hashlib.sha256(self.title.encode()).hexdigest()[:8]


def text_of(path: Path) -> str:
    """A small text file of the installer.

    :raises RefusedError: too long, or no text.
    """
    with path.open("rb") as file:
        raw = file.read(FILE_MAX_BYTES + 1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if len(raw) > FILE_MAX_BYTES or "\0" in text:
        raise RefusedError(N_("%(path)s is not the text file that is wanted here."), path=path)
    return text


def make(given: Given) -> Seed:
    """The seed for one device.

    :raises RefusedError: the ticket is not for this device, something is missing, or a value cannot be.
    """
    values = _from_ticket(given)
    if values.get("name") != given.node:
        if values.get("name") == UNASSIGNED:
            raise RefusedError(N_("The file of the centre is for a spare card: give --spare."))
        if given.node == UNASSIGNED:
            raise RefusedError(
                N_("The file of the centre is for %(there)s, not for a spare card."),
                there=values.get("name"),
            )
        raise RefusedError(
            N_("The file of the centre is for %(there)s, not for %(wanted)s."),
            there=values.get("name"),
            wanted=given.node,
        )
    _check_replaces(given, values)
    values = {"schema": SCHEMA, **values, "data_dir": DATA_DIR}
    if given.release_key:
        values |= {"data_dir": OWN_DATA_DIR, "release_key": as_text(given.release_key)}
    for key, value in (
        ("site", given.site),
        ("role", given.role),
        ("board", given.board),
        ("centre", list(given.centre)),
    ):
        if value:
            values[key] = value
    ca_file = values.pop("ca_file", None)
    path = given.ca_file or (given.ticket_file.parent / ca_file if ca_file else None)
    if path is not None:
        values["ca_pem"] = text_of(path)
    if given.network.time_servers:
        values["time_servers"] = list(given.network.time_servers)
    values["network"] = _network_table(given.network)
    text = to_toml(values)
    try:
        config = check_node(tomllib.loads(text), Path("/"))
    except ConfigError as error:
        raise RefusedError(
            N_("The device would refuse its node.toml: %(problems)s"), problems="; ".join(error.problems)
        ) from error
    if config.ticket is None:
        raise RefusedError(
            N_("%(path)s holds no ticket; make one on the page of the device."), path=given.ticket_file
        )
    if not config.centre:
        raise RefusedError(N_("A bare ticket needs --centre and --ca, or take the whole file of the centre."))
    if config.emulator is not None:
        raise RefusedError(N_("This node.toml is for an emulated device."))
    return Seed(text, config, str(values.get("site", "")), given.network)


def _check_replaces(given: Given, values: dict[str, Any]) -> None:
    """Nobody ends the identity of a working device by mistake: a bare ticket says nothing, the file of the centre does."""
    standing = values.get("replaces", 0)
    if standing and not given.replaces:
        raise RefusedError(
            N_(
                "%(node)s has joined already: its device is revoked when this card joins. Say --replace if that is wanted."
            ),
            node=given.node,
        )
    if given.replaces and not standing and "centre" in values:
        raise RefusedError(
            N_("%(node)s has never joined: there is nothing to replace. Leave --replace out."),
            node=given.node,
        )


def _from_ticket(given: Given) -> dict[str, Any]:
    text = text_of(given.ticket_file)
    try:
        parse_ticket(text)
    except ValueError:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RefusedError(
                N_("%(path)s is neither the file of the centre nor a ticket: %(error)s"),
                path=given.ticket_file,
                error=error,
            ) from error
    return {"name": given.node, "ticket": text.strip(), "role": "door", "board": "pi-one-door"}


def _network_table(network: Network) -> dict[str, Any]:
    table: dict[str, Any] = {"method": "static" if network.address else "dhcp"}
    for key, value in (
        ("address", network.address),
        ("gateway", network.gateway),
        ("dns", list(network.dns)),
        ("country", network.country),
        ("wifi_ssid_hex", network.ssid.hex()),
        ("wifi_pmk", network.pmk),
    ):
        if value:
            table[key] = value
    return table


def hidden(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a ``node.toml`` without what must not be shown; of the ticket its public half stays."""
    shown: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            shown[key] = hidden(value)
        elif key in SECRET_KEYS:
            shown[key] = str(value).rpartition(".")[0] + "…"
        else:
            shown[key] = value
    return shown


def to_toml(values: dict[str, Any]) -> str:
    """Texts, whole numbers, booleans, lists of texts, tables and lists of tables as TOML 1.0."""
    return "\n".join(_lines(values, "")) + "\n"


def _lines(values: dict[str, Any], where: str) -> list[str]:
    plain = [f"{_key(k)} = {_value(v)}" for k, v in values.items() if not _is_table(v)]
    for key, value in values.items():
        if isinstance(value, dict):
            plain += ["", f"[{where}{_key(key)}]", *_lines(value, f"{where}{_key(key)}.")]
        elif _is_table(value):
            for item in value:
                plain += ["", f"[[{where}{_key(key)}]]", *_lines(item, f"{where}{_key(key)}.")]
    return plain


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if (
        isinstance(value, str)
        and "\n" in value
        and "'''" not in value
        and value.isascii()
        and "\r" not in value
    ):
        return "'''\n" + value.strip() + "\n'''"
    return _quoted(str(value))
