"""An emulated board for the demo and for tests: real drivers over emulated chips, a simulated board, a clock to set wrong.

What the control line (``control``) can do; ``reader`` and ``unit`` count from 1, ``card`` is a card of
``reader.emulator.catalogue``, for example ``{"kind": "classic1k", "uid": "04A1B2C3"}``:

=============  ======================================  ================================================================
``do``         with                                    does
=============  ======================================  ================================================================
``place``      ``reader``, ``card``                    puts a card into the field, where it stays
``remove``     ``reader``, ``uid`` (optional)          takes that card away, or all
``tap``        ``reader``, ``card``, ``ms`` (400)      places a card; takes it away after so long, once it was told of;
                                                       the next tap at this reader waits for that, as people do
``fault``      ``reader``, ``fault``                   breaks the reader: ``{"kind": "lost"}`` ... (``emulator.faults``)
``mend``       ``reader``                              ends every fault of the reader
``input``      ``line`` ("rex.1"), ``active``          sets an input
``keys``       ``reader``, ``keys`` ("1234#")          presses keys of the keypad beside a reader
``press``      ``unit``, ``ms`` (300)                  presses the exit button and lets it go
``walk``       ``unit``, ``ms`` (1500)                 opens the door if its lock lets it, and closes it again
``force``      ``unit``, ``open`` (true)               opens (closes) the door whatever the lock says
``network``    ``up``                                  cuts the network, joins it again
``clock``      ``shift_ms``                            sets the machine's wall clock wrong by so much
``power_off``                                          ends the process at once, as a power cut does
``state``                                              every output, input, card, and the switches
``watch``                                              the same, and from then on every change as an event
=============  ======================================  ================================================================

Events: ``{"event": "output", "line": "lock.1", "on": true, "at_ms": ...}``, ``"input"`` with ``active``, ``"cards"`` with
``reader`` and ``uids``, ``"switch"`` with ``network`` and ``shift_ms``. ``at_ms`` is the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from edge.clock import EmulatedTime, MachineTime
from edge.config import NodeConfig
from edge.control import ControlError, ControlServer
from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.emulated_readers import EmulatedReader, emulated_readers
from edge.emulated_taps import Taps, hold_s
from edge.keypad.emulated import EmulatedKeypad
from edge.reader.base import CardReader, Verify
from edge.relay.board import load as load_profile
from edge.relay.simulated import SimulatedBoard, Transition

POWER_OFF_CODE: Final = 137
PRESS_MS: Final = 300
WALK_MS: Final = 1_500


class Emulation:
    """Everything that is not real about a node. Also the ``Service`` of its control line."""

    def __init__(self, config: NodeConfig, real: MachineTime, verify: Verify | None = None) -> None:
        assert config.emulator is not None
        self.time = EmulatedTime(real, str(uuid.uuid4()))
        self.board = SimulatedBoard(load_profile(config.board), self.time.mono_ms)
        self.membership: Any = None
        """The link's switch, once there is one."""
        self._config = config
        self._loop: asyncio.AbstractEventLoop
        self._taps: dict[int, Taps] = {}
        self._readers = emulated_readers(config.readers, config.data_dir, verify)
        commands = {
            "place": self._place,
            "remove": self._remove,
            "tap": self._tap,
            "fault": self._fault,
            "mend": self._mend,
            "input": self._input,
            "keys": self._keys,
            "press": self._press,
            "walk": self._walk,
            "force": self._force,
            "network": self._network,
            "clock": self._clock,
            "power_off": self._power_off,
            "state": self._state,
        }
        self.keypads = {reader.unit: EmulatedKeypad() for reader in config.readers}
        self._server = ControlServer(config.emulator.control, commands, self._snapshot)

    def readers(self) -> dict[int, CardReader]:
        """The readers of the configuration, over the emulated chips."""
        return {unit: emulated.reader for unit, emulated in self._readers.items()}

    def close(self) -> None:
        """End what runs in other processes."""
        for emulated in self._readers.values():
            emulated.close()

    # -- service ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the control line; its address stands in ``control.json`` of the data directory."""
        self._loop = asyncio.get_running_loop()
        self.board.subscribe(self._output_changed)
        await self._server.start(self._config.data_dir / "control.json")

    async def stop(self) -> None:
        """Close the control line, once it has told what happened before."""
        for taps in self._taps.values():
            taps.stop()
        await asyncio.sleep(0)  # the turn in which the last outputs are told
        await self._server.stop()

    def _output_changed(self, transition: Transition) -> None:
        event = {
            "event": "output",
            "line": str(transition.line),
            "on": transition.on,
            "at_ms": transition.at_ms,
        }
        self._loop.call_soon_threadsafe(self._server.tell, event)

    # -- what is -------------------------------------------------------------------------------------------------

    async def _snapshot(self) -> list[dict[str, Any]]:
        # first what is waited for: a line that changes after it was looked at is told to whoever watches by then
        events = [await self._cards_event(unit) for unit in self._readers]
        now_ms = self.time.mono_ms()
        events += [
            {"event": "output", "line": str(pin.line), "on": self.board.is_on(pin.line), "at_ms": now_ms}
            for pin in self.board.profile.outputs
        ]
        events += [
            {
                "event": "input",
                "line": str(pin.line),
                "active": self.board.input_is_active(pin.line),
                "at_ms": now_ms,
            }
            for pin in self.board.profile.inputs
        ]
        return [*events, self._switch_event()]

    async def _cards_event(self, unit: int) -> dict[str, Any]:
        answer = await self._do(unit, {"do": "list"})
        uids = [card["uid"] for card in answer["cards"]]
        return {"event": "cards", "reader": unit, "uids": uids, "at_ms": self.time.mono_ms()}

    async def _tell_cards(self, unit: int) -> None:
        self._server.tell(await self._cards_event(unit))

    def _switch_event(self) -> dict[str, Any]:
        up = self.membership.network_up if self.membership is not None else False
        return {
            "event": "switch",
            "network": up,
            "shift_ms": self.time.shift_ms,
            "at_ms": self.time.mono_ms(),
        }

    async def _state(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"now": await self._snapshot()}

    # -- cards and readers --------------------------------------------------------------------------------------

    def _reader(self, unit: int) -> EmulatedReader:
        emulated = self._readers.get(unit)
        if emulated is None:
            raise ControlError(f"there is no reader {unit}")
        return emulated

    async def _do(self, unit: int, command: dict[str, Any]) -> dict[str, Any]:
        answer = await asyncio.to_thread(self._reader(unit).do, command)
        if not answer.pop("ok"):
            raise ControlError(answer["error"])
        return answer

    async def _place(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        unit = int(request.get("reader", 1))
        answer = await self._do(
            unit, {"do": "place", "card": request["card"], "clone": request.get("clone", False)}
        )
        await self._tell_cards(unit)
        return answer

    async def _remove(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        unit = int(request.get("reader", 1))
        uid = request.get("uid")
        answer = await self._do(unit, {"do": "remove", "uid": uid} if uid else {"do": "clear"})
        await self._tell_cards(unit)
        return answer

    async def _tap(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        unit = int(request.get("reader", 1))
        if unit not in self._taps:
            self._taps[unit] = Taps(self._reader(unit).reader, self._place, partial(self._take, unit))
        return await self._taps[unit].add(request)

    async def _take(self, unit: int, name: str) -> None:
        with suppress(ControlError):  # somebody else may have taken it
            await self._do(unit, {"do": "remove", "name": name})
        await self._tell_cards(unit)

    async def _fault(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if "line" in request:  # an output whose pin stays as it is
            self.board.stuck[self._output(request["line"])] = bool(request["on"])
            return {}
        return await self._do(int(request.get("reader", 1)), {"do": "fault", "fault": request["fault"]})

    def _output(self, name: str) -> OutputLine:
        for pin in self.board.profile.outputs:
            if str(pin.line) == name:
                return pin.line
        raise ControlError(f"there is no output {name}")

    async def _mend(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.board.stuck.clear()
        return await self._do(int(request.get("reader", 1)), {"do": "stop"})

    # -- the door -----------------------------------------------------------------------------------------------

    def _set_input(self, line: InputLine, active: bool) -> None:
        try:
            self.board.set_input(line, active)
        except KeyError:
            raise ControlError(f"this board has no input {line}") from None
        self._server.tell(
            {"event": "input", "line": str(line), "active": active, "at_ms": self.time.mono_ms()}
        )

    async def _input(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        role, _dot, unit = str(request["line"]).partition(".")
        self._set_input(InputLine(InputRole(role), int(unit or 1)), bool(request["active"]))
        return {}

    async def _keys(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        unit, keys = int(request.get("reader", 1)), str(request["keys"])
        if unit not in self.keypads or not set(keys) <= set("0123456789*#"):
            raise ControlError("keys are digits, # and *, at a reader that there is")
        self.keypads[unit].press(keys)
        return {}

    async def _press(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        line = InputLine(InputRole.REX, int(request.get("unit", 1)))
        self._set_input(line, True)
        self._loop.call_later(hold_s(request, PRESS_MS), self._set_input, line, False)
        return {}

    async def _walk(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        unit = int(request.get("unit", 1))
        if not self.board.is_on(OutputLine(OutputRole.LOCK, unit)):
            return {"opened": False}
        contact = InputLine(InputRole.CONTACT, unit)
        self._set_input(contact, True)
        self._loop.call_later(hold_s(request, WALK_MS), self._set_input, contact, False)
        return {"opened": True}

    async def _force(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._set_input(
            InputLine(InputRole.CONTACT, int(request.get("unit", 1))), bool(request.get("open", True))
        )
        return {}

    # -- the machine --------------------------------------------------------------------------------------------

    async def _network(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.membership is None:
            raise ControlError("this node has no centre")
        self.membership.network_up = bool(request["up"])
        self._server.tell(self._switch_event())
        return {}

    async def _clock(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.time.shift_ms = int(request["shift_ms"])
        self._server.tell(self._switch_event())
        return {}

    async def _power_off(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._loop.call_later(0.05, os._exit, POWER_OFF_CODE)
        return {}
