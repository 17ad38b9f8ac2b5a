"""Two people by one or two grants: whichever shows his card first, uses and places count each of them exactly once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from edge.cache.drafts import is_intent
from edge.core.actions import Action, Record
from edge.core.lines import InputRole
from edge.core.stimuli import CommitLate, IntentId, Started, StorageState
from protocol.decide import Presentation
from protocol.door_rows import AreaRow, DoorRulesRow, Passback
from protocol.facts import AccessFact, Outcome
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardFlag, CardRow, Change, DoorRow, RestrictionRow, StoragePolicy, UsesRow, put
from protocol.rules.passback import UNKNOWN
from tests.edge.roles.test_door_role_rules import HALL, YARD_DOOR, reason_of
from tests.support.door_node import BACK_IN, FRONT, IN, DoorNode, bodies, kept, make, outcomes, released, rows

GUEST, HOST, FRIEND, PLAIN = (Presentation(bytes([n, 0xA1, 0xB2, 0xC3])) for n in (0x31, 0x32, 0x33, 0x34))
NUMBER = {GUEST: 31, HOST: 32, FRIEND: 33, PLAIN: 34}
FLAG = {GUEST: CardFlag.NEEDS_ESCORT, HOST: CardFlag.MAY_ESCORT, FRIEND: CardFlag.NONE, PLAIN: CardFlag.NONE}
LIMITED = (GUEST, HOST, FRIEND)
MEMORY = StoragePolicy.GRANT_FROM_MEMORY
ORDERS = [
    pytest.param((HOST, GUEST), 1, id="escort-then-guest"),
    pytest.param((GUEST, HOST), 1, id="guest-then-escort"),
    pytest.param((HOST, GUEST), 2, id="two-persons-escort-then-guest"),
    pytest.param((GUEST, HOST), 2, id="two-persons-guest-then-escort"),
    pytest.param((PLAIN, FRIEND), 2, id="two-persons-first-without-a-limit"),
    pytest.param((FRIEND, PLAIN), 2, id="two-persons-second-without-a-limit"),
    pytest.param((FRIEND, GUEST, HOST), 2, id="two-persons-and-a-guest"),
]


def site_of(persons: int = 1, *more: Change, front: DoorRow | None = None, **area: int) -> list[Change]:
    """Everybody's card may be used three times, but for PLAIN's."""
    return [
        *rows(front),
        *(put(uid_key(card.uid), CardRow(NUMBER[card], 0, 0, 1, (1,), FLAG[card])) for card in NUMBER),
        *(put(uid_key(card.uid), UsesRow(NUMBER[card], 1, 3)) for card in LIMITED),
        put(FRONT, DoorRulesRow(inside=HALL, persons=persons)),
        put(HALL, AreaRow(Passback.NONE, **area)),
        *more,
    ]


def shown(node: DoorNode, cards: Iterable[Presentation]) -> list[Action]:
    """They show their cards one after the other and wait for each other before the door."""
    done: list[Action] = []
    for card in cards:
        done += node.swipe(card)
        node.wait(1_500)
    return done


def uses(node: DoorNode, card: Presentation) -> int:
    return sum(node.state.uses.get((NUMBER[card], 1), {}).values())


def told(done: list[Action]) -> dict[int, list[int]]:
    """The uses that the records tell of, by card."""
    found: dict[int, list[int]] = {}
    for action in done:
        for each in (action, *action.along) if isinstance(action, Record) else ():
            if isinstance(each.body, AccessFact) and each.body.use_no:
                number = next(NUMBER[card] for card in NUMBER if uid_key(card.uid) == each.personal)
                found.setdefault(number, []).append(each.body.use_no)
    return found


def areas(node: DoorNode, cards: Iterable[Presentation]) -> list[int | None]:
    places = (node.state.places.get(NUMBER[card]) for card in cards)
    return [None if place is None else place.area for place in places]


@pytest.mark.parametrize("contact", [True, False], ids=["contact", "no-contact"])
@pytest.mark.parametrize(("cards", "persons"), ORDERS)
def test_each_counts_once_whoever_comes_first(
    cards: tuple[Presentation, ...], persons: int, contact: bool
) -> None:
    """Planted breaks that turn it red: ``_granted`` with ``along=()``; ``holders`` of the grant's own holder alone;
    ``_goes_along`` without ``door_uses.counted``; ``wait_no_more`` doing nothing (the next grant takes them in once more).
    """
    node = make(site_of(persons, front=DoorRow("front", contact_fitted=contact), occupancy_max=len(cards)))
    done = shown(node, cards)
    if contact:
        assert areas(node, cards) == [None] * len(cards), "released, nobody has gone through"
        done += node.input(InputRole.CONTACT, True) + node.input(InputRole.CONTACT, False)
    assert released(done)
    assert areas(node, cards) == [HALL] * len(cards)
    limited = [card for card in cards if card in LIMITED]
    assert [uses(node, card) for card in limited] == [1] * len(limited)
    assert told(done) == {NUMBER[card]: [1] for card in limited}
    node.wait(20_000)
    assert (reason_of(node.swipe(PLAIN)) is Reason.AREA_FULL) is (PLAIN not in cards), "all places are taken"


@pytest.mark.parametrize(("cards", "persons"), ORDERS)
def test_where_nobody_enters_uses_count_and_places_do_not(
    cards: tuple[Presentation, ...], persons: int
) -> None:
    """Planted break that turns it red: ``door_places.goes`` setting places at the release."""
    node = make(site_of(persons, occupancy_max=len(cards)))
    shown(node, cards)
    node.wait(20_000)
    assert areas(node, cards) == [None] * len(cards)
    assert [uses(node, card) for card in cards if card in LIMITED] == [1] * sum(c in LIMITED for c in cards)
    assert released(shown(node, cards)), "their places are free again"


@pytest.mark.parametrize(("cards", "persons"), ORDERS)
def test_a_power_cut_at_any_commit_treats_all_of_one_grant_alike(
    cards: tuple[Presentation, ...], persons: int
) -> None:
    """Whatever was durable, uses are those that records tell of, and whoever was let in by one grant is in, out, or anywhere with
    the others.

    Planted breaks that turn it red: the first holder's place kept in the record and the others' by themselves (``Keep``);
    the guest's use beside the record instead of in its commit.
    """
    node = make(site_of(persons))
    shown(node, cards)
    node.input(InputRole.CONTACT, True)
    commits = [action for action in node.done if isinstance(action, Record)]
    for cut in range(len(commits) + 1):
        found = {name: value for each in _flat(commits[:cut]) for name, value in each.keep}
        after = make(site_of(persons))
        after.state = after.role.initial()
        after.send(Started(kept=found))
        durable = told(list(commits[:cut]))
        assert {NUMBER[card]: uses(after, card) for card in LIMITED if uses(after, card)} == {
            number: max(numbers) for number, numbers in durable.items()
        }, cut
        at = areas(after, cards)
        if (cards, persons) != ((HOST, GUEST), 1):  # there each has a grant of his own
            assert at in ([None] * len(cards), [UNKNOWN] * len(cards), [HALL] * len(cards)), (cut, at)


def _flat(records: Iterable[Record]) -> list[Record]:
    return [each for record in records for each in (record, *record.along)]


@pytest.mark.parametrize(
    ("before", "after"), [((GUEST,), (HOST,)), ((HOST,), (GUEST,)), ((FRIEND,), (PLAIN,))]
)
def test_a_power_cut_between_the_two_showings_leaves_nobody_waiting(
    before: tuple[Presentation, ...], after: tuple[Presentation, ...]
) -> None:
    """Who waited must show his card again; nothing was counted for him, and nobody is taken in by what was forgotten."""
    node = make(site_of(2))
    assert released(shown(node, before)) == []
    again = make(site_of(2))
    again.state = again.role.initial()
    again.send(Started(kept=kept(node)))
    again.input(InputRole.CONTACT, False)
    done = shown(again, after)
    assert (released(done), told(done), areas(again, before)) == ([], {}, [None])


def test_the_records_of_one_grant_are_one_commit_and_name_each() -> None:
    """The guest's stands behind his escort's, of which it is true whether he went in.

    Planted break that turns it red: ``is_intent`` true of it, so that it waits for an outcome for ever.
    """
    node = make(site_of())
    node.swipe(GUEST)
    node.show(HOST)
    (record,) = [each for each in node.done if isinstance(each, Record) and each.intent_id]
    (guest,) = record.along
    assert (record.personal, guest.personal) == (uid_key(HOST.uid), uid_key(GUEST.uid))
    assert isinstance(guest.body, AccessFact)
    assert (guest.body.reason, guest.body.release_ms, guest.intent_id) == (Reason.GRANTED_ALONG, 0, None)
    assert (is_intent(record.body), is_intent(guest.body)) == (True, False)
    node.commit()
    assert Outcome.ENTERED in [outcome for _seq, outcome in outcomes(node.input(InputRole.CONTACT, True))]
    assert areas(node, (GUEST, HOST)) == [HALL, HALL]


@pytest.mark.parametrize(
    ("free", "reason"), [(1, Reason.AREA_FULL), (2, Reason.GRANTED)], ids=["one-place", "two-places"]
)
def test_an_escort_with_a_waiting_guest_takes_two_places(free: int, reason: Reason) -> None:
    """Planted break that turns it red: ``is_full`` asked for the holder alone."""
    node = make(site_of(occupancy_max=free))
    node.swipe(GUEST)
    node.wait(1_500)
    assert reason_of(node.swipe(HOST)) is reason


@pytest.mark.parametrize(("after_ms", "both"), [(14_999, True), (15_000, False)])
def test_after_fifteen_seconds_the_escort_goes_in_alone(after_ms: int, both: bool) -> None:
    node = make(site_of(occupancy_max=1))
    node.swipe(GUEST)
    node.wait(after_ms)
    done = node.swipe(HOST)
    assert (reason_of(done) is Reason.AREA_FULL, uses(node, GUEST)) == (both, 0)


@pytest.mark.parametrize("persons", [1, 2])
def test_who_may_no_longer_go_in_is_waited_for_no_more(persons: int) -> None:
    """Reported lost, or used up at another door, within the seconds of waiting.

    Planted break that turns it red: ``_along`` taking whoever waits without judging him once more.
    """
    lost = put(uid_key(GUEST.uid), RestrictionRow(Reason.CARD_LOST, 1, 0))
    for spoil in ([lost], [put(uid_key(GUEST.uid), UsesRow(NUMBER[GUEST], 1, 3, ((BACK_IN, 3),)))]):
        node = make(site_of(persons))
        node.swipe(GUEST)
        node.change(*spoil)
        node.wait(1_500)
        done = node.swipe(HOST)
        assert released(done) == ([YARD_DOOR] if persons == 1 else [])
        node.input(InputRole.CONTACT, True)
        assert (areas(node, [GUEST]), uses(node, GUEST)) == ([None], 0)


@pytest.mark.parametrize("policy", [StoragePolicy.DENY, MEMORY])
def test_without_storage_both_are_let_in_or_both_keep_their_use(policy: StoragePolicy) -> None:
    """Planted breaks that turn it red: ``_record_answer`` without ``along``; without giving the guest's use back."""
    for late in (True, False):
        node = make(site_of(front=DoorRow("front", storage_policy=policy)))
        node.swipe(GUEST)
        node.wait(1_500)
        if late:
            node.show(HOST)
            node.send(CommitLate(IntentId(node.last_intent)))
            done = node.fail_commit()
        else:
            node.send(StorageState(False))
            done = node.show(HOST)
        facts = [body for body in bodies(done, AccessFact) if isinstance(body, AccessFact)]
        is_in = policy is MEMORY
        assert [uses(node, card) for card in (GUEST, HOST)] == [int(is_in)] * 2
        assert areas(node, (GUEST, HOST)) == [HALL if is_in else None] * 2
        if is_in:
            assert [(fact.reason, fact.into, fact.use_no) for fact in facts] == [
                (Reason.GRANTED_FROM_MEMORY, HALL, 1),
                (Reason.GRANTED_ALONG, HALL, 1),
            ]
        else:
            assert [(fact.reason, fact.use_no) for fact in facts] == [(Reason.STORAGE_UNUSABLE, 0)]


@pytest.mark.parametrize("persons", [1, 2])
def test_on_the_way_out_nobody_takes_anybody_along(persons: int) -> None:
    """Planted break that turns it red: ``_along`` without ``leaving``."""
    node = make(site_of(persons))
    node.swipe(GUEST)
    node.wait(1_500)
    done = node.swipe(HOST, 2)
    assert (released(done), told(done), uses(node, GUEST)) == ([YARD_DOOR], {}, 0)
    node.wait(1_500)
    assert reason_of(node.swipe(HOST)) is Reason.GRANTED
    assert uses(node, GUEST) == 1, "he was still waiting"
    assert IN in node.state.uses[NUMBER[GUEST], 1]


def test_whom_one_grant_has_taken_in_no_other_takes_in_again() -> None:
    """Planted break that turns it red: ``wait_no_more`` doing nothing."""
    node = make(site_of(2))
    done = shown(node, (FRIEND, PLAIN, HOST))
    assert (len(released(done)), uses(node, FRIEND), uses(node, HOST)) == (1, 1, 0)
