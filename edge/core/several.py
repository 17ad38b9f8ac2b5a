"""Several cards in the field: at doors and lanes exactly one of ours among them is used (design.md section 3).

"Ours" is a card that the View knows, also as a dead one: a lost card hidden behind a good one is not looked past.
"""

from __future__ import annotations

import msgspec

from protocol.decide import Presentation
from protocol.view import View


def choose(cards: tuple[Presentation, ...], more: bool, view: View) -> Presentation:
    """The presentation to decide on: the only card, the only one of ours, or one marked ``several`` (which is denied).

    ``more``: there are cards that could not be told apart, so nobody knows whose they are.
    """
    assert cards, "a showing has at least one card"
    if len(cards) == 1 and not more:
        return cards[0]
    ours = [card for card in cards if _is_ours(card, view)]
    if len(ours) == 1 and not more:
        return ours[0]
    return msgspec.structs.replace(ours[0] if ours else cards[0], several=True)


def _is_ours(card: Presentation, view: View) -> bool:
    keys = card.keys()
    return any(view.card(key) is not None or view.restriction(key) is not None for key in keys)
