"""Opening the outbox when a node starts, whatever state its medium is in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from edge.cache.errors import CacheError, StorageError
from edge.cache.outbox import Outbox
from protocol.facts import Entry

_log: Final = logging.getLogger(__name__)


class AtStart(Struct, frozen=True):
    """What the outbox said when a run began. ``put_aside``: the name of a damaged one that was replaced, or empty."""

    unfinished: tuple[Entry, ...] = ()
    kept: Mapping[str, bytes] = field(default_factory=dict)
    ended_well: bool = True
    put_aside: str = ""


def open_at_start(outbox: Outbox) -> AtStart:
    """Open the outbox before the thread owns it. A damaged one is put aside; a medium that does not answer is tried later."""
    put_aside = ""
    try:
        try:
            outbox.open()
        except StorageError:
            raise
        except CacheError as error:
            _log.error("%s is damaged: %s", outbox.path.name, error)
            put_aside = outbox.set_aside("damaged").name
            outbox.open()
    except CacheError as error:
        _log.error("%s cannot be used: %s", outbox.path.name, error)
        return AtStart()
    return AtStart(tuple(outbox.unfinished), dict(outbox.kept), outbox.ended_well, put_aside)
