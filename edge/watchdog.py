"""Tells systemd that the node is alive, but only while the loop and every reader thread really get on (I9).

The protocol is one datagram per message to the socket named by NOTIFY_SOCKET (sd_notify(3)); without it nothing happens.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

_log: Final = logging.getLogger(__name__)


class Notifier:
    """sd_notify over the socket that systemd named."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        wanted = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000 if wanted else 0.0
        """How long systemd waits for a sign of life; 0: not at all."""

    def send(self, state: str) -> bool:
        """Send a state such as ``READY=1``. False when nobody is listening."""
        if not self._address:
            return False
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.connect(address)
                sock.sendall(state.encode())
        except OSError as error:
            _log.warning("systemd does not listen: %s", error)
            return False
        return True


class Watchdog:
    """Feeds systemd's watchdog. ``feed`` is called by the loop, so a loop that hangs feeds nothing.

    ``progress`` gives one number per thread that must get on; a number that stands still for one call withholds the food.
    """

    def __init__(self, send: Callable[[str], object], progress: Callable[[], Mapping[str, int]]) -> None:
        self._send = send
        self._progress = progress
        self._seen: dict[str, int] = {}
        self.stuck: tuple[str, ...] = ()
        """Threads that did not get on since the call before."""

    def feed(self) -> bool:
        """One sign of life, if everybody is alive."""
        now = dict(self._progress())
        self.stuck = tuple(name for name, number in now.items() if self._seen.get(name) == number)
        self._seen = now
        if self.stuck:
            _log.error("no sign of life from %s", ", ".join(self.stuck))
            return False
        self._send("WATCHDOG=1")
        return True
