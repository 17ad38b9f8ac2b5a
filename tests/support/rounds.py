"""A route at the estate's gate for tests of rounds: two checkpoints, a guard with a card, a plan, and scans of a device."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from central.access.projection import Stored
from central.cards import acts
from central.cards.acts import Terms
from central.patrol.model import Checkpoint, Guard, Route, RoutePlan
from central.people.model import Person
from central.rounds import judging, projection
from central.rounds.judging import SiteJudgement
from central.rounds.marks import to_ms
from central.sites.scope import HEAD_OFFICE
from central.sync.model import Enrolment
from protocol.facts import ScanFact, ScanResult
from protocol.ids import uid_key
from protocol.records import Revisions
from protocol.rules.patrol.plan import OnDays, Order, Rounds, RouteVersion, Stop, Tolerance
from tests.support.estate import NOON, Estate, by, later

GUARD_UID = "04A1B2C3"
EVERY_DAY = 0b1111111
LONG_AGO = NOON - timedelta(days=40)


class Laid(msgspec.Struct):
    """Numbers of the rows that :func:`lay` made."""

    first: int
    second: int
    guard: int
    card: int
    route: int


def lay(estate: Any, site: int, organisation: int, long_ago: datetime) -> Laid:
    """Two checkpoints at the gate's readers, a guard with a card, a route that is walked at 12:00 and 13:00; inside ``write``."""
    place = {"site": site, "organisation": organisation}
    first, second = (
        Checkpoint.create(number=number, name=f"点{number}", point=point, **place).id
        for number, point in ((1, estate.entrance), (2, estate.exit))
    )
    guard = Guard.create(person=estate.person, **place).id
    holder = Person.get_by_id(estate.person)
    card = acts.issue(by(long_ago), bytes.fromhex(GUARD_UID), GUARD_UID, holder, Terms()).card.id
    laid = Laid(first, second, guard, card, Route.create(number=7, name="日巡", **place).id)
    plan(laid, long_ago)
    return laid


def plan(laid: Laid, long_ago: datetime, **changes: Any) -> None:
    """One version, in force for long."""
    RoutePlan.delete().where(RoutePlan.route == laid.route).execute()
    valid_from_on = long_ago.date()
    version = RouteVersion(
        laid.route,
        1,
        valid_from_on.toordinal(),
        (Stop(laid.first), Stop(laid.second, offset_s=600)),
        (Rounds(OnDays(EVERY_DAY, (12 * 60, 13 * 60)), (laid.guard,)),),
        Tolerance(300, 300, 900, 900),
        Order.FLAG,
    )
    RoutePlan.create(
        route=laid.route,
        version=1,
        valid_from_on=valid_from_on,
        plan=msgspec.to_builtins(msgspec.structs.replace(version, **changes)),
        made_at=long_ago,
        made_by="值班员",
    )


class Patrol:
    """Rounds at 12:00 and 13:00 local, stops at +0 and +10 minutes; five minutes are on time, fifteen count."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        laid = estate.write(lay, estate, estate.site, estate.organisation, LONG_AGO)
        self.first, self.second, self.guard = laid.first, laid.second, laid.guard
        self.card, self.route = laid.card, laid.route
        self.enrolment = estate.write(self._enrol)

    def _enrol(self) -> int:
        number: int = Enrolment.create(
            device=self.estate.gate_device,
            node_epoch=1,
            public_key=b"",
            salt=b"",
            head=b"",
            enrolled_at=LONG_AGO,
            uploaded_through_ms=to_ms(LONG_AGO),
        ).id
        return number

    def scan(self, checkpoint: int, minutes: float, uid: str = GUARD_UID, **changes: Any) -> Stored:
        """A card at a checkpoint, so many minutes after noon, received at once unless ``received`` says when."""
        at: datetime = changes.pop("at", later(minutes=minutes))
        received: datetime = changes.pop("received", at)
        wall: datetime = changes.pop("wall", at)
        point = self.estate.entrance if checkpoint == self.first else self.estate.exit
        body = ScanFact(point, checkpoint, ScanResult.ON_TIME, Revisions(1, 1, 1, 0))
        body = msgspec.structs.replace(body, **changes)
        personal = uid_key(bytes.fromhex(uid)) if uid else b""
        stored = self.estate.stored(body, at=wall, personal=personal)
        return Stored(stored.node_epoch, stored.fact, body, at, to_ms(received))

    def project(self, *facts: Stored, live: bool = True) -> None:
        """Hand facts of the gate's device to the projection."""
        self.estate.write(projection.apply, self.estate.gate_device, list(facts), live=live)

    def uploaded(self, minutes: float) -> None:
        """Everything is here up to so many minutes after noon."""
        through_ms = to_ms(later(minutes=minutes)) + 10_000
        self.estate.write(
            lambda: (
                Enrolment.update(uploaded_through_ms=through_ms)
                .where(Enrolment.id == self.enrolment)
                .execute()
            )
        )

    def judged(
        self, from_min: float = -30, until_min: float = 120, now_min: float = 600, **more: Any
    ) -> SiteJudgement:
        """The judgement of a span in minutes after noon."""
        span = [to_ms(later(minutes=minutes)) for minutes in (from_min, until_min, now_min)]
        return self.estate.read(judging.judgement, HEAD_OFFICE, self.estate.site, *span, **more)

    def results(self, **span: Any) -> list[str]:
        """What became of the four visits, in their order."""
        return [one.result.name for one in self.judged(**span).visits]
