"""A board without wires: the demo's, and every test's that is not about pins. Passes the same suite as the real one.

It remembers what its outputs did and when, tells whoever subscribed (the demo's page shows LED, lock and buzzer), and its
inputs are set by hand. Its wires do not bounce, but ``poll`` debounces all the same.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from edge.core.lines import InputLine, OutputLine
from edge.relay.base import Changed
from edge.relay.board import BoardProfile, InputPin
from edge.relay.debounce import InputBank
from edge.relay.errors import BoardError

TRANSITIONS_KEPT: Final = 10_000


class Transition(Struct, frozen=True):
    """An output changed, or was taken at rest when the board was opened. ``at_ms`` is the injected clock's."""

    at_ms: int
    line: OutputLine
    on: bool


Subscriber = Callable[[Transition], object]


class SimulatedBoard:
    """See the module and ``base.Board``. May be used from several threads."""

    def __init__(self, profile: BoardProfile, clock_ms: Callable[[], int]) -> None:
        """:param clock_ms: monotonic milliseconds."""
        self.profile = profile
        self.transitions: deque[Transition] = deque(maxlen=TRANSITIONS_KEPT)
        self.stuck: dict[OutputLine, bool] = {}
        """Outputs whose pin stays as it is, whatever they are set to: a short circuit, a burnt driver."""
        self._clock_ms = clock_ms
        self._outputs = {pin.line: pin for pin in profile.outputs}
        self._on = {line: pin.on_at_rest for line, pin in self._outputs.items()}
        self._raw = {pin.line: False for pin in profile.inputs}
        self._inputs = InputBank(profile.inputs)
        self._subscribers: list[Subscriber] = []
        self._changed: Changed | None = None
        self._lock = threading.RLock()
        self.is_open = False

    # -- what a board does --------------------------------------------------------------------------------------

    def open(self) -> None:
        """See ``base.Board``."""
        with self._lock:
            self._inputs = InputBank(self.profile.inputs)
            self.is_open = True
            for line, pin in self._outputs.items():
                self._put(line, pin.on_at_rest, always=True)

    def set(self, line: OutputLine, on: bool) -> None:
        """See ``base.Board``."""
        with self._lock:
            if line not in self._outputs:
                return
            if not self.is_open:
                raise BoardError(f"{line}: the board is not open")
            self._put(line, on)

    def is_on(self, line: OutputLine) -> bool:
        """See ``base.Board``."""
        return self._on.get(line, False)

    def sensed(self, line: OutputLine) -> bool:
        """See ``base.Board``."""
        if not self.is_open:
            raise BoardError(f"{line}: the board is not open")
        return self.stuck.get(line, self.is_on(line))

    def poll(self, now_ms: int) -> list[tuple[InputLine, bool]]:
        """See ``base.Board``."""
        with self._lock:
            return self._inputs.poll(self._read, now_ms)

    def watch(self, changed: Changed) -> None:
        """See ``base.Board``; ``changed`` is called here with the first states, and later in the thread that sets one."""
        assert self.is_open, "a board is opened before it is watched"
        with self._lock:
            assert self._changed is None, "a board is watched once"
            self._changed = changed
            for line, active in self._raw.items():
                changed(line, active)

    def rest(self) -> None:
        """See ``base.Board``."""
        with self._lock:
            if self.is_open:
                for line, pin in self._outputs.items():
                    self._put(line, pin.on_at_rest)

    def close(self) -> None:
        """See ``base.Board``."""
        with self._lock:
            self.rest()
            self.is_open = False
            self._changed = None

    # -- what a test or a demo does -----------------------------------------------------------------------------

    def set_input(self, line: InputLine, active: bool) -> None:
        """Open the door, press the button, ...

        :raises KeyError: the board has no such input.
        """
        with self._lock:
            if self._raw[line] is active:
                return
            self._raw[line] = active
            if self._changed is not None:
                self._changed(line, active)

    def input_is_active(self, line: InputLine) -> bool:
        """What the input was set to last."""
        return self._raw[line]

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be told of every transition from now on, in the thread that causes it; call the result to end it."""
        with self._lock:
            self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def _read(self, pin: InputPin) -> bool:
        return self._raw[pin.line]

    def _put(self, line: OutputLine, on: bool, *, always: bool = False) -> None:
        if self._on[line] is on and not always:
            return
        self._on[line] = on
        transition = Transition(self._clock_ms(), line, on)
        self.transitions.append(transition)
        for subscriber in tuple(self._subscribers):
            subscriber(transition)
