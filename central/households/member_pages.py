"""Who comes to live in a unit, and who leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from central.audit import act_on_many
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.households import handing_over, people
from central.households.forms import JOIN, NEW, MoveInForm
from central.households.model import HOUSEHOLD_TEXT, ROLE_TEXT, Household, HouseholdKind, Member, Role, Unit
from central.people.inputs import path_id, row_id
from central.people.model import Person
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.days import FieldError, parse_day
from central.web.fields import Choices
from central.web.formats import local
from central.web.i18n import _
from central.web.render import render, settle


def _read(scope: Scope, unit_id: int) -> tuple[Unit, dict[str, Choices]]:
    unit = scope.get(Unit, unit_id)
    homes = {
        str(home.id): f"{HOUSEHOLD_TEXT[home.kind]} · {home.head.name}"
        for home in people.current_households(unit.id)
    }
    return unit, {"household": {**homes, **NEW}}


async def join(request: web.Request) -> web.Response:
    """GET and POST /units/{id}/people"""
    settle(request)
    centre, scope, actor, unit_id = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    by = by_of(request)
    unit, choices = await centre.db.read(_read, scope, unit_id)
    if request.method == "GET":
        first = next(iter(choices["household"]))
        number = str(request.query.get("person", ""))[:100]
        form = JOIN.blank(
            choices, household=first, from_on=local(centre.clock.now()).date(), person=number or None
        )
        return await render(request, "households/join.html", {"form": form, "unit": unit})
    form = JOIN.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value

        def write() -> None:
            row = scope.get(Unit, unit_id)
            person = people.find_person(scope, row, value.person)
            member = _join(row, person, value)
            changed = handing_over.end_with_lease(by, person)
            act_on_many(len(changed))
            place = {"site_id": row.site_id, "organisation_id": row.organisation_id}
            for one in changed:
                centre.audit.record(
                    actor, one.action, one.object_kind, one.object_id, one.before, one.after, **place
                )
            centre.audit.record(
                actor,
                "people.join",
                "unit",
                row.id,
                after=_snapshot(member, person),
                **place,
            )

        try:
            await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/units/{unit_id}")
    return await render(request, "households/join.html", {"form": form, "unit": unit}, status=422)


def _join(unit: Unit, person: Person, value: MoveInForm) -> Member:
    if value.household in NEW:
        kind = HouseholdKind(value.household.removeprefix("new_"))
        until_on = people.day_after(value.lease_last_on) if kind is HouseholdKind.TENANT else None
        home = people.open_household(unit, kind, person, value.from_on, until_on)
        return people.current_members(home.id)[0]
    home = Household.get((Household.id == int(value.household)) & (Household.unit == unit.id))
    role = value.role or (person.kind if person.kind in ROLE_TEXT else Role.FAMILY.value)
    return people.join(home, unit, person, Role(role), value.from_on)


async def leave(request: web.Request) -> web.Response:
    """POST /units/{id}/leave: one person leaves; the head leaves last, and the household is gone with them."""
    settle(request)
    centre, scope, actor, unit_id = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    posted = await request.post()
    member_id = row_id(str(posted.get("member", ""))) or 0
    try:
        last_on = parse_day(str(posted.get("last_on", "")))
    except FieldError as error:
        raise InvalidInputError(str(error)) from None

    def write() -> None:
        unit = scope.get(Unit, unit_id)
        member = Member.get_or_none(Member.id == member_id)
        if member is None or member.until_on is not None or member.household.unit_id != unit.id:
            raise ConflictError("This person has left the unit already.")
        before = _snapshot(member, member.person)
        person = people.leave(member, last_on + timedelta(days=1))
        centre.audit.record(
            actor,
            "people.leave",
            "unit",
            unit.id,
            before,
            _snapshot(member, person),
            site_id=unit.site_id,
            organisation_id=unit.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/units/{unit_id}")


def _snapshot(member: Member, person: Person) -> dict[str, Any]:
    home = member.household
    return {
        "person": person.number,
        "household": home.id,
        "kind": home.kind,
        "role": member.role,
        "from": member.from_on.isoformat(),
        "until": None if member.until_on is None else member.until_on.isoformat(),
        "lease_until": None if home.lease_until_on is None else home.lease_until_on.isoformat(),
        "address": f"{person.building} {person.unit}".strip(),
    }


ROUTES: Final[list[Route]] = [
    Route("GET", r"/units/{id:\d+}/people", join, ("people", "edit")),
    Route("POST", r"/units/{id:\d+}/people", join, ("people", "edit")),
    Route("POST", r"/units/{id:\d+}/leave", leave, ("people", "edit")),
]
