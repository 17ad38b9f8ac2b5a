"""What an alarm is called, how grave it is and whether it ends by itself. One table for every page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.facts import Alarm


class Severity(IntEnum):
    """How soon somebody must look; lists show the higher first."""

    NOTE = 1
    WARNING = 2
    URGENT = 3

    @property
    def word(self) -> str:
        """Its name in the vocabulary's group "severity"."""
        return self.name.lower()


class Place(IntEnum):
    """What the number ``where`` of an alarm stands for."""

    DEVICE = 0
    DOOR = 1
    POINT = 2


@dataclass(frozen=True)
class AlarmKind:
    """One kind of alarm. ``lasts``: a later fact clears it; else it is a moment, open until somebody acknowledges."""

    text: LazyText
    severity: Severity
    place: Place
    lasts: bool = True
    says_more: bool = False
    """Its detail is names and times, for people to read."""


KINDS: Final[dict[str, AlarmKind]] = {
    "forced_open": AlarmKind(lazy("Door forced open"), Severity.URGENT, Place.DOOR),
    "held_open_soon": AlarmKind(lazy("Door will soon be open too long"), Severity.NOTE, Place.DOOR),
    "held_open": AlarmKind(lazy("Door open too long"), Severity.WARNING, Place.DOOR),
    "wrong_tries": AlarmKind(lazy("Too many wrong tries at a reader"), Severity.WARNING, Place.POINT),
    "reader_fault": AlarmKind(lazy("Reader fault"), Severity.URGENT, Place.POINT),
    "tamper": AlarmKind(lazy("Device opened or moved"), Severity.URGENT, Place.DEVICE),
    "fire": AlarmKind(lazy("Fire input"), Severity.URGENT, Place.DEVICE),
    "storage_unusable": AlarmKind(lazy("Device cannot record"), Severity.URGENT, Place.DEVICE),
    "storage_low": AlarmKind(lazy("Device storage nearly full"), Severity.WARNING, Place.DEVICE),
    "clock_untrusted": AlarmKind(lazy("Device does not know the time"), Severity.WARNING, Place.DEVICE),
    "clock_jumped": AlarmKind(lazy("Device clock jumped"), Severity.WARNING, Place.DEVICE, lasts=False),
    "clone_suspected": AlarmKind(lazy("Copied card suspected"), Severity.URGENT, Place.POINT, lasts=False),
    "credential_missing": AlarmKind(
        lazy("Card shown without its key: copied or damaged"), Severity.WARNING, Place.POINT, lasts=False
    ),
    "temperature": AlarmKind(lazy("Device too hot"), Severity.WARNING, Place.DEVICE),
    "dead_card_used": AlarmKind(
        lazy("Lost or cancelled card used"), Severity.URGENT, Place.POINT, lasts=False
    ),
    "help_wanted": AlarmKind(lazy("Guard calls for help"), Severity.URGENT, Place.POINT, lasts=False),
    "till_conflict": AlarmKind(
        lazy("A till contradicts its own records"), Severity.URGENT, Place.POINT, lasts=False
    ),
    "purse_below_zero": AlarmKind(lazy("Balance below zero"), Severity.WARNING, Place.POINT, lasts=False),
    "duress": AlarmKind(lazy("Duress card or PIN: silent alarm"), Severity.URGENT, Place.POINT, lasts=False),
    "pin_blocked": AlarmKind(
        lazy("Five wrong PINs with one card: its PIN is blocked"), Severity.WARNING, Place.POINT, lasts=False
    ),
    "exit_stuck": AlarmKind(lazy("Exit button stuck: door stays released"), Severity.WARNING, Place.DOOR),
    # Raised by the centre itself, not by a fact of the device.
    "loss_unconfirmed": AlarmKind(
        lazy("Provisional loss report not confirmed in time"), Severity.WARNING, Place.DEVICE, lasts=False
    ),
    "visit_missed": AlarmKind(
        lazy("Checkpoint missed on a round"), Severity.WARNING, Place.POINT, lasts=False, says_more=True
    ),
    "round_not_begun": AlarmKind(
        lazy("Patrol round not begun"), Severity.WARNING, Place.POINT, lasts=False, says_more=True
    ),
    "device_offline": AlarmKind(lazy("Device offline"), Severity.WARNING, Place.DEVICE),
    "records_differ": AlarmKind(
        lazy("Two different records under one number"), Severity.URGENT, Place.DEVICE, lasts=False
    ),
    "closed_identity": AlarmKind(
        lazy("A replaced or revoked device is still connecting"), Severity.URGENT, Place.DEVICE, lasts=False
    ),
    "update_failed": AlarmKind(
        lazy("A new version of the program was not kept"),
        Severity.WARNING,
        Place.DEVICE,
        lasts=False,
        says_more=True,
    ),
    "spare_reused": AlarmKind(
        lazy("A used spare SD card was tried in another board"),
        Severity.URGENT,
        Place.DEVICE,
        lasts=False,
        says_more=True,
    ),
    "ticket_reused": AlarmKind(
        lazy("A used join ticket was tried by another device"), Severity.URGENT, Place.DEVICE, lasts=False
    ),
}
OF_FACT: Final[dict[Alarm, str]] = {alarm: alarm.name.lower() for alarm in Alarm}
assert set(OF_FACT.values()) <= KINDS.keys()


def kinds_from(severity: Severity, *, only: bool = False) -> list[str]:
    """Kinds that are as grave or graver; ``only``: just as grave."""
    return [
        name
        for name, kind in KINDS.items()
        if kind.severity is severity or (kind.severity > severity and not only)
    ]
