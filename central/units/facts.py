"""From facts of units to the acts that they answer. Inside ``db.write``.

An act is what an operator did, so ``reset`` takes nothing back; a fact that comes again finds the act ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from central.db import announce
from central.units.acts import ASKED, act_of, settle
from central.units.model import UnitCommand
from central.units.rules import OPEN, Act, ActState, of_result
from protocol.facts import ClearedFact, CommandFact, CommandResult, TestFact

if TYPE_CHECKING:
    from central.access.projection.batch import Stored


def apply(device_id: int, facts: Sequence[Stored], *, live: bool = True) -> None:
    """What one device says of the acts. A rebuild changes nothing: the acts remember."""
    if not live:
        return
    for stored in facts:
        match stored.body:
            case TestFact() | ClearedFact() | CommandFact() as body if act_of(body.command_id):
                _answered(device_id, stored, body)
            case _:
                pass
    if facts and (waiting := _waiting_clears(device_id)):
        announce(ASKED, {"ids": waiting})


def _waiting_clears(device_id: int) -> list[int]:
    """Acts that wait for the unit to hand over what it holds: with these facts it may have."""
    query = UnitCommand.select(UnitCommand.id).where(
        (UnitCommand.device == device_id)
        & (UnitCommand.kind == Act.CLEAR.value)
        & (UnitCommand.state == ActState.WAITING.value)
    )
    return [number for (number,) in query.tuples()]


def reset() -> None:
    """Nothing: what operators asked for cannot be made again from facts."""


def _answered(device_id: int, stored: Stored, body: TestFact | ClearedFact | CommandFact) -> None:
    command = UnitCommand.get_or_none(
        (UnitCommand.id == act_of(body.command_id)) & (UnitCommand.device == device_id)
    )
    if command is None or command.state not in OPEN:
        return
    act = Act(command.kind)
    if isinstance(body, CommandFact):
        result = CommandResult(body.result)
        if result is CommandResult.DONE and act is not Act.SET_TIME:
            return  # it beeps; what it found follows
        state = of_result(result, command.tries)
        if state is None or state.value == command.state:
            return
        command.answer = {"result": int(result)}
        settle(command, state, stored.at)
        if state is ActState.WAITING:
            announce(ASKED, {"ids": [command.id]})
        return
    answer: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(body))
    command.answer = {**answer, "seq": stored.fact.seq}
    is_refused = isinstance(body, ClearedFact) and body.result is not CommandResult.DONE
    settle(command, ActState.REFUSED if is_refused else ActState.DONE, stored.at)
