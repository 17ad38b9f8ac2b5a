"""Commands for an emulated reader: what a person at a real one would do with their hands.

A command is a JSON object with ``do``; the answer has ``ok`` and, when that is false, ``error`` (in
English: this is a tool for developers and for the demo). Over a socket it is one object per line.

===========  =====================================  =========================================
``do``       further fields                         answer
===========  =====================================  =========================================
ping         -                                      ``now_us``: the chip's clock
place        ``card`` (see ``card_from_dict``),     ``card``: as it lies there
             ``hold_ms`` (taken away after that),
             ``clone`` (true: a second one with
             the same UID is meant)
remove       ``uid`` (hex) or ``name``              ``card``: with its contents of now
clear        -                                      ``cards``: all that lay there
list         -                                      ``cards``
fault        ``fault`` (see ``fault_from_dict``)    ``faults``: those active
stop         ``kind``; without it, all              ``faults``: those still active
registers    -                                      ``registers``: 64 numbers; ``antenna``
advance      ``us``: move a virtual clock           ``now_us``
===========  =====================================  =========================================
"""

from collections.abc import Callable
from typing import Any

from edge.reader.emulator.cards import Card
from edge.reader.emulator.catalogue import card_from_dict
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.faults import fault_from_dict
from edge.reader.emulator.field import Field

HOLD_MS_MAX = 600_000
ADVANCE_US_MAX = 3_600_000_000

Command = dict[str, Any]


def handle(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    """Carry out one command; never raises for what the other side sent. May be called from any thread."""
    action = ACTIONS.get(str(command.get("do"))) if isinstance(command, dict) else None
    if action is None:
        return {"ok": False, "error": f"unknown command; known: {', '.join(ACTIONS)}"}
    try:
        with field.lock:
            field.settle()
            return {"ok": True, **action(command, field, chip)}
    except (ValueError, TypeError, AttributeError) as error:
        return {"ok": False, "error": str(error)}


def _number(command: Command, name: str, largest: int) -> int:
    value = command.get(name)
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError(f"{name!r} must be a whole number from 0 to {largest}")
    return value


def _find(command: Command, field: Field) -> Card:
    uid, name = command.get("uid"), command.get("name")
    for card in field.cards:
        if (uid and card.uid.hex().upper() == str(uid).upper()) or (name and card.name == name):
            return card
    raise ValueError("no such card in the field")


def _ping(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    return {"now_us": chip.clock.now_us()}


def _place(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    card = card_from_dict(command.get("card") or {})
    hold_ms = _number(command, "hold_ms", HOLD_MS_MAX) if "hold_ms" in command else None
    if not command.get("clone") and any(card.uid == other.uid for other in field.cards):
        raise ValueError("a card with this UID lies in the field already")
    field.place(card)
    if hold_ms is not None:
        field.remove(card, at_us=chip.clock.now_us() + hold_ms * 1000)
    return {"card": card.to_dict()}


def _remove(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    card = _find(command, field)
    field.remove(card)
    return {"card": card.to_dict()}


def _clear(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    cards = list(field.cards)
    field.clear()
    return {"cards": [card.to_dict() for card in cards]}


def _list(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    return {"cards": [card.to_dict() for card in field.cards]}


def _active(chip: Chip) -> dict[str, Any]:
    return {"faults": [fault.to_dict() for fault in chip.faults]}


def _fault(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    fault_from_dict(command.get("fault") or {}).start(chip)
    return _active(chip)


def _stop(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    for fault in list(chip.faults):
        if command.get("kind") in (None, fault.kind):
            fault.stop()
    return _active(chip)


def _registers(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    return {"registers": chip.registers(), "antenna": field.on}


def _advance(command: Command, field: Field, chip: Chip) -> dict[str, Any]:
    chip.clock.advance(_number(command, "us", ADVANCE_US_MAX))
    field.settle()
    return _ping(command, field, chip)


ACTIONS: dict[str, Callable[[Command, Field, Chip], dict[str, Any]]] = {
    "ping": _ping,
    "place": _place,
    "remove": _remove,
    "clear": _clear,
    "list": _list,
    "fault": _fault,
    "stop": _stop,
    "registers": _registers,
    "advance": _advance,
}
