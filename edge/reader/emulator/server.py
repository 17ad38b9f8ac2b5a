"""The emulator as a process: one thread between the serial line and the control connections."""

import json
import os
import selectors
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from edge.reader.emulator.chip import Chip
from edge.reader.emulator.control import handle
from edge.reader.emulator.faults import Unplugged
from edge.reader.emulator.pty_port import PtyPort
from edge.reader.emulator.uart import UartPort

LINE_MAX = 65_536
CONNECTIONS_MAX = 16


def listen(control: str) -> socket.socket:
    """A control socket: a number is a TCP port on the loopback (0: any free one), else a Unix path."""
    if control.isdigit():
        return socket.create_server(("127.0.0.1", int(control)))
    path = Path(control)
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(control)
    server.listen()
    return server


class Server:
    """Owns the line and the sockets; ``run`` returns after ``stop``, which any thread or signal handler may call."""

    def __init__(self, chip: Chip, line: PtyPort, control: socket.socket) -> None:
        self.chip = chip
        self.line = line
        self.control = control
        self.uart = UartPort(chip)
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._pending: dict[socket.socket, bytes] = {}
        self._running = True

    def stop(self) -> None:
        os.write(self._wake_write, b"x")

    def stop_on(self, *signals: int) -> None:
        """Stop at one of these signals. The interpreter itself writes into the pipe: a handler in Python would wait for the
        next event when the signal comes just before ``select`` begins to wait."""
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write)
        for number in signals:
            signal.signal(number, lambda *_: None)

    def open(self) -> None:
        """Make the device; it and the control socket can be used when this returns."""
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._stop_now)
        self._selector.register(self.control, selectors.EVENT_READ, self._accept)
        self._follow_plug()

    def run(self) -> None:
        """Serve until ``stop``; call ``open`` first."""
        try:
            while self._running:
                for key, _ in self._selector.select():
                    action: Callable[[], None] = key.data
                    action()
                self._follow_plug()
        finally:
            self._close()

    def _stop_now(self) -> None:
        self._running = False

    def _follow_plug(self) -> None:
        pulled = any(isinstance(fault, Unplugged) for fault in self.chip.faults)
        if pulled and self.line.master is not None:
            self._selector.unregister(self.line.master)
            self.line.unplug()
        elif not pulled and self.line.master is None:
            self.uart = UartPort(self.chip)
            self._selector.register(self.line.plug(), selectors.EVENT_READ, self._serve_line)

    def _serve_line(self) -> None:
        data = self.line.read() if self.line.plugged else b""
        if data:
            out = self.uart.receive(data, self.line.host_baud())
            if out:
                self.line.write(out)

    def _accept(self) -> None:
        connection, _ = self.control.accept()
        if len(self._pending) >= CONNECTIONS_MAX:
            connection.close()
            return
        self._pending[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._serve_control(connection))

    def _serve_control(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(LINE_MAX)
        except ConnectionError:
            data = b""
        *lines, rest = (self._pending[connection] + data).split(b"\n")
        if not data or len(rest) > LINE_MAX:
            self._hang_up(connection)
            return
        self._pending[connection] = rest
        for line in lines:
            answer = json.dumps(self._answer(line)).encode() + b"\n"
            self._follow_plug()  # a pulled or plugged line is so by the time the answer arrives
            try:
                connection.sendall(answer)
            except OSError:
                self._hang_up(connection)
                return

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            command = json.loads(line)
        except ValueError:
            return {"ok": False, "error": "a command is one JSON object on one line"}
        return handle(command, self.chip.field, self.chip)

    def _hang_up(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._pending[connection]
        connection.close()

    def _close(self) -> None:
        for connection in list(self._pending):
            self._hang_up(connection)
        self._selector.close()
        if self.line.plugged:
            self.line.unplug()
        if self.control.family == socket.AF_UNIX:
            Path(self.control.getsockname()).unlink(missing_ok=True)
        self.control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
