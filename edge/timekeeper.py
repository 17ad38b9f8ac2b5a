"""The node's own clock, and how far it is to be believed (B5).

A Raspberry Pi has no battery: after a power cut its wall clock says anything. So the node keeps a clock of its own, an
*anchor* (the time was ``utc_ms`` at boot time ``boottime_ms``) carried on by the kernel's boot time, which nobody sets.
Anchors come from the centre's signed time, from NTP when the kernel is kept in step, from an RTC chip at start.

Its states and what moves them stand in ``clock_state``.

Law of this file: nothing here changes a fact that was recorded; what it finds out is returned as values, and the node
records them. The floor only rises, except by an operator's word (``asked``).
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.clock import MachineTime
from edge.clock_state import NEXT, RANK, Anchored, ClockEvent, ClockNews, Jumped, Saved, Source, TrustChanged
from edge.release import BUILT_AT_MS
from protocol.clocksync import DRIFT_PPM, Sample, error_after
from protocol.decide import HOME_FLOOR_AGE_MAX_MS, Instant, Trust

FRESH_MS: Final = 15 * 60_000
"""An anchor this old makes holdover of trust."""
HOLDOVER_ERROR_MAX_MS: Final = 60_000
"""Holdover ends when its error bound passes this: schedules are written in minutes. About a week at 100 ppm."""
JUMP_BACK_MS: Final = 1_000
JUMP_FORWARD_MS: Final = 5 * 60_000
CORRECTION_MS: Final = 1_000
"""A new anchor that moves the clock by more than this (and than its error bounds) is recorded."""
SYSTEM_CHECK_MS: Final = 60_000
"""How often the kernel is asked whether NTP keeps it in step."""
RTC_ERROR_MS: Final = 5_000


class Timekeeper:
    """See the module. Constructing it reads no clock; ``start`` does."""

    def __init__(self, time: MachineTime, saved: Saved = Saved(), issued_at_ms: int = 0) -> None:
        """:param issued_at_ms: the newest time at which the centre has signed rows that are stored here."""
        self._time = time
        self._saved = saved
        self._issued_at_ms = issued_at_ms
        self._trust = Trust.NONE
        self._source = Source.RTC
        self._anchor: Sample | None = None
        self._floor_ms = BUILT_AT_MS
        self._floor_at_ms = 0
        self._floor_is_recent = False
        self._untrusted_since_ms = 0
        self._system_offset_ms = 0
        self._system_checked_ms = 0

    # -- reading ------------------------------------------------------------------------------------------------

    @property
    def trust(self) -> Trust:
        """How far ``utc_ms`` is to be believed."""
        return self._trust

    @property
    def source(self) -> str:
        """Where the anchor comes from; empty without one."""
        return self._source.value if self._anchor is not None else ""

    def boottime_ms(self) -> int:
        """Milliseconds since the kernel started, suspended time included."""
        return self._time.boottime_ms()

    def mono_ms(self) -> int:
        """The monotonic clock that timers use."""
        return self._time.mono_ms()

    def utc_ms(self) -> int:
        """The best estimate of the time: from the anchor, or what the machine says as long as there is none."""
        return self._utc_at(self._time.boottime_ms())

    def _utc_at(self, boottime_ms: int) -> int:
        if self._anchor is None:
            return self._time.wall_ms()
        return self._anchor.utc_ms + boottime_ms - self._anchor.boottime_ms

    def error_ms(self) -> int:
        """The bound of the error of ``utc_ms``; 0 without an anchor, when there is no bound."""
        if self._anchor is None:
            return 0
        return error_after(self._anchor.error_ms, self._time.boottime_ms() - self._anchor.boottime_ms)

    def floor_ms(self) -> int:
        """A time that has certainly passed; it goes on with the boot time."""
        passed = self._time.boottime_ms() - self._floor_at_ms
        return self._floor_ms + passed - passed * DRIFT_PPM // 1_000_000

    def instant(self) -> Instant:
        """Now, as decisions take it."""
        boottime_ms = self._time.boottime_ms()
        if self._trust >= Trust.HOLDOVER:
            return Instant(self._utc_at(boottime_ms), self._trust, self.floor_ms())
        return Instant(
            self._utc_at(boottime_ms),
            self._trust,
            self.floor_ms(),
            boottime_ms - self._untrusted_since_ms,
            self._floor_is_recent,
        )

    def stamp(self) -> tuple[int, int, Trust]:
        """(boot time, wall time, trust) for a fact."""
        boottime_ms = self._time.boottime_ms()
        return boottime_ms, max(0, self._utc_at(boottime_ms)), self._trust

    # -- what moves it ------------------------------------------------------------------------------------------

    def start(self) -> list[ClockNews]:
        """Find out what is known at start."""
        boottime_ms = self._time.boottime_ms()
        issued_ms = 0 if self._issued_at_ms == self._saved.void_issued_ms else self._issued_at_ms
        known_ms = max(self._saved.trusted_ms, issued_ms)
        self._floor_ms, self._floor_at_ms = max(BUILT_AT_MS, known_ms), boottime_ms
        self._untrusted_since_ms = 0  # of this boot: it is not known how long the power was off
        wall_ms = self._time.wall_ms()
        self._floor_is_recent = known_ms > 0 and wall_ms - self._floor_ms < HOME_FLOOR_AGE_MAX_MS
        self._trust = Trust.FLOOR_ONLY if known_ms > 0 else Trust.NONE
        self._system_offset_ms = wall_ms - boottime_ms
        anchor = self._saved.anchor
        if anchor is not None and self._saved.boot_id == self._time.boot_id():
            return self._take(anchor, Source(self._saved.source)) + self.tick()
        if self._time.set_from_rtc() and wall_ms >= self._floor_ms:
            return self._take(Sample(wall_ms, boottime_ms, RTC_ERROR_MS), Source.RTC)
        return self._ask_system(boottime_ms)

    def offer(self, sample: Sample, *, asked: bool = False) -> list[ClockNews]:
        """The centre's signed time. Refused (as a jump) when it lies before the floor, unless an operator asked for it."""
        if asked:
            return self._take(sample, Source.OPERATOR)
        return self._take(sample, Source.CENTRE)

    def issued(self, at_ms: int) -> None:
        """Rows were stored that the centre signed at that time: it has passed."""
        self._issued_at_ms = max(self._issued_at_ms, at_ms)
        self._raise_floor(at_ms)
        if self._trust < Trust.HOLDOVER:
            self._trust = NEXT[self._trust, ClockEvent.FLOORED]

    def tick(self) -> list[ClockNews]:
        """To be called about once a second: ageing, NTP, and whether somebody moved the machine's clock."""
        boottime_ms = self._time.boottime_ms()
        news = self._find_jump(boottime_ms)
        if boottime_ms - self._system_checked_ms >= SYSTEM_CHECK_MS:
            news += self._ask_system(boottime_ms)
        if self._anchor is not None:
            if self._trust is Trust.TRUSTED and boottime_ms - self._anchor.boottime_ms > FRESH_MS:
                news += self._move(ClockEvent.AGED)
            if self._trust is Trust.HOLDOVER and self.error_ms() > HOLDOVER_ERROR_MAX_MS:
                self._raise_floor(self._utc_at(boottime_ms) - self.error_ms())
                news += self._move(ClockEvent.DRIFTED)
        return news

    def to_save(self) -> Saved:
        """What is to be kept for the next start: at every anchor that is recorded, hourly, and at the end."""
        anchored = self._anchor is not None and self._trust >= Trust.HOLDOVER
        if anchored:
            trusted_ms = self.utc_ms() - self.error_ms()
        else:
            trusted_ms = self.floor_ms() if self._saved.trusted_ms else 0
        self._saved = msgspec.structs.replace(
            self._saved,
            trusted_ms=trusted_ms,
            boot_id=self._time.boot_id(),
            anchor=self._anchor if anchored else None,
            source=self.source if anchored else "",
        )
        return self._saved

    def _take(self, sample: Sample, source: Source) -> list[ClockNews]:
        before_ms = self._utc_at(sample.boottime_ms)
        by_ms = sample.utc_ms - before_ms
        had_anchor = self._anchor is not None and self._trust >= Trust.HOLDOVER
        doubt_ms = sample.error_ms + (self.error_ms() if had_anchor else 0)
        floor_then_ms = self.floor_ms() - (self._time.boottime_ms() - sample.boottime_ms)
        if sample.utc_ms + sample.error_ms < floor_then_ms:
            if source is not Source.OPERATOR:
                return [Jumped(sample.utc_ms - floor_then_ms, system=False)]
            self._floor_ms, self._floor_at_ms = BUILT_AT_MS, sample.boottime_ms
            self._saved = Saved(void_issued_ms=self._issued_at_ms)
        elif had_anchor and RANK[source] < RANK[self._source] and self._trust is Trust.TRUSTED:
            return []
        recorded = not had_anchor or source is Source.OPERATOR or abs(by_ms) > doubt_ms + CORRECTION_MS
        jumped = had_anchor and abs(by_ms) > doubt_ms and (by_ms < -JUMP_BACK_MS or by_ms > JUMP_FORWARD_MS)
        self._anchor, self._source = sample, source
        self._raise_floor(sample.utc_ms - sample.error_ms)
        news = self._move(ClockEvent.ANCHORED)
        if recorded:
            news.append(
                Anchored(source.value, sample.utc_ms, sample.boottime_ms, max(0, before_ms), sample.error_ms)
            )
        if jumped:
            news.append(Jumped(by_ms, system=False))
        return news

    def _find_jump(self, boottime_ms: int) -> list[ClockNews]:
        offset_ms = self._time.wall_ms() - boottime_ms
        by_ms = offset_ms - self._system_offset_ms
        self._system_offset_ms = offset_ms
        if not (by_ms < -JUMP_BACK_MS or by_ms > JUMP_FORWARD_MS):
            return []
        news: list[ClockNews] = [Jumped(by_ms, system=True)]
        if self._anchor is not None and self._trust >= Trust.HOLDOVER:
            utc_ms = self._utc_at(boottime_ms)
            news.append(
                Anchored(
                    self._source.value, utc_ms, boottime_ms, max(0, self._time.wall_ms()), self.error_ms()
                )
            )
        return news

    def _ask_system(self, boottime_ms: int) -> list[ClockNews]:
        self._system_checked_ms = boottime_ms
        error_ms = self._time.ntp_error_ms()
        if error_ms is None:
            return []
        return self._take(Sample(self._time.wall_ms(), boottime_ms, error_ms), Source.NTP)

    def _raise_floor(self, utc_ms: int) -> None:
        if utc_ms > self.floor_ms():
            self._floor_ms, self._floor_at_ms = utc_ms, self._time.boottime_ms()

    def _move(self, event: ClockEvent) -> list[ClockNews]:
        before = self._trust
        self._trust = NEXT[before, event]
        if self._trust < Trust.HOLDOVER:
            self._untrusted_since_ms = self._time.boottime_ms()
            self._floor_is_recent = True
        return [TrustChanged(before, self._trust)] if self._trust is not before else []
