"""Counting the uses of cards that may be used a limited number of times (visitors, temporary cards).

A use is counted when its intent is handed over, so that two quick showings are two, and remembered in the commit of that
very intent: after a power cut there are as many uses as there are records of them. An intent that could not be stored, and
for which the door was not opened either, gives its use back.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from edge.core.actions import Keep
from edge.roles.turn import Turn
from protocol.decide import Decision
from protocol.facts import AccessFact

PREFIX: Final = "use/"
_COUNT_BYTES: Final = 4


def counted(
    turn: Turn, fact: AccessFact, decision: Decision
) -> tuple[AccessFact, tuple[tuple[str, bytes], ...]]:
    """The fact of a grant with the number of this use, and what to remember; unchanged for a card without a limit."""
    row = decision.uses
    if row is None:
        return fact, ()
    own = turn.uses.get((row.card, row.issue_no), {}).get(fact.point, 0)
    number = max(own, dict(row.used).get(fact.point, 0)) + 1
    _set(turn, row.card, row.issue_no, fact.point, number)
    name = f"{PREFIX}{row.card}/{row.issue_no}/{fact.point}"
    return (
        replace(fact, use_no=number, use_issue=row.issue_no),
        ((name, number.to_bytes(_COUNT_BYTES, "big")),),
    )


def given_back(turn: Turn, fact: AccessFact, keep: tuple[tuple[str, bytes], ...]) -> AccessFact:
    """The fact of a grant that came to nothing, without its use."""
    if not keep:
        return fact
    ((name, _count),) = keep
    card, issue, point = map(int, name.removeprefix(PREFIX).split("/"))
    if turn.uses.get((card, issue), {}).get(point) == fact.use_no:
        _set(turn, card, issue, point, fact.use_no - 1)
    return replace(fact, use_no=0, use_issue=0)


def remember(turn: Turn, name: str, value: bytes) -> None:
    """Take over what was kept before a restart."""
    parts = name.removeprefix(PREFIX).split("/")
    if name.startswith(PREFIX) and len(parts) == 3 and all(part.isdecimal() for part in parts):
        card, issue, point = map(int, parts)
        _set(turn, card, issue, point, int.from_bytes(value, "big"))


def forget_old(turn: Turn) -> None:
    """Forget counts of earlier issues, and of cards that no longer are here: what the centre heard of it comes with their row."""
    if not turn.uses or not turn.view.revisions.access:
        return
    current = {row.card: row.issue_no for row in turn.view.limited().values()}
    for card, issue in [known for known in turn.uses if known[1] != current.get(known[0])]:
        if current.get(card, issue + 1) > issue:
            for point in turn.uses[card, issue]:
                turn.add(Keep(f"{PREFIX}{card}/{issue}/{point}", b""))
            turn.uses = {known: counts for known, counts in turn.uses.items() if known != (card, issue)}


def _set(turn: Turn, card: int, issue: int, point: int, count: int) -> None:
    turn.uses = {**turn.uses, (card, issue): {**turn.uses.get((card, issue), {}), point: count}}
