"""The time-clock role (考勤機): takes punches of whom it may, says so, and writes every showing down. Pure. It stands round the
roles of doors and patrol points.

    CardShown, taken     -> [Record(PunchFact)]            nothing is heard yet
    Committed            -> [Feedback(...)]                 the punch is durable: in, out, or without a direction
    CardShown, refused   -> [Record(PunchFact), Feedback]   with the reason of ``protocol.decide``

Law of this file: nobody hears that a punch was taken before it is durable; every showing leaves one punch fact, also a
refused one and a second within a minute: what counts, the centre decides from all of them. Without a trusted clock a time
clock takes whom a door would keep waiting for the time, since it opens nothing: the fact says that the time was not checked.

The direction is the reader's, if it has one; else that of the key (``key_in``, ``key_out`` in the board's profile, numbered as
the reader) that was pressed at most ten seconds ago. A key speaks for one punch.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from edge.core.actions import Action, Feedback, Record
from edge.core.alarms import moment
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.presence import LastShown, identity
from edge.core.several import choose
from edge.core.stimuli import (
    CardShown,
    CommitLate,
    Committed,
    InputChanged,
    Now,
    Stimulus,
    StorageState,
)
from edge.roles.attendance_state import FIRST_INTENT, KEY_HOLDS_MS, AttendanceState, Pressed
from edge.roles.commits import CommitsTurn, Waiting
from edge.roles.door import REFUSAL
from edge.roles.patrol import PatrolRole
from protocol.decide import PointState, decide
from protocol.facts import Alarm, PunchFact
from protocol.reasons import DEAD_CARD, Reason, is_granted
from protocol.records import PunchStatus, TimeClockRow
from protocol.view import View

HEARD: Final[dict[PunchStatus, Pattern]] = {
    PunchStatus.NONE: Pattern.PUNCHED,
    PunchStatus.IN: Pattern.PUNCHED_IN,
    PunchStatus.OUT: Pattern.PUNCHED_OUT,
}
KEYS: Final = {InputRole.KEY_IN: PunchStatus.IN, InputRole.KEY_OUT: PunchStatus.OUT}
_STATE: Final = PointState()


class AttendanceRole:
    """See the module and ``roles.base.Role``.

    :param others: the role of the node's doors and patrol points; it sees everything but cards at time clocks.
    """

    def __init__(self, others: PatrolRole) -> None:
        self._others = others

    def initial(self) -> AttendanceState:
        """No punch."""
        return AttendanceState(self._others.initial())

    def step(
        self, state: AttendanceState, stimulus: Stimulus, view: View, now: Now
    ) -> tuple[AttendanceState, list[Action]]:
        """See ``roles.base.Role``."""
        match stimulus:
            case Committed() | CommitLate() if stimulus.intent_id > FIRST_INTENT:
                return _stepped(state, stimulus, view, now)
            case CardShown(reader) if _is_clock(view, state.wiring.point_of_reader.get(reader, 0)):
                return _stepped(state, stimulus, view, now)
        others, actions = self._others.step(state.others, stimulus, view, now)
        state, more = _stepped(replace(state, others=others), stimulus, view, now)
        return state, actions + more


def _is_clock(view: View, point: int) -> bool:
    return point in view.terminals and view.time_clock(point) is not None


def _stepped(
    state: AttendanceState, stimulus: Stimulus, view: View, now: Now
) -> tuple[AttendanceState, list[Action]]:
    turn = _Turn(state, view, now)
    match stimulus:
        case CardShown():
            _card_shown(turn, stimulus)
        case Committed():
            _committed(turn, stimulus)
        case CommitLate():
            turn.commits.late(stimulus)
        case InputChanged(line, active):
            if active and line.role in KEYS:
                turn.pressed[line.unit] = Pressed(KEYS[line.role], now.mono_ms)
        case StorageState(usable):
            turn.commits.storage_usable = usable
    return turn.state(), turn.actions


class _Turn:
    """One step in the making."""

    def __init__(self, state: AttendanceState, view: View, now: Now) -> None:
        self._before, self.view, self.now = state, view, now
        self.wiring = state.wiring
        self.shown, self.pressed = dict(state.shown), dict(state.pressed)
        self.actions: list[Action] = []
        self.commits = CommitsTurn(state.commits, self.actions)

    def state(self) -> AttendanceState:
        """The state after this turn."""
        return replace(
            self._before,
            shown=self.shown,
            pressed=self.pressed,
            commits=self.commits.after(),
        )


def _card_shown(turn: _Turn, shown: CardShown) -> None:
    point = turn.wiring.point_of_reader.get(shown.reader, 0)
    row = turn.view.time_clock(point)
    if row is None:
        return
    card = choose(shown.cards, shown.more, turn.view)
    if shown.joined and not card.several and card.uid not in shown.joined:
        return  # it was there before, and has had its answer
    name, before = identity(card), turn.shown.get(shown.reader, LastShown())
    if shown.left_alone and name and name == before.card:
        return  # it was the one of ours among those that have gone, and has had its answer
    turn.shown[shown.reader], is_new = before.shown(name, turn.now.mono_ms)
    if not is_new:
        return
    decision = decide(card, turn.view, turn.view.terminals[point], _STATE, turn.now.instant)
    reason = Reason.GRANTED_TIME_NOT_CHECKED if decision.reason is Reason.TIME_UNKNOWN else decision.reason
    status, is_keyed = _direction(turn, shown.reader, row)
    if reason not in (Reason.UNKNOWN_CARD, Reason.SEVERAL_CARDS):  # another card of the same hand may follow
        turn.pressed.pop(shown.reader, None)  # it spoke for this person alone, whatever becomes of the punch
    fact = PunchFact(
        point,
        reason,
        decision.revisions,
        status,
        is_keyed,
        card.tier,
        card.issue_no,
        decision.schedule,
        turn.now.instant.floor_ms // 1_000,
    )
    if is_granted(reason):
        turn.commits.record(Waiting(fact, shown.reader, decision.key))
    else:
        turn.actions += [
            Record(fact, decision.key),
            Feedback(shown.reader, REFUSAL.get(reason, Pattern.DENIED)),
        ]
        if reason in DEAD_CARD:
            turn.actions += moment(Alarm.DEAD_CARD_USED, point, reason.name.lower(), decision.key)
        elif reason is Reason.CLONE_SUSPECTED:
            turn.actions += moment(Alarm.CLONE_SUSPECTED, point, "", decision.key)


def _direction(turn: _Turn, reader: int, row: TimeClockRow) -> tuple[PunchStatus, bool]:
    """(what the punch says, whether a key said it)."""
    pressed = turn.pressed.get(reader)
    if row.status is not PunchStatus.NONE or pressed is None:
        return row.status, False
    is_fresh = turn.now.mono_ms - pressed.at_ms <= KEY_HOLDS_MS
    return (pressed.status, True) if is_fresh else (PunchStatus.NONE, False)


def _committed(turn: _Turn, answer: Committed) -> None:
    durable = turn.commits.durable(answer)
    if durable is None:
        return
    waiting, _seq = durable
    body = waiting.body
    is_sure = body.reason is Reason.GRANTED
    turn.actions.append(Feedback(waiting.reader, HEARD[body.status] if is_sure else Pattern.PROVISIONAL))
