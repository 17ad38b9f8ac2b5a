"""Cards packed in two ways are the same cards, and a View whose overlay was packed in answers as before."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.ids import CardKey, credential_key, uid_key
from protocol.packed_cards import PackedCards
from protocol.records import CardRow, Kind, Revisions, delete, put
from protocol.view import View

KEYS = st.one_of(
    st.sampled_from((4, 7, 10)).flatmap(lambda n: st.binary(min_size=n, max_size=n)).map(uid_key),
    st.binary(min_size=8, max_size=8).map(credential_key),
    st.integers(0, 300).map(lambda n: credential_key(n.to_bytes(8, "big"))),
)
ROWS = st.builds(
    CardRow,
    holder=st.integers(0, 2**32 - 1),
    valid_from_s=st.just(0),
    valid_until_s=st.integers(0, 2**32 - 1),
    issue_no=st.integers(0, 2**16 - 1),
    levels=st.lists(st.integers(1, 9), max_size=3).map(tuple),
)
CARDS = st.dictionaries(KEYS, ROWS, max_size=60)


@given(CARDS, KEYS)
@settings(max_examples=200, deadline=None)
def test_sorted_stream_and_any_order_pack_to_the_same_cards(
    cards: dict[CardKey, CardRow], other: CardKey
) -> None:
    any_order = PackedCards(cards.items())
    streamed = PackedCards.of_sorted(sorted(cards.items(), key=lambda card: card[0]))
    for key in (*cards, other):
        assert any_order.get(key) == streamed.get(key) == cards.get(key)
    assert dict(streamed.items()) == cards
    assert [key for key, _ in streamed.items()] == sorted(cards)


@given(CARDS, CARDS, st.lists(KEYS, max_size=20))
@settings(max_examples=200, deadline=None)
def test_packing_the_overlay_in_changes_no_answer(
    base: dict[CardKey, CardRow], changed: dict[CardKey, CardRow], gone: list[CardKey]
) -> None:
    view = View().rebased(PackedCards(base.items()))
    gone = [*gone, *list(base)[::3]]
    view = view.apply(
        [*(put(key, row) for key, row in changed.items()), *(delete(Kind.CARD, key) for key in gone)],
        Revisions(1, 1, 1, 1),
    )
    packed = view.compacted()
    assert packed.overlay_count == 0
    assert packed.revisions == view.revisions
    assert packed.card_count() == view.card_count()
    for key in {*base, *changed, *gone}:
        assert packed.card(key) == view.card(key)
