"""A serial device that is really a pseudo-terminal, as seen by a host that opens it with pyserial."""

import array
import contextlib
import fcntl
import os
import pty
import tty
from pathlib import Path

TCGETS2 = 0x802C542A
"""Linux: the terminal's settings with any speed, not only the named ones of ``termios``."""
OUTPUT_SPEED_INDEX = 10
"""c_ospeed in struct termios2 seen as 32-bit numbers: 4 flags, line and c_cc (5), c_ispeed."""


class PtyPort:
    """`link` is a symbolic link to the device; it comes with ``plug`` and goes with ``unplug``."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master: int | None = None
        self._slave: int | None = None

    @property
    def plugged(self) -> bool:
        return self.master is not None

    def plug(self) -> int:
        """Make the device; returns the end that the emulator reads and writes."""
        assert self.master is None, "plugged already"
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self.master, self._slave = master, slave
        draft = self.link.with_name(self.link.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        draft.symlink_to(os.ttyname(slave))
        draft.replace(self.link)
        return master

    def unplug(self) -> None:
        """The device vanishes: a host that has it open gets an error at its next access."""
        for end in (self._slave, self.master):
            if end is not None:
                os.close(end)
        self.master = self._slave = None
        with contextlib.suppress(FileNotFoundError):
            self.link.unlink()

    def host_baud(self) -> int:
        """The speed that the host has set."""
        assert self.master is not None, "not plugged"
        settings = array.array("I", bytes(44))
        fcntl.ioctl(self.master, TCGETS2, settings, True)
        return settings[OUTPUT_SPEED_INDEX]

    def read(self) -> bytes:
        assert self.master is not None, "not plugged"
        try:
            return os.read(self.master, 4096)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Bytes that do not fit the host's buffer are lost, as on a real line."""
        assert self.master is not None, "not plugged"
        with contextlib.suppress(BlockingIOError):
            os.write(self.master, data)
