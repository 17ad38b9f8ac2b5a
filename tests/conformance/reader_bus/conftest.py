"""One suite for all transports: what passes on the emulator passes on the wires that a site uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.readers import RIGS, EmulatorRig, SpiRig, UartRig


@pytest.fixture(params=sorted(RIGS))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmulatorRig | SpiRig | UartRig]:
    """An emulated reader behind each transport in turn."""
    rig = RIGS[request.param](tmp_path)
    try:
        yield rig
    finally:
        rig.reader.close()
        rig.stop()
