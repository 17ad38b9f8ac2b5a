"""交接班: counting and signing a hand-over, once and for good. Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import peewee

from central.audit import AuditEntry
from central.cards.acts import By
from central.duty.model import HandOver
from central.duty.rules import checksum
from central.duty.standing import Standing
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.purse import cash
from central.purse.model import CashCount
from central.security.principal import Principal
from central.sites.scope import Scope

REMARKS_CHARS_MAX: Final = 2_000
WHY_CHARS_MAX: Final = 200
COUNT_MAX: Final = 100_000


@dataclass(frozen=True)
class Found:
    """What was counted of one thing, and why it is not what must be there."""

    count: int
    why: str = ""


@dataclass(frozen=True)
class Counted:
    """Everything that the outgoing shift has counted: pieces by item, fen by the account of a drawer."""

    items: Mapping[int, Found]
    cash: Mapping[int, Found]


def check_incoming(outgoing: Principal, incoming: Principal, site_id: int, organisation_id: int) -> None:
    """Whether this operator may take the desk over.

    :raises ForbiddenError: it is the same person, or somebody who does not work here.
    """
    if outgoing.kind != "operator" or incoming.id == outgoing.id:
        raise ForbiddenError("The next shift signs with another operator's number.")
    if not incoming.may("duty", "edit") or not incoming.scope.allows(site_id, organisation_id):
        raise ForbiddenError("This operator does not take over desks of this estate.")


def item_lines(standing: Standing, counted: Counted) -> list[dict[str, Any]]:
    """Each item with what was found.

    :raises InvalidInputError: something was not counted, or differs without a reason.
    """
    lines = []
    for item in standing.items:
        found = counted.items.get(item.id)
        if found is None or not 0 <= found.count <= COUNT_MAX:
            raise InvalidInputError("Count everything that lies at the desk.")
        if found.count != item.expected_count and not found.why:
            raise InvalidInputError("Say why a count differs from what must be there.")
        lines.append(
            {
                "name": item.name,
                "kind": item.kind,
                "pieces_count": item.pieces_count,
                "expected_count": item.expected_count,
                "counted_count": found.count,
                "why": found.why,
            }
        )
    return lines


def count_drawers(by: By, standing: Standing, counted: Counted) -> list[CashCount]:
    """The count of each drawer of the outgoing operator, as 日結 takes it.

    :raises InvalidInputError: a drawer was not counted, or differs without a reason.
    """
    made = []
    for drawer in standing.drawers:
        found = counted.cash.get(drawer.account.id)
        if found is None:
            raise InvalidInputError("Count everything that lies at the desk.")
        made.append(cash.count(by, drawer.account, found.count, found.why))
    return made


def cash_lines(standing: Standing, counts: list[CashCount]) -> list[dict[str, Any]]:
    """The drawers as the hand-over keeps them; those that wait for the signature of an earlier count too."""
    return [
        {
            "count": row.id,
            "place": f"{row.site.name} · {row.organisation.name}",
            "expected_fen": row.expected_fen,
            "counted_fen": row.counted_fen,
            "why": row.reason,
        }
        for row in (*standing.waiting, *counts)
    ]


def sign(
    by: By,
    incoming: Principal,
    site_id: int,
    organisation_id: int,
    content: dict[str, Any],
    audit_seq: int,
    number: int,
) -> HandOver:
    """Write the hand-over that both have signed; its audit row is there already."""
    assert by.operator_id is not None
    differs = sum(line["counted_count"] != line["expected_count"] for line in content["items"])
    differs += sum(line["counted_fen"] != line["expected_fen"] for line in content["cash"])
    made: HandOver = HandOver.create(
        site=site_id,
        organisation=organisation_id,
        number=number,
        signed_at=by.at,
        outgoing_id=by.operator_id,
        outgoing_name=by.operator_name,
        incoming_id=incoming.id,
        incoming_name=incoming.actor.name,
        content=content,
        differences_count=differs,
        sha256=checksum_of(content, number, by, incoming.actor.name),
        audit_seq=audit_seq,
    )
    return made


def checksum_of(content: Mapping[str, Any], number: int, by: By, incoming_name: str) -> str:
    """What the audit row and the hand-over both hold."""
    at_ms = HandOver.signed_at.db_value(by.at)
    return checksum(content, number=number, at=at_ms, outgoing=by.operator_name, incoming=incoming_name)


def next_number(site_id: int, organisation_id: int) -> int:
    """The number of the next hand-over there."""
    same = (HandOver.site == site_id) & (HandOver.organisation == organisation_id)
    return int(HandOver.select(peewee.fn.MAX(HandOver.number)).where(same).scalar() or 0) + 1


def last_of(scope: Scope, site_id: int, organisation_id: int) -> HandOver | None:
    """The hand-over before this one: its remarks are for the shift that ends now."""
    same = (HandOver.site == site_id) & (HandOver.organisation == organisation_id)
    row: HandOver | None = (
        scope.filter(HandOver.select().where(same)).order_by(HandOver.number.desc()).first()
    )
    return row


def is_unchanged(row: HandOver) -> bool:
    """Whether the hand-over is what was signed: by its checksum, and by the one in the audit trail."""
    at_ms = HandOver.signed_at.db_value(row.signed_at)
    now = checksum(
        row.content, number=row.number, at=at_ms, outgoing=row.outgoing_name, incoming=row.incoming_name
    )
    entry = AuditEntry.get_or_none(AuditEntry.seq == row.audit_seq)
    if entry is None or entry.action != "duty.hand_over" or now != row.sha256:
        return False
    said = (entry.detail or {}).get("after") or {}
    return entry.detail is None or said.get("sha256") == now


def check_seen(seen: str, standing: Standing) -> None:
    """
    :raises ConflictError: what was signed is not what stands now.
    """
    if seen != checksum(standing.seen()):
        raise ConflictError("Meanwhile something has changed. Look at it, then sign again.")
