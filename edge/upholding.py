"""What an operator may have a node do for its upkeep: test itself, erase what the centre has in its backup.

The answers are facts. Beep and light of a test are the role's (``core.stimuli.TestAsked``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from edge.cache.outbox import PURGE_SLICE, Outbox
from edge.core.lines import OutputLine, OutputRole
from edge.relay.errors import BoardError
from protocol.facts import ClearedFact, CommandResult, TestFact

if TYPE_CHECKING:
    from edge.node import Node
    from edge.relay.base import Board
    from protocol.messages import ClearRecords, TestNode

READERS_WITHIN_S: Final = 1.0
"""A reader that polls ten times a second and has not come back from one by then does not work."""
OUTPUTS_WITHIN_S: Final = 3.0
"""A light or buzzer that the pattern of the test has not switched on and off by then does not obey. The pattern lasts a second."""
LOOK_EVERY_S: Final = 0.02
PLAYED: Final = frozenset({OutputRole.LED_GREEN, OutputRole.LED_RED, OutputRole.BUZZER})
"""What the pattern of a test switches on and off."""
LOOKED_AT: Final = frozenset({OutputRole.LOCK, OutputRole.SIREN})
"""What a test does not move: a released lock is an open door, whoever asked."""
_log: Final = logging.getLogger(__name__)


class Upholding:
    """See the module. Lives on the loop.

    :param acked_through: the last fact that the centre is known to hold.
    """

    def __init__(self, node: Node, acked_through: Callable[[], int]) -> None:
        self._node = node
        self._acked_through = acked_through

    # -- 測試 ---------------------------------------------------------------------------------------------------------

    def test(self, command: TestNode) -> None:
        """Find out how this node is; recorded a second later."""
        self._node.spawn(self._test(command))

    async def _test(self, command: TestNode) -> None:
        workers = self._node.workers
        before = {unit: worker.heartbeat for unit, worker in workers.items()}
        outputs = await self._watch_outputs(command.point)
        polled = {unit for unit, worker in workers.items() if worker.heartbeat > before[unit]}
        self._node.recorder.call(_probed, partial(self._tested, command, polled, outputs))

    async def _watch_outputs(self, point: int) -> tuple[tuple[str, bool], ...]:
        """Read the pins back while the role plays its pattern; at least as long as the readers take."""
        node, loop = self._node, asyncio.get_running_loop()
        board = node.parts.board
        points = node.configuration.view.points()
        units = {row.reader for number, row in points.items() if point in (0, number)} & set(node.workers)
        lines = [pin.line for pin in board.profile.outputs]
        played = [line for line in lines if line.role in PLAYED and line.unit in units]
        seen: set[tuple[OutputLine, bool]] = set()
        began_s = loop.time()
        while (passed_s := loop.time() - began_s) < OUTPUTS_WITHIN_S:
            seen |= {(line, level) for line in played if (level := _sensed(board, line)) is not None}
            if passed_s >= READERS_WITHIN_S and len(seen) == 2 * len(played):
                break
            await asyncio.sleep(LOOK_EVERY_S)
        obey = {line: {(line, True), (line, False)} <= seen for line in played}
        for line in lines:
            if line.role in LOOKED_AT:
                obey[line] = _sensed(board, line) is board.is_on(line)
        return tuple((str(line), obey[line]) for line in lines if line in obey)

    def _tested(
        self,
        command: TestNode,
        polled: set[int],
        outputs: tuple[tuple[str, bool], ...],
        found: Any,
        error: Exception | None,
    ) -> None:
        node = self._node
        if error is not None:
            _log.warning("the storage did not pass its test: %s", error)
        points = {row.reader: point for point, row in node.configuration.view.points().items()}
        readers = tuple(
            (
                unit,
                points.get(unit, 0),
                unit in polled and unit not in node.faulted_readers,
                worker.health().chip,
            )
            for unit, worker in node.workers.items()
            if command.point in (0, points.get(unit, 0))
        )
        measured = node.upkeep.measured
        difference_ms, error_ms, at_ms = measured or (0, 0, 0)
        supply, percent = node.parts.machine.supply()
        node.record(
            TestFact(
                command.command_id,
                readers,
                error is None and node.upkeep.storage_usable,
                node.recorder.free_bytes // (1024 * 1024),
                node.mirror.first_seq,
                self._acked_through(),
                0 if error is not None else found,
                difference_ms,
                error_ms,
                -1 if measured is None else node.keeper.boottime_ms() - at_ms,
                supply,
                percent,
                node.parts.machine.temperature_c,
                node.configuration.view.revisions,
                outputs,
                tuple((str(line), active) for line, active in node.inputs.items()),
            )
        )

    # -- 清空記錄 -----------------------------------------------------------------------------------------------------

    def clear(self, command: ClearRecords) -> None:
        """Erase what the centre has in its backup, and say how many records that were."""
        self._node.recorder.call(partial(erase, command), partial(self._cleared, command))

    def _cleared(self, command: ClearRecords, found: Any, error: Exception | None) -> None:
        node = self._node
        if error is not None:
            _log.error("records could not be erased: %s", error)
            found = (CommandResult.STORAGE_UNUSABLE, 0, node.mirror.first_seq)
        result, count, first_seq = found
        if count:
            node.upkeep.purged(first_seq)
        node.record(ClearedFact(command.command_id, result, count, first_seq))


def _sensed(board: Board, line: OutputLine) -> bool | None:
    """What the pin says; None where it cannot be read."""
    try:
        return board.sensed(line)
    except BoardError as error:
        _log.warning("%s", error)
        return None


def _probed(outbox: Outbox) -> int:
    """Write something and commit it; how far the centre's backup is known to go."""
    outbox.probe()
    return outbox.backed_up_through


def erase(command: ClearRecords, outbox: Outbox) -> tuple[CommandResult, int, int]:
    """(what became of it, how many records were erased, the first that is kept). Erases nothing that no backup has (I1).

    :raises CacheError: the medium failed; what was erased before stays erased.
    """
    ours = outbox.hash_at(command.through)
    if (
        command.node_epoch != outbox.node_epoch
        or command.through > outbox.last_seq
        or (ours is not None and ours != command.head)
    ):
        return CommandResult.OTHER_RECORDS, 0, outbox.first_seq
    if command.through > outbox.backed_up_through:
        return CommandResult.NOT_CONFIRMED, 0, outbox.first_seq
    count = 0
    while (left := command.through - outbox.first_seq + 1) > 0:
        erased = outbox.purge(min(PURGE_SLICE, left))
        if not erased:  # an opening whose outcome is not known yet keeps what follows it
            break
        count += erased
    return CommandResult.DONE, count, outbox.first_seq
