"""Configuration on its way down: three streams, each with its own revision and digest; restrictions always first.

The node pulls: it hears where the centre stands (``heads``, from Welcome, PollReply or Nudge) and asks for what it lacks,
one request per stream at a time. The answer is a delta from the revision it holds, or a snapshot in parts. So a lost
message costs a repeat and nothing else, and the centre keeps no state per node.

Law of both halves: no socket, no clock, no disk. ``receive`` and the other calls return effects; ``messages_to_send``
gives what is to go out; ``next_timer`` says when to ask again if nothing happens. ``now_ms`` is monotonic.
"""

from protocol.downlink.centre import (
    CentreDownlink,
    Delivered,
    DeltaRows,
    DownlinkStorage,
    HotlistReported,
    NotApplied,
    Sealed,
    write_snapshot,
)
from protocol.downlink.changes import Apply, DownlinkEffect, HotlistWanted, Rejected, StreamRows
from protocol.downlink.node import NodeDownlink

__all__ = [
    "Apply",
    "CentreDownlink",
    "Delivered",
    "DeltaRows",
    "DownlinkEffect",
    "DownlinkStorage",
    "HotlistReported",
    "HotlistWanted",
    "NodeDownlink",
    "NotApplied",
    "Rejected",
    "Sealed",
    "StreamRows",
    "write_snapshot",
]
