"""Which of a door's facts a floor plan shows: the one that somebody must see first. Pure."""

from __future__ import annotations

from central.access.door_lines import DoorLine


def state_of(door: DoorLine) -> str:
    """Name in the vocabulary's group "plan". An alarm of the contact stands before the rule, both before what was known last;
    shut is said only where a contact says so."""
    if door.connection == "unused":
        return "unused"
    if door.contact in ("forced", "held"):
        return door.contact
    if door.rule in ("locked_down", "blocked"):
        return door.rule
    if door.connection == "offline":
        return "offline"
    if door.contact == "open":
        return "open"
    if door.rule == "unlocked":
        return "unlocked"
    if door.relay == "released":
        return "released"
    if door.relay != "secured":
        return "unknown"
    return "shut" if door.contact == "closed" else "locked"
