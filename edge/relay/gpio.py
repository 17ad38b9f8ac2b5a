"""Pins through the RPi.GPIO API: RPi.GPIO itself, or rpi-lgpio on a Pi 5 and kernels from 6.6 on. Its only import of ours.

- Outputs get their level in the call that makes them outputs, so nothing glitches.
- No edge detection: kernels from 6.6 on refuse it (reader.md 1.3). Inputs are polled and debounced here.
- Never ``cleanup()``: without channels it resets the pins of the whole process, with channels it leaves them floating.
  ``close`` makes every output an input with the resistor that it has at power-up, which the profile has found harmless.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

import RPi.GPIO as GPIO

from edge.core.lines import InputLine, OutputLine
from edge.relay.base import Changed
from edge.relay.board import BoardProfile, InputPin, OutputPin, Pull
from edge.relay.debounce import InputBank
from edge.relay.errors import BoardError

POLL_S: Final = 0.02
FAILED_POLLS_MAX: Final = 50
"""Polls in a row that may fail before the inputs count as lost: one second. An exit button must not go unheard."""
_PULLS: Final = {Pull.UP: GPIO.PUD_UP, Pull.DOWN: GPIO.PUD_DOWN, Pull.OFF: GPIO.PUD_OFF}
_log: Final = logging.getLogger(__name__)

Fault = Callable[[BaseException], object]


def abort(error: BaseException) -> None:
    """End the process at once; the stop hook of the service puts the pins at rest and systemd starts it anew."""
    _log.critical("the inputs are lost: %r", error)
    os.kill(os.getpid(), signal.SIGABRT)


class GpioBoard:
    """A board on the header of this machine; see ``base.Board``."""

    def __init__(self, profile: BoardProfile, on_fault: Fault = abort) -> None:
        """:param on_fault: told, in the polling thread, when the inputs cannot be read any more."""
        self.profile = profile
        self.poll_count = 0
        """Rises while inputs are polled: for the watchdog."""
        self._on_fault = on_fault
        self._outputs = {pin.line: pin for pin in profile.outputs}
        self._on: dict[OutputLine, bool] = {}
        self._inputs = InputBank(profile.inputs)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_open = False

    def open(self) -> None:
        """See ``base.Board``."""
        self._closing.clear()
        self._inputs = InputBank(self.profile.inputs)
        self._is_open = True
        try:
            GPIO.setwarnings(False)
            GPIO.setmode(GPIO.BCM)
            for pin in self.profile.outputs:
                GPIO.setup(pin.pin, GPIO.OUT, initial=pin.rest_level)
                self._on[pin.line] = pin.on_at_rest
            for sensed in self.profile.inputs:
                GPIO.setup(sensed.pin, GPIO.IN, pull_up_down=_PULLS[sensed.pull])
        except Exception as error:  # RPi.GPIO and rpi-lgpio raise different types
            self.close()
            raise BoardError(f"the pins of {self.profile.name} are not to be had: {error}") from error

    def set(self, line: OutputLine, on: bool) -> None:
        """See ``base.Board``."""
        pin = self._outputs.get(line)
        if pin is None:
            return
        if not self._is_open:
            raise BoardError(f"{line}: the board is not open")
        self._drive(pin, on)

    def is_on(self, line: OutputLine) -> bool:
        """See ``base.Board``."""
        return self._on.get(line, False)

    def sensed(self, line: OutputLine) -> bool:
        """See ``base.Board``."""
        pin = self._outputs.get(line)
        if pin is None:
            return False
        if not self._is_open:
            raise BoardError(f"{line}: the board is not open")
        try:
            return bool(GPIO.input(pin.pin)) is bool(pin.level(True))
        except Exception as error:
            raise BoardError(f"{line} on GPIO {pin.pin} cannot be read: {error}") from error

    def poll(self, now_ms: int) -> list[tuple[InputLine, bool]]:
        """See ``base.Board``."""
        try:
            return self._inputs.poll(_read, now_ms)
        except Exception as error:
            raise BoardError(f"an input cannot be read: {error}") from error

    def watch(self, changed: Changed) -> None:
        """See ``base.Board``."""
        assert self._is_open, "a board is opened before it is watched"
        assert self._thread is None, "a board is watched once"
        self._thread = threading.Thread(target=self._watch, args=(changed,), name="inputs", daemon=True)
        self._thread.start()

    def rest(self) -> None:
        """See ``base.Board``."""
        if not self._is_open:
            return
        failed: BoardError | None = None
        for line, pin in self._outputs.items():
            if line in self._on:
                try:
                    self._drive(pin, pin.on_at_rest)
                except BoardError as error:
                    failed = error
        if failed is not None:
            raise failed

    def close(self) -> None:
        """See ``base.Board``."""
        self._closing.set()
        try:
            self.rest()
        except BoardError as error:
            _log.error("not everything is at rest: %s", error)
        self._is_open = False
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)
        for line in list(self._on):
            pin = self._outputs[line]
            try:
                GPIO.setup(pin.pin, GPIO.IN, pull_up_down=GPIO.PUD_UP if pin.reset_level else GPIO.PUD_DOWN)
            except Exception as error:
                _log.error("%s is not given back: %s", line, error)
        self._on.clear()

    def _drive(self, pin: OutputPin, on: bool) -> None:
        try:
            GPIO.output(pin.pin, pin.level(on))
        except Exception as error:
            raise BoardError(f"{pin.line} on GPIO {pin.pin} does not obey: {error}") from error
        self._on[pin.line] = on

    def _watch(self, changed: Changed) -> None:
        failed_count = 0
        while not self._closing.wait(POLL_S):
            try:
                news = self.poll(time.monotonic_ns() // 1_000_000)
                failed_count = 0
                for line, active in news:
                    changed(line, active)
            except BoardError as error:
                failed_count += 1
                if failed_count >= FAILED_POLLS_MAX:
                    self._on_fault(error)
                    return
            except BaseException as error:
                self._on_fault(error)
                return
            self.poll_count += 1


def _read(pin: InputPin) -> bool:
    return bool(GPIO.input(pin.pin)) is bool(pin.active_level)
