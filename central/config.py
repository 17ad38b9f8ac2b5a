"""The configuration of the centre: one TOML file, every key optional, every value checked before anything starts.

An unknown key is refused with the nearest known one, so that a misspelt setting never silently does nothing.
Every limit of the centre that is not a matter of one sub-system's file stands here.
"""

from __future__ import annotations

import base64
import dataclasses
import difflib
import ipaddress
import tomllib
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from central.engines import kind_of
from central.errors import ConfigError

C = TypeVar("C")


def _range(default: int, least: int, most: int) -> Any:
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True)
class DatabaseConfig:
    """``[database]``"""

    url: str = ""
    """``sqlite:///path`` or ``postgresql://user@host/name``; empty: ``onecard.db`` in the data folder."""
    readers_count: int = _range(4, 1, 64)
    queue_max: int = _range(10_000, 10, 1_000_000)
    group_max: int = _range(256, 1, 10_000)


@dataclass(frozen=True)
class BrowserConfig:
    """``[browsers]``: the listener for people."""

    listen: str = "0.0.0.0:8443"
    tls: Literal["own", "supplied", "off"] = "own"
    """``own``: a certificate of our private CA (with a page to install it); ``supplied``: the two files below;
    ``off``: plain HTTP, for this computer alone or behind a proxy that speaks TLS (then set ``public_url``)."""
    certificate: Path | None = None
    private_key: Path | None = None
    names: tuple[str, ...] = ()
    """Host names and IP addresses by which browsers reach the centre; this machine's own are found by themselves."""
    public_url: str = ""
    """Address as typed in the browser, when it is not the listener's own (``https://card.example.com``)."""
    trusted_proxies: tuple[str, ...] = ()
    """IP addresses whose ``X-Forwarded-For`` is believed."""
    keepalive_s: int = _range(15, 1, 3_600)


@dataclass(frozen=True)
class NodeConfig:
    """``[nodes]``: the listener for devices. Always TLS with the private CA, which the devices pin."""

    listen: str = "0.0.0.0:8444"
    names: tuple[str, ...] = ()
    """Host names and IP addresses by which devices reach the centre, besides this machine's own."""
    release_key: str = ""
    """Public half of the release key (Ed25519, base64url): which new versions of the devices' program are believed.
    Empty: none can be brought, and cards are written without one."""
    keepalive_s: int = _range(75, 5, 3_600)
    read_buffer_bytes: int = _range(16_384, 4_096, 262_144)
    """TLS read buffer of one connection: 65 KiB a connection instead of asyncio's 306 KiB."""


@dataclass(frozen=True)
class SecurityConfig:
    """``[security]``: sign-in, sessions, passwords."""

    session_idle_s: int = _range(3_600, 60, 86_400)
    session_absolute_s: int = _range(43_200, 300, 604_800)
    """A shift of twelve hours; after it the operator signs in again."""
    step_up_s: int = _range(600, 30, 3_600)
    step_up_shift_s: int = _range(43_200, 600, 86_400)
    sessions_per_operator_max: int = _range(10, 1, 100)
    link_valid_s: int = _range(86_400, 300, 604_800)
    """One-time links (first set-up, new password)."""
    login_link_valid_s: int = _range(600, 60, 86_400)
    password_length_min: int = _range(10, 8, 64)
    argon2_time_cost: int = _range(3, 1, 20)
    argon2_memory_kib: int = _range(65_536, 64, 1_048_576)
    argon2_parallelism: int = _range(1, 1, 16)
    hashes_at_once: int = _range(2, 1, 16)
    hashes_waiting_max: int = _range(50, 1, 1_000)
    free_tries_count: int = _range(5, 1, 20)
    """Wrong passwords before the back-off begins."""
    account_wait_s_max: int = _range(300, 10, 3_600)
    address_wait_s_max: int = _range(900, 10, 86_400)
    throttle_rows_max: int = _range(10_000, 100, 1_000_000)
    api_tokens_max: int = _range(200, 1, 10_000)


@dataclass(frozen=True)
class LimitsConfig:
    """``[limits]``"""

    body_bytes_max: int = _range(262_144, 1_024, 16_777_216)
    """Largest body of a request, unless its route says more (uploads)."""
    request_s_max: int = _range(30, 1, 600)
    """How long a client may take to send the body of a request."""
    shutdown_s: int = _range(5, 1, 60)
    free_disk_bytes_min: int = _range(200 * 1024 * 1024, 0, 2**50)
    """Less free space than this in the data folder is shown as trouble."""
    backup_age_s_max: int = _range(172_800, 3_600, 31_536_000)
    """An older last backup than this is shown as a warning."""


@dataclass(frozen=True)
class WebhooksConfig:
    """``[webhooks]``: sending events to other programs."""

    allow: tuple[str, ...] = ()
    """Networks (``127.0.0.1/32``) that are sent to although they are this computer or its neighbourhood."""
    retry_first_s: int = _range(5, 1, 3_600)
    """Pause after the first failure; it grows to 720 times that."""
    give_up_s: int = _range(86_400, 1, 2_592_000)
    """An event that could not be sent for so long is given up, and shown as such."""


@dataclass(frozen=True)
class PagingConfig:
    """``[paging]``: telling people of alarms that nobody has acknowledged. ``[webhooks] allow`` holds for it too."""

    look_every_s: int = _range(5, 1, 60)
    retry_first_s: int = _range(10, 1, 3_600)
    """Pause after the first failure; it grows to 30 times that."""
    give_up_s: int = _range(3_600, 1, 604_800)
    """A message that could not be sent for so long is given up, and shown as such."""
    mail_ca: Path | None = None
    """Certificate of an authority of the own house that the mail server's certificate is from, besides the system's."""


@dataclass(frozen=True)
class Config:
    """Everything that is set from outside. ``data`` comes from the command line."""

    data: Path
    database: DatabaseConfig = field(default_factory=DatabaseConfig)
    browsers: BrowserConfig = field(default_factory=BrowserConfig)
    nodes: NodeConfig = field(default_factory=NodeConfig)
    security: SecurityConfig = field(default_factory=SecurityConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    webhooks: WebhooksConfig = field(default_factory=WebhooksConfig)
    paging: PagingConfig = field(default_factory=PagingConfig)
    is_development: bool = False
    """Shows the pattern page and checks templates for changes at each request."""

    @property
    def database_url(self) -> str:
        """The URL that is used, the default filled in."""
        return self.database.url or f"sqlite:///{self.data / 'onecard.db'}"

    @property
    def is_secure(self) -> bool:
        """True when browsers speak TLS to us or to the proxy before us: the session cookie is then ``__Host-``."""
        return self.browsers.tls != "off" or self.browsers.public_url.startswith("https://")


_KEY_BYTES: Final = 32
CONFIG_FILE: Final = "centre.toml"
"""Read from the data folder when no ``--config`` is given."""


def load_config(data: Path, file: Path | None = None, **overrides: dict[str, Any]) -> Config:
    """The configuration from a file and from what the command line sets (``browsers={"listen": ...}``).

    :param file: must exist when given; else ``centre.toml`` in ``data``, which may be missing.
    :raises ConfigError: naming the key and what is expected.
    """
    path = file or data / CONFIG_FILE
    values: dict[str, Any] = {}
    if file is not None or path.exists():
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from error
    if "data" in values:
        raise ConfigError("data: is given on the command line only")
    for section, keys in overrides.items():
        values[section] = {**values.get(section, {}), **keys}
    config: Config = _build(Config, {**values, "data": str(data)}, "")
    return _checked(config)


def _checked(config: Config) -> Config:
    """What depends on more than one key."""
    kind_of(config.database_url)
    split_address("browsers.listen", config.browsers.listen)
    split_address("nodes.listen", config.nodes.listen)
    if config.browsers.tls == "supplied":
        for name in ("certificate", "private_key"):
            path = getattr(config.browsers, name)
            if path is None or not path.is_file():
                raise ConfigError(f'browsers.{name}: tls = "supplied" needs this file')
    public = config.browsers.public_url
    if public and (not public.startswith(("http://", "https://")) or public.count("/") != 2):
        raise ConfigError(
            "browsers.public_url: expected scheme and host alone, for example https://card.example.com"
        )
    try:
        release_key_of(config)
    except ValueError:
        key = "nodes.release_key"
        raise ConfigError(f"{key}: expected 32 bytes in base64url") from None
    for text in config.webhooks.allow:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise ConfigError(
                f"webhooks.allow: expected a network such as 10.1.0.0/16, not {text!r}"
            ) from None
    if config.security.session_idle_s > config.security.session_absolute_s:
        raise ConfigError("security.session_idle_s: cannot be longer than session_absolute_s")
    return config


def release_key_of(config: Config) -> bytes:
    """The key by which releases are believed, 32 bytes; empty when none is set.

    :raises ValueError: it is something else.
    """
    text = config.nodes.release_key
    key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if len(key) not in (0, _KEY_BYTES):
        raise ValueError(f"{len(key)} bytes")
    return key


def split_address(key: str, address: str) -> tuple[str, int]:
    """``host:port`` (``[::1]:8443`` for IPv6) as a pair; port 0 lets the system choose.

    :raises ConfigError: it has another form.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(f"{key}: expected host:port, for example 0.0.0.0:8443, not {address!r}")
    return host.strip("[]"), int(port)


def _build(kind: type[C], values: Any, prefix: str) -> C:
    if not isinstance(values, dict):
        raise ConfigError(f"{prefix.rstrip('.')}: expected a table")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # only called with dataclasses
    hints = get_type_hints(kind)
    for name in values:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            raise ConfigError(f"{prefix}{name}: unknown key" + (f", did you mean {near[0]}?" if near else ""))
    built = {
        name: _convert(f"{prefix}{name}", hints[name], value, fields[name].metadata)
        for name, value in values.items()
    }
    return kind(**built)


def _convert(key: str, kind: Any, value: Any, metadata: types.MappingProxyType[Any, Any]) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, f"{key}.")  # type: ignore[arg-type]  # a class, not an instance
    if origin is Literal:
        if value not in get_args(kind):
            raise ConfigError(f"{key}: expected one of {', '.join(map(repr, get_args(kind)))}, not {value!r}")
        return value
    if origin in (Union, types.UnionType):
        (kind,) = (k for k in get_args(kind) if k is not type(None))
    if origin is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{key}: expected a list of texts")
        return tuple(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if type(value) is not kind:
        raise ConfigError(f"{key}: expected {_WORDS[kind]}, not {value!r}")
    if "least" in metadata and not metadata["least"] <= value <= metadata["most"]:
        raise ConfigError(f"{key}: must lie between {metadata['least']} and {metadata['most']}, not {value}")
    return value


_WORDS: Final = {str: "a text", int: "a whole number", bool: "true or false", Path: "a path"}
