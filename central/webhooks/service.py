"""Addresses are entered, changed, tested and deleted here; each act has its audit row. Inside ``db.write``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from central.audit import Actor
from central.centre import Centre
from central.db import announce
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.sites.scope import Grant, Scope
from central.webhooks import outbox
from central.webhooks.model import Delivery, Webhook
from central.webhooks.stream import KIND_TEXT

WEBHOOKS_MAX: Final = 50


@dataclass(frozen=True)
class Wish:
    """An address as it was entered; it was checked already (``addresses.check``)."""

    label: str
    url: str
    kinds: tuple[str, ...]
    site_id: int | None
    organisation_id: int | None
    enabled: bool


def get(scope: Scope, hook_id: int) -> Webhook:
    """The address, if it is in scope as a whole.

    :raises NotFoundError: there is none, or it tells of more than this operator may see.
    """
    return scope.get(Webhook, hook_id)


def put(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    hook_id: int | None,
    wish: Wish,
    version: int | None,
    now: datetime,
) -> int:
    """Enter or change; returns its number.

    :raises ForbiddenError: it would tell of more than this operator may see.
    :raises ConflictError: somebody else has changed it meanwhile, or there are too many.
    """
    if not any(grant.contains(Grant(wish.site_id, wish.organisation_id)) for grant in scope.grants):
        raise ForbiddenError("Choose an estate and an organisation of your own.")
    if not wish.kinds or not set(wish.kinds) <= KIND_TEXT.keys():
        raise InvalidInputError("Choose at least one kind of event.")
    values: dict[str, Any] = {
        "label": wish.label,
        "url": wish.url,
        "kinds": [kind for kind in KIND_TEXT if kind in wish.kinds],
        "site": wish.site_id,
        "organisation": wish.organisation_id,
        "enabled": wish.enabled,
    }
    before: dict[str, Any] | None = None
    if hook_id is None:
        if Webhook.select().count() >= WEBHOOKS_MAX:
            raise ConflictError("There are too many addresses already.")
        hook_id = Webhook.create(created_at=now, **values).id
    else:
        hook = get(scope, hook_id)
        if version is not None and hook.version != version:
            raise ConflictError("This was changed meanwhile. Look at it again.")
        before = _audited(hook)
        Webhook.update(version=Webhook.version + 1, next_at=None, fails_count=0, **values).where(
            Webhook.id == hook_id
        ).execute()
    hook = Webhook.get_by_id(hook_id)
    centre.audit.record(
        actor, "operators.webhook_put", "webhook", hook_id, before, _audited(hook), site_id=hook.site_id
    )
    announce(outbox.WAITING, {"ids": [hook_id]})
    return int(hook_id)


def new_secret(centre: Centre, scope: Scope, actor: Actor, hook_id: int) -> None:
    """What is sent from now on is signed by another secret."""
    hook = get(scope, hook_id)
    Webhook.update(secret_no=Webhook.secret_no + 1).where(Webhook.id == hook.id).execute()
    centre.audit.record(actor, "operators.webhook_secret", "webhook", hook.id, site_id=hook.site_id)


def test(centre: Centre, scope: Scope, actor: Actor, hook_id: int, now: datetime) -> None:
    """Put down an event that says nothing, to be sent as any other."""
    hook = get(scope, hook_id)
    if not hook.enabled:
        raise ConflictError("Nothing is sent to this address now.")
    name = f"test.{int(now.timestamp() * 1_000)}"
    body = msgspec.json.encode({"id": name, "kind": "test", "at": now}).decode()
    Delivery.insert(
        webhook=hook.id, event=name, kind="test", body=body, created_at=now
    ).on_conflict_ignore().execute()
    Webhook.update(next_at=None).where(Webhook.id == hook.id).execute()
    centre.audit.record(actor, "operators.webhook_test", "webhook", hook.id, site_id=hook.site_id)
    announce(outbox.WAITING, {"ids": [hook.id]})


def send_again(centre: Centre, scope: Scope, actor: Actor, hook_id: int, now: datetime) -> None:
    """What was given up waits again."""
    hook = get(scope, hook_id)
    count = outbox.again(hook.id, now)
    centre.audit.record(
        actor, "operators.webhook_again", "webhook", hook.id, after={"events": count}, site_id=hook.site_id
    )


def delete(centre: Centre, scope: Scope, actor: Actor, hook_id: int) -> None:
    """Nothing is sent there any more, and what waited is gone."""
    hook = get(scope, hook_id)
    centre.audit.record(
        actor, "operators.webhook_delete", "webhook", hook.id, before=_audited(hook), site_id=hook.site_id
    )
    hook.delete_instance(recursive=True)


def _audited(hook: Webhook) -> dict[str, Any]:
    return {
        "label": hook.label,
        "url": hook.url,
        "kinds": hook.kinds,
        "site": hook.site_id,
        "organisation": hook.organisation_id,
        "enabled": hook.enabled,
    }
