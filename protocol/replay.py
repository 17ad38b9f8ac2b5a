"""A recorded decision taken once more, with the same function: by the rows of then and what its fact carries (B6). Pure."""

from __future__ import annotations

from typing import Final

from protocol.basis import Basis, Used, instant_again, presentation_again, state_again
from protocol.decide import Decision, Trust, decide
from protocol.facts import AccessFact
from protocol.reasons import AWAITED, Reason, is_granted
from protocol.view import View

BY_STORAGE: Final = frozenset({Reason.STORAGE_UNUSABLE, Reason.GRANTED_FROM_MEMORY})
"""What became of a grant that could not be recorded."""


def decide_again(fact: AccessFact, key: bytes, wall_ms: int, trust: Trust, view: View) -> Decision:
    """What comes out once more.

    :param key: the personal part of the fact; ``wall_ms``, ``trust``: its time. :param view: holds the rows of then, with
        ``basis.PIN_STAND_IN`` where the card had a PIN.
    """
    basis = fact.basis or Basis()
    shown = presentation_again(key, fact.tier, fact.issue_no, basis)
    keys = shown.keys()
    point = view.access_points.get(fact.point)
    if point is None or basis.used & Used.NO_LOCK:
        return Decision(Reason.NOT_CONFIGURED, keys[0] if keys else b"", revisions=view.revisions)
    found = next(((each, row) for each in keys if (row := view.card(each)) is not None), None)
    holder, uses = (0, None) if found is None else (found[1].holder, view.uses(found[0]))
    state = state_again(
        basis,
        holder,
        fact.mode,
        fact.place,
        fact.used,
        uses,
        ignoring=fact.unknown_ignored,
        schedule=fact.schedule,
    )
    return decide(shown, view, point, state, instant_again(wall_ms, trust, fact.floor_s, basis))


def agrees(recorded: Reason, again: Reason) -> bool:
    """Whether what came out once more is what was recorded, also where storage made something else of a grant, and where somebody
    who waited was let in along with another.
    """
    if recorded is Reason.GRANTED_ALONG:
        return again in AWAITED
    return recorded is again or (recorded in BY_STORAGE and is_granted(again))
