"""Both halves over a line with every fault: they converge when the faults stop, and no promise is broken meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from protocol.commands import NonceBook
from protocol.downlink import NodeDownlink
from protocol.downlink import centre as downlink_centre
from protocol.downlink import node as downlink_node
from protocol.facts import CommandResult
from protocol.ids import Stream, uid_key
from protocol.messages import Delta, FactBatch, RemoteOpen, SnapshotPart
from protocol.reasons import Reason
from protocol.records import CardRow, Digest, Kind, RestrictionRow, delete, put
from protocol.uplink import Acked, CentreUplink, NodeUplink, Purge
from protocol.uplink import node as uplink_node
from tests.protocol.memory_stores import MemoryCentre
from tests.protocol.world import World

CARDS = [uid_key(bytes((1, 2, 3, number))) for number in range(4)]

NUMBERS = {
    # what users do
    "lost": (0, 3),
    "found": (0, 3),
    "card": (0, 3),
    "no card": (0, 3),
    "fact": (1, 3),
    "open": (0, 0),
    "back up": (0, 0),
    # what the line does
    "send": (0, 0),
    "up": (0, 0),
    "down": (0, 0),
    "tick": (1, 40_000),
    "exchange": (1, 8),
    # faults
    "lose up": (0, 3),
    "lose down": (0, 3),
    "double up": (0, 3),
    "double down": (0, 3),
    "reverse": (0, 0),
    "replay": (0, 10_000),
    "garble": (0, 10_000),
    "cut": (0, 0),
    "node restarts": (0, 0),
    "centre restarts": (0, 0),
    "centre restored": (0, 0),
    "disk": (0, 1),
    "outbox": (0, 1),
    "commits": (0, 2),
    "applies": (0, 1),
    "no deltas": (0, 0),
}
"""Each act with the range of its number."""
OFTEN = (
    "send",
    "up",
    "down",
    "exchange",
    "exchange",
    "exchange",
    "fact",
    "tick",
    "lost",
    "card",
    "open",
    "double down",
)

acts = st.sampled_from([*NUMBERS, *OFTEN]).flatmap(
    lambda act: st.tuples(st.just(act), st.integers(*NUMBERS[act]))
)


def history_of(seed: int, length: int = 150) -> list[tuple[str, int]]:
    """A long history from a seed."""
    random = Random(seed)
    names = [random.choice([*NUMBERS, *OFTEN, *OFTEN, *OFTEN, *OFTEN]) for _ in range(length)]
    return [(act, random.randint(*NUMBERS[act])) for act in names]


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four cards make a snapshot of several parts."""
    monkeypatch.setattr(downlink_centre, "ROWS_PER_PART", 2)


def perform(world: World, act: str, number: int) -> None:
    """One act of a history."""
    up, down = world.up, world.down
    match act:
        case "lost":
            world.publish(Stream.RESTRICTIONS, put(CARDS[number], RestrictionRow(Reason.CARD_LOST, 1, 5)))
        case "found":
            world.publish(Stream.RESTRICTIONS, delete(Kind.RESTRICTION, CARDS[number]))
        case "card":
            row = CardRow(world.now_ms, 0, 0, 1, (1,))
            world.publish(Stream.ACCESS, put(CARDS[number], row))
        case "no card":
            world.publish(Stream.ACCESS, delete(Kind.CARD, CARDS[number]))
        case "fact":
            for _ in range(number):
                world.fact(CARDS[number])
        case "open":
            session = world.sessions.of_node("gate")
            if session is not None:
                command = RemoteOpen(next(world.command_ids), "gate", bytes(16), 0, 1)
                session.command(command, world.now_ms + 10_000)
        case "back up":
            world.back_up()
        case "send":
            world.send()
        case "up":
            world.deliver_up()
        case "down":
            world.deliver_down()
        case "tick":
            world.tick(number)
        case "exchange":
            for _ in range(number):
                world.send()
                world.deliver_up()
                world.deliver_down()
        case "lose up" if up:
            del up[number % len(up)]
        case "lose down" if down:
            del down[number % len(down)]
        case "double up" if up:
            up.append(up[number % len(up)])
        case "double down" if down:
            down.append(down[number % len(down)])
        case "reverse":
            up.reverse()
            down.reverse()
        case "replay" if world.recorded:
            recent = world.recorded[-20:]
            down.insert(0, recent[number % len(recent)])
            world.deliver_down()
        case "garble" if down:
            frame = bytearray(down[0])
            frame[number % len(frame)] ^= 1 << number % 8
            down[0] = bytes(frame)
        case "cut":
            world.cut()
        case "node restarts":
            world.start_node()
        case "centre restarts":
            world.restart_centre()
        case "centre restored":
            world.restore_centre()
        case "disk":
            world.node.storage_works = bool(number)
        case "outbox":
            world.outbox.readable = bool(number)
        case "commits":
            world.commit_at_once = number == 0
            if number == 2:
                world.commits_fail()
        case "applies":
            world.apply_at_once = bool(number)
        case "no deltas":
            world.centre.delta_from = world.centre.revisions.access
        case _:
            pass
    world.check()


def play(live: bool, history: list[tuple[str, int]]) -> World:
    """A history, then three periods without faults."""
    world = World(live=live)
    for act, number in history:
        perform(world, act, number)
    world.settle(periods=3)
    world.check()
    world.check_converged()
    return world


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(live=st.booleans(), history=st.lists(acts, max_size=60))
@example(live=False, history=[("send", 0), ("double up", 0)])
def test_whatever_happens_on_the_line_both_ends_agree_in_the_end(
    live: bool, history: list[tuple[str, int]]
) -> None:
    play(live, history)


@pytest.mark.parametrize("block", range(4))
def test_long_histories_end_in_agreement(block: int) -> None:
    play_all(range(50 * block, 50 * (block + 1)))


def play_all(seeds: range) -> None:
    for seed in seeds:
        play(bool(seed % 2), history_of(seed))


def ack_before_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    real = CentreUplink.receive

    def receive(self: CentreUplink, batch: FactBatch) -> list[object]:
        effects = real(self, batch)
        self.stored(self._taken, self._taken_head)
        return effects

    monkeypatch.setattr(CentreUplink, "receive", receive)


def purge_when_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    real = NodeUplink.receive

    def receive(self: NodeUplink, message: object, frame: bytes, now_ms: int) -> list[object]:
        return [
            Purge(effect.through, b"") if isinstance(effect, Acked) and effect.through else effect
            for effect in real(self, message, frame, now_ms)
        ]

    monkeypatch.setattr(NodeUplink, "receive", receive)


def delta_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MemoryCentre.changes_since

    def changes_since(self: MemoryCentre, scope: str, stream: Stream, revision: int) -> object:
        return real(self, scope, stream, max(revision, self.revisions.of(stream) - 1))

    monkeypatch.setattr(MemoryCentre, "changes_since", changes_since)


def snapshot_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    real = NodeDownlink._part

    def part(self: NodeDownlink, message: SnapshotPart, frame: bytes, lane: object, now_ms: int) -> object:
        first = msgspec.structs.replace(message, parts=1, digest=Digest().value)
        return real(self, message if message.parts == 1 else first, frame, lane, now_ms)

    monkeypatch.setattr(NodeDownlink, "_part", part)
    monkeypatch.setattr(downlink_centre, "ROWS_PER_PART", 1)
    monkeypatch.setattr(Digest, "value", bytes(16))


def older_revisions_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NodeDownlink, "_check", lambda self, message, lane: None)
    real = NodeDownlink._delta

    def delta(self: NodeDownlink, message: Delta, frame: bytes, lane: object) -> object:
        return real(self, msgspec.structs.replace(message, base=lane.held), frame, lane)

    monkeypatch.setattr(NodeDownlink, "_delta", delta)


def no_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downlink_node, "ANSWER_WITHIN_MS", 10**9)
    monkeypatch.setattr(uplink_node, "RETRY_MAX_MS", 10**9)
    monkeypatch.setattr(uplink_node, "ACK_WITHIN_MS", 10**9)


def any_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NonceBook, "take", lambda self, command, now_ms: CommandResult.DONE)


@pytest.mark.parametrize(
    "plant",
    [
        ack_before_commit,
        purge_when_acknowledged,
        delta_too_short,
        snapshot_unchecked,
        older_revisions_taken,
        no_repeats,
        any_nonce,
    ],
)
def test_a_planted_fault_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness can fail: each of these breaks one promise, and some history shows it."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        play_all(range(400))
