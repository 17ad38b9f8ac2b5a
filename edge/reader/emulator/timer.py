"""The programmable timer unit (data sheet 8.5): a down counter on the divided carrier.

``td = (TPrescaler * 2 + 1) * (TReload + 1) / 13.56 MHz``; with DemodReg.TPrescalEven, on version 2
chips only, ``TPrescaler * 2 + 2``. Stop and start are the chip's business; the timer never ends a
command.
"""

from dataclasses import dataclass

CARRIER_PER_US = 13.56


@dataclass
class Timer:
    """Times in microseconds of the chip's clock."""

    _started_us: int = 0
    _step: int = 1
    _reload: int = 0
    _stopped_value: int = 0
    expires_us: int | None = None
    """When the counter reaches zero; None while the timer does not run."""

    @property
    def running(self) -> bool:
        return self.expires_us is not None

    def start(self, now_us: int, prescaler: int, reload: int, *, even: bool) -> None:
        self._started_us = now_us
        self._step = prescaler * 2 + (2 if even else 1)
        self._reload = reload
        self.expires_us = now_us + max(1, round(self._step * (reload + 1) / CARRIER_PER_US))

    def stop(self, now_us: int) -> None:
        self._stopped_value = self.value(now_us)
        self.expires_us = None

    def expire(self, *, restart: bool) -> None:
        """Called by the chip when `expires_us` is reached."""
        at_us = self.expires_us
        assert at_us is not None, "an idle timer does not expire"
        self._stopped_value = 0
        self.expires_us = None
        if restart:
            self._started_us = at_us
            self.expires_us = at_us + max(1, round(self._step * (self._reload + 1) / CARRIER_PER_US))

    def value(self, now_us: int) -> int:
        """TCounterValReg."""
        if self.expires_us is None:
            return self._stopped_value
        ticks = int((now_us - self._started_us) * CARRIER_PER_US / self._step)
        return max(0, self._reload - ticks)
