"""Conversations of an issuer with the card on a reader: begun by the role, held in the reader's thread, told as a stimulus.

What talks to cards (and ``cryptography`` under it) is loaded with the first conversation: other nodes never pay for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from edge.core.actions import Converse, WriteOnCard
from edge.core.stimuli import CardInspected, CardWritten, Stimulus
from edge.reader.base import CardSession
from edge.reader.errors import CardAhead, CardDamaged, CardUnsuitable, ReaderError
from edge.reader.worker import ReaderWorker
from protocol.card_layout.door_keys import DoorKeys
from protocol.facts import Content, InspectionFact, WriteResult

if TYPE_CHECKING:
    from protocol.messages import WriteCard

_log = logging.getLogger(__name__)


class Conversations:
    """See the module.

    :param keys: what inspections read credentials with.
    :param tell: brings a stimulus to the role, from any thread.
    """

    def __init__(
        self,
        workers: Mapping[int, ReaderWorker],
        keys: Callable[[], DoorKeys],
        tell: Callable[[Stimulus], None],
    ) -> None:
        self._workers = workers
        self._keys = keys
        self._tell = tell

    def begin(self, action: Converse) -> None:
        """Submit it to the reader; its answer follows, whatever happens, unless the reader is stopped."""
        operation: Callable[[CardSession], Any]
        if isinstance(action, WriteOnCard):
            uid, operation = action.order.uid, partial(carry_out, action.order)
        else:
            uid, operation = action.uid, self._inspect
        try:
            future = self._workers[action.reader].submit(uid, operation)
        except (KeyError, ReaderError) as error:
            self._tell(_failed(action, error))
        else:
            future.add_done_callback(partial(self._done, action))

    def _inspect(self, session: CardSession) -> InspectionFact:
        from edge.reader.inspecting import inspect

        return inspect(session, self._keys())

    def _done(self, action: Converse, future: Future[Any]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._tell(_failed(action, error))
        elif isinstance(action, WriteOnCard):
            self._tell(
                CardWritten(action.reader, action.order.command_id, WriteResult.WRITTEN, future.result())
            )
        else:
            self._tell(CardInspected(action.reader, action.uid, future.result()))


def carry_out(order: WriteCard, session: CardSession) -> int:
    """Write or erase the selected card as ordered; the sequence that stands on it then."""
    from edge.reader.issuing import erase, write_slot
    from protocol.card_layout.card_keys import read_card_keys

    keys = read_card_keys(order.keys)
    if order.slot:
        return write_slot(session, order.slot, order.medium, keys).seq
    zones = tuple(zone for zone in range(32) if order.zones >> zone & 1)
    erase(session, zones, order.medium, keys)
    return 0


def _failed(action: Converse, error: BaseException) -> Stimulus:
    if not isinstance(error, ReaderError):
        _log.error("a conversation with a card failed", exc_info=error)
    if not isinstance(action, WriteOnCard):
        return CardInspected(action.reader, action.uid, InspectionFact(0, 0, Content.UNREAD, 0))
    match error:
        case CardAhead(seq=seq):
            return CardWritten(action.reader, action.order.command_id, WriteResult.CARD_AHEAD, seq)
        case CardDamaged():
            result = WriteResult.DAMAGED
        case CardUnsuitable():
            result = WriteResult.UNSUITABLE
        case _:
            result = WriteResult.LEFT
    return CardWritten(action.reader, action.order.command_id, result)
