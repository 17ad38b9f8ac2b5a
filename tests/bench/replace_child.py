"""Replaces the cards of a stored configuration while the old ones are in use; prints by how many MiB memory rose at most."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec

from edge.cache.store import ConfigStore
from protocol.downlink import Apply, StreamRows
from protocol.downlink.changes import SnapshotRows
from protocol.ids import Stream


def resident_mib(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main(folder: Path) -> None:
    store = ConfigStore(folder / "peak.db")
    store.open()
    view = store.load()
    frames = msgspec.msgpack.decode((folder / "frames").read_bytes(), type=tuple[bytes, ...])
    rows = StreamRows(Stream.ACCESS, True, 1, 2, SnapshotRows(frames), b"", frames)
    before = resident_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    store.install(Apply(1, 1, (rows,), 0))
    print(resident_mib("VmHWM") - before)
    del view


if __name__ == "__main__":
    main(Path(sys.argv[1]))
