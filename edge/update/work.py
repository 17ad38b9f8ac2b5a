"""Proves and unpacks an archive in a process of its own, out of the way of the doors: ``python -m edge.update.work``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.update.place import NotPlacedError, place, prove
from protocol.messages import ReleaseOffer
from protocol.updating import UpdateReason

NICE: Final = 19


def main(arguments: list[str]) -> int:
    """``archive key offer version size sha256 home``, hexadecimal where it is bytes; 0, or the number of an UpdateReason."""
    archive, key, offer, version, size, sha256, home = arguments
    wanted = ReleaseOffer(int(offer), version, int(size), bytes.fromhex(sha256))
    with suppress(AttributeError, OSError):  # Windows has none; a sandbox may forbid it
        os.nice(NICE)
    try:
        prove(Path(archive), wanted, bytes.fromhex(key), Path(home))
        place(Path(archive), bytes.fromhex(key), Path(home), version)
    except NotPlacedError as error:
        print(error, file=sys.stderr)  # noqa: T201  (read by the node, which logs it)
        return error.reason.value
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return UpdateReason.STORAGE.value
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
