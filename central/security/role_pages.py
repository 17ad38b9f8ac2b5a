"""Roles: which sub-system, which verbs. The matrix is data and can be changed; nobody gives a role more than they have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import peewee
from aiohttp import web

from central.centre import Centre, centre_of
from central.errors import CentralError, ConflictError, ForbiddenError, NotFoundError
from central.routes import SUB_SYSTEMS, VERBS, Pair, Route, SubSystem, Verb
from central.security import roles, sessions
from central.security.model import Operator, OperatorRole, Role
from central.security.operators import check_somebody_remains
from central.security.principal import Principal, principal_of
from central.web.fields import Choice, ChoicesField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

SUB_SYSTEM_TITLES: Final[dict[SubSystem, LazyText]] = {
    "access": lazy("Access control"),
    "patrol": lazy("Patrol"),
    "attendance": lazy("Attendance"),
    "purse": lazy("Canteen and shop"),
    "parking": lazy("Parking"),
    "fees": lazy("Service fees"),
    "cards": lazy("Card centre"),
    "losses": lazy("Provisional loss reports"),
    "people": lazy("People and units"),
    "duty": lazy("Duty desk"),
    "figures": lazy("Figures of use without names"),
    "oversight": lazy("Head office: exceptions, police"),
    "personal": lazy("Personal data in full"),
    "keys": lazy("Card keys"),
    "nodes": lazy("Devices"),
    "operators": lazy("Operators"),
    "audit": lazy("Audit trail"),
    "sites": lazy("Estates and organisations"),
    "system": lazy("System"),
}
VERB_TITLES: Final[dict[Verb, LazyText]] = {
    "view": lazy("See"),
    "edit": lazy("Change"),
    "approve": lazy("Approve, open by hand"),
    "export": lazy("Export, print"),
}
assert SUB_SYSTEM_TITLES.keys() == set(SUB_SYSTEMS)
assert VERB_TITLES.keys() == set(VERBS)
TITLE_CHARS_MAX: Final = 60
ROLES_MAX: Final = 100


@dataclass
class RoleInput:
    """The form: the title, and the ticked cells ``sub_system.verb`` of the matrix."""

    title: str
    cells: tuple[str, ...] = ()


FORM: Final = Form(
    RoleInput,
    TextField("title", lazy("Name of the role"), length_max=TITLE_CHARS_MAX),
    ChoicesField(
        "cells",
        lazy("Permissions"),
        is_required=False,
        choices=[Choice(f"{s}.{v}", f"{s}.{v}") for s in SUB_SYSTEMS for v in VERBS],
    ),
)


EVERYTHING: Final = lazy("everything")


async def list_roles(request: web.Request) -> web.Response:
    """GET /roles: every role with its rights."""
    settle(request)

    def read() -> list[dict[str, Any]]:
        return [
            {
                "id": role.id,
                "title": roles.title_of(role),
                "rights": rights_of(role.permissions),
                "count": _holders(role).count(),
            }
            for role in Role.select().order_by(Role.built_in.desc(), Role.id)
        ]

    return await render(request, "security/roles.html", {"roles": await centre_of(request).db.read(read)})


def rights_of(permissions: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    """(sub-system, verbs) in words, in the order of the matrix: ``("Patrol", "See · Change")``."""
    given = {(sub_system, verb) for sub_system, verb in permissions}
    found = []
    for sub_system, title in SUB_SYSTEM_TITLES.items():
        verbs = [VERB_TITLES[verb] for verb in VERBS if (sub_system, verb) in given]
        if verbs:
            is_all = len(verbs) == len(VERBS)
            found.append((str(title), str(EVERYTHING) if is_all else " · ".join(map(str, verbs))))
    return found


async def new_role(request: web.Request) -> web.Response:
    """GET, POST /roles/new"""
    settle(request)
    if request.method == "GET":
        return await _page(request, FORM.blank())
    return await _save(request, None)


async def edit_role(request: web.Request) -> web.Response:
    """GET, POST /roles/{id}"""
    settle(request)
    role_id = int(request.match_info["id"])
    if request.method == "POST":
        return await _save(request, role_id)

    def read() -> tuple[str, list[str]]:
        role = _find(role_id)
        return roles.title_of(role), _cells(role)

    title, cells = await centre_of(request).db.read(read)
    return await _page(request, FORM.blank(title=title, cells=cells), role_id)


async def _save(request: web.Request, role_id: int | None) -> web.Response:
    form = FORM.bind(await request.post())
    centre, maker = centre_of(request), principal_of(request)
    if form.is_valid:
        try:
            await centre.db.write(save, centre, maker, role_id, form.value.title, _pairs(form.value.cells))
            return web.Response(status=303, headers={"Location": "/roles"})
        except CentralError as error:
            form.fail(str(error))
    return await _page(request, form, role_id, 422)


def save(centre: Centre, maker: Principal, role_id: int | None, title: str, pairs: frozenset[Pair]) -> int:
    """Make or change a role; inside ``db.write``. Sessions of those who have it end.

    :raises ForbiddenError: it gives, or gave, more than the maker has.
    """
    if not maker.scope.is_head_office:
        raise ForbiddenError(_("Roles are the same everywhere: only head office changes them."))
    if role_id is None:
        return _create(centre, maker, title, pairs)
    role = _find(role_id)
    before = {"title": role.title, "permissions": role.permissions}
    if not (pairs | frozenset((a, b) for a, b in role.permissions)) <= maker.permissions:
        raise ForbiddenError(_("Nobody can hand out more rights than they have."))
    if not role.built_in:
        role.title = title
    role.permissions = sorted(pairs)
    role.save()
    check_somebody_remains()
    for operator in _holders(role):
        sessions.end_all(operator, but=maker.token_hash)
    after = {"title": role.title, "permissions": role.permissions}
    centre.audit.record(maker.actor, "operators.role_change", "role", role.id, before, after)
    return int(role.id)


def _create(centre: Centre, maker: Principal, title: str, pairs: frozenset[Pair]) -> int:
    if not pairs <= maker.permissions:
        raise ForbiddenError(_("Nobody can hand out more rights than they have."))
    if Role.select().count() >= ROLES_MAX:
        raise ConflictError(_("There are too many roles."))
    key = re.sub(r"\s+", " ", title.casefold())
    if key in roles.BUILT_IN:
        raise ConflictError(_("This name is taken."))
    try:
        role = Role.create(key=key, title=title, permissions=sorted(pairs))
    except peewee.IntegrityError:
        raise ConflictError(_("This name is taken.")) from None
    after = {"title": title, "permissions": role.permissions}
    centre.audit.record(maker.actor, "operators.role_create", "role", role.id, after=after)
    return int(role.id)


def _find(role_id: int) -> Role:
    role: Role | None = Role.get_or_none(Role.id == role_id)
    if role is None:
        raise NotFoundError(_("There is no such role."))
    return role


def _holders(role: Role) -> Any:
    return Operator.select().join(OperatorRole).where(OperatorRole.role == role)


def _cells(role: Role) -> list[str]:
    return [f"{sub_system}.{verb}" for sub_system, verb in role.permissions]


def _pairs(cells: tuple[str, ...]) -> frozenset[Pair]:
    """The form has checked every cell against the matrix."""
    return frozenset((s, v) for s in SUB_SYSTEMS for v in VERBS if f"{s}.{v}" in cells)


def _matrix() -> dict[str, Any]:
    return {"sub_systems": SUB_SYSTEM_TITLES, "verbs": VERB_TITLES}


async def _page(
    request: web.Request, form: BoundForm[RoleInput], role_id: int | None = None, status: int = 200
) -> web.Response:
    context = {"form": form, "role_id": role_id, **_matrix()}
    return await render(request, "security/role_edit.html", context, status=status)


NAV: Final = [NavItem("system", lazy("Roles"), "/roles", order=45)]
_EDIT: Final = ("operators", "edit")
ROUTES: Final = [
    Route("GET", "/roles", list_roles, ("operators", "view")),
    Route("GET", "/roles/new", new_role, _EDIT, step_up=True),
    Route("POST", "/roles/new", new_role, _EDIT, step_up=True),
    Route("GET", r"/roles/{id:\d{1,9}}", edit_role, _EDIT, step_up=True),
    Route("POST", r"/roles/{id:\d{1,9}}", edit_role, _EDIT, step_up=True),
]
