"""Puts a node together from what differs between machines (clock, board, readers) and what every node has."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from edge.cache.at_start import open_at_start
from edge.cache.outbox import Outbox
from edge.cache.recorder import Recorder
from edge.cache.reserve import Reserve
from edge.cache.store import ConfigStore
from edge.clock_file import ClockFile
from edge.configuration import Configuration
from edge.later import LaterExecutor
from edge.parts import Parts, Service
from edge.timekeeper import Timekeeper

if TYPE_CHECKING:
    from edge.clock import MachineTime
    from edge.config import NodeConfig
    from edge.emulated import Emulation
    from edge.keypad.base import Keypad
    from edge.node import Node
    from edge.reader.base import CardReader
    from edge.relay.base import Board
    from edge.roles.base import Role


class Assembly:
    """What must be there before readers are made: they ask the configuration which keys are in force."""

    def __init__(self, config: NodeConfig, time: MachineTime) -> None:
        self._config, self._time = config, time
        self._executor = LaterExecutor("configuration")
        store = ConfigStore(config.data_dir / "config.db")
        self.configuration = Configuration(store, self._executor, time.boottime_ms)

    def parts(
        self,
        board: Board,
        readers: Mapping[int, CardReader],
        role: Role[Any],
        emulation: Emulation | None = None,
        more: Callable[[Node], list[Service]] = lambda _node: [],
        *,
        has_status: bool = True,
        keypads: Mapping[int, Keypad] = MappingProxyType({}),
    ) -> Parts:
        """Everything that a node is made of, nothing of it started.

        :param more: further services of this kind of node.
        :param has_status: ``onecard-edge status`` finds the node by a unix socket, where there are any.
        """
        config, time = self._config, self._time
        self.configuration.open()
        outbox = Outbox(config.data_dir / "outbox.db")
        clock_file = ClockFile(config.data_dir / "clock.json")

        async def services(node: Node) -> list[Service]:
            gc.freeze()
            gc.enable()
            from edge.services import services_of

            found = await services_of(node, config, outbox, time, emulation, has_status=has_status)
            return [*found, *more(node)]

        return Parts(
            keeper=Timekeeper(time, clock_file.load(), self.configuration.issued_at_ms),
            configuration=self.configuration,
            recorder=lambda post, listener: Recorder(
                outbox, Reserve(config.data_dir / "reserve"), post, listener
            ),
            outbox_start=partial(open_at_start, outbox),
            board=board,
            readers=readers,
            keypads=keypads,
            role=role,
            executor=self._executor,
            save_clock=clock_file.save,
            boot_id=time.boot_id(),
            services=services,
        )
