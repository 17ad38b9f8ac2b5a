"""The till role (收費機): takes the price of a meal off a card, alone, and writes every showing down. Pure. It stands round the
roles of doors, patrol points and time clocks.

    CardShown, sold      -> [Record(PurchaseFact, keep=account)]   nothing is heard yet
    Committed            -> [Feedback(PAID)]                        fact and account are durable in one commit
    CardShown, refused   -> [Record(PurchaseFact), Feedback]        with the reason of ``decide``, else of ``rules.till.sell``

Law of this file: a payment is durable before its beep, and what the holder heard fail is not debited: a commit that comes
late after all is undone by a fact of its own. What a card spent is counted as soon as it is asked for, so that two quick
showings are two; what came to nothing is given back. Several cards at the reader pay nothing: one card, please.

The cashier's key (``key_undo``, numbered as the reader) makes the next card shown within 15 seconds take its last payment
at this reader back (domain-rules section 3 rule 5).
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from edge.core.actions import Action, Feedback, Keep, Record
from edge.core.alarms import moment
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.presence import LastShown, identity
from edge.core.stimuli import (
    CardShown,
    CommitLate,
    Committed,
    InputChanged,
    InStep,
    IntentId,
    LinkChanged,
    Now,
    Started,
    Stimulus,
    StorageState,
    Tick,
)
from edge.roles.attendance import AttendanceRole
from edge.roles.door import REFUSAL
from edge.roles.door_state import INTENTS_MAX
from edge.roles.till_state import (
    FIRST_INTENT,
    ONLINE_FOR_MS,
    TOLD,
    TOLD_EVERY_MS,
    UNDO_HOLDS_MS,
    Place,
    TillState,
    Waiting,
    name_of,
    packed,
    place_of,
    unpacked,
)
from protocol.decide import Decision, PointState, Presentation, decide
from protocol.facts import Alarm, PurchaseFact
from protocol.reasons import DEAD_CARD, Reason, is_granted
from protocol.records import BalanceRow
from protocol.rules.till.account import NOTHING, Account, debit_failed, undo_failed, undone
from protocol.rules.till.sell import Asked, Reach, Sale, business_time, sell, undo
from protocol.view import View

HEARD: Final = frozenset({Pattern.PAID, Pattern.PAID_WARNED, Pattern.UNDONE})
"""What is heard of a payment that is durable."""
_REFUSAL: Final = {
    **REFUSAL,
    Reason.NOT_ENOUGH_MONEY: Pattern.NO_MONEY,
    Reason.STORAGE_UNUSABLE: Pattern.STORAGE_FAULT,
}
_STATE: Final = PointState()


class TillRole:
    """See the module and ``roles.base.Role``.

    :param others: the role of the node's doors, patrol points and time clocks; it sees everything but cards at tills.
    """

    def __init__(self, others: AttendanceRole) -> None:
        self._others = others

    def initial(self) -> TillState:
        """Nothing sold."""
        return TillState(self._others.initial())

    def step(
        self, state: TillState, stimulus: Stimulus, view: View, now: Now
    ) -> tuple[TillState, list[Action]]:
        """See ``roles.base.Role``."""
        match stimulus:
            case Committed() | CommitLate() if stimulus.intent_id > FIRST_INTENT:
                return _stepped(state, stimulus, view, now)
            case CardShown(reader) if _is_till(view, state.wiring.point_of_reader.get(reader, 0)):
                return _stepped(state, stimulus, view, now)
        others, actions = self._others.step(state.others, stimulus, view, now)
        state, more = _stepped(replace(state, others=others), stimulus, view, now)
        return state, actions + more


def _is_till(view: View, point: int) -> bool:
    return point in view.terminals and view.till(point) is not None


def _stepped(state: TillState, stimulus: Stimulus, view: View, now: Now) -> tuple[TillState, list[Action]]:
    turn = _Turn(state, view, now)
    match stimulus:
        case CardShown():
            _card_shown(turn, stimulus)
        case Committed():
            _committed(turn, stimulus)
        case CommitLate(intent_id):
            waiting = turn.waiting.get(intent_id)
            if waiting is not None and not waiting.answered:
                turn.waiting[intent_id] = replace(waiting, answered=True)
                turn.actions.append(Feedback(waiting.reader, Pattern.STORAGE_FAULT))
        case InputChanged(line, active):
            if active and line.role is InputRole.KEY_UNDO:
                turn.undo_until[line.unit] = now.mono_ms + UNDO_HOLDS_MS
        case StorageState(usable):
            turn.change(storage_usable=usable)
        case LinkChanged(is_up):
            turn.change(is_up=is_up, told_mono_ms=turn.before.told_mono_ms if is_up else None)
        case InStep():
            _in_step(turn)
        case Tick():
            _roll_over(turn)
        case Started():
            _started(turn, stimulus)
    return turn.state(), turn.actions


class _Turn:
    """One step in the making."""

    def __init__(self, state: TillState, view: View, now: Now) -> None:
        self.before, self.view, self.now = state, view, now
        self.accounts, self.shown = dict(state.accounts), dict(state.shown)
        self.undo_until, self.waiting = dict(state.undo_until), dict(state.waiting)
        self.actions: list[Action] = []

    def change(self, **values: object) -> None:
        """Other values of the state."""
        self.before = replace(self.before, **values)

    def state(self) -> TillState:
        """The state after this turn."""
        return replace(
            self.before,
            accounts=self.accounts,
            shown=self.shown,
            undo_until=self.undo_until,
            waiting=self.waiting,
        )

    def of_card(self, row: BalanceRow | None) -> dict[int, Account]:
        """What was counted here of this issue of the card, by point."""
        if row is None:
            return {}
        places = ((row.card, row.issue_no, point) for point in self.view.terminals)
        return {place[2]: self.accounts[place] for place in places if place in self.accounts}

    def reach(self) -> Reach:
        """How far this node is in step with the centre."""
        state, told = self.before, self.before.told_mono_ms
        is_online = state.is_up and told is not None and self.now.mono_ms - told <= ONLINE_FOR_MS
        return Reach(is_online, state.told_ms, state.kept_told_ms, state.away_fen)

    def put(self, place: Place, account: Account) -> None:
        """Count a payment, or its undoing, from now on."""
        away = self.before.kept_told_ms
        more = _away_fen(account, away) - _away_fen(self.accounts.get(place, NOTHING), away)
        self.accounts[place] = account
        self.change(away_fen=self.before.away_fen + more)


def _away_fen(account: Account, away: int) -> int:
    return account.away_fen if account.away == away else 0


# -- cards ----------------------------------------------------------------------------------------------------------


def _card_shown(turn: _Turn, shown: CardShown) -> None:
    point = turn.before.wiring.point_of_reader.get(shown.reader, 0)
    till = turn.view.till(point)
    if till is None:
        return
    card = shown.cards[0]
    if len(shown.cards) > 1 or shown.more:
        card = replace(card, several=True)
    name, before = identity(card), turn.shown.get(shown.reader, LastShown())
    turn.shown[shown.reader], is_new = before.shown(name, turn.now.mono_ms)
    if not is_new:
        return
    decision = decide(card, turn.view, turn.view.terminals[point], _STATE, turn.now.instant)
    reason = Reason.GRANTED_TIME_NOT_CHECKED if decision.reason is Reason.TIME_UNKNOWN else decision.reason
    row = turn.view.balance(decision.key) if decision.key else None
    undoes, sale = False, Sale(reason)
    if is_granted(reason):
        undoes = turn.undo_until.pop(shown.reader, 0) >= turn.now.mono_ms
        if row is not None and card.credential_id and card.issue_no != row.issue_no:
            row = None
        sale = _sale(turn, Asked(point, till, row, turn.of_card(row)), undoes=undoes)
        if is_granted(sale.reason):
            sale = replace(sale, reason=reason)
    fact = _fact(turn, decision, card, point, row, sale, undoes=undoes)
    if not is_granted(fact.reason):
        _refused(turn, shown.reader, fact, decision.key)
        return
    assert row is not None, "nothing is sold where no balance is known"
    place = (row.card, row.issue_no, point)
    if not turn.before.storage_usable or len(turn.waiting) >= INTENTS_MAX:
        fact = replace(fact, reason=Reason.STORAGE_UNUSABLE, counter=0, undoes=0)
        _refused(turn, shown.reader, fact, decision.key)
        return
    _intend(turn, Waiting(fact, shown.reader, decision.key, place, sale.account, sale.warns))


def _sale(turn: _Turn, asked: Asked, *, undoes: bool) -> Sale:
    if undoes:
        row = asked.balance
        place = None if row is None else (row.card, row.issue_no, asked.point)
        in_doubt = any(one.place == place for one in turn.waiting.values())
        return Sale(Reason.NOTHING_TO_UNDO) if in_doubt else undo(asked)
    return sell(asked, turn.reach(), turn.view.calendar, turn.before.today, turn.now.instant)


def _fact(
    turn: _Turn,
    decision: Decision,
    card: Presentation,
    point: int,
    row: BalanceRow | None,
    sale: Sale,
    *,
    undoes: bool,
) -> PurchaseFact:
    is_sold = is_granted(sale.reason)
    return PurchaseFact(
        point,
        sale.reason,
        decision.revisions,
        sale.amount_fen,
        sale.balance_fen,
        0 if row is None else row.at_s,
        card.issue_no if row is None else row.issue_no,
        sale.account.counter if is_sold and not undoes else 0,
        sale.account.last_no if is_sold and undoes else 0,
        not turn.reach().is_online,
        sale.meal,
        card.tier,
        decision.schedule,
        turn.now.instant.floor_ms // 1_000,
    )


def _intend(turn: _Turn, waiting: Waiting) -> None:
    """Count it, and ask for the commit of fact and account behind which the holder hears of it."""
    turn.put(waiting.place, waiting.after)
    intent = IntentId(turn.before.last_intent + 1)
    turn.change(last_intent=intent)
    turn.waiting[intent] = waiting
    keep = ((name_of(waiting.place), packed(waiting.after)),)
    turn.actions.append(Record(waiting.body, waiting.personal, intent, keep=keep))


def _refused(turn: _Turn, reader: int, fact: PurchaseFact, key: bytes) -> None:
    reason = fact.reason
    turn.actions += [Record(fact, key), Feedback(reader, _REFUSAL.get(reason, Pattern.DENIED))]
    if reason in DEAD_CARD:
        turn.actions += moment(Alarm.DEAD_CARD_USED, fact.point, reason.name.lower(), key)
    elif reason is Reason.CLONE_SUSPECTED:
        turn.actions += moment(Alarm.CLONE_SUSPECTED, fact.point, "", key)


def _committed(turn: _Turn, answer: Committed) -> None:
    waiting = turn.waiting.pop(answer.intent_id, None)
    if waiting is None:
        return
    if not answer.ok or answer.seq is None:
        _came_to_nothing(turn, waiting)
    elif waiting.answered:
        _take_back(turn, waiting)
    elif waiting.body.undoes:
        turn.actions.append(Feedback(waiting.reader, Pattern.UNDONE))
    else:
        turn.actions.append(Feedback(waiting.reader, Pattern.PAID_WARNED if waiting.warns else Pattern.PAID))


def _came_to_nothing(turn: _Turn, waiting: Waiting) -> None:
    """Nothing was stored: nothing is debited, its number is not used again, and that it failed is written down when it can be."""
    failed = undo_failed if waiting.body.undoes else debit_failed
    account = failed(turn.accounts.get(waiting.place, NOTHING), waiting.after)
    turn.put(waiting.place, account)
    turn.actions.append(Keep(name_of(waiting.place), packed(account)))
    fact = replace(waiting.body, reason=Reason.STORAGE_UNUSABLE, counter=0, undoes=0)
    turn.actions.append(Record(fact, waiting.personal))
    if not waiting.answered:
        turn.actions.append(Feedback(waiting.reader, Pattern.STORAGE_FAULT))


def _take_back(turn: _Turn, waiting: Waiting) -> None:
    """It was stored after the holder had heard that it failed: a payment is undone, an undoing stands."""
    body, account = waiting.body, turn.accounts.get(waiting.place, NOTHING)
    if body.undoes:
        return
    if account.last_no == body.counter and account.can_undo:
        account = undone(account)
    else:
        account = replace(account, undone_fen=account.undone_fen + body.amount_fen)
    turn.put(waiting.place, account)
    fact = replace(body, counter=0, undoes=body.counter)
    keep = ((name_of(waiting.place), packed(account)),)
    turn.actions.append(Record(fact, waiting.personal, keep=keep))


# -- the centre, the day, a restart -----------------------------------------------------------------------------------


def _in_step(turn: _Turn) -> None:
    """Everything of the centre is here. The medium remembers that now and then, and at once when something was sold without."""
    turn.change(told_mono_ms=turn.now.mono_ms)
    tills = [point for point in turn.view.terminals if turn.view.till(point) is not None]
    if not tills or not turn.now.instant.trusted:
        return
    now_ms = turn.now.instant.utc_ms
    turn.change(told_ms=now_ms)
    if turn.before.away_fen or not 0 <= now_ms - turn.before.kept_told_ms < TOLD_EVERY_MS:
        turn.change(kept_told_ms=now_ms, away_fen=0)
        turn.actions.append(Keep(TOLD, now_ms.to_bytes(8, "big")))
        _forget_old(turn)


def _forget_old(turn: _Turn) -> None:
    """Accounts of earlier issues, and of cards that no longer pay here: what they spent, the centre has heard."""
    issues = {row.card: row.issue_no for row in turn.view.balances().values()}
    waiting = {one.place for one in turn.waiting.values()}
    for place in [known for known in turn.accounts if issues.get(known[0]) != known[1]]:
        if place not in waiting:
            del turn.accounts[place]
            turn.actions.append(Keep(name_of(place), b""))


def _roll_over(turn: _Turn) -> None:
    """The newest day that was certain; it does not roll over on a clock that is not."""
    if not turn.now.instant.trusted:
        return
    rows = (turn.view.till(point) for point in turn.view.terminals)
    days = [business_time(row, turn.view.calendar, turn.now.instant)[0] for row in rows if row is not None]
    if days and max(days) != turn.before.today:
        turn.change(today=max(days))


def _started(turn: _Turn, started: Started) -> None:
    for name, value in started.kept.items():
        place = place_of(name)
        if name == TOLD and len(value) == 8:
            told_ms = int.from_bytes(value, "big")
            turn.change(told_ms=told_ms, kept_told_ms=told_ms)
        elif place is not None:
            try:
                turn.accounts[place] = unpacked(value)
            except msgspec.MsgspecError:  # of another version: counted anew, from what the centre has heard
                continue
    away = turn.before.kept_told_ms
    days = [account.day for account in turn.accounts.values()]
    fen = sum(_away_fen(account, away) for account in turn.accounts.values())
    turn.change(away_fen=fen, today=max(days, default=0))
