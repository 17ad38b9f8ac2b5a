"""The whole site with a patrol: the readers of its doors are checkpoints, and its cards are a guard's.

Real besides what ``world`` says: the patrol role over the real outbox, the publishing of plans, the projection of scans.
Checked: what a guard heard is durable then (I1, I8) and becomes one scan of that guard at the centre, never two and never
none (I3, I4); at the end every device holds the visits of just the cards that are a guard's (I16).
"""

from __future__ import annotations

from datetime import timedelta

from central.access.model import AccessPoint
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Guard, Route
from central.patrol.publishing import patrol_changed
from central.patrol.route_service import replan
from central.rounds.model import PatrolScan
from edge.cache.drafts import draft
from edge.cache.errors import CacheError
from edge.core.actions import Action, Feedback, Record
from edge.core.stimuli import CardShown, Committed, Now, Started, Stimulus, ViewChanged
from edge.roles.door import DoorRole
from edge.roles.patrol import HEARD, PatrolRole
from protocol.decide import Instant, Presentation, Trust
from protocol.facts import ScanFact
from protocol.ids import uid_key
from protocol.rules.patrol.plan import OnDays, Rounds, RouteVersion, Stop, Tolerance
from tests.sim.world import STRANGER, UIDS, Node, Violation, World
from tests.support.estate import NOON

EVERY_MIN = 10
HEARD_PATTERNS = frozenset(HEARD.values())


class PatrolNode(Node):
    """A node whose guard hears what the real role says."""

    def __init__(self, world: World, name: str, number: int) -> None:
        self.heard_scans: dict[int, bytes] = {}
        """Scans that a guard or another heard as recorded: the card shown, by seq."""
        self.last_scan = 0, b""
        """Seq and card of the scan that was asked for last; 0: the medium has refused it."""
        super().__init__(world, name, number)

    def start(self) -> None:
        super().start()
        self.role = PatrolRole(DoorRole())
        self.state = self.role.initial()
        self._send(Started())

    def scan(self, uid: bytes) -> None:
        """A card is shown to the role."""
        self._send(ViewChanged())
        self._send(CardShown(1, (Presentation(uid),)))

    def _send(self, stimulus: Stimulus) -> None:
        world = self.world
        now = Now(world.now_ms, Instant(world.clock.now_ms()))
        self.state, actions = self.role.step(self.state, stimulus, self.view, now)
        for action in actions:
            self._carry_out_action(action)

    def _carry_out_action(self, action: Action) -> None:
        world = self.world
        if isinstance(action, Feedback):
            if action.pattern in HEARD_PATTERNS:
                self._heard()
            return
        if not isinstance(action, Record):
            return
        made = draft(
            action.body, world.now_ms, world.clock.now_ms(), Trust.TRUSTED, action.personal, action.keep
        )
        try:
            (entry,) = self.outbox.append([made])
        except CacheError:
            self.last_scan = 0, b""
            if action.intent_id is not None:
                self._send(Committed(action.intent_id, ok=False))
            return
        self.told.hashes[entry.fact.seq] = entry.hash
        if isinstance(action.body, ScanFact):
            self.last_scan = entry.fact.seq, action.personal
        if action.intent_id is not None:
            self._send(Committed(action.intent_id, ok=True, seq=entry.fact.seq))

    def _heard(self) -> None:
        seq, key = self.last_scan
        if seq == 0 or seq > self.outbox.last_seq:
            raise Violation(f"I8: a scan was heard at {self.name} that is not on the medium")
        self.heard_scans[seq] = key


class PatrolWorld(World):
    """See the module."""

    make_node = PatrolNode

    def _furnish(self) -> None:
        self.clock.advance(hours=3)  # cards are held since noon
        place = {"site": self.estate.site, "organisation": self.estate.organisation}
        guard = Guard.create(person=self.estate.person, **place)
        readers = AccessPoint.select(AccessPoint, Device).join(Device)
        stops = []
        for point in readers.where(AccessPoint.reader == 1, AccessPoint.door.is_null(False)):
            row = Checkpoint.create(number=point.id, name=point.device.name, point=point.id, **place)
            stops.append(Stop(row.id))
        self.route = Route.create(number=1, name="round", **place)
        starts = tuple(range(0, 24 * 60, EVERY_MIN))
        self.plan = RouteVersion(
            self.route.id,
            1,
            0,
            tuple(stops),
            (Rounds(OnDays(0b1111111, starts), (guard.id,)),),
            Tolerance(60, 60, 120, 120),
        )
        self._replan(0)

    def _replan(self, days: int) -> None:
        day = (NOON + timedelta(days=days)).date()
        replan(self.route, self.plan, day, self.clock.now(), "sim")
        patrol_changed(self.estate.site, self.clock.now())

    async def step(self) -> None:
        """A showing at a checkpoint, now and then another plan, else what the site does."""
        fate = self.chance.random()
        if fate < 0.3:
            self.steps += 1
            node = self.chance.choice(self.nodes)
            assert isinstance(node, PatrolNode)
            node.scan(self.chance.choice([*UIDS[:4], STRANGER]))
            self.check()
        elif fate < 0.34:
            self.steps += 1
            self.write(self._replan, self.chance.randrange(1, 5))
        else:
            await super().step()

    def _until_cut(self, node: Node) -> None:
        """Show cards until the disk gives up in the middle of something, then start again."""
        assert isinstance(node, PatrolNode)
        for _ in range(6):
            self.clock.advance(s=61)  # the same card sooner would be the same scan
            node.scan(self.chance.choice(UIDS[:4]))
            if node.disk.is_cut:
                break
        node.power_cut()

    async def settle(self, periods: int = 4) -> None:
        await super().settle(periods)
        wanted = {uid_key(uid) for uid in self.card_of if uid not in self.lost}
        for node in self.nodes:
            for uid in (*UIDS, STRANGER):
                row = node.view.guard(uid_key(uid))
                if (row is not None) != (uid_key(uid) in wanted) or (row is not None and not row.visits):
                    raise Violation(f"I16: {node.name} holds {row} for {uid.hex()}")
        self._check_scans()

    def _check_scans(self) -> None:
        def read() -> dict[str, list[tuple[int, bytes, int | None]]]:
            found: dict[str, list[tuple[int, bytes, int | None]]] = {}
            query = PatrolScan.select(PatrolScan, Device).join(Device)
            for row in query:
                found.setdefault(row.device.name, []).append((row.seq, bytes(row.key or b""), row.person_id))
            return found

        scans = self.read(read)
        for node in self.nodes:
            assert isinstance(node, PatrolNode)
            here = scans.get(node.name, [])
            if len({seq for seq, _key, _person in here}) != len(here):
                raise Violation(f"I4: scans of {node.name} are doubled")
            known = {seq: (key, person) for seq, key, person in here}
            issued = {bytes(uid_key(uid)) for uid in self.card_of}
            for seq, key in node.heard_scans.items():
                wanted = (bytes(key), self.estate.person if bytes(key) in issued else None)
                if known.get(seq) != wanted:
                    raise Violation(f"I3: scan {seq} of {node.name} became {known.get(seq)}, not {wanted}")
