"""Roll-outs: what devices are offered, what they say of it, and what operators do. Runs inside ``db``."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

import peewee

from central.access import alarms
from central.db import announce
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.sites.scope import Scope
from central.sync.model import DeviceStatus, Enrolment
from central.sync.offers import NOTHING, OFFERS
from central.updates.model import Release, ReleaseChunk, Rollout, RolloutDevice
from central.updates.rules import FAILED, FINAL, TAKING, Member, State, is_over, may_begin
from protocol.limits import RELEASE_PART_MAX
from protocol.messages import ReleaseOffer, ReleasePart, ReleasePull
from protocol.release import Manifest
from protocol.updating import UpdateReason, UpdateState, UpdateWord

RUNNING, PAUSED, STOPPED, DONE = "running", "paused", "stopped", "done"
OPEN: Final = (RUNNING, PAUSED)
ALARM: Final = "update_failed"
_STATE_OF: Final = {
    UpdateState.DOWNLOADING: State.DOWNLOADING,
    UpdateState.READY: State.READY,
    UpdateState.ON_TRIAL: State.ON_TRIAL,
    UpdateState.KEPT: State.DONE,
    UpdateState.ROLLED_BACK: State.ROLLED_BACK,
    UpdateState.REFUSED: State.REFUSED,
}


# -- releases ---------------------------------------------------------------------------------------------------------


def keep_release(
    manifest: Manifest, raw: bytes, file_name: str, operator: tuple[int | None, str], now: datetime
) -> Release:
    """Keep an archive that was proven.

    :raises ConflictError: another archive of this version is here.
    """
    digest = hashlib.sha256(raw).digest()
    there = Release.get_or_none(Release.version == manifest.version)
    if there is not None:
        if bytes(there.sha256) != digest:
            raise ConflictError("There is another release with this version already.")
        return there
    release = Release.create(
        version=manifest.version,
        sha256=digest,
        size=len(raw),
        arch=manifest.arch,
        pythons=list(manifest.python),
        min_version=manifest.min_version,
        built_at=datetime.fromtimestamp(manifest.built_at_ms / 1_000, UTC),
        file_name=file_name,
        uploaded_at=now,
        operator_id=operator[0],
        operator_name=operator[1],
    )
    for number, at in enumerate(range(0, len(raw), RELEASE_PART_MAX)):
        ReleaseChunk.insert(
            release=release.id, number=number, content=raw[at : at + RELEASE_PART_MAX]
        ).execute()
    return release


# -- roll-outs --------------------------------------------------------------------------------------------------------


def capable(scope: Scope, site_id: int) -> list[Device]:
    """Devices of an estate that are in use, have joined, and take releases (their card has a release key)."""
    query = (
        Device.select(Device, DeviceStatus.health.alias("health"))
        .join(DeviceStatus, on=(DeviceStatus.device == Device.id))
        .where(
            (Device.site == site_id)
            & Device.enabled
            & Device.id.in_(Enrolment.select(Enrolment.device).where(Enrolment.closed_at.is_null()))
        )
        .order_by(Device.number)
    )
    return [device for device in scope.filter(query, Device).objects() if device.health.get("update")]


def role_of(device: Device) -> str:
    """What it is used for: the first of its roles."""
    return str(next(iter(device.roles), "door"))


def start(
    site_id: int,
    release: Release,
    devices: Sequence[Device],
    canaries: Collection[int],
    operator: tuple[int | None, str],
    now: datetime,
) -> Rollout:
    """Begin a roll-out.

    :param canaries: ids of the devices that begin; one of each role.
    :raises ConflictError: another one is under way in the estate.
    :raises InvalidInputError: no device, or a role without one that begins.
    """
    if Rollout.select().where((Rollout.site == site_id) & Rollout.state.in_(OPEN)).exists():
        raise ConflictError("Another update is under way in this estate; stop it first.")
    chosen = [device for device in devices if device.id in canaries]
    roles = {role_of(device) for device in devices}
    if not devices or len(chosen) != len(roles) or {role_of(device) for device in chosen} != roles:
        raise InvalidInputError("Choose one device of each kind that begins.")
    rollout = Rollout.create(
        site=site_id,
        release=release.id,
        state=RUNNING,
        started_at=now,
        operator_id=operator[0],
        operator_name=operator[1],
    )
    for device in devices:
        RolloutDevice.create(
            rollout=rollout.id,
            device=device.id,
            offer=_next_offer(),
            is_canary=device.id in canaries,
            state=State.WAITING,
            changed_at=now,
        )
    _tell(rollout)
    return rollout


def set_state(rollout: Rollout, state: str, now: datetime) -> None:
    """Pause, go on, or stop. What is on trial at a device is judged there all the same.

    :raises ConflictError: it is over.
    """
    if rollout.state not in OPEN:
        raise ConflictError("This update is over.")
    rollout.state = DONE if state == RUNNING and is_over(members_of(rollout)) else state
    rollout.ended_at = now if rollout.state in (STOPPED, DONE) else None
    rollout.save()
    _tell(rollout)


def try_again(rollout: Rollout, member_id: int, now: datetime) -> RolloutDevice:
    """Let a device that ended without the new version begin once more.

    :raises ConflictError: it did not, or the roll-out is over.
    """
    member = RolloutDevice.get_or_none(
        (RolloutDevice.id == member_id) & (RolloutDevice.rollout == rollout.id)
    )
    if member is None or member.state not in FAILED or rollout.state not in (*OPEN, DONE):
        raise ConflictError("This device cannot be tried again.")
    member.offer, member.state, member.reason = _next_offer(), State.WAITING, ""
    member.received_bytes, member.changed_at = 0, now
    member.save()
    if rollout.state == DONE:
        rollout.state, rollout.ended_at = PAUSED, None
        rollout.save()
    _tell(rollout)
    return member


def _next_offer() -> int:
    return int(RolloutDevice.select(peewee.fn.MAX(RolloutDevice.offer)).scalar() or 0) + 1


def _tell(rollout: Rollout) -> None:
    ids = RolloutDevice.select(RolloutDevice.device).where(RolloutDevice.rollout == rollout.id)
    announce(OFFERS, {"ids": [number for (number,) in ids.tuples()]})


def members_of(rollout: Rollout) -> list[Member]:
    """The devices of a roll-out, those that begin first."""
    query = (
        RolloutDevice.select(RolloutDevice, Device)
        .join(Device)
        .where(RolloutDevice.rollout == rollout.id)
        .order_by(RolloutDevice.is_canary.desc(), Device.number)
    )
    return [
        Member(row.id, role_of(row.device), row.device.location.strip(), State(row.state), row.is_canary)
        for row in query
    ]


# -- asked by the hub -------------------------------------------------------------------------------------------------


class Offers:
    """``central.sync.offers.Releases`` by the roll-outs."""

    def heard(self, device_id: int, word: UpdateWord, software: str, now: datetime) -> ReleaseOffer:
        """See there."""
        member = _member_of(device_id)
        if member is None:
            return NOTHING
        rollout = member.rollout
        _note(rollout, member, word, software, now)
        if rollout.state != RUNNING:
            return NOTHING
        if member.state == State.WAITING:
            if member.id not in may_begin(members_of(rollout)):
                return NOTHING
            member.state, member.changed_at = State.OFFERED, now
            member.save()
        if member.state not in TAKING:
            return NOTHING
        release = rollout.release
        return ReleaseOffer(member.offer, release.version, release.size, bytes(release.sha256))

    def part(self, device_id: int, pull: ReleasePull) -> ReleasePart | None:
        """See there."""
        member = _member_of(device_id)
        if member is None or member.offer != pull.offer or member.rollout.state != RUNNING:
            return None
        number, within = divmod(pull.offset, RELEASE_PART_MAX)
        chunk = ReleaseChunk.get_or_none(
            (ReleaseChunk.release == member.rollout.release_id) & (ReleaseChunk.number == number)
        )
        content = b"" if chunk is None else bytes(chunk.content)[within:]
        return ReleasePart(pull.offer, pull.offset, content) if content else None


def _member_of(device_id: int) -> RolloutDevice | None:
    """The device in the newest roll-out that it is part of, if what it says may still count there."""
    member = (
        RolloutDevice.select(RolloutDevice, Rollout, Release)
        .join(Rollout)
        .join(Release)
        .where(RolloutDevice.device == device_id)
        .order_by(RolloutDevice.offer.desc())
        .first()
    )
    return None if member is None or member.state in FINAL else member


def _note(rollout: Rollout, member: RolloutDevice, word: UpdateWord, software: str, now: datetime) -> None:
    """Write down what the device says; a failure pauses the roll-out and raises an alarm."""
    state, reason = State(member.state), ""
    if word.offer == member.offer and word.state in _STATE_OF:
        state = _STATE_OF[word.state]
        reason = word.reason.name.lower() if word.reason is not UpdateReason.NONE else ""
    elif state in TAKING and not word.offer and rollout.state != RUNNING:
        state = State.WAITING  # it has heard that nothing is offered any more
    elif state in TAKING | {State.WAITING} and software == rollout.release.version:
        state = State.DONE
    if (state, word.received_bytes) == (member.state, member.received_bytes):
        return
    has_moved = state != member.state
    member.state, member.reason, member.received_bytes = state, reason, word.received_bytes
    member.changed_at = now
    member.save()
    if not has_moved:
        return
    if state in FAILED:
        alarms.raise_by_centre(member.device_id, ALARM, now, f"{rollout.release.version} {reason}".strip())
        if rollout.state == RUNNING:
            rollout.state = PAUSED
            rollout.save()
    if rollout.state == RUNNING and is_over(members_of(rollout)):
        rollout.state, rollout.ended_at = DONE, now
        rollout.save()
    if state in FINAL:
        _tell(rollout)
