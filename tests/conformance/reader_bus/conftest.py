"""One suite for all transports: what passes on the emulator passes on the wires that a site uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.reader import bus_uart
from tests.support.readers import RIGS, EmulatorRig, SpiRig, UartRig


@pytest.fixture(params=sorted(RIGS))
def rig(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmulatorRig | SpiRig | UartRig]:
    """An emulated reader behind each transport in turn. The chip of a line is a process, which a busy machine lets wait."""
    monkeypatch.setattr(bus_uart, "ANSWER_S", 2.0)
    monkeypatch.setattr(bus_uart, "FIND_S", 0.1)
    rig = RIGS[request.param](tmp_path)
    try:
        yield rig
    finally:
        rig.reader.close()
        rig.stop()
