"""What a floor plan says of a door: the table of its facts, the one that somebody must see first."""

from __future__ import annotations

from typing import Any

import pytest

from central.access.door_lines import DoorLine
from central.patrol_map.plan import state_of
from protocol.records import Mode

FACTS: dict[str, Any] = {
    "relay": "secured",
    "contact": "closed",
    "rule": "normal",
    "is_online": True,
    "enabled": True,
}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "shut"),
        ({"relay": "released"}, "released"),
        ({"contact": "open", "relay": "released"}, "open"),
        ({"contact": "forced"}, "forced"),
        ({"contact": "held"}, "held"),
        ({"contact": "forced", "rule": "locked_down"}, "forced"),
        ({"rule": "locked_down", "contact": "open"}, "locked_down"),
        ({"rule": "blocked", "is_online": False}, "blocked"),
        ({"rule": "unlocked", "relay": "released"}, "unlocked"),
        ({"rule": "locked"}, "shut"),
        ({"is_online": False}, "offline"),
        ({"is_online": False, "contact": "open"}, "offline"),
        ({"relay": "unknown"}, "unknown"),
        ({"enabled": False, "contact": "forced"}, "unused"),
        ({"contact": "absent"}, "locked"),
        ({"contact": "unknown"}, "locked"),
    ],
)
def test_the_fact_that_matters_most(facts: dict[str, Any], state: str) -> None:
    """Planted breaks: the connection before the contact's alarm; shut without asking the contact."""
    about = dict.fromkeys(("since", "relay_since", "last_known_at", "changed_at"))
    numbers = {"id": 1, "site_id": 1, "device_id": 1, "device_number": 1}
    texts = {"label": "东门", "location": "", "device_label": "", "last_relay": ""}
    line = DoorLine(
        **{**about, **numbers, **texts, **FACTS, **facts},
        device_enabled=True,
        configured_mode=Mode.NORMAL,
    )
    assert state_of(line) == state
