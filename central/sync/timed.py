"""An estate's devices are to report, or to set their clocks, at other intervals: each session's next answer says so (62, 63)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from central.db import Database
from central.nodes.timing import CHANGED
from central.sync.links import Link


def follow(db: Database, links: Mapping[bytes, Link], ask: Callable[[Mapping[str, Any]], None]) -> None:
    """Hear of changes from now on. ``ask`` has devices with a live connection poll at once, which brings them the answer."""

    def changed(told: Mapping[str, Any]) -> None:
        for link in links.values():
            if link.device_id in told["devices"]:
                link.peer.record = msgspec.structs.replace(
                    link.peer.record, period_s=told["poll_s"], time_set_s=told["time_set_s"]
                )
        ask({"ids": told["devices"]})

    db.subscribe(CHANGED, changed)
