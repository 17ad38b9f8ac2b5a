"""A random life of cards, played on the database and on the model at once; every step is checked (section 6).

``play(folder, seed, acts)`` raises :class:`Broken` with the seed and the step of the first difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import peewee

from central.cards import acts
from central.cards.acts import By, Change, Terms
from central.cards.history import held_on, unconfirmed_loss
from central.cards.model import Card, CardAct, CardClass, CardDesk, CardIssue, CardLoss, DeskKeeper
from central.cards.rules import Act, Origin
from central.errors import ConflictError, InvalidInputError
from central.people.model import Person
from central.sites.model import Site
from central.stock import counting, moving
from central.stock.books import books_of
from central.stock.model import Transfer
from central.sync.model import PublishedRow
from protocol.records import Kind
from tests.sim.card_model import ACTIVE_MAX, COST_FEN, DEPOSIT_FEN, Model, ModelCard
from tests.support.estate import NOON, Estate

CLERK, SECOND = 1, 2
LOOK_AT_ALL_EVERY = 1_000
STEP = timedelta(minutes=7)
"""Longer than a card that was shown counts as present."""


class Broken(AssertionError):
    """The database and the rules differ."""


class World:
    """One estate with two desks, its model, and the die."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.estate, self.seed, self.die, self.step = Estate(folder), seed, Random(seed), 0
        self.estate.write(self._make)
        self.model = Model(desk=1)
        self.people = [self.estate.person, self.estate.stranger]
        self.transfers: dict[int, tuple[int, list[str]]] = {}
        self.uids = self.numbers = 0
        self.done: Counter[str] = Counter()
        self.refused = 0

    def _make(self) -> None:
        CardClass.update(deposit_fen=DEPOSIT_FEN, cost_fen=COST_FEN, active_max_count=ACTIVE_MAX).execute()
        about = {"site": self.estate.site, "organisation": self.estate.organisation}
        desk = CardDesk.create(name="服务中心", **about)
        CardDesk.create(name="南区", **about)
        DeskKeeper.create(site=self.estate.site, operator_id=CLERK, desk=desk)

    @property
    def now(self) -> datetime:
        return NOON + self.step * STEP

    def by(self, number: int = CLERK) -> By:
        return By(number, f"operator {number}", self.now)

    # -- one step -----------------------------------------------------------------------------------------------------

    def play(self, count: int) -> None:
        """So many acts, each checked, and all cards now and then and at the end."""
        names, weights = zip(*ACTS.items(), strict=True)
        for self.step in range(1, count + 1):
            (name,) = self.die.choices(names, weights)
            try:
                getattr(self, f"_{name}")()
                if self.step % LOOK_AT_ALL_EVERY == 0 or self.step == count:
                    self._look_at_all()
            except (AssertionError, peewee.IntegrityError) as error:
                raise Broken(f"seed {self.seed}, step {self.step}, {name}: {error}") from error

    def _both(
        self,
        name: str,
        on_database: Callable[[], Any],
        on_model: Callable[[Model], Any],
        numbers: list[str],
    ) -> Any:
        """Do it twice; both must allow it, or both refuse it and change nothing. ``numbers``: cards it is about."""
        old, bought = (
            {number: deepcopy(self.model.cards.get(number)) for number in numbers},
            self.model.bought,
        )
        is_possible = bool(on_model(self.model))
        if not is_possible:
            self._take_back(old, bought)
        before = self.estate.read(self._acts_count, numbers)
        refusal = None
        try:
            outcome = self.estate.write(on_database)
        except (ConflictError, InvalidInputError) as error:
            refusal = error
        if refusal is not None:
            assert not is_possible, f"{name} of {numbers} was refused: {refusal}"
            self.refused += 1
            assert self.estate.read(self._acts_count, numbers) == before, "a refused act left a trace"
            return None
        assert is_possible, f"{name} of {numbers} was allowed"
        self.done[name] += 1
        if isinstance(outcome, Change):
            self._written_down(outcome, old[outcome.card.card_no])
        for number in numbers:
            self.estate.read(self._look_at, number)
        self.estate.read(self._add_up)
        return outcome

    def _take_back(self, old: dict[str, ModelCard | None], bought: int) -> None:
        """The model as it was before an act that it does not allow."""
        self.model.bought = bought
        for number, card in old.items():
            if card is None:
                self.model.cards.pop(number, None)
            else:
                self.model.cards[number] = card

    def _act(
        self,
        name: str,
        card: ModelCard,
        act: Callable[[Card], Change],
        rule: Callable[[Model, ModelCard], bool],
    ) -> None:
        number = card.number
        self._both(
            name,
            lambda: act(Card.get(Card.card_no == number)),
            lambda model: rule(model, model.cards[number]),
            [number],
        )

    # -- what is checked ----------------------------------------------------------------------------------------------

    def _written_down(self, change: Change, old: ModelCard | None) -> None:
        """Operator, reason where one is due, before and after."""
        line = self.estate.read(
            lambda: CardAct.select().where(CardAct.card == change.card.id).order_by(CardAct.id.desc()).first()
        )
        assert (line.operator_name, line.at) == (f"operator {line.operator_id}", self.now), "who and when"
        assert line.reason or Act(line.act) not in REASON_DUE, f"no reason for {line.act}"
        new = self.model.cards[change.card.card_no]
        if old is not None:
            assert (change.before["holding"], set(change.before["reasons"])) == (old.holding, old.reasons)
            assert change.before["issue_no"] == old.issue_no
        assert (change.after["holding"], set(change.after["reasons"])) == (new.holding, new.reasons)

    def _look_at(self, number: str) -> None:
        """The stored card is the model's, and the devices are told what it is."""
        card, model = Card.get_or_none(Card.card_no == number), self.model.cards.get(number)
        if model is None or card is None:
            assert model is card is None, f"card {number} is in one of the two only"
            return
        stored = (
            card.holding,
            set(card.reasons),
            card.issue_no,
            card.desk_id,
            card.in_transit,
            card.person_id,
        )
        ruled = (model.holding, model.reasons, model.issue_no, model.desk, model.in_transit, model.person)
        assert stored == ruled or (stored[:5] == ruled[:5] and model.holding != "in_use"), (
            f"{stored} != {ruled}"
        )
        assert (bytes(card.uid) if card.uid is not None else None) == model.uid
        assert held_on(card) == model.deposit_fen, "the deposit"
        rows = PublishedRow.select(PublishedRow.kind).where(
            (PublishedRow.owner == f"card:{card.id}") & (PublishedRow.body != b"")
        )
        kinds = {kind for (kind,) in rows.tuples()}
        if model.uid is not None:
            assert (Kind.CARD.value in kinds) is (model.holding == "in_use"), "what opens doors"
            assert (Kind.RESTRICTION.value in kinds) is model.is_banned, "what is refused everywhere"
        open_issues = CardIssue.select().where((CardIssue.card == card.id) & CardIssue.ended_at.is_null())
        assert [issue.issue_no for issue in open_issues] == [card.issue_no] * (model.holding == "in_use")
        losses = CardLoss.select().where((CardLoss.card == card.id) & (CardLoss.status == "open"))
        assert losses.count() == int("lost" in model.reasons and model.holding == "in_use"), "the loss report"
        assert (unconfirmed_loss(card) is not None) is model.is_provisional, "the confirmation"
        lives = [
            act
            for (act,) in CardAct.select(CardAct.act)
            .where(CardAct.card == card.id)
            .order_by(CardAct.id)
            .tuples()
        ]
        since = None
        for act in lives:
            if act == Act.ISSUE.value:
                assert since in (None, Act.RESTOCK.value), "issued again without having been wiped"
            if act in (Act.ISSUE.value, Act.RESTOCK.value):
                since = act

    def _add_up(self) -> None:
        books = books_of(Site.get_by_id(self.estate.site))
        assert not books.wrong, [str(text) for text in books.wrong]
        assert books.bought == self.model.bought
        counted = Counter(card.part for card in self.model.cards.values())
        assert {name: number for name, number in books.parts.items() if number} == dict(counted)

    def _look_at_all(self) -> None:
        def look() -> None:
            assert Card.select().count() == len(self.model.cards)
            for number in self.model.cards:
                self._look_at(number)
            in_use = [bytes(uid) for (uid,) in Card.select(Card.uid).where(Card.holding == "in_use").tuples()]
            assert len(in_use) == len(set(in_use)), "one UID in use twice"

        self.estate.read(look)

    def _acts_count(self, numbers: list[str]) -> int:
        ids = Card.select(Card.id).where(Card.card_no.in_(numbers))
        return int(CardAct.select().where(CardAct.card.in_(ids)).count())

    # -- what is drawn ------------------------------------------------------------------------------------------------

    def _some(self, *holdings: str) -> ModelCard | None:
        """A card, mostly one in these states."""
        cards = list(self.model.cards.values())
        fits = [card for card in cards if card.holding in holdings]
        return self.die.choice(fits if fits and self.die.random() < 0.9 else cards) if cards else None

    def _chip(self) -> bytes:
        """A new chip, or one that is known already."""
        known = [card.uid for card in self.model.cards.values() if card.uid is not None]
        if known and self.die.random() < 0.4:
            return self.die.choice(known)
        self.uids += 1
        return b"\x04" + self.uids.to_bytes(3, "big")

    def _number(self) -> str:
        """The number of a blank card, of any card, or a new one."""
        blanks = [
            card.number for card in self.model.cards.values() if card.holding == "stock" and card.uid is None
        ]
        if blanks and self.die.random() < 0.6:
            return self.die.choice(blanks)
        if self.model.cards and self.die.random() < 0.2:
            return self.die.choice(list(self.model.cards))
        self.numbers += 1
        return f"9{self.numbers:07d}"

    def _show(self, card: ModelCard) -> bool:
        """Mostly the card is shown to the reader of the desk before."""
        is_shown = card.uid is not None and self.die.random() < 0.8
        if is_shown:
            assert card.uid is not None
            self.estate.show_at_desk(card.uid.hex(), self.now)
        return is_shown

    # -- the acts -----------------------------------------------------------------------------------------------------

    def _enter(self) -> None:
        first, desk = self.numbers + 1, self.die.choice([1, 2])
        self.numbers += self.die.randint(1, 8)
        numbers = [f"9{number:07d}" for number in range(first, self.numbers + 1)]
        if self.model.cards and self.die.random() < 0.1:
            numbers.append(self.die.choice(list(self.model.cards)))
        estate = self.estate
        self._both(
            "enter",
            lambda: acts.enter(
                self.by(),
                estate.site,
                estate.organisation,
                [(None, number) for number in numbers],
                Origin.BOUGHT,
                desk=CardDesk.get_by_id(desk),
            ),
            lambda model: model.enter(numbers, desk),
            numbers,
        )

    def _issue(self) -> None:
        uid, number, person, day = (
            self._chip(),
            self._number(),
            self.die.choice(self.people),
            self.die.randint(1, 300),
        )
        terms = Terms(
            self.estate.card_class, None, NOON + timedelta(days=day), {"levels": [self.estate.level]}
        )
        known = self.model.with_uid(uid)
        self._both(
            "issue",
            lambda: acts.issue(self.by(), uid, number, Person.get_by_id(person), terms),
            lambda model: model.issue(uid, number, person, day),
            [known.number if known is not None else number],
        )

    def _take_place(self, *, damaged: bool) -> None:
        old = self._some("in_use")
        if old is None:
            return
        uid, number, mine = self._chip(), self._number(), old.number
        known = self.model.with_uid(uid)

        def on_database() -> Change:
            card = Card.get(Card.card_no == mine)
            if damaged:
                return acts.swap(
                    self.by(),
                    card,
                    uid,
                    number,
                    identity_checked=True,
                    warranty=self.step % 2 == 0,
                    reason="折斷",
                )
            return acts.replace(self.by(), card, uid, number)

        self._both(
            "swap" if damaged else "replace",
            on_database,
            lambda model: model.take_place(model.cards[mine], uid, number, damaged=damaged),
            [mine, known.number if known is not None else number],
        )

    def _swap(self) -> None:
        self._take_place(damaged=True)

    def _replace(self) -> None:
        self._take_place(damaged=False)

    def _report(self) -> None:
        kind, card = self.die.choice(["lost", "stolen", "night"]), self._some("in_use")

        def act(found: Card) -> Change:
            if kind == "night":
                return acts.report_provisionally(self.by(SECOND), found, reporter="張太", phone="13800000000")
            return acts.report_lost(self.by(), found, stolen=kind == "stolen")

        if card is not None:
            self._act(kind, card, act, lambda model, mine: model.report(mine, kind))

    def _confirm(self) -> None:
        if (card := self._some("in_use")) is not None:
            self._act("confirm", card, lambda found: acts.confirm(self.by(), found), Model.confirm)

    def _lift(self) -> None:
        if (card := self._some("in_use")) is not None:
            self._act(
                "lift",
                card,
                lambda found: acts.lift(self.by(), found, identity_checked=True, reason="找到"),
                Model.lift,
            )

    def _suspend(self) -> None:
        card, on = self._some("in_use"), self.die.random() < 0.6
        if card is not None:
            self._act(
                "suspend" if on else "resume",
                card,
                lambda found: (acts.suspend if on else acts.resume)(self.by(), found, reason="欠資料"),
                lambda model, mine: model.suspend(mine, on=on),
            )

    def _change(self) -> None:
        card, day, longer = self._some("in_use"), self.die.randint(1, 400), self.die.random() < 0.5
        until = NOON + timedelta(days=day)

        def act(found: Card) -> Change:
            if longer:
                return acts.extend(self.by(), found, until)
            terms = Terms(self.estate.card_class, None, until, {"levels": [self.estate.level]})
            return acts.rewrite(self.by(), found, terms)

        if card is not None:
            name = "extend" if longer else "rewrite"
            self._act(name, card, act, lambda model, mine: model.change(mine, day, only_longer=longer))

    def _hand_in(self) -> None:
        card = self._some("in_use", "replaced", "cancelled")
        if card is None:
            return
        is_shown, is_return = self._show(card), card.holding == "in_use"
        act = acts.take_back if is_return else acts.recover
        self._act(
            "return" if is_return else "recover",
            card,
            lambda found: act(self.by(), found),
            lambda model, mine: model.hand_in(mine, is_shown=is_shown),
        )

    def _cancel(self) -> None:
        if (card := self._some("in_use")) is not None:
            self._act(
                "cancel", card, lambda found: acts.cancel(self.by(), found, reason="離開"), Model.cancel
            )

    def _restock(self) -> None:
        if (card := self._some("returned")) is not None:
            self._act("restock", card, lambda found: acts.restock(self.by(), found), Model.restock)

    def _destroy(self) -> None:
        if (card := self._some("returned", "replaced", "cancelled")) is not None:
            self._act(
                "destroy", card, lambda found: acts.destroy(self.by(), found, reason="剪毀"), Model.destroy
            )

    def _send(self) -> None:
        start = self.die.choice([1, 2, None])
        end = 1 if start == 2 else 2
        here = [card for card in self.model.cards.values() if card.desk == start and card.is_in_hand]
        if not here:
            return
        numbers = sorted({self.die.choice(here).number for _ in range(self.die.randint(1, 4))})
        sent = self._both(
            "send",
            lambda: moving.send(
                self.by(),
                None if start is None else CardDesk.get_by_id(start),
                CardDesk.get_by_id(end),
                moving.cards_of(self.estate.site, numbers),
            ),
            lambda model: model.send([model.cards[number] for number in numbers], start, end),
            numbers,
        )
        if sent is not None:
            self.transfers[sent.id] = (end, numbers)

    def _settle(self) -> None:
        """Some cards of a transfer arrive, or the rest is given up."""
        if not self.transfers:
            return
        number = self.die.choice(list(self.transfers))
        desk, waiting = self.transfers.pop(number)
        gives_up, by = self.die.random() < 0.2, self.die.choice([CLERK, SECOND])
        chosen = waiting if gives_up else waiting[: self.die.randint(1, len(waiting))]

        def on_database() -> Any:
            transfer = Transfer.get_by_id(number)
            if gives_up:
                return moving.give_up(self.by(), transfer, reason="遺失")
            moving.receive(self.by(by), transfer, moving.cards_of(self.estate.site, chosen))
            return True

        def on_model(model: Model) -> bool:
            cards = [model.cards[number] for number in chosen]
            if gives_up:
                for card in cards:
                    model.write_off(card)
            elif by == CLERK:
                return False
            else:
                model.arrive(cards, desk)
            return True

        left = (
            waiting
            if self._both("give up" if gives_up else "receive", on_database, on_model, chosen) is None
            else [number for number in waiting if number not in chosen]
        )
        if left:
            self.transfers[number] = (desk, left)

    def _count(self) -> None:
        """A desk is counted, a few cards are not found, one too many is; the second operator signs."""
        desk = self.die.choice([1, 2])
        booked = [card.number for card in self.model.cards.values() if card.desk == desk]
        dropped = {number for number in booked if self.die.random() < 0.03}
        extra = self._number() if self.die.random() < 0.3 else ""
        found = [number for number in booked if number not in dropped] + (
            [extra] if extra and extra not in booked else []
        )

        def on_database() -> Any:
            taking = counting.count(self.by(), CardDesk.get_by_id(desk), found, reason="清點")
            counting.sign(self.by(SECOND), taking)
            return True

        def on_model(model: Model) -> bool:
            for number in dropped:
                model.write_off(model.cards[number])
            if found and found[-1] == extra:
                other = model.cards.get(extra)
                if other is None:
                    model.enter([extra], desk)
                elif other.is_in_hand and not other.in_transit:
                    other.desk = desk
            return True

        self._both("count", on_database, on_model, [*dropped, *found[-1:]])


REASON_DUE = frozenset({Act.LIFT, Act.SUSPEND, Act.SWAP, Act.CANCEL, Act.DESTROY, Act.WRITE_OFF})
ACTS = {
    "enter": 2,
    "issue": 16,
    "report": 10,
    "confirm": 3,
    "lift": 5,
    "replace": 8,
    "swap": 5,
    "suspend": 6,
    "change": 6,
    "hand_in": 14,
    "cancel": 3,
    "restock": 8,
    "destroy": 2,
    "send": 4,
    "settle": 5,
    "count": 3,
}
"""How often each is drawn."""


def play(folder: Path, seed: int, count: int) -> World:
    """Play so many acts; the world as it is then.

    :raises Broken: the database and the rules differ.
    """
    world = World(folder, seed)
    try:
        world.play(count)
    finally:
        world.estate.close()
    return world
