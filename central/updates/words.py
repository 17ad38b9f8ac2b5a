"""Why a device does not run the new version, and what devices are used for, in the words of staff."""

from __future__ import annotations

from typing import Final

from central.web.i18n import LazyText, lazy

REASONS: Final[dict[str, LazyText]] = {
    "crashed": lazy("The new version ended by itself again and again."),
    "no_sync": lazy("The new version could not sync although the centre was there."),
    "reader": lazy("A reader stopped working with the new version."),
    "relay": lazy("An output of the board did not obey the new version."),
    "damaged": lazy("What arrived is damaged or not signed with the release key."),
    "wrong_machine": lazy("It is for another kind of board or another Python."),
    "too_old": lazy("It is older than the version in place allows."),
    "no_room": lazy("The SD card has too little room."),
    "storage": lazy("The SD card could not be written."),
}
ROLES: Final[dict[str, LazyText]] = {
    "door": lazy("Doors"),
    "patrol": lazy("Patrol points"),
    "attendance": lazy("Time clocks"),
    "issuer": lazy("Card desks"),
    "pos": lazy("Tills"),
    "parking": lazy("Lanes"),
}
