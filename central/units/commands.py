"""Acts of operators on patrol units (71): written down with their audit row, then sent. Inside ``db``.

A load needs no command: everything that the unit is to hold gets a newer number, so the unit takes all of it anew by
whatever way it has, and the act is done when the unit says that it decides by it, safe from a power cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import peewee

from central.audit import Actor, Audit, act_on_many
from central.db import announce
from central.errors import ConflictError
from central.nodes.model import Device
from central.patrol.publishing import patrol_changed
from central.sync import ingest, publish
from central.sync.model import DeviceStatus, Enrolment
from central.units.acts import ASKED, COMMANDS_FROM, settle
from central.units.model import UnitCommand
from central.units.rules import OPEN, Act, ActState
from central.web.i18n import lazy
from protocol.messages import ClearRecords, Command, SetTime, TestNode

NOT_UPLOADED: Final = lazy("The unit holds records that have not been uploaded. Read the records first.")
NO_BACKUP: Final = lazy(
    "No backup holds the records of this unit yet. Make a backup first: what is in no backup stays at the unit."
)
NOT_JOINED: Final = lazy("This unit has not joined the centre, or was revoked.")


def ask(devices: Sequence[Device], act: Act, actor: Actor, audit: Audit, now: datetime) -> list[int]:
    """Write one act down for each device; inside ``db.write``. Returns their numbers.

    :raises ConflictError: a device is not in use.
    """
    if any(not device.enabled for device in devices):
        raise ConflictError("A device that is not in use carries nothing out.")
    anew = _publish_anew(devices, now) if act is Act.LOAD else {}
    act_on_many(len(devices) - 1)  # one act for each device, with a row of its own; none beside them
    ids = []
    for device in devices:
        command = UnitCommand.create(
            site=device.site_id,
            organisation=device.organisation_id,
            device=device.id,
            kind=act.value,
            operator_id=actor.id if actor.kind == "operator" else None,
            operator_name=actor.name,
            created_at=now,
            state=ActState.WAITING.value,
            wanted=anew,
        )
        ids.append(int(command.id))
        audit.record(
            actor,
            f"units.{act.value}",
            "device",
            device.id,
            after={"command": command.id, "label": device.label},
            site_id=device.site_id,
            organisation_id=device.organisation_id,
        )
    announce(ASKED, {"ids": ids})
    return ids


def _publish_anew(devices: Sequence[Device], now: datetime) -> dict[str, int]:
    for site_id in sorted({device.site_id for device in devices}):
        patrol_changed(site_id, now)
    for device in devices:
        publish.device_changed(device.id)
    heads = publish.anew([device.id for device in devices])
    return {"config_epoch": heads.config_epoch, "restrictions": heads.restrictions, "access": heads.access}


def cancel(command: UnitCommand, actor: Actor, audit: Audit, now: datetime) -> None:
    """The act is wanted no more.

    :raises ConflictError: the unit has it already, or it has ended.
    """
    if command.state != ActState.WAITING.value:
        raise ConflictError("The unit has this already, or it has ended.")
    settle(command, ActState.CANCELLED, now)
    audit.record(
        actor,
        "units.cancel",
        "device",
        command.device_id,
        after={"command": command.id},
        site_id=command.site_id,
        organisation_id=command.organisation_id,
    )


def refusal(device_id: int) -> str:
    """Why nothing of this unit can be erased now; empty: something can."""
    enrolment = _enrolment(device_id)
    if enrolment is None:
        return NOT_JOINED.message
    status = DeviceStatus.get_or_none(DeviceStatus.device == device_id)
    if status is not None and status.last_seq > enrolment.received_through:
        return NOT_UPLOADED.message
    return "" if ingest.backed_up([enrolment.id]) else NO_BACKUP.message


def message_of(command: UnitCommand, nonce: bytes, now: datetime) -> Command | None:
    """The act as it travels, or None: nothing travels (a load), it waits, or it was refused just now."""
    number, node = COMMANDS_FROM + command.id, command.device.name
    at_ms = int(now.timestamp() * 1_000)
    match Act(command.kind):
        case Act.TEST:
            return TestNode(number, node, nonce, at_ms)
        case Act.SET_TIME:
            return SetTime(number, node, nonce, at_ms)
        case Act.CLEAR:
            trouble = refusal(command.device_id)
            if (
                trouble == NOT_UPLOADED.message
            ):  # it is handing them over: the act waits, and is looked at again
                if command.state == ActState.SENT.value:
                    settle(command, ActState.WAITING)
                return None
            if trouble:
                settle(command, ActState.REFUSED, now, trouble)
                return None
            enrolment = _enrolment(command.device_id)
            assert enrolment is not None
            word = ingest.backed_up([enrolment.id])[enrolment.id]
            command.wanted = {"node_epoch": word.node_epoch, "through": word.through}
            return ClearRecords(number, node, nonce, at_ms, word.node_epoch, word.through, word.head)
        case Act.LOAD:
            return None


def has_loads(device_ids: Sequence[int]) -> bool:
    """True when one of these devices is to load something."""
    return bool(_loads(device_ids).exists())


def _loads(device_ids: Sequence[int]) -> peewee.ModelSelect:
    return UnitCommand.select().where(
        UnitCommand.device.in_(list(device_ids))
        & (UnitCommand.kind == Act.LOAD.value)
        & UnitCommand.state.in_(OPEN)
    )


def loads_done(device_ids: Sequence[int], now: datetime) -> None:
    """Loads that these devices hold by now are done."""
    for command in _loads(device_ids):
        status = DeviceStatus.get_or_none(DeviceStatus.device == command.device_id)
        if status is not None and holds(status, command.wanted):
            settle(command, ActState.DONE, now)


def holds(status: DeviceStatus, wanted: dict[str, int]) -> bool:
    """True when the device decides by what it was to hold, or by something newer."""
    if status.config_epoch != wanted["config_epoch"]:
        return bool(status.config_epoch > wanted["config_epoch"])
    return bool(status.restrictions >= wanted["restrictions"] and status.access >= wanted["access"])


def _enrolment(device_id: int) -> Enrolment | None:
    found: Enrolment | None = Enrolment.get_or_none(
        (Enrolment.device == device_id) & Enrolment.closed_at.is_null()
    )
    return found
