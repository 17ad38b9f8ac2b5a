"""What stays written of an issue, an extension and a loss: the reports of the card centre are made of it (52, 54, 55)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card, CardAct, CardIssue, CardLoss
from central.cards.rules import Holding, IllegalActError, LossStatus
from central.errors import ConflictError, InvalidInputError
from central.people.model import Person
from tests.support.estate import NOON, Estate, by, later

OLD, NEW = bytes.fromhex("04A1B2C3"), bytes.fromhex("04A1B2C4")


def issue(estate: Estate, uid: bytes = OLD, card_no: str = "00000001", **terms: object) -> int:
    def act() -> int:
        given = {
            "card_class_id": estate.card_class,
            "entitlements": {"levels": [estate.level]},
            "valid_from": NOON,
            "valid_until": later(days=30),
            **terms,
        }
        return acts.issue(by(), uid, card_no, Person.get_by_id(estate.person), Terms(**given)).card.id

    return estate.write(act)


def do(estate: Estate, card_id: int, act: Callable[[Card], object]) -> None:
    estate.write(lambda: act(Card.get_by_id(card_id)) and None)


def line(estate: Estate, act: str) -> CardAct:
    return estate.read(lambda: CardAct.select().where(CardAct.act == act).get())


def losses(estate: Estate) -> list[CardLoss]:
    return estate.read(lambda: list(CardLoss.select().order_by(CardLoss.id)))


def test_an_issue_keeps_what_holder_and_card_were_that_day(estate: Estate) -> None:
    card_id = issue(estate)
    estate.write(lambda: Person.update(department="财务部", kind="owner").execute())
    do(estate, card_id, lambda card: acts.rewrite(by(), card, Terms()))
    issued = line(estate, "issue")
    assert (issued.site_id, issued.organisation_id) == (estate.site, estate.organisation)
    assert (issued.department, issued.kind, issued.card_class_id) == ("工程部", "staff", estate.card_class)
    assert (issued.valid_from, issued.valid_until) == (NOON, later(days=30))
    assert issued.sub_systems == ["access"]
    assert issued.details["doors"] == ["东门"]


def test_a_card_without_rights_is_good_for_no_sub_system(estate: Estate) -> None:
    issue(estate, entitlements={})
    issued = line(estate, "issue")
    assert (issued.sub_systems, issued.details["doors"]) == ([], [])


@pytest.mark.parametrize("by_rewriting", [False, True])
def test_an_extension_is_an_act_of_its_own_with_the_old_and_the_new_end(
    estate: Estate, by_rewriting: bool
) -> None:
    card_id = issue(estate)
    until = later(days=60)
    if by_rewriting:
        do(estate, card_id, lambda card: acts.rewrite(by(), card, Terms(valid_until=until), reason="续租"))
    else:
        do(estate, card_id, lambda card: acts.extend(by(), card, until, reason="续租"))
    extended = line(estate, "extend")
    assert extended.details == {"old_until": later(days=30).isoformat()}
    assert (extended.valid_until, extended.reason, extended.operator_name) == (until, "续租", "值班员")
    assert estate.read(Card.get_by_id, card_id).valid_until == until


@pytest.mark.parametrize("days", [10, 30])
def test_an_extension_never_shortens(estate: Estate, days: int) -> None:
    """Boundary: the same end is no extension."""
    card_id = issue(estate)
    with pytest.raises(InvalidInputError, match="behind the old one"):
        do(estate, card_id, lambda card: acts.extend(by(), card, later(days=days)))
    assert estate.read(Card.get_by_id, card_id).valid_until == later(days=30)


def test_a_loss_keeps_who_reported_it_how_and_when(estate: Estate) -> None:
    card_id = issue(estate)
    do(
        estate,
        card_id,
        lambda card: acts.report_lost(by(later(hours=1)), card, reporter="张三", channel="phone"),
    )
    (loss,) = losses(estate)
    assert (loss.reported_at, loss.reporter, loss.channel) == (later(hours=1), "张三", "phone")
    assert (loss.operator_name, loss.department, loss.person_id) == ("值班员", "工程部", estate.person)
    assert (loss.status, loss.ended_at, loss.stolen) == (LossStatus.OPEN.value, None, False)


def test_a_lost_card_that_turns_out_stolen_is_one_loss(estate: Estate) -> None:
    card_id = issue(estate)
    do(estate, card_id, lambda card: acts.report_lost(by(), card))
    do(estate, card_id, lambda card: acts.report_lost(by(later(hours=2)), card, stolen=True))
    (loss,) = losses(estate)
    assert (loss.stolen, loss.reported_at) == (True, NOON)


def test_lifting_ends_the_loss_and_the_next_one_is_another(estate: Estate) -> None:
    card_id = issue(estate)
    for hours in (1, 3):
        at, lifted = later(hours=hours), later(hours=hours + 1)
        do(estate, card_id, lambda card, at=at: acts.report_lost(by(at), card))
        do(
            estate,
            card_id,
            lambda card, at=lifted: acts.lift(by(at), card, identity_checked=True, reason="找到"),
        )
    assert [(loss.status, loss.ended_at, loss.ended_by) for loss in losses(estate)] == [
        (LossStatus.LIFTED.value, later(hours=2), "值班员"),
        (LossStatus.LIFTED.value, later(hours=4), "值班员"),
    ]


def test_handing_in_and_cancelling_end_a_loss(estate: Estate) -> None:
    first, second = issue(estate), issue(estate, NEW, "00000002")
    for card_id in (first, second):
        do(estate, card_id, lambda card: acts.report_lost(by(), card))
    estate.show_at_desk(OLD.hex(), NOON)
    do(estate, first, lambda card: acts.take_back(by(), card))
    do(estate, second, lambda card: acts.cancel(by(), card, reason="离职"))
    assert [loss.status for loss in losses(estate)] == ["returned", "cancelled"]


def test_a_replacement_takes_the_rights_over_and_ends_the_loss(estate: Estate) -> None:
    old_id = issue(estate)
    do(estate, old_id, lambda card: acts.report_lost(by(), card))
    do(
        estate,
        old_id,
        lambda card: acts.replace(by(later(hours=1)), card, NEW, "00000002", reason="补卡"),
    )
    old = estate.read(Card.get_by_id, old_id)
    new = estate.read(lambda: Card.get(Card.uid == NEW))
    assert (old.holding, new.holding) == (Holding.REPLACED.value, Holding.IN_USE.value)
    assert (new.person_id, new.card_class_id, new.valid_until) == (
        estate.person,
        estate.card_class,
        later(days=30),
    )
    from central.cards.entitlements import chosen
    from central.cards.limits import SubSystems

    rights = {"devices": [], "levels": [estate.level], "sub_systems": SubSystems().fresh()}
    assert estate.read(chosen, new.id) == rights
    assert estate.read(chosen, old_id) == {**rights, "levels": []}
    (loss,) = losses(estate)
    assert (loss.status, loss.replaced_by_id, loss.ended_at) == ("replaced", new.id, later(hours=1))
    ended = estate.read(lambda: CardIssue.get(CardIssue.card == old_id).ended_at)
    assert ended == later(hours=1)
    with pytest.raises(IllegalActError):
        do(estate, old_id, lambda card: acts.lift(by(), card, identity_checked=True, reason="x"))


def test_only_a_lost_card_is_replaced_and_never_by_itself(estate: Estate) -> None:
    card_id = issue(estate)
    with pytest.raises(IllegalActError):
        do(estate, card_id, lambda card: acts.replace(by(), card, NEW, "00000002"))
    do(estate, card_id, lambda card: acts.report_lost(by(), card))
    with pytest.raises(ConflictError):
        do(estate, card_id, lambda card: acts.replace(by(), card, OLD, "00000001"))
    assert estate.read(Card.get_by_id, card_id).holding == Holding.IN_USE.value
    assert losses(estate)[0].status == "open"


def test_a_card_that_was_cut_up_stays_in_the_books(estate: Estate) -> None:
    card_id = issue(estate)
    with pytest.raises(InvalidInputError, match="reason"):
        do(estate, card_id, lambda card: acts.destroy(by(), card, reason=" "))
    do(estate, card_id, lambda card: acts.cancel(by(), card, reason="离职"))
    do(estate, card_id, lambda card: acts.destroy(by(), card, reason="剪毁"))
    assert estate.read(Card.get_by_id, card_id).holding == Holding.DESTROYED.value
