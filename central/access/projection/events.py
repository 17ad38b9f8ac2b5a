"""開門記錄: what was shown, pressed or asked for at a door, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from peewee import EXCLUDED, fn

from central.access import command_rules
from central.access.command_rules import NEXT, CommandKind, CommandState
from central.access.model import AccessEvent, DoorCommand
from central.access.projection.batch import EVENTS, Batch, Stored
from central.cards.model import Showing
from central.cards.showings import Shown
from protocol.facts import AccessFact, CommandFact, CommandResult, ExitFact, InspectionFact, OutcomeFact
from protocol.reasons import Reason, is_granted
from protocol.rules.passback import UNKNOWN as PLACE_UNKNOWN

ALONG_MAX: Final = 2
"""People that one grant lets in besides its own: the first of two persons, and a guest with his escort."""


@dataclass(frozen=True)
class Place:
    """Where an access was and whose it was, as far as it is known."""

    door_id: int | None = None
    organisation_id: int | None = None
    card_id: int | None = None
    person_id: int | None = None


def access(batch: Batch, stored: Stored, body: AccessFact) -> Place:
    """A card was shown."""
    key = stored.fact.personal
    point = batch.lookup.point(body.point)
    holder = batch.lookup.holder(key, stored.at)
    organisation_id = point.organisation_id if point is not None else None
    if holder is not None and holder.organisation_id is not None:
        organisation_id = holder.organisation_id
    place = Place(
        point.door_id if point is not None else None,
        organisation_id,
        holder.card_id if holder is not None else None,
        holder.person_id if holder is not None else None,
    )
    if key:
        _show(batch, stored, body.point, key, body.reason)
    if body.use_no and (card_id := batch.lookup.card(key)) is not None:
        use = (card_id, body.use_issue, body.point)
        batch.uses[use] = max(body.use_no, batch.uses.get(use, 0))
    if point is not None and point.door_id is None:
        return place  # an issuer on a desk: a card is placed there, nobody asks to go through
    _add(
        batch,
        stored,
        place,
        source="card",
        point=point.id if point is not None else None,
        leaving=point.leaving if point is not None else False,
        key=key or None,
        department=holder.department if holder is not None else "",
        reason=int(body.reason),
        granted=is_granted(body.reason),
        schedule=body.schedule,
        mode=int(body.mode),
        unknown_ignored=body.unknown_ignored,
        floor_s=body.floor_s,
        tier=int(body.tier),
        issue_no=body.issue_no,
        release_ms=body.release_ms,
        was_in=None if body.place == PLACE_UNKNOWN else body.place,
        config_epoch=body.revisions.config_epoch,
        restrictions_revision=body.revisions.restrictions,
        access_revision=body.revisions.access,
    )
    return place


def inspection(batch: Batch, stored: Stored, body: InspectionFact) -> None:
    """A card was laid on an issuer: nobody asks to go through."""
    found = {
        "content": int(body.content),
        "medium": body.medium,
        "sak": body.sak,
        "copy": body.copy,
        "has_keys": body.has_keys,
        "credential": body.credential or None,
    }
    _show(batch, stored, body.point, stored.fact.personal, Reason.NOT_CONFIGURED, found)


def exit_button(batch: Batch, stored: Stored, body: ExitFact) -> None:
    """The exit button was pressed: nobody is known to have done it, and they go out."""
    place = _place_of_door(batch, body.door)
    _add(
        batch,
        stored,
        place,
        source="exit_button",
        reason=Reason.EXIT_BUTTON.value,
        granted=True,
        leaving=True,
        release_ms=body.release_ms,
    )


def command(batch: Batch, stored: Stored, body: CommandFact) -> None:
    """The device answered a command; an accepted remote open is an event too."""
    asked = DoorCommand.get_or_none(
        (DoorCommand.id == body.command_id) & (DoorCommand.device == batch.device.id)
    )
    if body.result is CommandResult.DONE and body.release_ms:
        _add(
            batch,
            stored,
            _place_of_door(batch, body.door),
            source="remote",
            reason=Reason.REMOTE_OPEN.value,
            granted=True,
            release_ms=body.release_ms,
            command_id=body.command_id,
        )
    if asked is not None:
        asked.result = int(body.result)
        asked.node_epoch, asked.intent_seq = stored.order
        _advance(batch, asked, command_rules.of_result(CommandKind(asked.kind), body.result), stored)


def outcome(batch: Batch, stored: Stored, body: OutcomeFact) -> None:
    """What followed an intent, in this batch or an earlier one; the same for whoever it let in besides."""
    for row in let_in(batch, stored.node_epoch, body.intent_seq):
        if row["outcome"] == body.outcome:
            continue
        row["outcome"] = int(body.outcome)
        if "id" in row:
            AccessEvent.update(outcome=int(body.outcome)).where(AccessEvent.id == row["id"]).execute()
            batch.outcomes.add(row["id"])
            batch.topics.add(EVENTS)
    asked = DoorCommand.get_or_none(
        (DoorCommand.device == batch.device.id)
        & (DoorCommand.node_epoch == stored.node_epoch)
        & (DoorCommand.intent_seq == body.intent_seq)
    )
    if asked is not None:
        _advance(batch, asked, command_rules.of_outcome(body.outcome), stored)


def let_in(batch: Batch, node_epoch: int, seq: int) -> list[dict[str, Any]]:
    """The event of the intent with this seq, and those of the people it let in besides: they follow it, in its very commit.

    Rows of this batch, or what is stored of earlier ones (these have an id); a batch may end right behind the intent.
    """
    seqs = range(seq, seq + 1 + ALONG_MAX)
    here = [batch.events.get((node_epoch, each)) for each in seqs]
    found = [row for row in here if row is not None and row["seq"] == seq]
    if found:
        others = here[1:]
    else:
        of_device = (AccessEvent.device == batch.device.id) & (AccessEvent.node_epoch == node_epoch)
        stored = {
            row["seq"]: row
            for row in AccessEvent.select().where(of_device & AccessEvent.seq.in_(seqs)).dicts()
        }
        found = [stored[seq]] if seq in stored else []
        others = [row or stored.get(each) for each, row in zip(seqs[1:], here[1:], strict=True)]
    for row in others if found else ():
        if row is None or row["reason"] != Reason.GRANTED_ALONG:
            break
        found.append(row)
    return found


def write(batch: Batch) -> None:
    """Put down what was gathered; rows that are there already take the new time and keep their outcome."""
    if rows := list(batch.events.values()):
        apart = {"device", "node_epoch", "seq", "outcome"}
        AccessEvent.insert_many(rows).on_conflict(
            conflict_target=[AccessEvent.device, AccessEvent.node_epoch, AccessEvent.seq],
            preserve=[getattr(AccessEvent, name) for name in rows[0] if name not in apart],
            update={AccessEvent.outcome: fn.COALESCE(EXCLUDED.outcome, AccessEvent.outcome)},
        ).execute()
    if shown := list(batch.showings.values()):
        Showing.insert_many(shown).on_conflict(
            conflict_target=[Showing.key],
            preserve=[getattr(Showing, name) for name in shown[0] if name != "key"],
            where=(EXCLUDED.shown_at >= Showing.shown_at)
            | ((EXCLUDED.device_id == Showing.device) & (EXCLUDED.seq == Showing.seq)),
        ).execute()


def shown(batch: Batch) -> list[Shown]:
    """The cards that were shown, in the order of their device."""
    rows = sorted(batch.showings.values(), key=lambda row: (row["node_epoch"], row["seq"]))
    return [Shown(row["key"], row["site"], row["point"], row["shown_at"]) for row in rows]


def _add(batch: Batch, stored: Stored, place: Place, **values: Any) -> None:
    if batch.is_purged(stored):
        return
    row: dict[str, Any] = {
        "site": batch.device.site_id,
        "organisation": place.organisation_id or batch.device.organisation_id,
        "device": batch.device.id,
        "node_epoch": stored.node_epoch,
        "seq": stored.fact.seq,
        "at": stored.at,
        "wall_ms": stored.fact.wall_ms,
        "clock": int(stored.fact.clock),
        "point": None,
        "door": place.door_id,
        "leaving": False,
        "key": None,
        "card": place.card_id,
        "person": place.person_id,
        "department": "",
        "outcome": None,
        "schedule": 0,
        "mode": 0,
        "unknown_ignored": False,
        "floor_s": 0,
        "tier": 1,
        "issue_no": 0,
        "release_ms": 0,
        "command_id": None,
        "was_in": None,
        "config_epoch": 0,
        "restrictions_revision": 0,
        "access_revision": 0,
    }
    row.update(values)
    batch.events[stored.order] = row
    batch.topics.add(EVENTS)


def _place_of_door(batch: Batch, number: int) -> Place:
    door = batch.lookup.door(number)
    return Place() if door is None else Place(door.id, door.organisation_id)


_NOT_INSPECTED: Final = {
    "content": 0,
    "medium": 0,
    "sak": 0,
    "copy": False,
    "has_keys": False,
    "credential": None,
}


def _show(
    batch: Batch,
    stored: Stored,
    point: int,
    key: bytes,
    reason: Reason,
    found: Mapping[str, Any] = _NOT_INSPECTED,
) -> None:
    before = batch.showings.get(key)
    if before is not None and before["shown_at"] > stored.at:
        return
    batch.showings[key] = {
        "key": key,
        "site": batch.device.site_id,
        "device": batch.device.id,
        "point": point,
        "node_epoch": stored.node_epoch,
        "seq": stored.fact.seq,
        "shown_at": stored.at,
        "reason": int(reason),
        **found,
    }


def _advance(batch: Batch, asked: DoorCommand, to: CommandState, stored: Stored) -> None:
    if to in NEXT[CommandState(asked.state)]:
        asked.state = to.value
        asked.answered_at = stored.at
        asked.heard_at = datetime.fromtimestamp(stored.received_ms / 1_000, UTC)
    asked.save()
    batch.commands.add(asked.id)
