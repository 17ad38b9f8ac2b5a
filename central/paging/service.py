"""Contacts, rules and ways are entered, changed and deleted here; each act has its audit row. Inside ``db.write``."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, TypeVar

from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.paging import outbox, ways
from central.paging.model import PagingContact, PagingMessage, PagingRule
from central.paging.ways import Gateway, MailServer
from central.sites.scope import Grant, Scope
from central.webhooks.model import Webhook

CONTACTS_MAX: Final = 200
RULES_MAX: Final = 100
EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
PHONE: Final = re.compile(r"\+?[0-9][0-9 -]{2,22}[0-9]")
M = TypeVar("M", PagingContact, PagingRule)


def put_contact(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    contact_id: int | None,
    values: dict[str, Any],
    version: int | None,
) -> int:
    """Enter or change a contact; returns its number.

    :raises InvalidInputError: nothing reaches it. :raises ForbiddenError: it lies outside the scope.
    :raises ConflictError: somebody else has changed it meanwhile, or there are too many.
    """
    if values["email"] and not EMAIL.fullmatch(values["email"]):
        raise InvalidInputError("This is not an e-mail address.")
    if values["phone"] and not PHONE.fullmatch(values["phone"]):
        raise InvalidInputError("This is not a telephone number.")
    if not (values["email"] or values["phone"] or values["webhook"]):
        raise InvalidInputError("Enter an e-mail address, a telephone number or a web address.")
    if values["webhook"]:
        scope.get(Webhook, values["webhook"])
    number = _put(PagingContact, scope, contact_id, values, version, CONTACTS_MAX)
    after = {name: value for name, value in values.items() if name not in ("email", "phone")}
    centre.audit.record(
        actor, "access.paging_contact", "paging_contact", number, after=after, site_id=values["site"]
    )
    return number


def put_rule(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    rule_id: int | None,
    values: dict[str, Any],
    version: int | None,
) -> int:
    """Enter or change a rule; returns its number.

    :raises InvalidInputError: it tells nobody. :raises ForbiddenError: it lies outside the scope.
    :raises ConflictError: somebody else has changed it meanwhile, or there are too many.
    """
    if not values["ways"] or not values["contacts"]:
        raise InvalidInputError("Choose at least one contact and one way.")
    for number in values["contacts"]:
        scope.get_shared(PagingContact, number)
    before = None if rule_id is None else _audited(scope.get(PagingRule, rule_id), values)
    number = _put(PagingRule, scope, rule_id, values, version, RULES_MAX)
    centre.audit.record(
        actor, "access.paging_rule", "paging_rule", number, before, values, site_id=values["site"]
    )
    return number


def delete(centre: Centre, scope: Scope, actor: Actor, model: type[M], number: int) -> None:
    """A rule, or a contact with the messages to it: nothing is sent there any more."""
    found = scope.get(model, number)
    if isinstance(found, PagingContact):
        for rule in PagingRule.select():
            if number in rule.contacts:
                left = [each for each in rule.contacts if each != number]
                PagingRule.update(contacts=left).where(PagingRule.id == rule.id).execute()
    site_id, label = found.site_id, found.label
    found.delete_instance()
    kind = "paging_contact" if model is PagingContact else "paging_rule"
    centre.audit.record(actor, "access.paging_delete", kind, number, before={"label": label}, site_id=site_id)


def test(centre: Centre, scope: Scope, actor: Actor, contact_id: int, now: datetime) -> None:
    """Send a test message by every way that the contact has."""
    contact = scope.get(PagingContact, contact_id)
    outbox.test(contact, now)
    centre.audit.record(actor, "access.paging_test", "paging_contact", contact_id, site_id=contact.site_id)


def send_again(centre: Centre, scope: Scope, actor: Actor, message_id: int, now: datetime) -> None:
    """What was given up waits again."""
    message = scope.get(PagingMessage, message_id)
    outbox.again(message, now)
    centre.audit.record(actor, "access.paging_again", "paging_message", message_id, site_id=message.site_id)


def put_way(
    centre: Centre, actor: Actor, key: str, value: MailServer | Gateway | None, now: datetime
) -> None:
    """Enter the mail server or the gateway; an empty secret keeps the one that is there."""
    before = ways.audited(key)
    kept = ways.mail(centre.keys) if key == ways.MAIL else ways.gateway(centre.keys)
    ways.put(centre.keys, key, ways.with_secret_of(value, kept), now)
    centre.audit.record(actor, "operators.paging_way", "system", key, before, ways.audited(key))


def _put(
    model: type[M], scope: Scope, number: int | None, values: dict[str, Any], version: int | None, most: int
) -> int:
    if not any(grant.contains(Grant(values["site"], values["organisation"])) for grant in scope.grants):
        raise ForbiddenError("Choose an estate and an organisation of your own.")
    if number is None:
        if model.select().count() >= most:
            raise ConflictError("There are too many already.")
        return int(model.create(**values).id)
    found = scope.get(model, number)
    if version is not None and found.version != version:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    model.update(version=model.version + 1, **values).where(model.id == number).execute()
    return number


def _audited(rule: PagingRule, values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: getattr(rule, f"{name}_id" if name in ("site", "organisation") else name) for name in values
    }
