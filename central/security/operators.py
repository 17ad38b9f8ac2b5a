"""What administrators do to operators. Everything here runs inside ``db.write`` and leaves one audit row.

Nobody hands out more than they have: an operator is made, changed or disabled only by somebody whose own permissions
and scope contain the operator's, before and after. One administrator for everything always remains.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import peewee

from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from central.routes import SUB_SYSTEMS, Pair
from central.security import links, sessions
from central.security.model import Operator, OperatorGrant, OperatorRole, Role
from central.security.principal import Principal
from central.sites.scope import Grant, Scope
from central.web.i18n import _

KEY_PAIR: Final[Pair] = ("operators", "edit")
"""Whoever has it everywhere can give every right back: at least one such operator always remains."""


@dataclass(frozen=True)
class OperatorInput:
    """What the form says of an operator."""

    number: str
    name: str
    language: str = ""
    role_ids: tuple[int, ...] = ()
    grants: frozenset[Grant] = field(default_factory=frozenset)


def create(centre: Centre, maker: Principal, given: OperatorInput) -> tuple[int, str]:
    """A new operator, and the path of the one-time link by which they choose their password.

    :raises ConflictError: the number is taken. :raises ForbiddenError: more rights than the maker has.
    """
    now = centre.clock.now()
    _check_input(maker, given)
    try:
        operator = Operator.create(
            number=given.number, name=given.name, language=given.language, created_at=now, changed_at=now
        )
    except peewee.IntegrityError:
        raise ConflictError(_("This operator number is taken.")) from None
    _write_links(operator, given)
    path = links.make_link(links.Purpose.PASSWORD, operator, now, centre.config.security.link_valid_s)
    centre.audit.record(maker.actor, "operators.create", "operator", operator.id, after=describe(operator))
    return int(operator.id), path


def change(centre: Centre, maker: Principal, operator_id: int, version: int, given: OperatorInput) -> None:
    """New name, roles and scope; open sessions of the operator end, so that nothing old goes on.

    :raises ConflictError: somebody else changed it meanwhile, or nobody could administer any more.
    """
    operator = find(maker, operator_id)
    if operator.version != version:
        raise ConflictError(_("Somebody else has changed this meanwhile."))
    if given.number != operator.number:
        raise InvalidInputError(_("The number of an operator stays the same."))
    _check_input(maker, given)
    before = describe(operator)
    operator.name, operator.language = given.name, given.language
    operator.version, operator.changed_at = operator.version + 1, centre.clock.now()
    operator.save()
    OperatorRole.delete().where(OperatorRole.operator == operator).execute()
    OperatorGrant.delete().where(OperatorGrant.operator == operator).execute()
    _write_links(operator, given)
    check_somebody_remains()
    sessions.end_all(operator, but=maker.token_hash)
    centre.audit.record(maker.actor, "operators.change", "operator", operator.id, before, describe(operator))


def set_disabled(centre: Centre, maker: Principal, operator_id: int, disabled: bool, reason: str) -> None:
    """Nobody is deleted: a disabled operator stays in the records and cannot sign in.

    :raises ConflictError: that is the state already, it is oneself, or nobody could administer any more.
    """
    operator = find(maker, operator_id)
    if operator.id == maker.id:
        raise ConflictError(_("Nobody disables their own account."))
    if (operator.disabled_at is not None) == disabled:
        raise ConflictError(_("Somebody else has changed this meanwhile."))
    operator.disabled_at = centre.clock.now() if disabled else None
    operator.version, operator.changed_at = operator.version + 1, centre.clock.now()
    operator.save()
    check_somebody_remains()
    sessions.end_all(operator)
    action = "operators.disable" if disabled else "operators.enable"
    centre.audit.record(maker.actor, action, "operator", operator.id, after=describe(operator), reason=reason)


def new_password_link(centre: Centre, maker: Principal, operator_id: int) -> str:
    """The path of a one-time link by which the operator chooses a new password; the old one counts until then."""
    operator = find(maker, operator_id)
    path = links.make_link(
        links.Purpose.PASSWORD, operator, centre.clock.now(), centre.config.security.link_valid_s
    )
    centre.audit.record(maker.actor, "operators.password_link", "operator", operator.id)
    return path


def remove_totp(centre: Centre, maker: Principal, operator_id: int) -> None:
    """For a lost phone: the operator signs in by password alone until a new one is set up."""
    operator = find(maker, operator_id)
    if operator.totp_sealed is None:
        raise ConflictError(_("Somebody else has changed this meanwhile."))
    operator.totp_sealed, operator.totp_step = None, 0
    operator.save()
    centre.audit.record(maker.actor, "operators.totp_remove", "operator", operator.id)


def set_password_by_link(centre: Centre, token: str, password_hash: str, address: str) -> None:
    """The operator chose a password; the link is used up, other sessions end."""
    now = centre.clock.now()
    operator = links.use_link(links.Purpose.PASSWORD, token, now).operator
    operator.password_hash, operator.changed_at = password_hash, now
    operator.save()
    sessions.end_all(operator)
    actor = Actor("operator", operator.id, f"{operator.number} {operator.name}", address)
    centre.audit.record(actor, "operators.password_by_link", "operator", operator.id)


def change_password(centre: Centre, principal: Principal, password_hash: str) -> None:
    """One's own; other sessions end, this one goes on."""
    operator = Operator.get_by_id(principal.id)
    operator.password_hash, operator.changed_at = password_hash, centre.clock.now()
    operator.save()
    sessions.end_all(operator, but=principal.token_hash)
    centre.audit.record(principal.actor, "operators.password_change", "operator", operator.id)


def find(maker: Principal, operator_id: int) -> Operator:
    """An operator whom ``maker`` may administer.

    :raises NotFoundError: there is none, or they have rights or a scope that ``maker`` has not.
    """
    operator = Operator.get_or_none(Operator.id == operator_id) if operator_id < 2**31 else None
    if operator is None or not maker.scope.contains(sessions.scope_of_operator(operator)):
        raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
    if not sessions.permissions_of(operator) <= maker.permissions:
        raise ForbiddenError(_("Nobody administers an operator who has more rights than they have."))
    return operator


def describe(operator: Operator) -> dict[str, Any]:
    """What the audit trail says about an operator."""
    roles = (
        Role.select(Role.key).join(OperatorRole).where(OperatorRole.operator == operator).order_by(Role.key)
    )
    grants = sessions.scope_of_operator(operator).grants
    return {
        "number": operator.number,
        "name": operator.name,
        "language": operator.language,
        "roles": [role.key for role in roles],
        "scope": sorted(([grant.site_id, grant.organisation_id] for grant in grants), key=str),
        "disabled": operator.disabled_at is not None,
    }


def _check_input(maker: Principal, given: OperatorInput) -> None:
    if not given.grants or not given.role_ids:
        raise InvalidInputError(_("An operator needs at least one role, and a place to work in."))
    roles = list(Role.select().where(Role.id.in_(given.role_ids)))
    if len(roles) != len(set(given.role_ids)):
        raise NotFoundError(_("There is no such role."))
    if not maker.has_all_of(_pairs(roles), Scope.of(given.grants)):
        raise ForbiddenError(_("Nobody can hand out more rights than they have."))


def _pairs(roles: Iterable[Role]) -> frozenset[Pair]:
    return frozenset((sub_system, verb) for role in roles for sub_system, verb in role.permissions)


def _write_links(operator: Operator, given: OperatorInput) -> None:
    for role_id in sorted(set(given.role_ids)):
        OperatorRole.create(operator=operator, role=role_id)
    for grant in sorted(given.grants, key=lambda g: (g.site_id or 0, g.organisation_id or 0)):
        OperatorGrant.create(operator=operator, site=grant.site_id, organisation=grant.organisation_id)


def check_somebody_remains() -> None:
    """
    :raises ConflictError: nobody could give every right back any more.
    """
    head_office = (
        Operator.select()
        .join(OperatorGrant)
        .where(
            Operator.disabled_at.is_null()
            & OperatorGrant.site.is_null()
            & OperatorGrant.organisation.is_null()
        )
    )
    if not any(KEY_PAIR in sessions.permissions_of(operator) for operator in head_office):
        raise ConflictError(_("At least one administrator of everything must remain."))


assert KEY_PAIR[0] in SUB_SYSTEMS
