"""Both halves of the uplink, conversation by conversation."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from protocol import columns
from protocol.errors import MalformedError, SequenceError, StateError
from protocol.facts import CHAIN_START, Entry
from protocol.limits import FACTS_PER_BATCH_MAX
from protocol.messages import BackedUp, FactAck, FactBatch
from protocol.uplink import Acked, CentreUplink, Diverged, Forked, NodeUplink, Purge, Quarantined, Store
from protocol.uplink.node import ACK_WITHIN_MS, READ_AGAIN_MS, RETRY_MAX_MS, SERIAL, WINDOW_FACTS
from tests.protocol.memory_stores import SALT, MemoryCentre, MemoryOutbox, private_key
from tests.support.playbook import Playbook


class Position(msgspec.Struct):
    """The Welcome: how far the centre is."""

    through: int
    head: bytes


class At(msgspec.Struct):
    """Nothing happens but time."""

    now_ms: int


class Recorded(msgspec.Struct):
    """So many new facts were committed."""

    count: int


class Batch(msgspec.Struct):
    """A FactBatch, in short."""

    first_seq: int
    count: int


def outbox_of(count: int) -> MemoryOutbox:
    outbox = MemoryOutbox()
    for number in range(count):
        outbox.add(personal=bytes([85, number % 256, 1, 2, 3]), at_ms=1_000 * number)
    return outbox


class NodePlayer:
    """Plays into a NodeUplink."""

    def __init__(self, outbox: MemoryOutbox) -> None:
        self.outbox = outbox
        self.engine = NodeUplink(outbox, "gate", 1, jitter=1.0)
        self.now_ms = 0

    def __call__(self, given: object) -> Iterable[object]:
        effects: list[object] = []
        match given:
            case Position():
                effects += self.engine.position(given.through, given.head)
            case At():
                self.now_ms = given.now_ms
            case Recorded():
                for _ in range(given.count):
                    self.outbox.add()
            case "closed":
                self.engine.closed()
            case "unreadable":
                self.outbox.readable = False
            case "readable":
                self.outbox.readable = True
            case FactAck() | BackedUp():
                effects += self.engine.receive(given, b"signed", self.now_ms)
        batches = self.engine.messages_to_send(self.now_ms)
        for batch in batches:
            columns.unpack(batch, SALT)
        return effects + [Batch(batch.first_seq, len(batch.kinds)) for batch in batches]


def play(outbox: MemoryOutbox) -> Playbook:
    return Playbook(NodePlayer(outbox))


def ack(outbox: MemoryOutbox, through: int) -> FactAck:
    return FactAck(1, through, outbox.hash_at(through) or b"")


def test_nothing_is_sent_before_the_centre_has_said_where_it_stands() -> None:
    (play(outbox_of(3)) >> At(0) >> At(10**6)).check()


def test_facts_follow_the_position_of_the_centre_and_are_acknowledged() -> None:
    outbox = outbox_of(5)
    (
        play(outbox)
        >> Position(2, outbox.hash_at(2))
        << Acked(2)
        << Batch(3, 3)
        >> ack(outbox, 5)
        << Acked(5)
        >> At(10**7)
    ).check()


def test_a_new_fact_goes_up_at_once() -> None:
    outbox = outbox_of(1)
    (
        play(outbox)
        >> Position(0, CHAIN_START)
        << Acked(0)
        << Batch(1, 1)
        >> Recorded(2)
        << Batch(2, 2)
        >> Recorded(1)
        << Batch(4, 1)
    ).check()


def test_what_is_not_acknowledged_goes_again_from_the_last_acknowledged() -> None:
    outbox = outbox_of(4)
    first = 2 * ACK_WITHIN_MS
    (
        play(outbox)
        >> Position(0, CHAIN_START)
        << Acked(0)
        << Batch(1, 4)
        >> At(first - 1)
        >> At(first)
        << Batch(1, 4)
        >> ack(outbox, 2)
        << Acked(2)
        >> At(first + ACK_WITHIN_MS)
        << Batch(3, 2)
    ).check()


def test_repeats_become_rarer_up_to_a_limit() -> None:
    player = NodePlayer(outbox_of(1))
    list(player(Position(0, CHAIN_START)))
    waits = []
    for _ in range(8):
        due_ms = player.engine.next_timer()
        assert due_ms is not None
        waits.append(due_ms - player.now_ms)
        assert list(player(At(due_ms))) == [Batch(1, 1)]
    assert waits == sorted(waits)
    assert waits[0] == 2 * ACK_WITHIN_MS
    assert waits[-1] == RETRY_MAX_MS


def test_the_window_bounds_what_is_under_way() -> None:
    size = FACTS_PER_BATCH_MAX
    assert 4 * size == WINDOW_FACTS
    outbox = outbox_of(6 * size)
    (
        play(outbox)
        >> Position(0, CHAIN_START)
        << Acked(0)
        << Batch(1, size)
        << Batch(1 + size, size)
        << Batch(1 + 2 * size, size)
        << Batch(1 + 3 * size, size)
        >> ack(outbox, size)
        << Acked(size)
        << Batch(1 + 4 * size, size)
    ).check()


def test_a_slow_line_has_little_under_way_and_long_patience() -> None:
    outbox = outbox_of(2 * SERIAL.window_facts)
    player = NodePlayer(outbox)
    player.engine.pace = SERIAL
    batches = [out for out in player(Position(0, CHAIN_START)) if isinstance(out, Batch)]
    assert sum(batch.count for batch in batches) == SERIAL.window_facts
    assert {batch.count for batch in batches} == {SERIAL.facts_per_batch}
    assert not list(player(At(2 * SERIAL.ack_within_ms - 1)))
    assert list(player(At(2 * SERIAL.ack_within_ms))) == batches


def test_a_batch_ends_before_it_becomes_too_large() -> None:
    outbox = MemoryOutbox()
    for _ in range(400):
        outbox.add(body=bytes(1_900))
    player = NodePlayer(outbox)
    batches = [out for out in player(Position(0, CHAIN_START)) if isinstance(out, Batch)]
    assert len(batches) > 2
    assert sum(batch.count for batch in batches) == 400


def test_storage_that_cannot_be_read_is_asked_again_without_haste() -> None:
    outbox = outbox_of(2)
    (
        play(outbox)
        >> "unreadable"
        >> Position(0, CHAIN_START)
        << Acked(0)
        >> At(READ_AGAIN_MS - 1)
        >> "readable"
        >> At(READ_AGAIN_MS)
        << Batch(1, 2)
    ).check()


def test_a_lost_session_is_silent_until_the_next_welcome() -> None:
    outbox = outbox_of(2)
    (
        play(outbox)
        >> Position(0, CHAIN_START)
        << Acked(0)
        << Batch(1, 2)
        >> "closed"
        >> Recorded(1)
        >> At(10**7)
        >> ack(outbox, 2)
        >> Position(0, CHAIN_START)
        << Acked(0)
        << Batch(1, 3)
    ).check()


def test_a_restored_centre_gets_again_what_it_forgot() -> None:
    outbox = outbox_of(4)
    (
        play(outbox)
        >> Position(4, outbox.head)
        << Acked(4)
        >> Position(1, outbox.hash_at(1))
        << Acked(1)
        << Batch(2, 3)
    ).check()


@pytest.mark.parametrize("through", [0, 1])
def test_an_acknowledgement_that_is_late_changes_nothing(through: int) -> None:
    outbox = outbox_of(3)
    (
        play(outbox)
        >> Position(2, outbox.hash_at(2))
        << Acked(2)
        << Batch(3, 1)
        >> FactAck(1, through, outbox.hash_at(through))
        >> FactAck(2, 3, outbox.head)  # of another node_epoch
    ).check()


@pytest.mark.parametrize(
    ("through", "head"),
    [(4, bytes(16)), (3, bytes([1]) * 16), (0, bytes([1]) * 16)],
    ids=["ahead", "fork", "start"],
)
def test_a_centre_with_another_chain_stops_the_sending(through: int, head: bytes) -> None:
    """A restored SD card: the centre holds facts that this outbox never had."""
    outbox = outbox_of(3)
    (
        play(outbox)
        >> Position(through, head)
        << Diverged(through)
        >> Recorded(1)
        >> At(10**7)
        >> Position(0, CHAIN_START)
    ).check()


@pytest.mark.parametrize(("through", "head"), [(4, bytes(16)), (3, bytes(16))], ids=["ahead", "fork"])
def test_an_acknowledgement_of_another_chain_stops_the_sending(through: int, head: bytes) -> None:
    outbox = outbox_of(3)
    (
        play(outbox)
        >> Position(1, outbox.hash_at(1))
        << Acked(1)
        << Batch(2, 2)
        >> FactAck(1, through, head)
        << Diverged(through)
        >> Recorded(1)
    ).check()


def backed_up(outbox: MemoryOutbox, through: int, *, node: str = "gate", epoch: int = 1) -> BackedUp:
    return BackedUp(node, epoch, through, outbox.hash_at(through) or bytes(16), 5)


def test_only_the_word_of_the_backup_lets_facts_be_purged() -> None:
    """Planted break: emit ``Purge`` for a FactAck."""
    outbox = outbox_of(3)
    (
        play(outbox)
        >> Position(0, CHAIN_START)
        << Acked(0)
        << Batch(1, 3)
        >> ack(outbox, 3)
        << Acked(3)
        >> backed_up(outbox, 2)
        << Purge(2, b"signed")
        >> backed_up(outbox, 2)
        >> backed_up(outbox, 1)
        >> backed_up(outbox, 3, node="west")
        >> backed_up(outbox, 3, epoch=2)
        >> backed_up(outbox, 3)
        << Purge(3, b"signed")
    ).check()


def test_the_word_of_a_backup_of_another_chain_purges_nothing() -> None:
    outbox = outbox_of(3)
    (play(outbox) >> BackedUp("gate", 1, 2, bytes(16), 5) << Diverged(2)).check()
    (play(outbox) >> BackedUp("gate", 1, 9, bytes(16), 5) << Diverged(9)).check()


def test_an_old_word_of_the_backup_after_a_restart_purges_nothing() -> None:
    outbox = outbox_of(3)
    old = backed_up(outbox, 1)
    outbox.purge(2)
    (play(outbox) >> old).check()


def test_facts_go_on_after_everything_was_purged() -> None:
    outbox = outbox_of(2)
    outbox.purge(2)
    (play(outbox) >> Position(2, outbox.head) << Acked(2) >> Recorded(1) << Batch(3, 1)).check()


# -- the centre's half ----------------------------------------------------------------------------------------------


class Stored(msgspec.Struct):
    """The newest ``Store`` was committed."""


class StoreFailed(msgspec.Struct):
    through: int


class Taken(msgspec.Struct):
    """A ``Store``, in short."""

    first_seq: int
    last_seq: int


class CentrePlayer:
    """Plays into a CentreUplink with its store."""

    def __init__(
        self, through: int = 0, outbox: MemoryOutbox | None = None, *, quarantine: bool = False
    ) -> None:
        self.store = MemoryCentre(private_key(1))
        if outbox is not None:
            self.store.store(outbox.entries[:through])
        self.engine = CentreUplink(
            self.store, 1, SALT, self.store.received_through, self.store.head, quarantine=quarantine
        )
        self.waiting: list[tuple[Entry, ...]] = []

    def __call__(self, given: object) -> Iterable[object]:
        out: list[object] = []
        match given:
            case FactBatch():
                for effect in self.engine.receive(given):
                    if isinstance(effect, Store):
                        self.waiting.append(effect.entries)
                        effect = Taken(effect.entries[0].fact.seq, effect.entries[-1].fact.seq)
                    out.append(effect)
            case Stored():
                entries = self.waiting.pop(0)
                self.store.store(entries)
                self.engine.stored(self.store.received_through, self.store.head)
            case StoreFailed():
                self.waiting.clear()
                self.engine.store_failed(given.through, self.store.head)
            case BackedUp():
                self.engine.backed_up(given)
        return out + list(self.engine.messages_to_send())


def batch(outbox: MemoryOutbox, first: int, last: int) -> FactBatch:
    return columns.pack(1, outbox.hash_at(first - 1) or b"", outbox.read(first - 1, last - first + 1))


def test_facts_are_acknowledged_only_when_they_are_committed() -> None:
    """Planted break: set ``_ack`` in ``receive`` (I2)."""
    outbox = outbox_of(6)
    (
        Playbook(CentrePlayer())
        >> batch(outbox, 1, 3)
        << Taken(1, 3)
        >> batch(outbox, 4, 6)
        << Taken(4, 6)
        >> Stored()
        << ack(outbox, 3)
        >> Stored()
        << ack(outbox, 6)
    ).check()


def test_what_is_there_already_is_taken_once() -> None:
    outbox = outbox_of(6)
    (
        Playbook(CentrePlayer(4, outbox))
        >> batch(outbox, 1, 4)
        << ack(outbox, 4)
        >> batch(outbox, 2, 3)
        << ack(outbox, 4)
        >> batch(outbox, 3, 6)
        << Taken(5, 6)
        >> batch(outbox, 3, 6)  # again, before the commit: said again where we stand
        << ack(outbox, 4)
        >> Stored()
        << ack(outbox, 6)
    ).check()


def test_a_gap_is_answered_with_where_the_centre_stands() -> None:
    outbox = outbox_of(6)
    (
        Playbook(CentrePlayer(2, outbox))
        >> batch(outbox, 4, 6)
        << ack(outbox, 2)
        >> batch(outbox, 3, 6)
        << Taken(3, 6)
    ).check()


def test_a_commit_that_failed_is_sent_again_by_the_node() -> None:
    outbox = outbox_of(6)
    (
        Playbook(CentrePlayer(2, outbox))
        >> batch(outbox, 3, 4)
        << Taken(3, 4)
        >> batch(outbox, 5, 6)
        << Taken(5, 6)
        >> StoreFailed(2)
        << ack(outbox, 2)
        >> batch(outbox, 3, 6)
        << Taken(3, 6)
        >> Stored()
        << ack(outbox, 6)
    ).check()


def other_outbox(same: int, count: int) -> MemoryOutbox:
    """Another history under the same numbers: equal up to ``same``."""
    outbox = outbox_of(same)
    for _ in range(count - same):
        outbox.add(kind=2)
    return outbox


@pytest.mark.parametrize(
    ("same", "first", "forked"), [(2, 1, 3), (2, 3, 3), (3, 1, 4), (0, 1, 1), (2, 4, 4), (2, 5, 4)]
)
def test_two_facts_under_one_number_are_both_kept_and_nothing_more_is_taken(
    same: int, first: int, forked: int
) -> None:
    """Planted break: let the later hash overwrite the earlier (I11)."""
    ours, theirs = outbox_of(4), other_outbox(same, 6)
    sent = batch(theirs, first, 6)
    (
        Playbook(CentrePlayer(4, ours))
        >> sent
        << Forked(forked, tuple(theirs.entries[first - 1 :]))
        >> batch(ours, 1, 4)
        << Forked(1, tuple(ours.entries))
    ).check()


def test_a_fork_among_facts_that_are_not_committed_yet_is_seen() -> None:
    ours, theirs = outbox_of(4), other_outbox(2, 4)
    (
        Playbook(CentrePlayer(2, ours))
        >> batch(ours, 3, 4)
        << Taken(3, 4)
        >> batch(theirs, 3, 4)
        << Forked(4, tuple(theirs.entries[2:]))
    ).check()


def test_facts_of_a_closed_epoch_are_kept_apart_and_acknowledged_when_they_are_kept() -> None:
    outbox = outbox_of(3)
    player = CentrePlayer(quarantine=True)
    (Playbook(player) >> batch(outbox, 1, 3) << Quarantined(tuple(outbox.entries))).check()
    player.engine.stored(3, outbox.head)
    assert player.engine.messages_to_send() == [ack(outbox, 3)]


def test_a_broken_chain_is_an_error_and_nothing_of_it_is_taken() -> None:
    outbox = outbox_of(3)
    player = CentrePlayer()
    broken = msgspec.structs.replace(batch(outbox, 1, 3), head=bytes(16))
    with pytest.raises(SequenceError):
        player.engine.receive(broken)
    with pytest.raises(MalformedError):
        player.engine.receive(msgspec.structs.replace(broken, boots=()))
    with pytest.raises(StateError):
        player.engine.receive(msgspec.structs.replace(batch(outbox, 1, 3), node_epoch=2))
    (Playbook(player) >> batch(outbox, 1, 3) << Taken(1, 3)).check()


def test_rows_that_retention_took_are_taken_for_equal() -> None:
    outbox = outbox_of(4)
    player = CentrePlayer(4, outbox)
    del player.store.facts[1], player.store.facts[2]
    (Playbook(player) >> batch(outbox, 1, 2) << ack(outbox, 4)).check()


def test_the_backups_progress_is_told_once() -> None:
    outbox = outbox_of(3)
    word = backed_up(outbox, 2)
    (
        Playbook(CentrePlayer(3, outbox))
        >> word
        << word
        >> word
        >> backed_up(outbox, 1)
        >> backed_up(outbox, 3, epoch=2)
    ).check()
