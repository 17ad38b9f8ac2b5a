"""What a node is made of: the seams between the loop and everything that it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from edge.cache.at_start import AtStart
from edge.cache.recorder import Recorder
from edge.clock_state import Saved
from edge.configuration import Configuration
from edge.health import Machine
from edge.keypad.base import Keypad
from edge.reader.base import CardReader
from edge.relay.base import Board
from edge.roles.base import Role
from edge.timekeeper import Timekeeper
from edge.watchdog import Notifier

if TYPE_CHECKING:
    from edge.node import Node


class Service(Protocol):
    """Something that runs beside the doors and may be late: the link, the jobs, the status socket."""

    async def start(self) -> None:
        """Begin; returns when it is under way."""

    async def stop(self) -> None:
        """End, soon."""


class Parts(Struct):
    """Everything a node is made of; built by ``__main__`` (or a test), which owns what has to be closed."""

    keeper: Timekeeper
    configuration: Configuration
    recorder: Callable[[Callable[..., object], Any], Recorder]
    """Makes the recorder from ``post`` and ``listener``."""
    outbox_start: Callable[[], AtStart]
    """Opens the outbox, before the storage thread owns it."""
    board: Board
    readers: Mapping[int, CardReader]
    role: Role[Any]
    executor: Executor
    save_clock: Callable[[Saved], None]
    boot_id: str
    keypads: Mapping[int, Keypad] = field(default_factory=dict)
    """By the reader that they stand beside."""
    services: Callable[[Node], Awaitable[list[Service]]] | None = None
    """Makes link, jobs and status socket, once the first decision is possible."""
    notifier: Notifier = field(default_factory=Notifier)
    machine: Machine = field(default_factory=Machine)
