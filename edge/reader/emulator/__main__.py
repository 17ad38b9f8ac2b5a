"""``python -m edge.reader.emulator uart --link PATH --control PORT|PATH``: a reader in a process of its own.

--link      where the serial device appears (a symbolic link to a pseudo-terminal)
--control   the control socket: a TCP port on the loopback (0: any free one) or the path of a Unix
            socket; its commands are in ``control.py``
--cards     a JSON file of cards that lie in the field from the start
--version   VersionReg (default 0x92); --coll-pos nxp|absolute

When it is ready it prints one line of JSON: ``{"link": ..., "control": ...}``. It ends on SIGTERM or
SIGINT and takes the device away with it.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from edge.reader.emulator.catalogue import load_cards
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.clock import RealTimeClock
from edge.reader.emulator.field import Field
from edge.reader.emulator.pty_port import PtyPort
from edge.reader.emulator.server import Server, listen


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m edge.reader.emulator", description=__doc__.splitlines()[0]
    )
    parser.add_argument("bus", choices=["uart"])
    parser.add_argument("--link", type=Path, required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--cards", type=Path)
    parser.add_argument("--version", type=lambda text: int(text, 0), default=0x92)
    parser.add_argument("--coll-pos", choices=["nxp", "absolute"], default="nxp")
    options = parser.parse_args(arguments)

    field = Field(RealTimeClock())
    chip = Chip(field, version=options.version, coll_pos=options.coll_pos)
    for card in load_cards(options.cards) if options.cards else []:
        field.place(card)
    control = listen(options.control)
    server = Server(chip, PtyPort(options.link), control)
    server.stop_on(signal.SIGTERM, signal.SIGINT)
    server.open()
    name = control.getsockname()
    print(
        json.dumps({"link": str(options.link), "control": name[1] if isinstance(name, tuple) else name}),
        flush=True,
    )
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
