"""Names of the wires of a node: what a board profile connects and what stimuli and actions speak of.

A *line* is a role and a unit. The unit is the number of the door or reader on this board, counted from 1; lines
that belong to the whole box (fire, tamper) are unit 1. Written ``lock.2`` in profiles and logs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class OutputRole(StrEnum):
    """What a node drives."""

    LOCK = "lock"
    """on = released: the door may be opened (which level that is, the board profile says)."""
    BUZZER = "buzzer"
    LED_GREEN = "led_green"
    LED_RED = "led_red"
    SIREN = "siren"
    READER_RESET = "reader_reset"
    """on = the reader chip is held in hard reset."""


class InputRole(StrEnum):
    """What a node senses."""

    CONTACT = "contact"
    """active = the door stands open."""
    REX = "rex"
    """active = the exit button is pressed."""
    TAMPER = "tamper"
    """active = the box is open."""
    ALL_WELL = "all_well"
    """active = a guard says at a patrol point that all is well."""
    FAULT = "fault"
    """active = a guard reports something broken."""
    HELP = "help"
    """active = a guard calls for help."""
    KEY_IN = "key_in"
    """active = somebody says at a time clock that the next card is coming."""
    KEY_OUT = "key_out"
    """active = ... that it is going."""
    KEY_UNDO = "key_undo"
    """active = a cashier says at a till that the last payment of the next card is to be taken back."""
    FIRE = "fire"
    """active = the fire system asks for free egress."""


class OutputLine(NamedTuple):
    """One driven wire."""

    role: OutputRole
    unit: int = 1

    def __str__(self) -> str:
        return f"{self.role.value}.{self.unit}"


class InputLine(NamedTuple):
    """One sensed wire."""

    role: InputRole
    unit: int = 1

    def __str__(self) -> str:
        return f"{self.role.value}.{self.unit}"
