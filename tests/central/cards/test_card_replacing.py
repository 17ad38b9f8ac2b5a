"""換卡, 註銷, 臨時掛失, and what became of the deposit: the acts that need more than a change of state."""

from __future__ import annotations

from datetime import timedelta

import pytest

from central.cards import acts
from central.cards.history import held_on
from central.cards.model import Card, CardClass, CardIntake, CardLoss, CardMoney, DeskKeeper
from central.cards.model import CardDesk as Desk
from central.cards.rows import card_rows
from central.cards.rules import Disable, Holding, IllegalActError, LossStatus, Origin
from central.errors import ConflictError, InvalidInputError
from protocol.reasons import Reason
from tests.support.card_acts import UID, act_on, card, issue
from tests.support.estate import NOON, Estate, by, later

NEW_UID = bytes.fromhex("04A1B2C4")
DEPOSIT_FEN, COST_FEN = 2_000, 1_550


@pytest.fixture
def priced(estate: Estate) -> Estate:
    """The class of the estate costs something."""
    estate.write(lambda: CardClass.update(deposit_fen=DEPOSIT_FEN, cost_fen=COST_FEN).execute())
    return estate


def money(estate: Estate, card_id: int) -> list[tuple[str, int]]:
    """Kind and fen of every amount of a card, in order."""
    query = CardMoney.select(CardMoney.kind, CardMoney.amount_fen).where(CardMoney.card == card_id)
    return estate.read(lambda: list(query.order_by(CardMoney.id).tuples()))


def swap(
    estate: Estate, card_id: int, *, warranty: bool = False, checked: bool = True, reason: str = "折斷"
) -> int:
    change = act_on(
        estate,
        card_id,
        lambda old: acts.swap(
            by(), old, NEW_UID, "2", identity_checked=checked, warranty=warranty, reason=reason
        ),
    )
    assert change.new_card is not None
    return int(change.new_card.id)


def test_issuing_charges_what_the_class_says_and_handing_in_owes_the_deposit_back(priced: Estate) -> None:
    card_id = issue(priced)
    assert money(priced, card_id) == [("deposit_charged", DEPOSIT_FEN), ("cost_charged", COST_FEN)]
    assert priced.read(lambda: held_on(Card.get_by_id(card_id))) == DEPOSIT_FEN
    priced.show_at_desk(UID.hex())
    change = act_on(priced, card_id, lambda found: acts.take_back(by(), found))
    assert money(priced, card_id)[2:] == [("deposit_refund_due", DEPOSIT_FEN)]
    assert change.after["deposit_refund_due"] == DEPOSIT_FEN
    assert priced.read(lambda: held_on(Card.get_by_id(card_id))) == 0


@pytest.mark.parametrize(("keeps", "kind"), [(True, "deposit_kept"), (False, "deposit_refund_due")])
def test_a_cancelled_card_is_dead_not_recovered_and_its_class_decides_on_the_deposit(
    priced: Estate, keeps: bool, kind: str
) -> None:
    card_id = issue(priced)
    priced.write(lambda: CardClass.update(keeps_deposit=keeps).execute())
    act_on(priced, card_id, lambda found: acts.cancel(by(), found, reason="離職未交卡"))
    assert card(priced, card_id).holding == Holding.CANCELLED.value
    assert money(priced, card_id)[2:] == [(kind, DEPOSIT_FEN)]
    (rows,) = priced.read(card_rows, card_id)
    assert rows.restriction is not None
    assert rows.restriction.reason is Reason.CARD_CANCELLED


def test_a_swap_kills_the_old_card_at_once_without_a_loss_report_and_moves_the_deposit(
    priced: Estate,
) -> None:
    old = issue(priced)
    new = swap(priced, old)
    before, after = card(priced, old), card(priced, new)
    assert before.state.reasons == {Disable.DAMAGED, Disable.REPLACED}
    assert before.dead_since == NOON
    (rows,) = priced.read(card_rows, old)
    assert rows.card is None
    assert rows.restriction is not None
    assert (after.person_id, after.holding) == (priced.person, "in_use")
    assert priced.read(lambda: CardLoss.select().count()) == 0
    assert money(priced, old)[2:] == [("deposit_moved_out", DEPOSIT_FEN)]
    assert money(priced, new) == [("deposit_moved_in", DEPOSIT_FEN), ("cost_charged", COST_FEN)]


def test_a_card_under_warranty_costs_nothing_and_the_row_says_so(priced: Estate) -> None:
    new = swap(priced, issue(priced), warranty=True)
    assert money(priced, new)[1:] == [("cost_waived", COST_FEN)]


@pytest.mark.parametrize("wrong", [{"checked": False}, {"reason": " "}])
def test_a_swap_needs_the_identity_checked_and_a_reason(priced: Estate, wrong: dict[str, object]) -> None:
    card_id = issue(priced)
    with pytest.raises(InvalidInputError):
        swap(priced, card_id, **wrong)  # type: ignore[arg-type]
    assert card(priced, card_id).holding == "in_use"


def test_a_lost_card_is_not_swapped(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(estate, card_id, lambda found: acts.report_lost(by(), found))
    with pytest.raises(IllegalActError):
        swap(estate, card_id)


def test_a_suspended_holder_gets_a_suspended_card_in_its_place(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(estate, card_id, lambda found: acts.suspend(by(), found, reason="調查"))
    assert card(estate, swap(estate, card_id)).state.reasons == {Disable.SUSPENDED}


def test_a_cancelled_card_that_is_handed_in_is_wiped_before_it_is_given_out_again(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(estate, card_id, lambda found: acts.cancel(by(), found, reason="離職"))
    with pytest.raises(ConflictError, match="Show the card"):
        act_on(estate, card_id, lambda found: acts.recover(by(), found))
    estate.show_at_desk(UID.hex())
    act_on(estate, card_id, lambda found: acts.recover(by(), found))
    with pytest.raises(ConflictError, match="put it back into stock"):
        issue(estate)
    act_on(estate, card_id, lambda found: acts.restock(by(), found))
    assert issue(estate) == card_id
    assert card(estate, card_id).issue_no == 2


def report_at_night(estate: Estate, card_id: int, **said: str) -> None:
    about = {"reporter": "張太", "phone": "13800005678", **said}
    act_on(estate, card_id, lambda found: acts.report_provisionally(by(), found, **about))


def the_loss(estate: Estate) -> CardLoss:
    return estate.read(CardLoss.get)


def test_a_provisional_report_kills_at_once_and_waits_for_a_clerk(estate: Estate) -> None:
    card_id = issue(estate)
    report_at_night(estate, card_id)
    (rows,) = estate.read(card_rows, card_id)
    assert rows.restriction is not None
    assert rows.restriction.reason is Reason.CARD_LOST
    assert the_loss(estate).confirm_by == NOON + timedelta(hours=72)
    act_on(estate, card_id, lambda found: acts.confirm(by(later(hours=9)), found, reporter="張三"))
    loss = the_loss(estate)
    assert (loss.confirmed_at, loss.confirmed_by, loss.reporter) == (later(hours=9), "值班员", "張三")
    assert loss.status == LossStatus.OPEN.value
    with pytest.raises(ConflictError, match="no confirmation"):
        act_on(estate, card_id, lambda found: acts.confirm(by(later(hours=9)), found))


@pytest.mark.parametrize("missing", ["reporter", "phone"])
def test_a_provisional_report_names_who_called_and_from_where(estate: Estate, missing: str) -> None:
    card_id = issue(estate)
    with pytest.raises(InvalidInputError):
        report_at_night(estate, card_id, **{missing: " "})


def test_an_ordinary_report_needs_no_confirmation(estate: Estate) -> None:
    card_id = issue(estate)
    act_on(estate, card_id, lambda found: acts.report_lost(by(), found))
    with pytest.raises(ConflictError, match="no confirmation"):
        act_on(estate, card_id, lambda found: acts.confirm(by(), found))


def enter(estate: Estate, cards: list[tuple[bytes | None, str]]) -> int:
    return estate.write(
        lambda: (
            acts.enter(
                by(), estate.site, estate.organisation, cards, Origin.BOUGHT, supplier="卡廠", price_fen=180
            ).id
        )
    )


def test_a_blank_card_known_by_its_number_gets_its_uid_when_it_is_issued(estate: Estate) -> None:
    enter(estate, [(None, "00000007"), (None, "00000008")])
    assert estate.read(acts.suggest_card_no, estate.site) == "00000007"
    card_id = issue(estate, card_no="00000007")
    assert bytes(card(estate, card_id).uid) == UID
    assert estate.read(lambda: Card.select().count()) == 2
    assert estate.read(lambda: CardIntake.select().count()) == 1


def test_an_unknown_card_enters_the_books_when_it_is_issued(estate: Estate) -> None:
    issue(estate)
    intake = estate.read(CardIntake.get)
    assert (intake.origin, intake.cards_count, intake.first_no) == ("first_issue", 1, "00000001")


@pytest.mark.parametrize(
    ("cards", "problem"),
    [
        ([(None, "1"), (None, "1")], ConflictError),
        ([(UID, "1"), (UID, "2")], ConflictError),
        ([(None, "00000001")], ConflictError),
        ([(UID, "2")], ConflictError),
        ([], InvalidInputError),
        ([(None, "a b")], InvalidInputError),
    ],
)
def test_an_intake_is_taken_whole_or_not_at_all(
    estate: Estate, cards: list[tuple[bytes | None, str]], problem: type[Exception]
) -> None:
    issue(estate)
    with pytest.raises(problem):
        enter(estate, [(None, "9"), *cards] if cards else cards)
    assert estate.read(lambda: Card.select().count()) == 1


def test_what_comes_in_lies_at_the_desk_of_the_operator_and_what_is_given_out_does_not(
    estate: Estate,
) -> None:
    def work_at_a_desk() -> int:
        desk = Desk.create(site=estate.site, organisation=estate.organisation, name="服務中心")
        DeskKeeper.create(site=estate.site, operator_id=by().operator_id, desk=desk)
        return int(desk.id)

    desk, card_id = estate.write(work_at_a_desk), issue(estate)
    assert card(estate, card_id).desk_id is None
    estate.show_at_desk(UID.hex())
    act_on(estate, card_id, lambda found: acts.take_back(by(), found))
    assert card(estate, card_id).desk_id == desk
    act_on(estate, card_id, lambda found: acts.destroy(by(), found, reason="剪毀"))
    assert card(estate, card_id).desk_id is None


def test_a_card_on_its_way_is_neither_issued_nor_destroyed(estate: Estate) -> None:
    enter(estate, [(UID, "5")])
    estate.write(lambda: Card.update(in_transit=True).execute())
    with pytest.raises(ConflictError, match="on its way"):
        issue(estate, card_no="5")
    with pytest.raises(ConflictError, match="on its way"):
        act_on(estate, 1, lambda found: acts.destroy(by(), found, reason="剪毀"))
