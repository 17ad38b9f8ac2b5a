"""Where the lines of a door's history come from: one source for each table, each on its own index. Inside ``db.read``.

What nobody but some operators may see elsewhere (the audit trail, fault tickets) is a source for these operators only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from central.door_history import happenings, records
from central.door_history.subject import (
    AUDIT_RIGHT,
    REPAIRS_RIGHT,
    Subject,
)
from central.routes import Pair
from central.web.merged import Source


def sources_of(subject: Subject, may: Callable[[Pair], bool], now: datetime) -> tuple[Source, ...]:
    """What an operator with these rights sees of it. ``now``: a command without an answer has timed out by then, or not."""
    found = [
        happenings.events_of(subject),
        *happenings.alarms_of(subject),
        *happenings.notes_of(subject),
        records.commands_of(subject, now),
        records.joined_of(subject),
        records.lost_of(subject),
        records.program_of(subject),
    ]
    if may(AUDIT_RIGHT):
        found.append(records.settings_of(subject))
    if may(REPAIRS_RIGHT):
        found += [records.tickets_of(subject), records.work_of(subject)]
    return tuple(found)
