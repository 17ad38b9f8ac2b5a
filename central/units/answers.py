"""What a unit answered, in words: (title, value) pairs."""

from __future__ import annotations

from typing import Any, Final

from central.access.model import AccessPoint
from central.units.model import UnitCommand
from central.units.rules import Act, seconds
from central.web import formats
from central.web.i18n import LazyText, _, lazy
from protocol.facts import CommandResult, Supply

SUPPLY_WORDS: Final[dict[Supply, LazyText]] = {
    Supply.UNKNOWN: lazy("The board does not tell"),
    Supply.MAINS: lazy("Power supply"),
    Supply.BATTERY: lazy("Battery"),
    Supply.LOW: lazy("Voltage too low"),
}
RESULT_WORDS: Final[dict[CommandResult, LazyText]] = {
    CommandResult.DONE: lazy("Done by the unit"),
    CommandResult.TOO_OLD: lazy("The command reached the unit too late"),
    CommandResult.UNKNOWN_NONCE: lazy("The unit did not recognise the command"),
    CommandResult.USED_NONCE: lazy("The unit had this command before"),
    CommandResult.WRONG_DOOR: lazy("The unit has no such reader"),
    CommandResult.REFUSED_BY_MODE: lazy("The unit refused the command"),
    CommandResult.REFUSED_BY_INTERLOCK: lazy("The unit refused the command"),
    CommandResult.BAD_SIGNATURE: lazy("The unit did not trust the command"),
    CommandResult.STORAGE_UNUSABLE: lazy("The unit's storage does not work"),
    CommandResult.NOT_CONFIRMED: lazy(
        "The unit has no word of a backup for these records; nothing was erased"
    ),
    CommandResult.OTHER_RECORDS: lazy(
        "The unit's records are not those that the centre confirmed; nothing was erased"
    ),
}
assert RESULT_WORDS.keys() == set(CommandResult)
OUTPUT_WORDS: Final[dict[str, LazyText]] = {
    "lock": lazy("Lock %(n)s"),
    "buzzer": lazy("Buzzer %(n)s"),
    "led_green": lazy("Green light %(n)s"),
    "led_red": lazy("Red light %(n)s"),
    "siren": lazy("Siren %(n)s"),
}
"""Outputs by the name of their role. What is not here is shown by its name on the board."""
UNMOVED: Final = frozenset({"lock", "siren"})
"""A test reads them back and does not move them."""
INPUT_WORDS: Final[dict[str, tuple[LazyText, LazyText, LazyText]]] = {
    "contact": (lazy("Door contact %(n)s"), lazy("open"), lazy("closed")),
    "rex": (lazy("Exit button %(n)s"), lazy("pressed"), lazy("at rest")),
    "tamper": (lazy("Cover contact"), lazy("open"), lazy("closed")),
    "fire": (lazy("Fire input"), lazy("active"), lazy("at rest")),
}
"""Inputs of a door: (title, when active, when not)."""
_NO_TEMPERATURE: Final = -128


def answer_of(command: UnitCommand) -> list[tuple[str, str]]:
    """What the unit said, nothing while it has not."""
    answer = command.answer
    if not answer:
        return []
    match Act(command.kind):
        case Act.TEST if "readers" in answer:
            return _tested(answer)
        case Act.CLEAR if "count" in answer:
            return _cleared(answer)
        case _:
            return [(_("Answer"), str(RESULT_WORDS[CommandResult(answer["result"])]))]


def _tested(answer: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for unit, point, works, chip in answer["readers"]:
        row = AccessPoint.get_or_none(AccessPoint.id == point)
        name = row.label if row is not None else str(unit)
        state = _("works") if works else _("does not work")
        version = chip.rpartition(" ")[2]
        if version.startswith("0x"):
            state = _("%(state)s (chip %(version)s)", state=state, version=version)
        found.append((_("Reader %(name)s", name=name), state))
    found += [_output(line, obeys) for line, obeys in answer.get("outputs", ())]
    for line, active in answer.get("inputs", ()):
        role, _dot, number = line.partition(".")
        if role in INPUT_WORDS:
            title, on, off = INPUT_WORDS[role]
            found.append((str(title) % {"n": number}, str(on if active else off)))
    if answer["measured_ms"] < 0:
        clock = _("not measured")
    else:
        clock = _(
            "%(s)s s (± %(error)s s)",
            s=seconds(answer["difference_ms"]),
            error=f"{answer['error_ms'] / 1_000:.1f}",
        )
    found.append((_("Clock difference"), clock))
    storage = _("works") if answer["storage_ok"] else _("does not work")
    found.append((_("Storage"), _("%(state)s, %(free)s MiB free", state=storage, free=answer["free_mib"])))
    kept = answer["seq"] - answer["first_seq"]
    found.append((_("Records at the unit"), formats.number(kept)))
    found.append((_("Known to be in a backup"), formats.number(answer["backed_up_through"])))
    supply = str(SUPPLY_WORDS[Supply(answer["supply"])])
    if answer["battery_percent"] >= 0:
        supply = f"{supply}, {answer['battery_percent']} %"
    found.append((_("Supply"), supply))
    if answer["temperature_c"] != _NO_TEMPERATURE:
        found.append((_("Temperature"), f"{answer['temperature_c']} °C"))
    return found


def _output(line: str, obeys: bool) -> tuple[str, str]:
    role, _dot, number = line.partition(".")
    title = str(OUTPUT_WORDS[role]) % {"n": number} if role in OUTPUT_WORDS else line
    if not obeys:
        return title, _("does not obey")
    return title, _("as it was set (not moved)") if role in UNMOVED else _("works")


def _cleared(answer: dict[str, Any]) -> list[tuple[str, str]]:
    result = CommandResult(answer["result"])
    found = [(_("Answer"), str(RESULT_WORDS[result]))]
    if result is CommandResult.DONE:
        found.append((_("Erased now"), formats.number(answer["count"])))
        found.append(
            (_("Erased so far, all of it kept by a backup"), formats.number(answer["first_seq"] - 1))
        )
    found.append((_("Records at the unit"), formats.number(answer["seq"] - answer["first_seq"])))
    return found
