"""Terminals of other sub-systems than access control: time clocks, tills. Each kind registers itself when it is imported.

A terminal is a reader without a door on a device with a role of its own. Access levels give cards the right to it, as to a
door's reader (39), with a schedule; what the device must know beside that is one row under the number of each reader. So a
sub-system registers its role, the row, and nothing else: levels, limits of cards, publishing, "what if" and reports follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.access.model import AccessPoint
from central.nodes.model import Device
from central.routes import SubSystem
from protocol.records import Kind, Row


@dataclass(frozen=True)
class Terminal:
    """One kind of terminal."""

    role: str
    """Of the device: a value in ``Device.roles``."""
    sub_system: SubSystem
    """What a card must be opened for to be taken there (38)."""
    kind: Kind
    rows: Callable[[Device, Sequence[AccessPoint]], Mapping[int, Row]]
    """The row of each reader, by point number. Inside ``db.read`` or ``db.write``; who changes what it reads calls
    ``publish.device_changed``."""


_TERMINALS: Final[dict[str, Terminal]] = {}


def register(terminal: Terminal) -> None:
    """Add a kind; the same role again replaces it."""
    _TERMINALS[terminal.role] = terminal


def terminals() -> list[Terminal]:
    """Every kind that is there."""
    return list(_TERMINALS.values())


def terminal_of(roles: Iterable[str]) -> Terminal | None:
    """What a device with these roles is, None for no terminal."""
    return next((found for role in roles if (found := _TERMINALS.get(role)) is not None), None)


def rows_of(device: Device) -> dict[Kind, Mapping[int, Row]]:
    """For each kind of row of terminals, the rows that the device must hold: none when it is not one, or not in use."""
    found: dict[Kind, Mapping[int, Row]] = {terminal.kind: {} for terminal in terminals()}
    terminal = terminal_of(device.roles) if device.enabled else None
    if terminal is not None:
        points = AccessPoint.select().where((AccessPoint.device == device.id) & AccessPoint.door.is_null())
        found[terminal.kind] = terminal.rows(device, list(points.order_by(AccessPoint.reader)))
    return found
