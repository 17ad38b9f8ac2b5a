"""Entering devices, and the card that an installer writes for one. Runs inside ``db``; the page writes the audit row."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import peewee

from central.access.model import AccessPoint, Door
from central.errors import ConflictError, InvalidInputError
from central.nodes.connection import toml_of
from central.nodes.model import Device, DeviceConnection
from central.sites.model import Site
from central.sync import publish, tickets
from central.sync.model import DeviceStatus, Enrolment, QuarantinedFact, StoredFact
from central.web.i18n import _
from protocol.facts import CHAIN_START, chain_hash
from protocol.limits import NODE_NAME_MAX

NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
PURPOSES: Final = (
    "door",
    "door_both",
    "two_doors",
    "patrol",
    "attendance",
    "attendance_both",
    "till",
    "issuer",
)
ROLE_OF: Final = {
    "patrol": "patrol",
    "attendance": "attendance",
    "attendance_both": "attendance",
    "till": "pos",
    "issuer": "issuer",
}
"""The role of a device that has no door, by its purpose."""
_BOTH_SIDES: Final = frozenset({"door_both", "attendance_both"})
VERIFIED_ROWS: Final = 5_000
"""Facts read at a time when a chain is checked."""


class DeviceInput(msgspec.Struct, kw_only=True):
    """What an operator says about a new device. ``purpose``: which doors and readers it begins with."""

    site: int
    organisation: int
    name: str
    number: int
    label: str
    location: str = ""
    purpose: str = "door"


@dataclass(frozen=True)
class Chain:
    """The proof of B1 for one device: what was received, and whether it hangs together."""

    node_epoch: int
    received_through: int
    gaps_count: int
    intact: bool
    enrolled_at: datetime
    closed_at: datetime | None
    uploaded_through_ms: int
    quarantined_count: int


def create(given: DeviceInput, now: datetime) -> Device:
    """Enter a device with its doors and readers.

    :raises InvalidInputError: the name is not usable as a host name.
    :raises ConflictError: name or number is taken.
    """
    if not NAME.fullmatch(given.name) or len(given.name) > NODE_NAME_MAX:
        raise InvalidInputError(_("The device name may have small letters, digits and hyphens."))
    if Device.get_or_none(Device.name == given.name) is not None:
        raise ConflictError(_("There is a device with this name already."))
    if Device.get_or_none((Device.site == given.site) & (Device.number == given.number)) is not None:
        raise ConflictError(_("There is a device with this number already."))
    site = Site.get_by_id(given.site)
    device = Device.create(
        site=site.id,
        organisation=given.organisation,
        name=given.name,
        number=given.number,
        label=given.label,
        location=given.location,
        roles=[ROLE_OF.get(given.purpose, "door")],
        created_at=now,
    )
    _furnish(device, given)
    publish.device_changed(device.id)
    return device


def _furnish(device: Device, given: DeviceInput) -> None:
    is_both = given.purpose in _BOTH_SIDES
    if given.purpose in ROLE_OF:
        AccessPoint.create(device=device.id, door=None, reader=1, label=given.label)
        if is_both:
            AccessPoint.create(device=device.id, door=None, reader=2, label=given.label, leaving=True)
        return
    doors = 2 if given.purpose == "two_doors" else 1
    for number in range(1, doors + 1):
        label = given.label if doors == 1 else f"{given.label} {number}"
        door = Door.create(
            site=device.site_id,
            organisation=device.organisation_id,
            device=device.id,
            number=number,
            unit=number,
            label=label,
            location=given.location,
        )
        AccessPoint.create(device=device.id, door=door.id, reader=number, label=label)
        if is_both:
            AccessPoint.create(device=device.id, door=door.id, reader=2, label=label, leaving=True)


def set_enabled(device: Device, enabled: bool) -> None:
    """Tick a device for use, or take it out of use (67)."""
    device.enabled = enabled
    device.save()
    publish.device_changed(device.id)


def drawn_ticket() -> tuple[str, bytes]:
    """Id and secret of a one-time ticket, which works once it is registered."""
    return secrets.token_hex(6), secrets.token_bytes(32)


def register_ticket(device_id: int, ticket_id: str, secret: bytes, now: datetime) -> None:
    """From now on the ticket works, and earlier unused ones of this device do not."""
    tickets.make_ticket(device_id, ticket_id, secret, now)


def ticket_text(ticket_id: str, secret: bytes) -> str:
    """The ticket as the installer's file wants it: ``id.secret``."""
    return f"{ticket_id}.{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def new_ticket(device_id: int, now: datetime) -> str:
    """A registered ticket as the installer's file wants it. Shown once."""
    ticket_id, secret = drawn_ticket()
    register_ticket(device_id, ticket_id, secret, now)
    return ticket_text(ticket_id, secret)


def board_of(readers: int) -> str:
    """The board of a device with so many readers, where nobody has chosen another."""
    return "pi-one-door" if readers < 2 else "pi-two-doors"


def role_of(device: Device) -> str:
    """The role in the ``node.toml`` of a device."""
    return "issuer" if "issuer" in device.roles else "door"


def node_file(
    name: str,
    role: str,
    ticket: str,
    urls: list[str],
    ca_pem: str,
    readers: int,
    replaces: int = 0,
    board: str = "",
    release_key: str = "",
    connection: DeviceConnection | None = None,
) -> str:
    """``node.toml`` for a device: what goes on its SD card beside the program.

    :param name: of the device; ``UNASSIGNED`` for a spare card. :param role: door or issuer.

    :param replaces: the installation whose place it takes (B12); 0: the device has never joined.
    :param release_key: by which it believes new versions of its program, in base64url; empty: it takes none.
    :param connection: its serial line and its keypads; None: a network, and no keypads.
    """
    lines = [
        f'name = "{name}"',
        "centre = [" + ", ".join(f'"{url}"' for url in urls) + "]",
        f'ticket = "{ticket}"',
        *([f"replaces = {replaces}"] if replaces else []),
        *([f'release_key = "{release_key}"'] if release_key else []),
        f'role = "{role}"',
        f'board = "{board or board_of(readers)}"',
        f"ca_pem = '''\n{ca_pem.strip()}\n'''",
    ]
    for unit in range(1, readers + 1):
        lines += ["", "[[readers]]", f"unit = {unit}", 'bus = "spi"', f"device = {unit - 1}"]
    tables = toml_of(connection) if connection is not None else ""
    return "\n".join(lines) + "\n" + (f"\n{tables}" if tables else "")


def chains(device_id: int) -> list[Chain]:
    """Every enrolment of a device, newest first, each fact's place in the chain computed again from what is stored."""
    found = []
    query = Enrolment.select().where(Enrolment.device == device_id).order_by(Enrolment.node_epoch.desc())
    for enrolment in query:
        gaps, intact = _verify(enrolment)
        quarantined = (
            QuarantinedFact.select()
            .where(
                (QuarantinedFact.device == device_id) & (QuarantinedFact.node_epoch == enrolment.node_epoch)
            )
            .count()
        )
        found.append(
            Chain(
                enrolment.node_epoch,
                enrolment.received_through,
                gaps,
                intact,
                enrolment.enrolled_at,
                enrolment.closed_at,
                enrolment.uploaded_through_ms,
                quarantined,
            )
        )
    return found


def _verify(enrolment: Enrolment) -> tuple[int, bool]:
    """(missing numbers, does every hash follow from the one before it)."""
    from central.sync.ingest import fact_of

    expected, head, gaps, intact = 1, CHAIN_START, 0, True
    after = 0
    while rows := list(
        StoredFact.select()
        .where((StoredFact.enrolment == enrolment.id) & (StoredFact.seq > after))
        .order_by(StoredFact.seq)
        .limit(VERIFIED_ROWS)
    ):
        for row in rows:
            gaps += row.seq - expected
            expected = row.seq + 1
            head = chain_hash(head, fact_of(row).canonical(bytes(row.commitment)))
            intact = intact and head == bytes(row.hash)
        after = rows[-1].seq
    gaps += enrolment.received_through - (expected - 1)
    return gaps, intact and gaps == 0 and head == bytes(enrolment.head)


def newest_proof(enrolment: Enrolment, since_ms: int) -> tuple[int, bool]:
    """(missing numbers, does what was received since then hang together and with what was before it).

    Bounded, for many devices at once: of a device's newest ``VERIFIED_ROWS``; the whole chain is proved on its own page.
    """
    from central.sync.ingest import fact_of, hash_at

    of_it = StoredFact.enrolment == enrolment.id
    count = int(StoredFact.select(peewee.fn.COUNT(StoredFact.id)).where(of_it).scalar())
    near = StoredFact.seq > enrolment.received_through - VERIFIED_ROWS
    newest = StoredFact.select().where(of_it & near & (StoredFact.received_ms >= since_ms))
    rows = list(newest.order_by(StoredFact.seq))
    first = rows[0].seq if rows else enrolment.received_through + 1
    head, intact = hash_at(enrolment.id, first - 1) if first > 1 else CHAIN_START, True
    for row in rows:
        intact = intact and head is not None
        head = chain_hash(head or b"", fact_of(row).canonical(bytes(row.commitment)))
        intact = intact and head == bytes(row.hash)
    return enrolment.received_through - count, intact and head == bytes(enrolment.head)


def revoke(device_id: int, now: datetime) -> int:
    """End every enrolment of a device: what it sends from now on goes to quarantine."""
    return tickets.close_epochs(device_id, now)


def state_of(device: Device, status: DeviceStatus | None, enrolled: bool) -> str:
    """The device's state in the vocabulary's "device" group."""
    if not enrolled:
        return "unenrolled" if status is None else "revoked"
    if not device.enabled:
        return "unused"
    assert status is not None
    if not status.online:
        return "offline"
    health = status.health or {}
    readers = [state for _, state in health.get("readers", [])]
    return "fault" if not health.get("storage_usable", True) or 3 in readers else "online"
