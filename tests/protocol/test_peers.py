"""Whole conversations between the two peers: sessions, refusals, commands, time, closed and forked devices."""

from __future__ import annotations

import msgspec
import pytest

from protocol import envelope
from protocol.centre_peer import (
    Alive,
    CentrePeer,
    CommandExpired,
    CommandSent,
    Heard,
    NodeRecord,
    read_hello,
    write_refused,
)
from protocol.centre_sessions import Sessions
from protocol.clocksync import Sample
from protocol.commands import NONCES_KEPT, NonceBook
from protocol.downlink import Delivered, HotlistWanted, Rejected
from protocol.envelope import frame_hash, open_signed, peek, write_signed
from protocol.errors import MalformedError, ReplayError, SignatureError, StateError
from protocol.facts import CommandResult
from protocol.ids import Stream
from protocol.limits import COMMANDS_WAITING_MAX, REMOTE_OPEN_MAX_AGE_MS
from protocol.messages import MessageKind, Ping, RefusalCode, Refused, RemoteOpen, SetTime
from protocol.node_peer import (
    PING_EVERY_MS,
    REPLY_WITHIN_MS,
    ClockSample,
    CommandReceived,
    Identity,
    Lost,
    NodePeer,
    RefusedBy,
    Welcomed,
)
from protocol.records import Revisions
from protocol.uplink import Diverged, Forked, Quarantined
from tests.protocol.memory_stores import (
    SALT,
    CountingRandom,
    MemoryCentre,
    MemoryNode,
    MemoryOutbox,
    Status,
    private_key,
)

CENTRE, NODE = private_key(1), private_key(2)
UTC_MS = 1_790_000_000_000
OPEN = RemoteOpen(7, "gate", bytes(16), 0, 1, 3_000)


class Pair:
    """A node and the centre's session with it, talking without any line between."""

    def __init__(self, *, live: bool = True, quarantine: bool = False, hotlist_wanted: bool = False) -> None:
        self.now_ms = 1_000
        self.store = MemoryCentre(CENTRE)
        self.node = MemoryNode()
        self.outbox = MemoryOutbox()
        self.random = CountingRandom()
        self.live = live
        self.quarantine, self.hotlist_wanted = quarantine, hotlist_wanted
        self.status = Status()
        self.peer = NodePeer(
            Identity("gate", 1, NODE, CENTRE.public_key()),
            self.status,
            self.node.downlink,
            self.outbox,
            self.random,
        )
        self.session: CentrePeer | None = None
        self.at_node: list[object] = []
        self.at_centre: list[object] = []

    def record(self) -> NodeRecord:
        through, head = self.store.received_through, self.store.head
        return NodeRecord("gate", 1, NODE.public_key(), SALT, "gate", 30, through, head, self.quarantine)

    def greet(self, frame: bytes) -> CentrePeer:
        return CentrePeer(
            frame,
            self.record(),
            CENTRE,
            self.store,
            self.store,
            self.random,
            utc_ms=self.utc_ms,
            hotlist_wanted=self.hotlist_wanted,
        )

    @property
    def utc_ms(self) -> int:
        return UTC_MS + self.now_ms

    def connect(self) -> None:
        self.peer.connected(self.now_ms, live=self.live)
        (hello,) = self.peer.frames_to_send(self.now_ms)
        self.session = self.greet(hello)
        self.down()

    def up(self) -> None:
        for frame in self.peer.frames_to_send(self.now_ms):
            self.at_centre += self.session.receive(frame, self.now_ms, self.utc_ms)

    def down(self) -> None:
        for frame in self.session.frames_to_send(self.now_ms, self.utc_ms):
            self.at_node += self.peer.receive(frame, self.now_ms)

    def talk(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            self.up()
            self.down()

    def heard_at_node(self, kind: type) -> list[object]:
        return [effect for effect in self.at_node if isinstance(effect, kind)]

    def heard_at_centre(self, kind: type) -> list[object]:
        return [effect for effect in self.at_centre if isinstance(effect, kind)]


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.connect()
    return pair


# -- sessions -------------------------------------------------------------------------------------------------------


def test_a_welcome_opens_the_session_and_a_first_frame_proves_it(pair: Pair) -> None:
    assert pair.peer.is_open
    assert pair.heard_at_node(Welcomed)
    assert not pair.session.alive
    assert pair.at_centre == []
    pair.up()
    assert pair.session.alive
    alive = pair.at_centre[0]
    assert isinstance(alive, Alive)
    assert alive.hello.software == Status.software
    assert Heard(0, Status().health()) in pair.at_centre


def test_a_recorded_hello_opens_nothing_for_who_repeats_it(pair: Pair) -> None:
    """He gets a Welcome, but lacks the key: no frame of his is taken, and nothing is believed of the Hello."""
    fresh = Pair()
    fresh.peer.connected(0, live=True)
    (hello,) = fresh.peer.frames_to_send(0)
    session = fresh.greet(hello)
    session.frames_to_send(0, UTC_MS)
    (effect,) = session.receive(pair.peer.frames_to_send(pair.now_ms)[0], 0, UTC_MS)
    assert isinstance(effect, Rejected)
    assert not session.alive


def test_a_hello_of_another_device_or_key_is_refused(pair: Pair) -> None:
    pair.peer.connected(0, live=True)
    (hello,) = pair.peer.frames_to_send(0)
    with pytest.raises(SignatureError):
        read_hello(hello, CENTRE.public_key())
    other = msgspec.structs.replace(pair.record(), node="west")
    with pytest.raises(SignatureError):
        CentrePeer(hello, other, CENTRE, pair.store, pair.store, pair.random, utc_ms=0)
    poll = write_signed(Refused(RefusalCode.BUSY), CENTRE, sender="", epoch=0, counter=0)
    with pytest.raises(MalformedError):
        read_hello(poll, CENTRE.public_key())


def test_a_welcome_to_another_hello_is_refused(pair: Pair) -> None:
    pair.peer.connected(pair.now_ms, live=True)
    (old,) = pair.peer.frames_to_send(pair.now_ms)
    welcome = pair.greet(old).frames_to_send(pair.now_ms, pair.utc_ms)
    pair.peer.connected(pair.now_ms, live=True)
    pair.peer.frames_to_send(pair.now_ms)
    (effect,) = pair.peer.receive(welcome[0], pair.now_ms)
    assert isinstance(effect, Rejected)
    assert not pair.peer.is_open


def test_a_node_forgotten_by_the_centre_says_hello_again(pair: Pair) -> None:
    frame = pair.peer.frames_to_send(pair.now_ms)[0]
    (effect,) = pair.peer.receive(write_refused(frame, RefusalCode.SESSION_UNKNOWN, CENTRE), pair.now_ms)
    assert isinstance(effect, RefusedBy)
    assert not pair.peer.is_open
    (hello,) = pair.peer.frames_to_send(pair.now_ms)
    assert peek(hello).kind == MessageKind.HELLO


def test_a_refusal_of_an_earlier_session_changes_nothing(pair: Pair) -> None:
    old = pair.peer.frames_to_send(pair.now_ms)[0]
    pair.connect()
    (effect,) = pair.peer.receive(write_refused(old, RefusalCode.SESSION_UNKNOWN, CENTRE), pair.now_ms)
    assert isinstance(effect, Rejected)
    assert pair.peer.is_open


def test_a_refused_hello_is_repeated_when_the_centre_said_so() -> None:
    pair = Pair()
    pair.peer.connected(pair.now_ms, live=False)
    (hello,) = pair.peer.frames_to_send(pair.now_ms)
    refusal = write_refused(hello, RefusalCode.BUSY, CENTRE, retry_after_s=50)
    (effect,) = pair.peer.receive(refusal, pair.now_ms)
    assert effect == RefusedBy(Refused(RefusalCode.BUSY, MessageKind.HELLO, frame_hash(hello), 50))
    due_ms = pair.peer.next_timer()
    assert due_ms is not None
    assert due_ms >= pair.now_ms + 50_000
    assert pair.peer.frames_to_send(due_ms - 1) == []
    assert len(pair.peer.frames_to_send(due_ms)) == 1
    (again,) = pair.peer.receive(refusal, due_ms)  # of the earlier Hello
    assert isinstance(again, Rejected)


def test_a_refusal_is_believed_only_from_the_centre(pair: Pair) -> None:
    frame = pair.peer.frames_to_send(pair.now_ms)[0]
    (effect,) = pair.peer.receive(
        write_refused(frame, RefusalCode.SESSION_UNKNOWN, private_key(9)), pair.now_ms
    )
    assert isinstance(effect, Rejected)
    assert isinstance(effect.error, SignatureError)
    assert pair.peer.is_open


def test_noise_at_either_end_is_counted_and_costs_no_session(pair: Pair) -> None:
    pair.talk()
    for noise in (b"", b"\x00", bytes(100), b"\x01\x03" + bytes(40), b"\x01\x02" + bytes(100)):
        (effect,) = pair.peer.receive(noise, pair.now_ms)
        assert isinstance(effect, Rejected)
        (effect,) = pair.session.receive(noise, pair.now_ms, pair.utc_ms)
        assert isinstance(effect, Rejected)
    assert sum(pair.peer.counts.values()) == sum(pair.session.counts.values()) == 5
    assert pair.peer.is_open
    pair.now_ms += PING_EVERY_MS
    pair.at_centre.clear()
    pair.talk()
    assert pair.heard_at_centre(Heard)


def test_a_repeated_frame_is_refused(pair: Pair) -> None:
    frames = pair.peer.frames_to_send(pair.now_ms)
    pair.session.receive(frames[0], pair.now_ms, pair.utc_ms)
    (effect,) = pair.session.receive(frames[0], pair.now_ms, pair.utc_ms)
    assert isinstance(effect, Rejected)
    assert isinstance(effect.error, ReplayError)


def test_a_kind_of_message_that_is_not_known_is_said_to_be_so(pair: Pair) -> None:
    body = b"\x00\x90"
    start = envelope._START.pack(1, 1, 999, 4) + b"gate" + envelope._SIGNED.pack(1, 0, len(body)) + body
    (effect,) = pair.session.receive(start + NODE.sign(envelope.SIGNED_CONTEXT + start), 0, UTC_MS)
    assert isinstance(effect, Rejected)
    pair.at_node.clear()
    pair.down()
    assert pair.at_node == [RefusedBy(Refused(RefusalCode.UNKNOWN_MESSAGE, 0, pair.session.session))]
    assert pair.peer.is_open


def test_a_silent_live_route_is_given_up_and_a_quiet_https_route_is_not() -> None:
    for live in (True, False):
        pair = Pair(live=live)
        pair.connect()
        pair.talk()
        pair.now_ms += REPLY_WITHIN_MS - 1
        assert pair.peer.check(pair.now_ms) == []
        pair.now_ms += 1
        assert pair.peer.check(pair.now_ms) == ([Lost()] if live else [])
        assert pair.peer.is_open is not live


def test_offline_is_two_and_a_half_periods_without_a_valid_message(pair: Pair) -> None:
    assert not pair.peer.is_offline(pair.now_ms + 75_000)
    assert pair.peer.is_offline(pair.now_ms + 75_001)
    assert Pair().peer.is_offline(0)


def test_polls_keep_to_the_period_and_show_durable_delivery(pair: Pair) -> None:
    pair.talk()
    pair.at_centre.clear()
    before_ms = pair.now_ms
    while not any(isinstance(effect, Heard) and effect.last_seq is not None for effect in pair.at_centre):
        due_ms = pair.peer.next_timer()
        assert due_ms is not None
        pair.now_ms = max(due_ms, pair.now_ms)
        pair.talk()
    assert pair.now_ms - before_ms == 30_000
    pair.peer.poll_now(pair.now_ms)
    pair.at_centre.clear()
    pair.talk()
    assert Heard(0, Status().health()) in pair.at_centre


def test_a_node_that_is_asked_says_where_it_stands_at_once(pair: Pair) -> None:
    pair.talk()
    pair.at_centre.clear()
    pair.session.ask()
    pair.down()
    pair.talk()
    assert Heard(0, Status().health()) in pair.at_centre


# -- time -----------------------------------------------------------------------------------------------------------


def test_every_answer_gives_the_time_of_the_middle(pair: Pair) -> None:
    assert pair.heard_at_node(ClockSample)[0] == ClockSample(Sample(UTC_MS + 1_000, 1_000, 0))
    frames = pair.peer.frames_to_send(2_000)
    for frame in frames:
        pair.session.receive(frame, 2_300, UTC_MS + 2_300)
    effects = [e for frame in pair.session.frames_to_send(2_300, 0) for e in pair.peer.receive(frame, 2_500)]
    assert ClockSample(Sample(UTC_MS + 2_300, 2_250, 250)) in effects


def test_a_slow_answer_gives_no_time(pair: Pair) -> None:
    for frame in pair.peer.frames_to_send(2_000):
        pair.session.receive(frame, 2_000, UTC_MS)
    effects = [e for frame in pair.session.frames_to_send(2_000, 0) for e in pair.peer.receive(frame, 4_001)]
    assert not [effect for effect in effects if isinstance(effect, ClockSample)]


def test_an_operator_sets_the_clock(pair: Pair) -> None:
    pair.talk()
    pair.session.command(SetTime(8, "gate", bytes(16), 0), pair.now_ms + 5_000)
    pair.at_node.clear()
    pair.down()
    received, sample = pair.at_node
    assert isinstance(received, CommandReceived)
    assert received.result is CommandResult.DONE
    assert sample == ClockSample(Sample(UTC_MS + pair.now_ms, pair.now_ms, 0), asked=True)


def test_a_clock_command_that_was_long_under_way_is_void(pair: Pair) -> None:
    pair.talk()
    pair.session.command(SetTime(8, "gate", bytes(16), 0), pair.now_ms + 5_000)
    frames = pair.session.frames_to_send(pair.now_ms, pair.utc_ms)
    effects = [effect for frame in frames for effect in pair.peer.receive(frame, pair.now_ms + 2_001)]
    assert [type(effect) for effect in effects] == [CommandReceived]
    assert effects[0].result is CommandResult.TOO_OLD


# -- commands -------------------------------------------------------------------------------------------------------


def test_a_door_is_opened_once_with_a_fresh_nonce(pair: Pair) -> None:
    pair.talk()
    pair.session.command(OPEN, pair.now_ms + 5_000)
    frames = pair.session.frames_to_send(pair.now_ms, pair.utc_ms)
    assert pair.session.command_effects() == [CommandSent(7)]
    assert pair.session.command_effects() == []
    (effect,) = pair.peer.receive(frames[0], pair.now_ms)
    assert isinstance(effect, CommandReceived)
    assert effect.result is CommandResult.DONE
    assert (effect.command.door, effect.command.release_ms, effect.command.issued_at_ms) == (
        1,
        3_000,
        pair.utc_ms,
    )
    (again,) = pair.peer.receive(frames[0], pair.now_ms)
    assert isinstance(again, CommandReceived)
    assert again.result is CommandResult.USED_NONCE


def test_a_command_that_was_held_back_is_void(pair: Pair) -> None:
    """Planted break: measure the age by the wall clock in ``issued_at_ms``."""
    pair.talk()
    pair.session.command(OPEN, pair.now_ms + 5_000)
    (frame,) = pair.session.frames_to_send(pair.now_ms, pair.utc_ms)
    (effect,) = pair.peer.receive(frame, pair.now_ms + REMOTE_OPEN_MAX_AGE_MS + 1)
    assert isinstance(effect, CommandReceived)
    assert effect.result is CommandResult.TOO_OLD
    (again,) = pair.peer.receive(frame, pair.now_ms)
    assert isinstance(again, CommandReceived)
    assert again.result is CommandResult.USED_NONCE


def test_a_command_for_another_device_or_without_a_nonce_is_void(pair: Pair) -> None:
    pair.talk()
    for command in (OPEN, msgspec.structs.replace(OPEN, node="west", nonce=(3).to_bytes(16, "big"))):
        frame = write_signed(command, CENTRE, sender="", epoch=0, counter=0)
        (effect,) = pair.peer.receive(frame, pair.now_ms)
        assert isinstance(effect, CommandReceived)
        assert effect.result is CommandResult.UNKNOWN_NONCE


def test_a_command_is_believed_only_from_the_centre(pair: Pair) -> None:
    frame = write_signed(OPEN, private_key(9), sender="", epoch=0, counter=0)
    (effect,) = pair.peer.receive(frame, pair.now_ms)
    assert isinstance(effect, Rejected)


def test_several_commands_wait_for_nonces_and_the_node_hurries_to_give_them(pair: Pair) -> None:
    pair.talk()
    for number in range(5):
        pair.session.command(msgspec.structs.replace(OPEN, command_id=number), pair.now_ms + 5_000)
    pair.talk(8)  # no time passes: each command makes the node send a nonce for the next
    done = [effect.command.command_id for effect in pair.heard_at_node(CommandReceived)]
    assert done == [0, 1, 2, 3, 4]


def test_a_command_without_a_nonce_in_time_is_given_up(pair: Pair) -> None:
    pair.session.command(OPEN, pair.now_ms + 5_000)
    assert pair.session.frames_to_send(pair.now_ms, pair.utc_ms) == []
    due_ms = pair.session.next_timer()
    assert due_ms == pair.now_ms + 5_000
    assert pair.session.frames_to_send(due_ms, pair.utc_ms) == []
    assert pair.session.command_effects() == [CommandExpired(7)]
    assert pair.session.next_timer() is None


def test_a_nonce_that_would_be_void_on_arrival_is_not_used(pair: Pair) -> None:
    pair.talk()
    pair.now_ms += 8_001
    pair.session.command(OPEN, pair.now_ms + 5_000)
    assert pair.session.frames_to_send(pair.now_ms, pair.utc_ms) == []
    pair.talk(1)
    assert [effect.result for effect in pair.heard_at_node(CommandReceived)] == [CommandResult.DONE]


def test_commands_have_a_most(pair: Pair) -> None:
    for number in range(COMMANDS_WAITING_MAX):
        pair.session.command(msgspec.structs.replace(OPEN, command_id=number), 10**9)
    with pytest.raises(StateError):
        pair.session.command(OPEN, 10**9)


def test_old_nonces_are_forgotten_with_their_use() -> None:
    book = NonceBook("gate")
    nonces = [number.to_bytes(16, "big") for number in range(NONCES_KEPT + 1)]
    for nonce in nonces:
        book.issue(nonce, 0)
    taken = [book.take(msgspec.structs.replace(OPEN, nonce=nonce), 0) for nonce in nonces]
    assert taken == [CommandResult.UNKNOWN_NONCE] + [CommandResult.DONE] * NONCES_KEPT
    book.issue(bytes([9]) * 16, 0)
    assert len(book._used) < NONCES_KEPT + 1


# -- devices that are not what they were ----------------------------------------------------------------------------


def test_a_revoked_device_gets_nothing_and_its_facts_are_kept_apart() -> None:
    pair = Pair(quarantine=True)
    pair.store.publish(Stream.ACCESS)
    pair.outbox.add()
    pair.connect()
    pair.talk()
    assert pair.node.view.revisions == Revisions()
    assert RefusedBy(Refused(RefusalCode.OLD_EPOCH, MessageKind.FACT_BATCH)) in pair.at_node
    assert len(pair.heard_at_centre(Quarantined)) == 1
    assert not pair.heard_at_centre(Delivered)
    with pytest.raises(StateError):
        pair.session.command(OPEN, 10**9)
    pair.session.changed()
    assert pair.session.frames_to_send(pair.now_ms, pair.utc_ms) == []


def test_a_restored_card_is_noticed_by_the_node_itself() -> None:
    pair = Pair()
    outbox = MemoryOutbox()
    for _ in range(3):
        outbox.add()
    pair.store.store(outbox.entries)
    pair.connect()
    assert Diverged(3) in pair.at_node
    pair.talk()
    assert not pair.heard_at_centre(Forked)


def test_a_fork_stops_the_node(pair: Pair) -> None:
    """The node's copy went on by itself after the Welcome: the centre sees two facts under one number."""
    other = MemoryOutbox()
    other.add(kind=9)
    pair.talk()
    pair.session.uplink.store_failed(1, other.entries[0].hash)
    pair.outbox.add()
    pair.up()
    pair.at_node.clear()
    assert len(pair.heard_at_centre(Forked)) == 1
    pair.down()
    assert any(
        isinstance(effect, RefusedBy) and effect.refused.code is RefusalCode.FORK for effect in pair.at_node
    )
    pair.outbox.add()
    pair.talk()
    assert len(pair.heard_at_centre(Forked)) == 1
    assert pair.peer.uplink.stopped


def test_a_restored_centre_asks_for_the_hotlist() -> None:
    pair = Pair(hotlist_wanted=True)
    pair.connect()
    assert HotlistWanted() in pair.at_node


def test_a_frame_of_another_device_in_a_session_is_refused(pair: Pair) -> None:
    pair.talk()
    pair.outbox.add()
    (frame,) = pair.peer.frames_to_send(pair.now_ms)
    _, batch = open_signed(frame, NODE.public_key())
    forged = write_signed(batch, NODE, sender="west", epoch=1, counter=1)
    (effect,) = pair.session.receive(forged, pair.now_ms, pair.utc_ms)
    assert isinstance(effect, Rejected)
    assert pair.store.received_through == 0


# -- the table of sessions ------------------------------------------------------------------------------------------


def test_one_session_counts_and_a_hello_alone_does_not_end_it() -> None:
    sessions = Sessions()
    pair = Pair()
    pair.connect()
    first = pair.session
    sessions.add(first)
    assert sessions.find(first_frame(pair)) is first
    sessions.heard(first)
    fake = Pair()
    fake.random.number = 900
    fake.connect()
    sessions.add(fake.session)
    assert sessions.of_node("gate") is first
    assert len(sessions) == 2
    another = Pair()
    another.random.number = 1_900
    another.connect()
    sessions.add(another.session)  # the one nobody followed up is forgotten
    assert len(sessions) == 2
    assert set(sessions) == {first, another.session}
    sessions.heard(another.session)
    assert list(sessions) == [another.session]
    assert sessions.of_node("gate") is another.session
    assert sessions.find(first_frame(pair)) is None
    sessions.remove(another.session)
    assert len(sessions) == 0
    assert sessions.of_node("gate") is None
    sessions.remove(another.session)


def first_frame(pair: Pair) -> bytes:
    return pair.peer._channel.write(Ping(bytes(16), 1))


def test_signed_frames_belong_to_the_session_that_was_heard() -> None:
    sessions = Sessions()
    pair = Pair()
    pair.connect()
    pair.outbox.add()
    frame = pair.peer.frames_to_send(pair.now_ms)[-1]
    assert peek(frame).kind == MessageKind.FACT_BATCH
    assert sessions.find(frame) is None
    sessions.add(pair.session)
    assert sessions.find(frame) is pair.session
    other = Pair()
    other.random.number = 900
    other.connect()
    sessions.heard(pair.session)
    sessions.add(other.session)
    assert sessions.find(frame) is pair.session


# -- locks ----------------------------------------------------------------------------------------------------------


def told_locks(pair: Pair) -> list[tuple[tuple[int, bool, int], ...]]:
    return [heard.health.locks for heard in pair.heard_at_centre(Heard) if heard.health is not None]  # type: ignore[attr-defined]


@pytest.mark.parametrize("live", [True, False])
def test_a_relay_that_moves_is_told_at_once_and_once(live: bool) -> None:
    pair = Pair(live=live)
    pair.status.locks = ((1, False, 9_000),)
    pair.connect()
    pair.talk()
    assert told_locks(pair) == [((1, False, 9_000),)], "with the first poll"
    pair.status.locks = ((1, False, 10_000),)
    pair.talk()
    assert len(told_locks(pair)) == 1, "time alone is no news"
    pair.status.locks = ((1, True, 5),)
    pair.talk()
    assert told_locks(pair)[1:] == [((1, True, 5),)]
    pair.status.locks = ((1, False, 0),)
    pair.talk()
    assert told_locks(pair)[2:] == [((1, False, 0),)]


def test_a_new_session_tells_the_locks_anew(pair: Pair) -> None:
    pair.status.locks = ((1, True, 5),)
    pair.talk()
    pair.peer.disconnected()
    pair.at_centre.clear()
    pair.connect()
    pair.talk()
    assert told_locks(pair) == [((1, True, 5),)]


# -- contacts -------------------------------------------------------------------------------------------------------


def test_a_contact_that_is_heard_of_is_told_at_once_and_its_changes_with_the_next_poll(pair: Pair) -> None:
    def told() -> list[tuple[int | None, tuple[tuple[int, bool], ...]]]:
        heard = [one for one in pair.heard_at_centre(Heard) if one.health is not None]  # type: ignore[attr-defined]
        return [(one.last_seq, one.health.contacts) for one in heard]  # type: ignore[attr-defined]

    pair.talk()
    assert told() == [(0, ())]
    pair.status.contacts = ((1, False),)
    pair.talk()
    assert told()[1:] == [(0, ((1, False),))], (
        "a poll of its own: only with its last record it can be put in order"
    )
    pair.status.contacts = ((1, True),)
    pair.talk()
    assert len(told()) == 2, "the fact says it"
