"""Rest on every way out that Python can see. What it cannot see is the service's stop hook (``edge.relay.rest``).

============================  ==================================================
end of the process            who puts the pins at rest
============================  ==================================================
return, exception             ``RestGuard.__exit__``
``sys.exit``, interpreter end ``atexit``
SIGTERM, SIGHUP, SIGINT       the handler here, or the loop's, then ``__exit__``
SIGKILL, SIGSEGV, SIGABRT,    systemd's ``ExecStopPost``: ``python -m
watchdog, out of memory       edge.relay.rest --profile NAME``
============================  ==================================================
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final, Protocol

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Closable(Protocol):
    """A board, as far as its end goes."""

    def close(self) -> None:
        """Everything at rest; may be called twice and in any state; never raises."""
        ...


class RestGuard:
    """Closes a board on every way out of the ``with`` block, signals included.

    An event loop that takes the signals over (``add_signal_handler``) ends the block itself; its handlers win.
    """

    def __init__(self, board: Closable) -> None:
        self._board = board
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        atexit.register(self._board.close)
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._board.close()
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()
        atexit.unregister(self._board.close)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Rest first; then what would have happened without us."""
        self._board.close()
        signal.signal(number, self._before.get(signal.Signals(number), signal.SIG_DFL))
        os.kill(os.getpid(), number)
