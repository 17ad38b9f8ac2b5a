"""What a late upload changed (B9): results as they were without it, beside those that stand now. Runs inside ``db.read``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from central.nodes.model import Device
from central.rounds.judging import DAY_MS, SiteJudgement, Without, judgement
from central.rounds.marks import to_ms
from central.sites.scope import Scope
from central.sync.model import CatchUp
from protocol.rules.patrol.expand import Visit
from protocol.rules.patrol.judge import Judged, Result

WINDOW_MS: Final = DAY_MS // 2
"""A visit's window reaches so far from its time at most."""
LATEST_MAX: Final = 50
LOOK_BACK: Final = timedelta(days=62)


class Change(msgspec.Struct, frozen=True):
    """A visit whose result is another than before the upload; ``was_final`` never, by the rule."""

    visit: Visit
    was: Result
    now: Judged


class Changes(msgspec.Struct, frozen=True):
    """What one late upload brought: how many scans, and every visit that it changed, by planned time."""

    begins_ms: int
    ends_ms: int
    device: str
    site_id: int
    scans: int
    changed: tuple[Change, ...]
    judgement: SiteJudgement


def late_uploads(scope: Scope, device_ids: Any, now: Any) -> list[CatchUp]:
    """The newest late uploads of these devices."""
    query = CatchUp.select().where(CatchUp.device.in_(device_ids) & (CatchUp.ends_at > now - LOOK_BACK))
    return list(query.order_by(CatchUp.ends_at.desc(), CatchUp.id.desc()).limit(LATEST_MAX))


def changes_of(scope: Scope, row: CatchUp, now_ms: int) -> Changes:
    """Judge twice: without the upload and with it.

    :raises NotFoundError: the device is not in the scope.
    """
    device = scope.get(Device, row.device_id)
    without = Without.of(row)
    span = (without.begins_ms - WINDOW_MS, without.ends_ms + WINDOW_MS)
    after = judgement(scope, device.site_id, *span, now_ms)
    before = judgement(scope, device.site_id, *span, now_ms, without=without)
    changed = [
        Change(new.visit, old.result, new)
        for old, new in zip(before.visits, after.visits, strict=True)
        if (old.result, old.scan) != (new.result, new.scan)
    ]
    brought = [
        one
        for one in after.scans
        if one.scan.unit == device.id and without.begins_ms < one.received_ms <= without.ends_ms
    ]
    return Changes(
        to_ms(row.begins_at),
        to_ms(row.ends_at),
        f"{device.number} {device.label}",
        device.site_id,
        len(brought),
        tuple(changed),
        after,
    )
