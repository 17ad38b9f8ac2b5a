"""The acts of the card centre: what they change, refuse, write down and publish."""

from __future__ import annotations

from datetime import timedelta

import pytest

from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card, CardAct, CardClass, CardIssue
from central.cards.rows import card_rows
from central.cards.rules import IllegalActError, Shown, shown_status
from central.errors import CentralError, ConflictError, InvalidInputError
from central.people.model import Person
from central.sync.model import PublishedRow
from protocol.reasons import Reason
from protocol.records import CardFlag, Kind
from tests.support.card_acts import UID, act_on, card, issue
from tests.support.estate import NOON, Estate, by, later


def acts_of(estate: Estate, card_id: int) -> list[str]:
    return estate.read(
        lambda: [
            act
            for (act,) in CardAct.select(CardAct.act)
            .where(CardAct.card == card_id)
            .order_by(CardAct.id)
            .tuples()
        ]
    )


def published(estate: Estate, kind: Kind) -> list[bytes]:
    return estate.read(
        lambda: [
            bytes(body)
            for (body,) in PublishedRow.select(PublishedRow.body)
            .where(PublishedRow.kind == kind.value)
            .tuples()
        ]
    )


def test_issuing_binds_the_uid_to_the_person_and_publishes_the_card(estate: Estate) -> None:
    card_id = issue(estate, valid_from=NOON, valid_until=later(days=365))
    issued = card(estate, card_id)
    assert shown_status(issued.state, issued.valid_from, issued.valid_until, NOON) is Shown.ACTIVE
    assert (issued.person_id, issued.issue_no, issued.organisation_id) == (
        estate.person,
        1,
        estate.organisation,
    )
    (entry,) = estate.read(card_rows, card_id)
    assert entry.key == b"U" + UID
    assert entry.restriction is None
    assert entry.card is not None
    assert (entry.card.holder, entry.card.levels, entry.card.issue_no) == (estate.person, (estate.level,), 1)
    assert entry.card.valid_until_s == int(later(days=365).timestamp())
    assert acts_of(estate, card_id) == ["issue"]
    assert len(published(estate, Kind.CARD)) == 1


def test_the_class_of_the_card_gives_the_longer_opening(estate: Estate) -> None:
    estate.write(lambda: CardClass.update(extended_open=True).execute())
    (entry,) = estate.read(card_rows, issue(estate))
    assert entry.card is not None
    assert entry.card.flags is CardFlag.EXTENDED_OPEN


def test_a_card_of_a_unit_has_a_holder_number_of_its_own(estate: Estate) -> None:
    def act() -> int:
        person = Person.get_by_id(estate.person)
        return acts.issue(by(), UID, "1", person, Terms(), for_unit=True).card.id

    issued = card(estate, estate.write(act))
    assert issued.holder_unit == "1栋 101"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"active": False}, "has left"),
    ],
)
def test_who_has_left_gets_no_card(estate: Estate, change: dict[str, object], message: str) -> None:
    estate.write(lambda: Person.update(**change).execute())
    with pytest.raises(ConflictError, match=message):
        issue(estate)


def test_no_more_cards_of_a_class_than_allowed_and_dead_ones_do_not_count(estate: Estate) -> None:
    first = issue(estate, UID, "1")
    issue(estate, bytes.fromhex("04A1B2C4"), "2")
    with pytest.raises(ConflictError, match="as many cards"):
        issue(estate, bytes.fromhex("04A1B2C5"), "3")
    act_on(estate, first, lambda found: acts.report_lost(by(), found))
    issue(estate, bytes.fromhex("04A1B2C5"), "3")


def test_a_taken_card_number_is_refused_and_nothing_is_left_of_the_attempt(estate: Estate) -> None:
    issue(estate, UID, "1")
    with pytest.raises(ConflictError, match="taken"):
        issue(estate, bytes.fromhex("04A1B2C4"), "1")
    assert estate.read(lambda: Card.select().count()) == 1


def test_a_card_in_use_is_not_issued_again(estate: Estate) -> None:
    issue(estate, UID, "1")
    with pytest.raises(IllegalActError):
        issue(estate, UID, "1")


@pytest.mark.parametrize(
    "terms",
    [
        {"valid_from": NOON, "valid_until": NOON},
        {"card_class_id": 999},
        {"entitlements": {"levels": [999]}},
    ],
)
def test_terms_that_cannot_be_are_refused(estate: Estate, terms: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        issue(estate, **terms)


def test_reporting_lost_kills_the_card_everywhere_and_lifting_brings_it_back(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(
        estate,
        card_id,
        lambda found: acts.report_lost(by(later(hours=1)), found, reporter="张三", channel="电话"),
    )
    (entry,) = estate.read(card_rows, card_id)
    assert entry.restriction is not None
    assert entry.restriction.reason is Reason.CARD_LOST
    assert (entry.restriction.issue_no_max, entry.restriction.since_s) == (1, int(later(hours=1).timestamp()))
    assert entry.card is not None  # the rights stay: lifting takes only the restriction away
    assert [body for body in published(estate, Kind.RESTRICTION) if body]

    with pytest.raises(InvalidInputError):
        act_on(estate, card_id, lambda found: acts.lift(by(), found, identity_checked=False, reason="找到"))
    act_on(
        estate,
        card_id,
        lambda found: acts.lift(by(later(hours=2)), found, identity_checked=True, reason="找到"),
    )
    (entry,) = estate.read(card_rows, card_id)
    assert entry.restriction is None
    assert published(estate, Kind.RESTRICTION) == [b""]
    assert acts_of(estate, card_id) == ["issue", "report_lost", "lift"]


def test_a_stolen_card_says_so_and_keeps_the_time_of_its_loss_through_a_suspension(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(estate, card_id, lambda found: acts.report_lost(by(later(hours=1)), found, stolen=True))
    act_on(estate, card_id, lambda found: acts.suspend(by(later(hours=2)), found, reason="欠押金"))
    (entry,) = estate.read(card_rows, card_id)
    assert entry.restriction is not None
    assert entry.restriction.reason is Reason.CARD_STOLEN
    assert entry.restriction.since_s == int(later(hours=1).timestamp())


def test_a_rewrite_changes_rights_and_a_later_end_is_an_extension_of_its_own(estate: Estate) -> None:
    card_id = issue(estate, valid_until=later(days=10))
    longer = Terms(estate.card_class, None, later(days=20), {"levels": [estate.office_level]})
    act_on(estate, card_id, lambda found: acts.rewrite(by(), found, longer))
    (entry,) = estate.read(card_rows, card_id)
    assert entry.card is not None
    assert entry.card.levels == (estate.office_level,)
    assert acts_of(estate, card_id) == ["issue", "extend", "rewrite"]

    shorter = Terms(estate.card_class, None, later(days=5), {"levels": [estate.office_level]})
    act_on(estate, card_id, lambda found: acts.rewrite(by(), found, shorter))
    assert acts_of(estate, card_id) == ["issue", "extend", "rewrite", "rewrite"]


def test_taking_rights_away_is_published_before_the_access_stream_arrives(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(estate, card_id, lambda found: acts.rewrite(by(), found, Terms(entitlements={"levels": []})))
    assert published(estate, Kind.STALE_RIGHTS)


def test_only_a_card_that_is_here_can_be_returned(estate: Estate) -> None:
    card_id = issue(estate)
    with pytest.raises(ConflictError, match="Show the card"):
        act_on(estate, card_id, lambda found: acts.take_back(by(), found))
    estate.show_at_desk("04A1B2C3", NOON)
    just_too_late = NOON + acts.PRESENT_WITHIN + timedelta(milliseconds=1)
    with pytest.raises(ConflictError):
        act_on(estate, card_id, lambda found: acts.take_back(by(just_too_late), found))
    act_on(estate, card_id, lambda found: acts.take_back(by(NOON + acts.PRESENT_WITHIN), found))
    (entry,) = estate.read(card_rows, card_id)
    assert entry.card is None
    assert entry.restriction is not None
    assert entry.restriction.reason is Reason.CARD_RETURNED


def test_a_returned_card_is_issued_again_under_the_next_number_after_the_check(estate: Estate) -> None:
    card_id = issue(estate)
    estate.show_at_desk("04A1B2C3")
    act_on(estate, card_id, lambda found: acts.take_back(by(), found))
    with pytest.raises(ConflictError, match="returned"):
        issue(estate)
    act_on(estate, card_id, lambda found: acts.restock(by(), found))
    assert estate.read(card_rows, card_id)[0].restriction is None
    assert issue(estate) == card_id
    (entry,) = estate.read(card_rows, card_id)
    assert entry.card is not None
    assert entry.card.issue_no == 2
    issues = estate.read(
        lambda: [(i.issue_no, i.ended_at) for i in CardIssue.select().order_by(CardIssue.issue_no)]
    )
    assert issues == [(1, NOON), (2, None)]


def test_a_cancelled_card_stays_dead_for_ever(estate: Estate) -> None:
    card_id = issue(estate)
    with pytest.raises(InvalidInputError, match="reason"):
        act_on(estate, card_id, lambda found: acts.cancel(by(), found, reason=" "))
    act_on(estate, card_id, lambda found: acts.cancel(by(), found, reason="离职未交卡"))
    (entry,) = estate.read(card_rows, card_id)
    assert entry.restriction is not None
    assert entry.restriction.reason is Reason.CARD_CANCELLED
    for act in (acts.take_back, acts.restock, acts.resume, acts.report_lost):
        with pytest.raises(CentralError):
            act_on(estate, card_id, lambda found, act=act: act(by(), found))


def test_every_act_leaves_one_line_with_operator_and_reason(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(estate, card_id, lambda found: acts.suspend(by(later(hours=1)), found, reason="休假"))
    act_on(estate, card_id, lambda found: acts.resume(by(later(hours=2)), found))
    lines = estate.read(lambda: list(CardAct.select().order_by(CardAct.id)))
    assert [(line.act, line.operator_name, line.reason, line.at) for line in lines] == [
        ("issue", "值班员", "", NOON),
        ("suspend", "值班员", "休假", later(hours=1)),
        ("resume", "值班员", "", later(hours=2)),
    ]
