"""The papers of contractors: the receipt for a permit's deposit, and the goods release slip (U6, U9)."""

from __future__ import annotations

from typing import Final

from central.contractors.model import Permit, ReleaseSlip
from central.errors import NotFoundError
from central.forms.kinds import Kind, Paper, register
from central.forms.print_pages import route
from central.forms.service import Offer, offer_of
from central.routes import Route
from central.sites.scope import Scope
from central.web.capitals import capitals, in_traditional
from central.web.formats import minute, moment, money
from central.web.i18n import lazy

_AT: Final = "2026-12-31 10:00:00"


def deposit_offer(scope: Scope, permit: Permit) -> Offer | None:
    """For the page of a permit; None: nothing was paid yet. Inside ``db.read``."""
    if permit.paid_at is None:
        return None
    return offer_of(scope, DEPOSIT, permit.id, permit.site_id, permit.organisation_id)


def release_offer(scope: Scope, slip: ReleaseSlip) -> Offer | None:
    """For the page of a slip; None: it is void. Inside ``db.read``."""
    if slip.voided_at is not None:
        return None
    return offer_of(scope, RELEASE, slip.id, slip.site_id, slip.organisation_id)


def _deposit(scope: Scope, permit_id: int) -> Paper:
    permit = scope.get(Permit, permit_id)
    if permit.paid_at is None:
        raise NotFoundError("There is no such paper for this.")
    texts = {
        "number": f"{permit.number:06d}",
        "unit": permit.unit.label,
        "firm": permit.firm,
        "contact": permit.contact,
        "amount": money(permit.deposit_fen),
        "amount_words": capitals(permit.deposit_fen, traditional=in_traditional()),
        "paid_at": moment(permit.paid_at),
    }
    return Paper(permit.site_id, permit.organisation_id, f"{texts['number']} {texts['unit']}", texts)


def _release(scope: Scope, slip_id: int) -> Paper:
    slip = scope.get(ReleaseSlip, slip_id)
    if slip.voided_at is not None:
        raise NotFoundError("There is no such paper for this.")
    goods = [line.strip() for line in slip.goods.splitlines() if line.strip()]
    texts = {
        "number": f"{slip.number:06d}",
        "unit": slip.unit.label,
        "carrier": slip.carrier,
        "plate": slip.plate,
        "goods": ", ".join(goods),
        "valid_on": slip.valid_on.isoformat(),
        "operator": slip.operator_name,
        "made_at": minute(slip.made_at),
    }
    return Paper(slip.site_id, slip.organisation_id, f"{texts['number']} {texts['unit']}", texts)


DEPOSIT: Final = register(
    Kind(
        "permit_deposit",
        lazy("Deposit receipt of a permit"),
        {
            "number": lazy("Number"),
            "unit": lazy("Unit"),
            "firm": lazy("Firm"),
            "contact": lazy("Person in charge"),
            "amount": lazy("Amount"),
            "amount_words": lazy("Amount in capitals"),
            "paid_at": lazy("Paid at"),
        },
        {
            "number": "000123",
            "unit": lazy("Building 1, 101"),
            "firm": lazy("Harmony Decoration (sample)"),
            "contact": lazy("Lin Xiaomei (sample)"),
            "amount": "¥2,000.00",
            "amount_words": capitals(200_000),
            "paid_at": _AT,
        },
        _deposit,
    )
)
RELEASE: Final = register(
    Kind(
        "release_slip",
        lazy("Goods release slip"),
        {
            "number": lazy("Number"),
            "unit": lazy("Unit"),
            "carrier": lazy("Who carries the goods"),
            "plate": lazy("Number plate"),
            "goods": lazy("Goods"),
            "valid_on": lazy("Valid on"),
            "operator": lazy("Operator"),
            "made_at": lazy("Time"),
        },
        {
            "number": "000123",
            "unit": lazy("Building 1, 101"),
            "carrier": lazy("Lin Xiaomei (sample)"),
            "plate": "沪A12345",
            "goods": lazy("2 wooden doors (sample)"),
            "valid_on": "2026-12-31",
            "operator": "0001",
            "made_at": _AT,
        },
        _release,
    )
)
ROUTES: Final[list[Route]] = [route(DEPOSIT, ("cards", "edit")), route(RELEASE, ("people", "edit"))]
