"""What an operator says about the card of one device: its network; and what ``onecard-provision image`` is told of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

import msgspec

from central.web.days import FieldError
from central.web.fields import CheckField, ChoiceField, HiddenField, NumberField, PasswordField, TextField
from central.web.forms import Form
from central.web.i18n import Text, _, lazy
from protocol.ids import UNASSIGNED

DHCP: Final = "dhcp"
FIXED: Final = "fixed"
WAYS: Final = {
    DHCP: lazy("Network, address by DHCP"),
    FIXED: lazy("Network, fixed address"),
}
NO_CLOCK: Final = "none"
CLOCKS: Final[dict[str, Text]] = {
    "ds3231": "DS3231",
    "ds1307": "DS1307",
    "pcf8523": "PCF8523",
    "pcf85063a": "PCF85063A",
    "rv3028": "RV3028",
    NO_CLOCK: lazy("None: the time is not known after a power cut until the centre is reached"),
}
OF_THE_NETWORK: Final = frozenset(
    {"way", "address", "gateway", "dns", "time_servers", "ssid", "passphrase", "country"}
)
"""Asked of a device that has one."""


class CardInput(msgspec.Struct, kw_only=True):
    """One card. Texts as ``onecard-provision image`` takes them, which checks them; lists are separated by commas."""

    board: str
    base: str = ""
    release: str | None = None
    clock: str = "ds3231"
    way: str | None = DHCP
    address: str | None = None
    gateway: str | None = None
    dns: str | None = None
    time_servers: str | None = None
    ssid: str | None = None
    passphrase: str | None = None
    country: str | None = None
    replace: bool = False


REPLACE: Final = CheckField(
    "replace", lazy("Takes the place of the device that has joined; that one is revoked when it joins")
)
FORM: Final = Form(
    CardInput,
    HiddenField("board", ""),
    ChoiceField("base", lazy("Base image"), is_required=False),
    ChoiceField(
        "release",
        lazy("Program"),
        hint=lazy("Empty: the base image has it already"),
        is_required=False,
    ),
    ChoiceField("clock", lazy("Clock chip"), choices=CLOCKS),
    ChoiceField("way", lazy("Network address"), choices=WAYS, as_radio=True, is_required=False),
    TextField("address", lazy("Fixed address"), hint=lazy("With its prefix, such as 10.0.0.21/24"), is_required=False),
    TextField("gateway", lazy("Gateway"), is_required=False),
    TextField("dns", lazy("Name servers"), hint=lazy("Several with commas between"), is_required=False),
    TextField("time_servers", lazy("Time servers"), hint=lazy("Several with commas between"), is_required=False),
    TextField("ssid", lazy("Name of the Wi-Fi"), hint=lazy("Empty: a wire"), length_max=32, is_required=False),
    PasswordField("passphrase", lazy("Passphrase of the Wi-Fi"), length_max=64, autocomplete="off", is_required=False),
    TextField("country", lazy("Country, for the radio"), hint=lazy("Such as CN"), length_max=2, is_required=False),
    REPLACE,
)  # fmt: skip


ONE, TWO, DESK = "one", "two", "desk"
KINDS: Final = {
    ONE: lazy("Devices with one reader"),
    TWO: lazy("Devices with two readers"),
    DESK: lazy("Card desks"),
}
"""Which devices a spare card can become: what it says of readers and role."""
READERS: Final = {ONE: 1, TWO: 2, DESK: 1}
CARDS_MAX: Final = 20
DAYS_MAX: Final = 730


class SpareInput(CardInput, kw_only=True):
    """One image for spare cards, and what its ticket allows."""

    site: str
    organisation: str
    label: str | None = None
    kind: str = ONE
    cards_max: int = 1
    days: int = 180


_OF_A_CARD: Final = {field.name: field for field in FORM.fields}
_NETWORK: Final = ("way", "address", "gateway", "dns", "time_servers", "ssid", "passphrase", "country")
SPARE_FORM: Final = Form(
    SpareInput,
    ChoiceField("site", lazy("Estate")),
    ChoiceField("organisation", lazy("Organisation")),
    TextField(
        "label",
        lazy("Where the cards lie"),
        hint=lazy("Such as: cabinet of the workshop"),
        length_max=40,
        is_required=False,
    ),
    ChoiceField("kind", lazy("For which devices"), choices=KINDS, as_radio=True),
    ChoiceField("board", lazy("Board")),
    NumberField(
        "cards_max",
        lazy("Cards written from this image"),
        hint=lazy("So many boards may join with it; each has to be approved"),
        least=1,
        most=CARDS_MAX,
    ),
    NumberField("days", lazy("Good for (days)"), least=1, most=DAYS_MAX),
    *(_OF_A_CARD[name] for name in ("base", "release", "clock")),
    *(_OF_A_CARD[name] for name in _NETWORK),
)


def check_spare(card: SpareInput, board_of_two: str) -> None:
    """
    :param board_of_two: the board that carries two readers.
    :raises FieldError: what cannot be judged field by field.
    """
    check(card, has_joined=False)
    if card.way == FIXED and card.cards_max > 1:
        raise FieldError(_("A fixed address is for one card only."))
    if card.kind == TWO and card.board != board_of_two:
        raise FieldError(_("This board carries one reader only."))


def check(card: CardInput, *, has_joined: bool) -> None:
    """
    :raises FieldError: what cannot be judged field by field.
    """
    if has_joined and not card.replace:
        raise FieldError(
            _("This device has joined already. Tick that the card takes its place, if that is wanted.")
        )
    if card.way == FIXED and not card.address:
        raise FieldError(_("A fixed address is missing."))
    if card.passphrase and not card.ssid:
        raise FieldError(_("A passphrase needs the name of its Wi-Fi."))


def options_of(card: CardInput, site: str, *, replaces: bool) -> list[str]:
    """Of ``onecard-provision image``: everything but ticket, passphrase, base and output."""
    options = ["--site", site, "--board", card.board]
    options += ["--rtc", "" if card.clock == NO_CLOCK else card.clock]
    if replaces:
        options.append("--replace")
    given: list[tuple[str, str | None]] = []
    if card.way == FIXED:
        given += [("--address", card.address), ("--gateway", card.gateway)]
        given += [("--dns", server) for server in listed(card.dns)]
    given += [("--wifi-ssid", card.ssid), ("--country", (card.country or "").upper())]
    given += [("--time-server", server) for server in listed(card.time_servers)]
    return [*options, *(f"{name}={value}" for name, value in given if value)]


def listed(text: str | None) -> list[str]:
    """``a, b`` as a list."""
    return [part.strip() for part in (text or "").replace("，", ",").split(",") if part.strip()]


def command_line(node: str, title: str, options: Sequence[str], *, has_passphrase: bool) -> str:
    """The command for whoever makes the card elsewhere, with the files of the zip; ``title`` names the image."""
    who = ["--spare"] if node == UNASSIGNED else ["--node", node]
    words = ["onecard-provision", "image", "--base", "BASE.img.xz", *who, "--ticket", "node.toml"]
    words += [
        *options,
        *(["--wifi-pass-file", "wifi.txt"] if has_passphrase else []),
        "--out",
        f"{title}.img",
    ]
    return shlex.join(words)
