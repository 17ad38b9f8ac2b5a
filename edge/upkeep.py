"""What a node watches about itself: its clock, its storage, its machine. What it finds out becomes facts and alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge.cache.inbox import Job, JobDone
from edge.cache.mirror import Mirror
from edge.cache.storage_state import NEXT, Storage, StorageEvent, StorageNews
from edge.clock_state import Anchored, ClockNews, Jumped, TrustChanged
from edge.core.alarms import cleared, moment, raised
from edge.core.stimuli import Stimulus, StorageState, Tick
from edge.effects import Effects
from edge.health import Machine
from edge.stopwatch import Stopwatch
from edge.timekeeper import Timekeeper
from protocol.clocksync import Sample
from protocol.decide import Trust
from protocol.facts import Alarm, ClockFact, Entry

LOOK_EVERY_TICKS: Final = 10
SAVE_EVERY_TICKS: Final = 3_600
PROVE_SLICE: Final = 200
SET_AT_ONCE_MS: Final = 1_000
"""A clock that is wrong by more is set at once, whatever the interval."""
UNTRUSTED_ALARM_MS: Final = 120_000
"""A clock that is not set this long after the start is told to the centre; most are set within seconds."""


class Upkeep:
    """See the module. It is the ``Listener`` of the recorder. Everything happens on the loop."""

    def __init__(
        self,
        keeper: Timekeeper,
        machine: Machine,
        deliver: Callable[[Stimulus], None],
        save_clock: Callable[[], None],
    ) -> None:
        """:param save_clock: keeps the clock's state, off the loop."""
        self.keeper = keeper
        self.machine = machine
        self.storage_state = Storage.USABLE
        self.trouble: dict[str, str] = {}
        """What an installer has to do something about, by the part that says so."""
        self.wake_link: Callable[[], None] = lambda: None
        self.rebuild_jobs: Callable[[], None] = lambda: None
        self.damaged: list[Callable[[], None]] = []
        """Told when the outbox was found damaged while running, and a new one was begun."""
        self.stopwatch = Stopwatch()
        self._deliver = deliver
        self._save_clock = save_clock
        self._effects: Effects
        self._mirror: Mirror
        self._ticks = 0
        self._begun = False
        self._started_ms = 0
        self._clock_alarm = False
        self.pace_jobs: Callable[[int], None] = lambda period_s: None
        self.time_set_s = 0
        """How often the centre's time is taken over while ours is right to a second; 0: at each occasion."""
        self.clock_set: tuple[int, int, int] | None = None
        """(boot time at which the centre last set the clock, by how many ms it moved, how many s it had run by itself)."""
        self.measured: tuple[int, int, int] | None = None
        """(the centre's time minus ours, its greatest error, the boot time of that), as last measured, in ms."""

    def begin(self, effects: Effects, mirror: Mirror, clock_news: list[ClockNews], put_aside: str) -> None:
        """The start of a run.

        :param clock_news: what the clock found out at start.
        :param put_aside: the name under which a damaged outbox was kept, or empty.
        """
        self._effects, self._mirror = effects, mirror
        self._started_ms = self.keeper.boottime_ms()
        if put_aside:
            self._damaged(put_aside)
        self.clock_news(clock_news)
        self._begun = True

    def uptime_s(self) -> int:
        """Since the program was started."""
        return (self.keeper.boottime_ms() - self._started_ms) // 1_000

    def tick(self) -> None:
        """Once a second."""
        self._ticks += 1
        self.clock_news(self.keeper.tick())
        if self._ticks % LOOK_EVERY_TICKS == 1 and self.machine.look():
            detail = f"{self.machine.temperature_c} C"
            hot = self.machine.is_hot
            self._effects.perform(raised(Alarm.TEMPERATURE, 0, detail) if hot else cleared(Alarm.TEMPERATURE))
        if self._ticks % SAVE_EVERY_TICKS == 0:
            self._save_clock()
        waited_ms = self.keeper.boottime_ms() - self._started_ms
        if self.keeper.trust < Trust.HOLDOVER and not self._clock_alarm and waited_ms > UNTRUSTED_ALARM_MS:
            self._clock_alarm = True
            self._effects.perform(raised(Alarm.CLOCK_UNTRUSTED))

    # -- clock --------------------------------------------------------------------------------------------------

    def clock_sample(self, sample: Sample, *, asked: bool = False) -> None:
        """What time it is, from the centre."""
        ours_ms = self.keeper.utc_ms() + sample.boottime_ms - self.keeper.boottime_ms()
        self.measured = (sample.utc_ms - ours_ms, sample.error_ms, sample.boottime_ms)
        if not asked:
            self.stopwatch.clock_told(sample.utc_ms - ours_ms, self.keeper.trust >= Trust.HOLDOVER)
        moved_ms, at_ms = sample.utc_ms - ours_ms, sample.boottime_ms
        if asked or self._is_due(moved_ms, at_ms):
            ran_s = 0 if self.clock_set is None else (at_ms - self.clock_set[0]) // 1_000
            self.clock_set = (at_ms, moved_ms, ran_s)
            self.clock_news(self.keeper.offer(sample, asked=asked))

    def _is_due(self, wrong_ms: int, at_ms: int) -> bool:
        """The clock is set now: its time has come, it is wrong by more than a second, or it is not trusted."""
        return (
            self.clock_set is None
            or at_ms - self.clock_set[0] >= self.time_set_s * 1_000
            or abs(wrong_ms) > SET_AT_ONCE_MS
            or self.keeper.trust is not Trust.TRUSTED
        )

    def paced(self, period_s: int, time_set_s: int) -> None:
        """How often the centre wants to be asked, and its time to be taken over."""
        self.time_set_s = time_set_s
        self.pace_jobs(period_s)

    def clock_news(self, news: list[ClockNews]) -> None:
        """Record what the clock found out; everything that was planned by it is planned anew."""
        for item in news:
            match item:
                case Anchored(source, utc_ms, boottime_ms, before_ms, error_ms):
                    self._effects.record(ClockFact(source, utc_ms, boottime_ms, before_ms, error_ms))
                case Jumped(by_ms, system):
                    what = "wall clock" if system else "time"
                    self._effects.perform(moment(Alarm.CLOCK_JUMPED, 0, f"{what} {by_ms / 1_000:+.0f} s"))
                case TrustChanged(_, after):
                    if after >= Trust.HOLDOVER and self._clock_alarm:
                        self._clock_alarm = False
                        self._effects.perform(cleared(Alarm.CLOCK_UNTRUSTED))
        if self._begun and any(isinstance(item, Anchored | Jumped) for item in news):
            self._save_clock()
            self.rebuild_jobs()
            self._deliver(Tick())

    # -- storage: edge.cache.storage_state.Listener -------------------------------------------------------------

    def committed(self, entries: list[Entry], late: bool) -> None:
        """Facts are durable, and go up at once when there is a connection."""
        self._storage_event(StorageEvent.COMMITTED_LATE if late else StorageEvent.COMMITTED)
        self._mirror.committed(entries)
        self.stopwatch.committed(entries)
        self.wake_link()

    def purged(self, first_seq: int) -> None:
        """Older facts are gone."""
        self._mirror.purged(first_seq)

    def storage(self, what: StorageNews, detail: str) -> None:
        """Something about the medium."""
        match what:
            case StorageNews.WORKS:
                self._storage_event(StorageEvent.COMMITTED)
            case StorageNews.FAILED:
                self._storage_event(StorageEvent.FAILED, detail)
            case StorageNews.LOW:
                self._effects.perform(raised(Alarm.STORAGE_LOW, 0, detail))
            case StorageNews.ENOUGH:
                self._effects.perform(cleared(Alarm.STORAGE_LOW))
            case StorageNews.DAMAGED:
                self._damaged(detail)
                for tell in self.damaged:
                    tell()
            case StorageNews.LOST:
                self._effects.perform(moment(Alarm.STORAGE_UNUSABLE, 0, f"{detail} facts lost"))

    def prove(self, with_outbox: Callable[[Job, JobDone], None]) -> None:
        """Read every kept fact and check the chain, a slice at a time; for the night. Damage is found by the recorder."""

        def slice_from(after_seq: int) -> None:
            with_outbox(lambda outbox: outbox.read(after_seq, PROVE_SLICE), checked)

        def checked(entries: Any, error: Exception | None) -> None:
            if error is None and entries:
                slice_from(entries[-1].fact.seq)

        slice_from(0)

    def commit_overdue(self) -> None:
        """A commit has not come back within its limit."""
        self._storage_event(StorageEvent.OVERDUE, "a commit takes more than a second")

    @property
    def storage_usable(self) -> bool:
        """What a door may rely on."""
        return self.storage_state is not Storage.UNUSABLE

    def _damaged(self, kept_as: str) -> None:
        self.trouble["outbox"] = kept_as
        self.stopwatch.begun_anew()
        self._effects.perform(moment(Alarm.STORAGE_UNUSABLE, 0, f"damaged, kept as {kept_as}"))
        self._mirror.load()

    def _storage_event(self, event: StorageEvent, detail: str = "") -> None:
        was_usable = self.storage_usable
        self.storage_state = NEXT[self.storage_state, event]
        if self.storage_usable != was_usable:
            self._deliver(StorageState(self.storage_usable, detail))
