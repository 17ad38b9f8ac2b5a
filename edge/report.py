"""What a node says about itself: ``Health`` for the centre, the status for the installer. From memory, in no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from edge.release import VERSION
from protocol.decide import Trust
from protocol.messages import Health, ReaderState

if TYPE_CHECKING:
    from edge.node import Node
    from edge.update.updates import Updates


class Report:
    """``protocol.node_peer.NodeStatus`` of a running node, and more."""

    software = VERSION
    boot = 0
    """Number of this start of the program; set before the centre is told."""

    def __init__(self, node: Node, name: str) -> None:
        """:param name: as ``node.toml`` has it; a spare card gets another when it joins."""
        self._node = node
        self.name = name
        self.acked_through: Callable[[], int] = lambda: 0
        """The last fact that the centre is known to hold."""
        self.link: Callable[[], dict[str, Any]] = lambda: {"state": "off"}
        """How the connection to the centre is."""
        self.updates: Updates | None = None
        """Of a node that takes new versions of its program."""

    def trust(self) -> Trust:
        """How far the clock is to be believed."""
        return self._node.keeper.trust

    def health(self) -> Health:
        """How the node is."""
        node = self._node
        points = node.configuration.view.points()
        return Health(
            storage_usable=node.upkeep.storage_usable,
            storage_free_mib=node.recorder.free_bytes // (1024 * 1024),
            unsent_count=max(0, node.mirror.last_seq - self.acked_through()),
            readers=tuple((point, self._reader_state(row.reader)) for point, row in points.items()),
            temperature_c=node.parts.machine.temperature_c,
            memory_mib=node.parts.machine.memory_mib,
            uptime_s=node.upkeep.uptime_s(),
            clock=node.keeper.trust,
            clock_error_ms=node.keeper.error_ms(),
            memory_grants_count=sum(getattr(node.state, "memory_grants", {}).values()),
            locks=self._locks(),
            first_seq=node.mirror.first_seq if node.mirror.is_loaded else 0,
            clock_difference_ms=node.upkeep.measured[0] if node.upkeep.measured else 0,
            **self._clock_set(),
            contacts=getattr(node.state, "contacts", ()),
            run=self.boot,
            figures=node.upkeep.stopwatch.readings(),
            update=self.updates.word if self.updates is not None else None,
        )

    def _clock_set(self) -> dict[str, int]:
        """When the centre last set the clock, and how it had gone until then."""
        upkeep, boottime_ms = self._node.upkeep, self._node.keeper.boottime_ms()
        if upkeep.clock_set is None:
            return {}
        at_ms, moved_ms, ran_s = upkeep.clock_set
        return {
            "clock_set_ms": max(0, boottime_ms - at_ms),
            "clock_moved_ms": moved_ms,
            "clock_ran_s": max(0, ran_s),
        }

    def _locks(self) -> tuple[tuple[int, bool, int], ...]:
        """What is driven, by the numbers that the centre gave its doors."""
        node = self._node
        wiring, now_ms = getattr(node.state, "wiring", None), node.keeper.mono_ms()
        if wiring is None:
            return ()
        moved = {door: node.effects.locks.get(unit) for door, unit in wiring.unit_of_door.items()}
        return tuple((door, lock[0], now_ms - lock[1]) for door, lock in moved.items() if lock is not None)

    def _refused_doors(self) -> Mapping[int, int]:
        """Doors that have no lock on this board: the unit that they name, by number."""
        wiring = getattr(self._node.state, "wiring", None)
        doors = self._node.configuration.view.doors()
        return {number: unit for number, unit in wiring.refused.items() if number in doors} if wiring else {}

    def _reader_state(self, unit: int) -> ReaderState:
        if unit in self._node.faulted_readers or unit not in self._node.workers:
            return ReaderState.FAULTED
        return ReaderState.WORKING

    def status(self) -> dict[str, Any]:
        """Everything an installer may ask, as plain values."""
        node, view = self._node, self._node.configuration.view
        readers = []
        for unit, worker in node.workers.items():
            health = worker.health()
            readers.append(
                {
                    "unit": unit,
                    "points": {
                        number: row.label for number, row in view.points().items() if row.reader == unit
                    },
                    "state": self._reader_state(unit).name.lower(),
                    "shows": node.effects.showing(unit),
                    "chip": health.chip,
                    "polls": health.poll_count,
                    "cards": health.card_count,
                    "fault": node.faulted_readers.get(unit, ""),
                    "last_error": health.last_error,
                }
            )
        revisions = view.revisions
        return {
            "name": self.name,
            "software": VERSION,
            "uptime_s": node.upkeep.uptime_s(),
            "boot": node.mirror.boot,
            "boottime_ms": node.keeper.boottime_ms(),
            "node_epoch": node.mirror.node_epoch,
            "clock": {
                "trust": node.keeper.trust.name.lower(),
                "source": node.keeper.source,
                "utc_ms": node.keeper.utc_ms(),
                "error_ms": node.keeper.error_ms(),
            },
            "configuration": {
                "config_epoch": revisions.config_epoch,
                "restrictions": revisions.restrictions,
                "access": revisions.access,
                "balances": revisions.balances,
                "cards": view.card_count(),
                "stored": list(msgspec.structs.astuple(node.configuration.revisions)),
                "problem": node.configuration.problem,
            },
            "storage": {
                "state": node.upkeep.storage_state.value,
                "free_mib": node.recorder.free_bytes // (1024 * 1024),
                "last_seq": node.mirror.last_seq,
                "first_seq": node.mirror.first_seq,
                "acked_through": self.acked_through(),
            },
            "readers": readers,
            "doors": {number: row.label for number, row in view.doors().items()},
            "doors_without_lock": {
                view.doors()[number].label: unit for number, unit in self._refused_doors().items()
            },
            "inputs": {str(line): active for line, active in node.inputs.items()},
            "alarms": [
                {"alarm": alarm.name.lower(), "where": where, "detail": detail}
                for (alarm, where), detail in node.effects.alarms.items()
            ],
            "link": self.link(),
            "update": self.updates.status() if self.updates is not None else None,
            "trouble": dict(node.upkeep.trouble),
            "temperature_c": node.parts.machine.temperature_c,
            "memory_mib": node.parts.machine.memory_mib,
        }
