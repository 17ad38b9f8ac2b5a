"""One door with modes by hand, by settings and by three schedules, over a night in which the clocks change, with networks that go
and come back, power cuts, and the node's real clock.

Real: the door role, the View with its calendar, the ``Timekeeper``. Emulated: the machine's clocks, the centre that tells the time.

The world knows the true time, and reads the schedules on the wall clock by itself. Checked at every step:

- the mode is the one that precedence asks for: by hand, then the strictest of settings and schedules, each as far as the time is known;
- **losing the network, regaining it, and losing the trust in the clock release no door** (I9), nor does anything else but a durable
  record: of a card, or of a mode that hand, settings or schedules ask for at this very moment;
- when the clock is trusted again, a door is released if and only if its settings and schedules have it unlocked *by the true time*;
  ``acts`` counts those releases, which are the schedule's, not the network's;
- the exit button releases first, in every mode; a card at a blocked door hears why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from edge.clock import FakeTime
from edge.clock_state import Saved
from edge.core.actions import Action, Record, Release
from edge.core.lines import InputLine, InputRole
from edge.core.stimuli import (
    CardShown,
    Committed,
    InputChanged,
    LinkChanged,
    ModeChanged,
    Started,
    Stimulus,
    Tick,
    TimerFired,
)
from edge.roles.door import DoorRole
from edge.timekeeper import Timekeeper
from protocol.clocksync import Sample
from protocol.decide import Trust
from protocol.door_rows import DoorRulesRow
from protocol.facts import AccessFact
from protocol.reasons import Reason
from protocol.records import ClockPolicy, DoorRow, Mode, Revisions, ScheduleRow, SiteRow, put
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.sim.world import Violation
from tests.support.door_node import FRONT, GOOD, DoorNode, rows

ZONE: Final = ZoneInfo("Europe/Berlin")
NIGHTS: Final = {
    "forward": datetime(2027, 3, 27, 23, 0, tzinfo=UTC),  # at 01:00 UTC 02:00 becomes 03:00
    "back": datetime(2027, 10, 30, 22, 0, tzinfo=UTC),  # at 01:00 UTC 03:00 becomes 02:00
}
EVERY_DAY: Final = 0b1111111
UNLOCK, LOCK, BLOCK = 21, 22, 23
PERIODS: Final = {UNLOCK: (90, 300), LOCK: (135, 165), BLOCK: (180, 210)}
"""Minutes of the local day: 01:30 to 05:00; 02:15 to 02:45, in the hour that spring takes and autumn repeats; 03:00 to 03:30."""
GRACE_MS: Final = 72 * 3_600_000
STRICT: Final = (Mode.NORMAL, Mode.UNLOCKED, Mode.LOCKED, Mode.BLOCKED, Mode.LOCKED_DOWN)
MINUTE_MS: Final = 60_000


@dataclass
class Wanted:
    """What the world expects of the door. ``by_schedule``: settings and hand do not say so."""

    mode: Mode
    by_schedule: int = 0


class ModeWorld(DoorNode):
    """See the module."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.true_ms = int(NIGHTS[self.chance.choice(sorted(NIGHTS))].timestamp() * 1_000)
        pick = self.chance.choice
        self.row = DoorRow(
            "gate",
            mode=pick((Mode.NORMAL, Mode.NORMAL, Mode.UNLOCKED, Mode.LOCKED)),
            unlock_schedule=pick((UNLOCK, UNLOCK, 0, ALWAYS)),
            lock_schedule=pick((LOCK, LOCK, 0)),
            block_schedule=pick((BLOCK, BLOCK, 0, 0, UNLOCK)),
            clock_policy=pick(tuple(ClockPolicy)),
        )
        self.first_card = pick((False, False, True))
        changes = [*rows(self.row), put(0, SiteRow("Europe/Berlin", "estate"))]
        changes += [put(number, ScheduleRow(((EVERY_DAY, *PERIODS[number]),))) for number in PERIODS]
        if self.first_card:
            changes.append(put(FRONT, DoorRulesRow(first_card=True)))
        super().__init__(View().apply(changes, Revisions(1, 1, 1, 0)), stores_modes=False)
        self.time = FakeTime(self.true_ms)
        self.keeper = Timekeeper(self.time)
        self.keeper.start()
        self.by_hand: Mode | None = None
        self.held: dict[str, bytes] = {}
        self.command = 0
        self.opened = False
        self.event = "start"
        self.acts = 0
        self.start()

    # -- what happens -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Power comes; nothing is known but what was kept."""
        self.role, self.timers, self.opened = DoorRole(), {}, False
        self.state = self.role.initial()
        self.send(Started(kept=dict(self.held)))
        self.send(InputChanged(InputLine(InputRole.CONTACT), False))
        self.send(InputChanged(InputLine(InputRole.REX), False))
        self.settle()

    def step(self) -> None:
        """Something happens; often nothing but that time passes."""
        happens = (
            self.passes,
            self.passes,
            self.card,
            self.press,
            self.hand,
            self.cut,
            self.back,
            self.told,
            self.week,
        )
        weights = (6, 6, 4, 1, 2, 1, 1, 3, 1)
        what = self.chance.choices((*happens, self.power_cut), (*weights, 1))[0]
        self.event = what.__name__
        what()
        self.settle()

    def passes(self) -> None:
        self.advance(self.chance.choice((1, 5, 14, 15, 30, 47)) * MINUTE_MS - self.chance.choice((0, 1)))

    def card(self) -> None:
        self.advance(10_000)
        wanted = self.wanted()
        actions = self.send(CardShown(1, (GOOD,)))
        (fact,) = [a.body for a in actions if isinstance(a, Record) and isinstance(a.body, AccessFact)]
        if fact.reason is not self.answer(wanted):
            raise Violation(f"{fact.reason.name} at a door that is {wanted}")
        if wanted.mode >= Mode.BLOCKED and fact.schedule != wanted.by_schedule:
            raise Violation(f"blocked by {fact.schedule}, which is {wanted}")

    def press(self) -> None:
        if self.send(InputChanged(InputLine(InputRole.REX), True))[0] != Release(1):
            raise Violation("I9: the exit button did not release first")
        self.send(InputChanged(InputLine(InputRole.REX), False))

    def hand(self) -> None:
        self.command += 1
        self.by_hand = self.chance.choice((None, None, *Mode))
        self.send(ModeChanged(self.command, FRONT, self.by_hand))

    def cut(self) -> None:
        self.send(LinkChanged(False))

    def back(self) -> None:
        """The line is there; the centre has not told the time yet."""
        self.send(LinkChanged(True))

    def told(self) -> None:
        """The centre tells the time: the clock is trusted from now on."""
        self.send(LinkChanged(True))
        self.keeper.offer(Sample(self.true_ms, self.time.boottime, 20))

    def week(self) -> None:
        """Nine days without a network: trust ends on the way, and the night comes again."""
        for hour in range(9 * 24):
            self.event = "week"
            self.advance(60 * MINUTE_MS)
            trusted = self.keeper.trust >= Trust.HOLDOVER
            self.keeper.tick()
            self.event = "lost" if trusted and self.keeper.trust < Trust.HOLDOVER else "week"
            if self.event == "lost" or hour % 7 == 0:
                self.settle()

    def power_cut(self) -> None:
        saved = Saved(trusted_ms=self.keeper.floor_ms())
        self.time.power_cycle(self.true_ms - self.chance.choice((0, 3_600_000, 86_400_000)))
        self.keeper = Timekeeper(self.time, saved)
        self.keeper.start()
        self.mono_ms = self.time.boottime
        self.start()

    # -- time ---------------------------------------------------------------------------------------------------

    def advance(self, ms: int) -> None:
        """Let time pass, with the timers that come due."""
        until = self.time.boottime + ms
        while self.timers:
            name, due = min(self.timers.items(), key=lambda timer: timer[1])
            if due > until:
                break
            self._pass(due - self.time.boottime)
            del self.timers[name]
            self.send(TimerFired(name))
        self._pass(until - self.time.boottime)

    def _pass(self, ms: int) -> None:
        self.time.advance(max(0, ms))
        self.true_ms += max(0, ms)

    def settle(self) -> None:
        """The second's tick; then the door is in the mode that it should be in."""
        self.keeper.tick()
        self.send(Tick())
        wanted, mode = self.wanted(), self.state.doors[1].mode
        if mode is not wanted.mode:
            raise Violation(
                f"{mode.name} where {wanted.mode.name} is wanted, at {self.local():%d %H:%M}, {self.row}"
            )

    # -- what the world expects ---------------------------------------------------------------------------------

    def local(self) -> datetime:
        return datetime.fromtimestamp(self.true_ms / 1_000, ZONE)

    def holds(self, schedule: int) -> bool | None:
        """Whether a schedule of the door holds by the true time; None: the node cannot know."""
        if schedule in (0, ALWAYS):
            return schedule == ALWAYS
        if self.keeper.trust < Trust.HOLDOVER:
            return None
        first, last = PERIODS[schedule]
        return first <= self.local().hour * 60 + self.local().minute < last

    def scheduled(self) -> Wanted:
        """What the schedules alone ask for."""
        row, now = self.row, self.keeper.instant()
        blocked = self.holds(row.block_schedule)
        is_lenient = row.clock_policy is ClockPolicy.HOME and now.floor_is_recent
        if blocked is None and is_lenient and now.untrusted_for_ms < GRACE_MS:
            return Wanted(Mode.LOCKED, row.block_schedule)
        if blocked in (True, None):
            return Wanted(Mode.BLOCKED, row.block_schedule)
        if self.holds(row.lock_schedule) is not False:
            return Wanted(Mode.LOCKED, row.lock_schedule)
        return Wanted(Mode.UNLOCKED if self.holds(row.unlock_schedule) else Mode.NORMAL, row.unlock_schedule)

    def wanted(self) -> Wanted:
        """The mode that the door must be in."""
        scheduled = self.scheduled()
        if scheduled.mode is not Mode.UNLOCKED:
            self.opened = False
        if self.by_hand is not None:
            return Wanted(self.by_hand)
        if scheduled.mode is Mode.UNLOCKED and self.first_card and not self.opened:
            scheduled = Wanted(Mode.NORMAL)
        return max((Wanted(self.row.mode), scheduled), key=lambda wanted: STRICT.index(wanted.mode))

    def answer(self, wanted: Wanted) -> Reason:
        """What a good card hears."""
        if wanted.mode is Mode.LOCKED_DOWN:
            return Reason.LOCKED_DOWN
        if wanted.mode is not Mode.BLOCKED:
            return Reason.GRANTED
        if not wanted.by_schedule:
            return Reason.DOOR_BLOCKED
        return Reason.BLOCKED_BY_SCHEDULE if self.keeper.trust >= Trust.HOLDOVER else Reason.TIME_UNKNOWN

    # -- what the door does -------------------------------------------------------------------------------------

    def send(self, stimulus: Stimulus) -> list[Action]:
        self.mono_ms, self.instant = self.time.boottime, self.keeper.instant()
        before = self.state
        actions = super().send(stimulus)
        if any(isinstance(action, Release) for action in actions):
            self.look(stimulus, before)
        for action in actions:
            if not isinstance(action, Record):
                continue
            self.held.update(action.keep)
            if action.intent_id is not None:
                self.commit(action.intent_id)
        return actions

    def look(self, stimulus: Stimulus, before: object) -> None:
        """The door was released: by whom?"""
        match stimulus:
            case InputChanged((InputRole.REX, _), True):
                return
            case Committed(intent_id, True) if intent_id in before.pending:  # type: ignore[attr-defined]
                self.opened |= self.scheduled().mode is Mode.UNLOCKED
                if self.wanted().mode >= Mode.BLOCKED:
                    raise Violation("a card released a door that is blocked")
                return
            case Committed(_, True):
                pass
            case _:
                raise Violation(f"I9: {stimulus} released the door")
        if self.event in ("cut", "back", "lost"):
            raise Violation(f"I9: the network or the clock was {self.event}, and the door was released")
        if self.wanted().mode is not Mode.UNLOCKED:
            raise Violation(f"I9: {self.event}: held open at {self.local():%d %H:%M}, which nothing asks for")
        if self.event == "told":
            self.acts += 1
