"""Revisions never go back, and a delta starts where the stored rows stand (I6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cache.errors import RefusedError
from protocol.ids import Stream
from protocol.records import Revisions

if TYPE_CHECKING:  # it brings cryptography along
    from protocol.downlink import Apply


def check_order(apply: Apply, stored: Revisions) -> None:
    """Whether these rows may follow what is stored.

    :raises RefusedError: they may not.
    """
    if apply.config_epoch < stored.config_epoch:
        raise RefusedError(f"config_epoch {apply.config_epoch} after {stored.config_epoch}")
    if apply.config_epoch > stored.config_epoch:
        if len(apply.streams) != len(Stream) or not all(rows.whole for rows in apply.streams):
            raise RefusedError("a new config_epoch begins with all streams whole")
        return
    for rows in apply.streams:
        held = stored.of(rows.stream)
        if rows.revision < held or (rows.revision == held and not rows.whole):
            raise RefusedError(f"{rows.stream.name}: revision {rows.revision} after {held}")
        if not rows.whole and rows.base != held:
            raise RefusedError(f"{rows.stream.name}: a delta from {rows.base}, stored is {held}")
