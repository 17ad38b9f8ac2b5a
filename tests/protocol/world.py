"""One node and one centre over a line that loses, doubles and reorders, with restarts on both sides. No real time.

The peers are the real ones; only storage is in memory. Every step checks what must always hold (reliability.md 1).
"""

from __future__ import annotations

from itertools import count, pairwise

from protocol.centre_peer import Alive, CentrePeer, NodeRecord, write_refused
from protocol.centre_sessions import Sessions
from protocol.downlink import Apply, HotlistReported, HotlistWanted, Rejected
from protocol.envelope import is_session_frame, peek
from protocol.errors import ReplayError
from protocol.facts import Entry
from protocol.ids import Stream
from protocol.messages import BackedUp, MessageKind, RefusalCode
from protocol.node_peer import CommandReceived, Identity, Lost, NodePeer
from protocol.records import Change, Revisions
from protocol.uplink import Acked, Diverged, Forked, Purge, Quarantined, Store
from tests.protocol.memory_stores import (
    SALT,
    CountingRandom,
    MemoryCentre,
    MemoryNode,
    MemoryOutbox,
    Status,
    private_key,
)

UTC_MS = 1_700_000_000_000
PERIOD_S = 30


class World:
    """See the module. ``up`` and ``down`` are frames under way."""

    def __init__(self, *, live: bool = True) -> None:
        self.now_ms = 1_000
        self.live = live
        self.centre_key, self.node_key = private_key(1), private_key(2)
        self.centre = MemoryCentre(self.centre_key)
        self.node = MemoryNode()
        self.outbox = MemoryOutbox()
        self.random = CountingRandom()
        self.written: list[Entry] = []
        """Every fact the node ever committed, also those purged."""
        self.rows_at: dict[tuple[int, Stream, int], dict[tuple[int, bytes], bytes]] = {}
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.recorded: list[bytes] = []
        """Everything that ever went down, for whoever wants to repeat it."""
        self.sessions = Sessions()
        self.commits: list[tuple[CentrePeer, Store | Quarantined]] = []
        self.commit_at_once = True
        self.applies: list[Apply] = []
        self.apply_at_once = True
        self.command_ids = count(1)
        """As the centre numbers them: each operator's act has an id of its own."""
        self.opened: list[int] = []
        self.reported: list[HotlistReported] = []
        self.effects: list[object] = []
        self.hotlist_wanted = False
        self.backed_up = 0
        self.frames_sent = 0
        self.remember_rows()
        self.start_node()

    # -- both ends ----------------------------------------------------------------------------------------------

    def start_node(self) -> None:
        """After a power cut: only the disk and the outbox are left."""
        self.node.start()
        self.peer = NodePeer(
            Identity("gate", 1, self.node_key, self.centre_key.public_key()),
            Status(),
            self.node.downlink,
            self.outbox,
            self.random,
        )
        self.applies.clear()
        self.cut()

    def restart_centre(self) -> None:
        """The process ends: sessions and uncommitted facts are gone."""
        self.sessions = Sessions()
        self.commits.clear()
        self.cut()

    def cut(self) -> None:
        """The route is lost with everything under way, and comes back."""
        self.up.clear()
        self.down.clear()
        self.peer.disconnected()
        self.peer.connected(self.now_ms, live=self.live)

    def restore_centre(self) -> None:
        """From a backup: it kept the facts and forgot newer rows, so it raises its config_epoch."""
        self.centre.revisions = Revisions(self.centre.revisions.config_epoch + 1)
        for stream in Stream:
            self.centre.publish(stream)
        self.centre.snapshots.clear()
        self.hotlist_wanted = True
        self.remember_rows()
        self.restart_centre()

    # -- what users do ------------------------------------------------------------------------------------------

    def publish(self, stream: Stream, *changes: Change) -> None:
        self.centre.publish(stream, *changes)
        self.remember_rows()
        for session in self.sessions:
            session.changed()

    def remember_rows(self) -> None:
        revisions = self.centre.revisions
        for stream in Stream:
            key = (revisions.config_epoch, stream, revisions.of(stream))
            self.rows_at[key] = self.centre.rows(stream)

    def fact(self, personal: bytes = b"") -> None:
        self.written.append(self.outbox.add(personal=personal, at_ms=self.now_ms))

    def back_up(self) -> None:
        """The centre's backup now holds what it has received."""
        self.backed_up = self.centre.received_through
        for session in self.sessions:
            if self.backed_up:
                head = self.centre.hash_at(self.backed_up)
                session.backed_up(BackedUp("gate", 1, self.backed_up, head, UTC_MS))

    # -- the line -----------------------------------------------------------------------------------------------

    def send(self) -> None:
        """Both ends put on the line what they have."""
        for effect in self.peer.check(self.now_ms):
            assert isinstance(effect, Lost)
            self.cut()
        frames = self.peer.frames_to_send(self.now_ms)
        self.frames_sent += len(frames)
        self.up += frames
        for session in self.sessions:
            frames = session.frames_to_send(self.now_ms, UTC_MS + self.now_ms)
            self.down += frames
            self.recorded += frames

    def deliver_up(self) -> None:
        if self.up:
            self.at_centre(self.up.pop(0))

    def deliver_down(self) -> None:
        if self.down:
            self.at_node(self.down.pop(0))

    def tick(self, elapsed_ms: int) -> None:
        self.now_ms += elapsed_ms

    def settle(self, periods: int) -> None:
        """Without faults, for so many periods of the agreed length."""
        self.commit_at_once = self.apply_at_once = self.node.storage_works = self.outbox.readable = True
        end_ms = self.now_ms + periods * PERIOD_S * 1_000
        while self.now_ms < end_ms:
            self.commit_all()
            self.apply_all()
            self.send()
            rounds = 0
            while self.up or self.down:
                rounds += 1
                assert rounds < 500, "both ends talk without end and without time passing"
                self.deliver_up()
                self.deliver_down()
                self.send()
                self.check()
            due_ms = self.peer.next_timer()
            assert due_ms is not None
            self.now_ms = max(self.now_ms + 1, min(due_ms, end_ms))

    # -- arrivals -----------------------------------------------------------------------------------------------

    def at_centre(self, frame: bytes) -> None:
        if not is_session_frame(frame) and peek(frame).kind == MessageKind.HELLO:
            self.greet(frame)
            return
        session = self.sessions.find(frame)
        if session is None:
            self.down.append(write_refused(frame, RefusalCode.SESSION_UNKNOWN, self.centre_key))
            return
        for effect in session.receive(frame, self.now_ms, UTC_MS + self.now_ms):
            self.effects.append(effect)
            if isinstance(effect, Alive):
                self.sessions.heard(session)
            elif isinstance(effect, Store | Quarantined):
                self.commits.append((session, effect))
            elif isinstance(effect, Forked):
                self.centre.forked += effect.entries
            elif isinstance(effect, HotlistReported):
                self.reported.append(effect)
        if self.commit_at_once:
            self.commit_all()

    def greet(self, frame: bytes) -> None:
        record = NodeRecord(
            "gate",
            1,
            self.node_key.public_key(),
            SALT,
            "gate",
            PERIOD_S,
            self.centre.received_through,
            self.centre.head,
        )
        session = CentrePeer(
            frame,
            record,
            self.centre_key,
            self.centre,
            self.centre,
            self.random,
            utc_ms=UTC_MS + self.now_ms,
            hotlist_wanted=self.hotlist_wanted,
        )
        self.sessions.add(session)

    def commit_all(self) -> None:
        while self.commits:
            session, effect = self.commits.pop(0)
            if effect.entries[0].fact.seq == self.centre.received_through + 1:
                self.centre.store(effect.entries)
                session.uplink.stored(self.centre.received_through, self.centre.head)
            else:  # another session was first
                session.uplink.store_failed(self.centre.received_through, self.centre.head)

    def commits_fail(self) -> None:
        while self.commits:
            session, _ = self.commits.pop(0)
            session.uplink.store_failed(self.centre.received_through, self.centre.head)

    def at_node(self, frame: bytes) -> None:
        for effect in self.peer.receive(frame, self.now_ms):
            self.effects.append(effect)
            match effect:
                case Apply():
                    self.applies.append(effect)
                case Acked():
                    assert effect.through <= self.centre.received_through, "I2: acknowledged before commit"
                case Purge():
                    assert effect.through <= self.backed_up, "I1: purged before backup"
                    self.outbox.purge(effect.through)
                case CommandReceived() if effect.result == 1:
                    self.opened.append(effect.command.command_id)
                case HotlistWanted():
                    rows = [
                        Change(kind, key, body)
                        for (stream, kind, key), body in self.node.rows.items()
                        if stream is Stream.RESTRICTIONS
                    ]
                    self.node.downlink.report_hotlist(rows)
                case Diverged():
                    raise AssertionError("the chains are the same")
                case Rejected(error=ReplayError()):
                    pass
                case _:
                    pass
        if self.apply_at_once:
            self.apply_all()

    def apply_all(self) -> None:
        while self.applies:
            self.node.apply(self.applies.pop(0), self.now_ms)

    # -- what must always hold ----------------------------------------------------------------------------------

    def check(self) -> None:
        for history in (self.node.history, self.node.disk_history):
            for before, after in pairwise(history):
                assert before.config_epoch <= after.config_epoch, "I6: the config_epoch went back"
                if before.config_epoch == after.config_epoch:
                    assert all(before.of(at) <= after.of(at) for at in Stream), "I6: a stream went back"
            del history[:-1]
        for revisions, rows in (
            (self.node.view.revisions, self.node.rows),
            (self.node.disk_revisions, self.node.disk),
        ):
            if revisions.config_epoch:
                for stream in Stream:
                    held = {(kind, key): body for (at, kind, key), body in rows.items() if at is stream}
                    want = self.rows_at.get((revisions.config_epoch, stream, revisions.of(stream)))
                    assert held == want, "the rows are not those of their revision"
        for seq, entry in self.centre.facts.items():
            assert entry.hash == self.written[seq - 1].hash, "a fact changed on its way"
            assert entry.fact == self.written[seq - 1].fact
        assert len(self.opened) == len(set(self.opened)), "I10: a command was carried out twice"
        assert not self.centre.forked

    def check_converged(self) -> None:
        assert self.centre.received_through == len(self.written), "I16: facts are missing"
        assert self.node.view.revisions == self.node.disk_revisions == self.centre.revisions, (
            "I16: not newest"
        )
        assert self.peer.uplink.unsent_count == 0
        assert self.node.downlink.digests == tuple(self.centre.digests("gate"))
