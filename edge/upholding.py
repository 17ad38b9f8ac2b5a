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
from protocol.facts import ClearedFact, CommandResult, TestFact

if TYPE_CHECKING:
    from edge.node import Node
    from protocol.messages import ClearRecords, TestNode

READERS_WITHIN_S: Final = 1.0
"""A reader that polls ten times a second and has not come back from one by then does not work."""
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
        await asyncio.sleep(READERS_WITHIN_S)
        polled = {unit for unit, worker in workers.items() if worker.heartbeat > before[unit]}
        self._node.recorder.call(_probed, partial(self._tested, command, polled))

    def _tested(self, command: TestNode, polled: set[int], found: Any, error: Exception | None) -> None:
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
