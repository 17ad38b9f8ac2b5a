"""Random lives of cards against the rules said a second time; planted bugs must be found. 10,000 acts in `make soak`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from central.cards import history, rules
from central.cards.acts import base, issuing, losing, replacing, returning
from central.cards.rules import Act, Holding, Transition
from central.stock import counting, moving
from tests.sim.card_world import ACTS, Broken, play

SEED = 1
ACTS_COUNT = 100
PLANT_ACTS_MAX = 1_500
Patch = pytest.MonkeyPatch


def test_a_random_life_of_cards_keeps_the_rules(tmp_path: Path) -> None:
    world = play(tmp_path, SEED, ACTS_COUNT)
    assert world.refused > 10, "a life in which nothing is refused shows little"
    assert len(world.done) > len(ACTS) // 2


def _wider(act: Act, holding: Holding) -> Callable[[Patch], None]:
    """The table without the conditions of one line."""

    def plant(patch: Patch) -> None:
        line = rules.TABLE[holding, act]
        patch.setitem(rules.TABLE, (holding, act), Transition(line.to, adds=line.adds, removes=line.removes))

    return plant


def _silent(module: object, name: str) -> Callable[[Patch], None]:
    """A function that does nothing."""
    return lambda patch: patch.setattr(module, name, lambda *given, **named: None)


PLANTS: dict[str, Callable[[Patch], None]] = {
    "a card that is not lost is replaced": _wider(Act.REPLACE, Holding.IN_USE),
    "a lost card is swapped": _wider(Act.SWAP, Holding.IN_USE),
    "a lost card is rewritten": _wider(Act.REWRITE, Holding.IN_USE),
    "a damaged card comes back into stock": _wider(Act.RECOVER, Holding.REPLACED),
    "the devices are not told": _silent(base.publish, "card_changed"),
    "an issue never ends": _silent(returning, "end_issue"),
    "a card is handed in that is not here": _silent(returning, "_need_present"),
    "a card is used while it travels": _silent(issuing, "need_arrived"),
    "a suspended holder gets a working card": _silent(replacing, "suspend"),
    "the deposit of the old card is lost": lambda patch: patch.setattr(
        replacing, "on_take_over", lambda *a, **n: ()
    ),
    "amounts are not kept": _silent(base, "book"),
    "the loss report never ends": _silent(base, "end_loss"),
    "any report can be confirmed": _silent(losing, "confirm_loss"),
    "a written line without its reason": lambda patch: patch.setattr(
        base,
        "write_act",
        lambda card, act, operator, at, reason, details: history.write_act(
            card, act, operator, at, "", details
        ),
    ),
    "an issue keeps its number": lambda patch: patch.setattr(
        issuing, "save", lambda card, by: (setattr(card, "issue_no", 1), base.save(card, by))
    ),
    "the sender confirms the arrival": lambda patch: patch.setattr(
        moving, "receive", lambda by, transfer, cards: _RECEIVE(_other(by), transfer, cards)
    ),
    "what is missing at a count stays in the books": _silent(counting.acts, "write_off"),
}
_RECEIVE = moving.receive


def _other(by: base.By) -> base.By:
    return base.By(2, "operator 2", by.at)


QUICK = ("the devices are not told", "any report can be confirmed", "an issue never ends")
"""Plants that the suite tries; `make soak` tries all of them."""


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found(tmp_path: Path, name: str, monkeypatch: Patch) -> None:
    PLANTS[name](monkeypatch)
    with pytest.raises(Broken):
        play(tmp_path, 1, PLANT_ACTS_MAX)
