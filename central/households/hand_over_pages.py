"""Pages of a change of owner or tenant, with its preview (U3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from central.audit import act_on_many
from central.cards.acts import is_present
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.households import handing_over, joining, lines
from central.households.forms import CARRY_OVER, HAND_OVER, METERS, REFUND, HandOverForm
from central.households.handing_over import CANCEL, RETURN, Outcome, Wish
from central.households.joining import Changed
from central.households.model import HOUSEHOLD_TEXT, METER_TEXT, Household, HouseholdKind, Unit
from central.households.people import current_members, day_after, find_person
from central.households.readings import Read
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.formats import local
from central.web.forms import BoundForm
from central.web.i18n import _
from central.web.render import render, settle


class _Preview(Exception):  # not an error: it takes the transaction back
    """Carries what would have been done out of the transaction that is taken back."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def household_of(scope: Scope, unit_id: int, text: str) -> tuple[Unit, Household]:
    """
    :raises NotFoundError: no such unit in the scope, or no such household that lives there.
    """
    unit = scope.get(Unit, unit_id)
    found = Household.get_or_none(
        (Household.id == (row_id(text) or 0)) & (Household.unit == unit.id) & Household.until_on.is_null()
    )
    if found is None:
        raise NotFoundError("There is no such record, or it belongs to another organisation.")
    return unit, found


async def hand_over(request: web.Request) -> web.Response:
    """GET and POST /units/{id}/hand-over: the form, its preview, the act."""
    settle(request)
    centre, scope, unit_id = centre_of(request), scope_of(request), path_id(request)
    posted = await request.post()
    leaving_id = str(posted.get("leaving", "")) or request.query.get("leaving", "")
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        unit, leaving = household_of(scope, unit_id, leaving_id)
        cards = [(card, is_present(card, now)) for card in handing_over.leaving_cards(leaving)]
        inside = [member.person_id for member in current_members(leaving.id)]
        asked = [(part.title, part.questions(unit, leaving)) for part in joining.parts()]
        return {
            "debts": joining.debts_of(unit, inside),
            "asked": [(title, questions) for title, questions in asked if questions],
            "unit": unit,
            "leaving": leaving,
            "title": HOUSEHOLD_TEXT[leaving.kind],
            "is_owner": leaving.kind == HouseholdKind.OWNER.value,
            "head_name": leaving.head.name,
            "cards": cards,
        }

    context = await centre.db.read(read)
    context["chosen"] = {
        card.id: str(posted.get(f"card_{card.id}", "")) or (RETURN if is_here else CANCEL)
        for card, is_here in context["cards"]
    }
    context["answers"] = {
        question.name: str(posted.get(question.name, question.default))
        for _title, questions in context["asked"]
        for question in questions
    }
    if request.method == "GET":
        today_on = local(now).date()
        form = HAND_OVER.blank(last_on=today_on, read_on=today_on, deposits=REFUND)
        return await render(request, "households/hand_over.html", {**context, "form": form})
    form = HAND_OVER.bind(posted)
    if form.is_valid:
        is_preview = posted.get("step") != "carry_out"
        try:
            outcome = await _run(request, form.value, leaving_id, context, is_preview)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            if not is_preview:
                raise web.HTTPSeeOther(f"/hand-overs/{outcome.hand_over.id}")
            return await _preview(request, context, form, outcome)
    return await render(request, "households/hand_over.html", {**context, "form": form}, status=422)


async def _run(
    request: web.Request, value: HandOverForm, leaving_id: str, context: Mapping[str, Any], is_preview: bool
) -> Outcome:
    """Carry the change out in one transaction; a preview takes it back."""
    centre, scope, unit_id, by = centre_of(request), scope_of(request), path_id(request), by_of(request)

    may_refund = principal_of(request).may("cards", "approve")

    def write() -> Outcome:
        unit, leaving = household_of(scope, unit_id, leaving_id)
        kind = HouseholdKind(leaving.kind)
        head = find_person(scope, unit, value.person) if value.person else None
        lease = day_after(value.lease_last_on) if kind is HouseholdKind.TENANT else None
        wish = Wish(
            leaving,
            head,
            kind,
            lease,
            value.last_on + timedelta(days=1),
            value.reason,
            context["chosen"],
            _read(value),
            value.deposits == CARRY_OVER,
            (value.debt_for or "", value.debt_fen) if value.debt_fen else None,
            context["answers"],
            may_refund,
        )
        outcome = handing_over.carry_out(by, unit, wish, is_preview=is_preview)
        if is_preview:
            raise _Preview(outcome)
        about = {
            "number": outcome.hand_over.number,
            "leaving": leaving.id,
            "entering": outcome.hand_over.entering_id,
            "cut_off": wish.cut_off_on.isoformat(),
            "records": len(outcome.changed),
        }
        record_all(request, unit, outcome.changed, "people.hand_over", about, value.reason)
        return outcome

    try:
        return await centre.db.write(write)
    except _Preview as preview:
        return preview.outcome


def _read(value: HandOverForm) -> Read | None:
    """
    :raises InvalidInputError: readings without the day on which they were taken.
    """
    shown = {name: reading for name in METERS if (reading := getattr(value, name)) is not None}
    if not shown:
        return None
    if value.read_on is None:
        raise InvalidInputError("Enter the day on which the meters were read.")
    return Read(shown, value.read_on, value.reader or "", value.meter_note or "")


def record_all(
    request: web.Request, unit: Unit, changed: Sequence[Changed], action: str, about: Any, reason: str
) -> None:
    """One audit row for each record, and one for the act."""
    audit, actor = centre_of(request).audit, actor_of(request)
    place = {"site_id": unit.site_id, "organisation_id": unit.organisation_id}
    act_on_many(len(changed))
    for one in changed:
        audit.record(
            actor, one.action, one.object_kind, one.object_id, one.before, one.after, reason, **place
        )
    audit.record(actor, action, "unit", unit.id, after=about, reason=reason, **place)


async def _preview(
    request: web.Request, context: Mapping[str, Any], form: BoundForm[HandOverForm], outcome: Outcome
) -> web.Response:
    context = {
        **context,
        "form": form,
        "lines": lines.shown(outcome.changed, outcome.debts),
        "unread": [METER_TEXT[name] for name in METERS if getattr(form.value, name) is None],
        "cut_off_on": outcome.hand_over.cut_off_on,
        "not_shown": outcome.not_shown,
    }
    return await render(request, "households/hand_over_preview.html", context)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/units/{id:\d+}/hand-over", hand_over, ("cards", "edit")),
    Route("POST", r"/units/{id:\d+}/hand-over", hand_over, ("cards", "edit"), step_up=True),
]
