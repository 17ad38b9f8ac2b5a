"""Facts on their way up: numbered, chained, acknowledged cumulatively, kept until they are in the centre's backup.

The node sends what follows the last acknowledged fact, a few batches ahead, and starts again from there when no
acknowledgement comes. The centre takes exactly what follows its last committed fact, ignores what it has, says again
where it stands when there is a gap, and keeps both sides of a fork (I1-I4, I11).

Law of both halves: no socket, no clock, no disk. ``now_ms`` is monotonic.
"""

from protocol.uplink.centre import CentreUplink, CentreUplinkEffect, FactStore, Forked, Quarantined, Store
from protocol.uplink.node import (
    NETWORK,
    SERIAL,
    Acked,
    Diverged,
    NodeUplink,
    OutboxReader,
    Pace,
    Purge,
    UplinkEffect,
)

__all__ = [
    "NETWORK",
    "SERIAL",
    "Acked",
    "CentreUplink",
    "CentreUplinkEffect",
    "Diverged",
    "FactStore",
    "Forked",
    "NodeUplink",
    "OutboxReader",
    "Pace",
    "Purge",
    "Quarantined",
    "Store",
    "UplinkEffect",
]
