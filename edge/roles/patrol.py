"""The patrol role (巡更點): records who was at a checkpoint, then tells him. Pure. It stands round the door role.

    CardShown            -> [Record(ScanFact)]    nothing is heard yet
    Committed            -> [Feedback(...)]       the scan is durable: on time, early, late, not on the route, ...

Law of this file: nothing is heard before the scan is durable, and no card is turned away: what is wrong with it (a
stranger's, on the hotlist, no plan, no trusted time) is a remark in the record. A card shown again within a minute is the
same scan and heard again.

A reader may be a door's and a checkpoint at once: the door decides as ever, and the card of a guard leaves a scan besides.
Cards of two guards shown together are two scans. Buttons (``all_well``, ``fault``, ``help`` in the board's profile, numbered
as the reader) and event cards belong to the guard who was scanned there last; ``help`` raises an alarm before everything
else.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from edge.core.actions import Action, CancelTimer, Feedback, Record, StartTimer
from edge.core.alarms import moment
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.presence import LastShown, identity
from edge.core.stimuli import (
    CardShown,
    CommitLate,
    Committed,
    InputChanged,
    Now,
    Started,
    Stimulus,
    StorageState,
    TimerFired,
)
from edge.core.visits import told
from edge.roles.commits import CommitsTurn, Waiting
from edge.roles.door import DoorRole
from edge.roles.patrol_state import (
    DOUBLE_MS,
    EVENT_TIES_MS,
    FIRST_INTENT,
    LastScan,
    PatrolState,
    Told,
)
from protocol.decide import Presentation, restriction_of
from protocol.facts import Alarm, PatrolEvent, ScanFact, ScanResult
from protocol.records import CheckpointRow
from protocol.view import View

HEARD: Final[dict[ScanResult, Pattern]] = {
    ScanResult.ON_TIME: Pattern.SCAN_ON_TIME,
    ScanResult.EARLY: Pattern.SCAN_EARLY,
    ScanResult.LATE: Pattern.SCAN_LATE,
    ScanResult.NOT_ON_ROUTE: Pattern.SCAN_NOT_ON_ROUTE,
    ScanResult.NOT_A_GUARD: Pattern.SCAN_NOT_A_GUARD,
    ScanResult.NOT_OPENED: Pattern.SCAN_NOT_OPENED,
    ScanResult.PLAN_UNKNOWN: Pattern.SCAN_PLAN_UNKNOWN,
    ScanResult.ROUND_OPENED: Pattern.ROUND_OPENED,
    ScanResult.ROUND_CLOSED: Pattern.ROUND_CLOSED,
    ScanResult.NO_ROUND: Pattern.NO_ROUND,
}
BUTTONS: Final = {
    InputRole.ALL_WELL: PatrolEvent.ALL_WELL,
    InputRole.FAULT: PatrolEvent.FAULT,
    InputRole.HELP: PatrolEvent.HELP,
}
_NOBODYS: Final = frozenset({ScanResult.NOT_A_GUARD, ScanResult.NOT_OPENED})
"""Scans of cards that are no guard's here: no round and no button belongs to them."""
_ROUND: Final = "patrol/"
"""Begins the names of what is kept, and of timers: the round that is open at a point."""


class PatrolRole:
    """See the module and ``roles.base.Role``.

    :param doors: the role of the node's doors; it sees everything but cards at readers that are patrol points alone.
    """

    def __init__(self, doors: DoorRole) -> None:
        self._doors = doors

    def initial(self) -> PatrolState:
        """No scan, no round."""
        return PatrolState(self._doors.initial())

    def step(
        self, state: PatrolState, stimulus: Stimulus, view: View, now: Now
    ) -> tuple[PatrolState, list[Action]]:
        """See ``roles.base.Role``."""
        match stimulus:
            case Committed() | CommitLate() if stimulus.intent_id > FIRST_INTENT:
                return _stepped(state, stimulus, view, now)
            case TimerFired(name) if name.startswith(_ROUND):
                return _stepped(state, stimulus, view, now)
            case CardShown(reader) if _is_patrol_alone(state, view, reader):
                return _stepped(state, stimulus, view, now)
        doors, actions = self._doors.step(state.doors, stimulus, view, now)
        state, more = _stepped(replace(state, doors=doors), stimulus, view, now)
        return state, actions + more


def _is_patrol_alone(state: PatrolState, view: View, reader: int) -> bool:
    point = state.wiring.point_of_reader.get(reader, 0)
    return view.checkpoint(point) is not None and point not in view.access_points


def _stepped(
    state: PatrolState, stimulus: Stimulus, view: View, now: Now
) -> tuple[PatrolState, list[Action]]:
    turn = _Turn(state, view, now)
    match stimulus:
        case CardShown():
            _card_shown(turn, stimulus)
        case Committed():
            _committed(turn, stimulus)
        case CommitLate():
            turn.commits.late(stimulus)
        case InputChanged(line, active):
            if active and line.role in BUTTONS:
                _said(turn, line.unit, BUTTONS[line.role])
        case TimerFired(name):
            if name.startswith(_ROUND):
                _round_over(turn, int(name.removeprefix(_ROUND)))
        case StorageState(usable):
            turn.commits.storage_usable = usable
        case Started(kept=kept):
            for name, value in kept.items():
                if name.startswith(_ROUND) and value:
                    _round_goes_on(turn, int(name.removeprefix(_ROUND)), value)
    return turn.state(), turn.actions


class _Turn:
    """One step in the making."""

    def __init__(self, state: PatrolState, view: View, now: Now) -> None:
        self._before, self.view, self.now = state, view, now
        self.wiring = state.wiring
        self.shown = dict(state.shown)
        self.told, self.last, self.rounds = dict(state.told), dict(state.last), dict(state.rounds)
        self.actions: list[Action] = []
        self.commits = CommitsTurn(state.commits, self.actions)

    def state(self) -> PatrolState:
        """The state after this turn."""
        return replace(
            self._before,
            shown=self.shown,
            commits=self.commits.after(),
            told=self.told,
            last=self.last,
            rounds=self.rounds,
        )


# -- cards ----------------------------------------------------------------------------------------------------------


def _card_shown(turn: _Turn, shown: CardShown) -> None:
    point = turn.wiring.point_of_reader.get(shown.reader, 0)
    row = turn.view.checkpoint(point)
    if row is None or shown.left_alone:
        return
    is_door = point in turn.view.access_points
    now_ms = turn.now.mono_ms
    turn.shown = {name: last for name, last in turn.shown.items() if now_ms - last.at_ms < DOUBLE_MS}
    turn.told = {name: scan for name, scan in turn.told.items() if now_ms - scan.at_ms <= DOUBLE_MS}
    for card in shown.cards:
        keys = card.keys()
        event = next((found for key in keys if (found := turn.view.event_card(key)) is not None), None)
        is_ours = not is_door or event is not None or _guard(turn.view, keys) is not None
        if (shown.joined and card.uid not in shown.joined) or not is_ours:
            continue
        name = (shown.reader, card.uid)
        turn.shown[name], is_new = turn.shown.get(name, LastShown()).shown(identity(card), now_ms)
        if is_new and event is not None:
            _said(turn, shown.reader, event.event)
        elif is_new:
            _scanned(turn, shown.reader, point, row, card, is_door=is_door)


def _guard(view: View, keys: tuple[bytes, ...]) -> bytes | None:
    return next((key for key in keys if view.guard(key) is not None), None)


def _scanned(
    turn: _Turn, reader: int, point: int, row: CheckpointRow, card: Presentation, *, is_door: bool
) -> None:
    keys = card.keys()
    guard = _guard(turn.view, keys)
    shown = guard or (keys[0] if keys else b"")
    by = turn.rounds.get(point, b"") if row.carried else b""
    if (scan := turn.told.get((point, shown, by))) is not None:
        turn.actions.append(Feedback(reader, scan.pattern))
        return
    if any(
        (waiting.body.point, waiting.card) == (point, shown) and shown
        for waiting in turn.commits.waiting.values()
    ):
        return  # its answer is under way
    dead = restriction_of(card, turn.view, keys)
    fact = ScanFact(
        point,
        row.checkpoint,
        ScanResult.NOT_A_GUARD,
        turn.view.revisions,
        card.tier,
        card.issue_no,
        is_dead=dead is not None,
        is_copy=card.clone_suspected,
    )
    if guard is not None and (known := turn.view.guard(guard)) is not None and known.closed:
        waiting = Waiting(replace(fact, result=ScanResult.NOT_OPENED), reader, shown, shown)
    elif row.carried:
        waiting = _at_carried(turn, row, Waiting(fact, reader, shown, shown), guard, keys)
    else:
        waiting = Waiting(_judged(turn, row, fact, guard), reader, shown, shown)
    if waiting.personal and waiting.body.result not in _NOBODYS:
        turn.last.pop(
            point, None
        )  # a button is nobody's until this scan is durable, and not the guard's before
    turn.commits.record(waiting)
    if dead is not None and not is_door:
        turn.actions += moment(Alarm.DEAD_CARD_USED, point, dead[0].name.lower(), shown)
    if card.clone_suspected and not is_door:
        turn.actions += moment(Alarm.CLONE_SUSPECTED, point, "", shown)


def _judged(turn: _Turn, row: CheckpointRow, fact: ScanFact, guard: bytes | None) -> ScanFact:
    """The scan with what the guard is to be told."""
    visits = None if guard is None else turn.view.guard(guard)
    now = turn.now.instant
    if visits is None:
        is_known = bool(row.plan_until_s)
        return replace(fact, result=ScanResult.NOT_A_GUARD if is_known else ScanResult.PLAN_UNKNOWN)
    if not now.trusted or now.utc_ms >= row.plan_until_s * 1_000:
        return replace(fact, result=ScanResult.PLAN_UNKNOWN)
    result, planned_s = told(visits.visits, fact.checkpoint, now.utc_ms)
    return replace(fact, result=result, planned_s=planned_s)


def _committed(turn: _Turn, answer: Committed) -> None:
    durable = turn.commits.durable(answer)
    if durable is None:
        return
    waiting, seq = durable
    body, now_ms = waiting.body, turn.now.mono_ms
    pattern = HEARD[body.result] if body.event is PatrolEvent.NONE else Pattern.EVENT_SENT
    if body.event is PatrolEvent.NONE:
        if waiting.card and body.result is not ScanResult.NOT_OPENED:  # it may be opened within the minute
            by = turn.rounds.get(body.point, b"")
            turn.told[body.point, waiting.card, by] = Told(now_ms, pattern)
        if waiting.personal and body.result not in _NOBODYS:
            turn.last[body.point] = LastScan(waiting.personal, seq, now_ms, body)
    turn.actions.append(Feedback(waiting.reader, pattern))


# -- a unit that guards carry (巡更棒) ---------------------------------------------------------------------------------


def _at_carried(
    turn: _Turn, row: CheckpointRow, waiting: Waiting[ScanFact], guard: bytes | None, keys: tuple[bytes, ...]
) -> Waiting[ScanFact]:
    """A guard's card opens the round or closes it; a location card is a scan of the guard whose round it is."""
    fact, point = waiting.body, waiting.body.point
    open_by = turn.rounds.get(point)
    if guard is not None:
        is_over = open_by == guard
        result = ScanResult.ROUND_CLOSED if is_over else ScanResult.ROUND_OPENED
        if is_over:
            del turn.rounds[point]
            turn.actions.append(CancelTimer(f"{_ROUND}{point}"))
        else:
            _round_goes_on(turn, point, guard)
        keep = ((f"{_ROUND}{point}", b"" if is_over else guard),)
        return replace(waiting, body=replace(fact, checkpoint=0, result=result), keep=keep)
    place = next((found for key in keys if (found := turn.view.place(key)) is not None), None)
    if place is None:
        return replace(waiting, body=replace(fact, checkpoint=0))
    fact = replace(fact, checkpoint=place.checkpoint, result=ScanResult.NO_ROUND)
    if open_by is None:
        return replace(waiting, body=fact, personal=b"")
    _round_goes_on(turn, point, open_by)
    return replace(waiting, body=_judged(turn, row, fact, open_by), personal=open_by)


def _round_goes_on(turn: _Turn, point: int, guard: bytes) -> None:
    turn.rounds[point] = guard
    row = turn.view.checkpoint(point) or CheckpointRow(0)
    turn.actions.append(StartTimer(f"{_ROUND}{point}", row.round_idle_s * 1_000))


def _round_over(turn: _Turn, point: int) -> None:
    """Nothing was scanned for too long."""
    guard = turn.rounds.pop(point, None)
    if guard is not None:
        fact = ScanFact(point, 0, ScanResult.ROUND_CLOSED, turn.view.revisions)
        turn.actions.append(Record(fact, guard, keep=((f"{_ROUND}{point}", b""),)))


# -- buttons and event cards ------------------------------------------------------------------------------------------


def _said(turn: _Turn, reader: int, event: PatrolEvent) -> None:
    point = turn.wiring.point_of_reader.get(reader, 0)
    row = turn.view.checkpoint(point)
    if row is None:
        return
    last = turn.last.get(point)
    if last is None or turn.now.mono_ms - last.at_ms > EVENT_TIES_MS:
        fact = ScanFact(point, row.checkpoint, ScanResult.PLAN_UNKNOWN, turn.view.revisions, event=event)
        guard = b""
    else:
        fact = replace(last.body, revisions=turn.view.revisions, event=event, scan_seq=last.seq)
        guard = last.guard
    if event is PatrolEvent.HELP:
        turn.actions += moment(Alarm.HELP_WANTED, point, "", guard)
    turn.commits.record(Waiting(fact, reader, guard, b""))
