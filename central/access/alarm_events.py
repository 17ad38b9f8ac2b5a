"""Alarms that no ``AlarmFact`` tells of, as events for other programs: what the centre raises, finds out or ends itself, and
what somebody acknowledges.

Facts are events by themselves; these have a row each, put down once in the transaction that does it to the alarm.
``after_fact`` says where it stands among the facts: one writer at a time, so the order never changes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

from peewee import fn

from central.access.model import AlarmEvent
from central.sync.model import StoredFact

followers: Final[list[Callable[[AlarmEvent, datetime], None]]] = []
"""Told of an event that stands alone, and when it was put down; those of a batch of facts are looked up once the facts themselves were told."""


def put(
    device_id: int,
    order: tuple[int, int],
    at: datetime,
    *,
    what: Literal["raised", "acknowledged", "cleared"],
    is_time_sure: bool = True,
    with_facts: bool = False,
    now: datetime | None = None,
) -> None:
    """This became of the alarm of this (node_epoch, seq); a repetition, as in a rebuild, adds nothing.

    :param now: where it is later than ``at``.
    :param with_facts: found out from facts that are being stored in this transaction.
    """
    key = {"device": device_id, "node_epoch": order[0], "seq": order[1], "what": what}
    if AlarmEvent.get_or_none(**key) is not None:
        return
    last_fact = StoredFact.select(fn.MAX(StoredFact.id)).scalar() or 0
    event = AlarmEvent.create(**key, at=at, is_time_sure=is_time_sure, after_fact=last_fact)
    if not with_facts:
        for follow in followers:
            follow(event, now or at)
