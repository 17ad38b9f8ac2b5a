"""A file for a unit: sealed with its own signing key, taken whole or not at all, never backwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.bundle import frames_of, open_bundle, seal_bundle, write_bundle
from protocol.downlink import Apply, Rejected
from protocol.enrolment import raw_public
from protocol.envelope import write_signed
from protocol.errors import MalformedError, ReplayError, SignatureError, StaleBaseError, StateError
from protocol.ids import Stream, uid_key
from protocol.messages import TestNode
from protocol.node_peer import Identity, NodePeer
from protocol.reasons import Reason
from protocol.records import Change, RestrictionRow, Revisions, put
from protocol.session import share_of
from protocol.unit_box import box_key_of, box_secret_of
from tests.protocol.memory_stores import (
    CountingRandom,
    MemoryCentre,
    MemoryNode,
    MemoryOutbox,
    Status,
    private_key,
)

CENTRE, NODE = private_key(1), private_key(2)
LOST_ELSEWHERE = put(uid_key(b"\x05\x06\x07\x08"), RestrictionRow(Reason.CARD_LOST, 1, 5))
LOST = put(uid_key(b"\x01\x02\x03\x04"), RestrictionRow(Reason.CARD_LOST, 1, 5))


@given(st.binary(min_size=32, max_size=32))
def test_the_signing_key_of_a_unit_opens_what_was_sealed_for_it(secret: bytes) -> None:
    """Planted break: any number of the formula. The two ways to the public key are independent of each other."""
    seed = NODE.private_bytes_raw()
    assert share_of(box_secret_of(seed)) == box_key_of(raw_public(NODE))
    sealed = seal_bundle(write_bundle([b"one"]), box_key_of(raw_public(NODE)), secret)
    assert list(frames_of(open_bundle(sealed, box_secret_of(seed)))) == [b"one"]
    with pytest.raises(SignatureError):
        open_bundle(sealed, box_secret_of(private_key(3).private_bytes_raw()))


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"short"])
def test_what_is_no_key_is_refused(point: bytes) -> None:
    with pytest.raises(SignatureError):
        box_key_of(point)


class Unit:
    """A unit that is never connected."""

    def __init__(self) -> None:
        self.store = MemoryCentre(CENTRE)
        self.highest = Revisions()
        self.begin()

    def begin(self) -> None:
        """With an empty store."""
        self.node = MemoryNode()
        identity = Identity("gate", 1, NODE, CENTRE.public_key())
        self.peer = NodePeer(identity, Status(), self.node.downlink, MemoryOutbox(), CountingRandom())

    def file(self) -> list[bytes]:
        """What the centre writes for it now."""
        frames = [self.store.snapshot_part("gate", stream, 0, 0) for stream in Stream]
        return [frame for frame in frames if frame is not None]

    def load(self, frames: list[bytes]) -> list[object]:
        """The unit takes it in, and stores it."""
        all_effects: list[object] = []
        for effects in self.peer.load(self.peer.read_file(frames), 1_000, self.highest):
            for effect in effects:
                if isinstance(effect, Apply):
                    self.node.apply(effect, 1_000)
            all_effects += effects
        return all_effects


def test_a_file_makes_a_new_unit_hold_everything_and_an_older_one_changes_nothing() -> None:
    """Planted break: ``load`` without ``heads``."""
    unit = Unit()
    unit.store.publish(Stream.RESTRICTIONS, LOST)
    old = unit.file()
    unit.store.publish(Stream.RESTRICTIONS, LOST)
    newer = unit.file()
    unit.load(newer)
    held = unit.peer.downlink.stored
    assert held == unit.store.heads("gate")
    assert LOST.key in {key for _, _, key in unit.node.disk}
    assert unit.load(newer) == []
    (refused,) = unit.load(old)
    assert isinstance(refused, Rejected)
    assert isinstance(refused.error, ReplayError)
    assert unit.peer.downlink.stored == held


def test_what_is_not_whole_not_ours_or_of_a_restored_centre_is_not_taken() -> None:
    """Planted break: ``load`` taking any config_epoch, which would forget cards that only this unit knows to be lost (I7)."""
    unit = Unit()
    unit.store.publish(Stream.RESTRICTIONS, LOST)
    unit.load(unit.file())
    held = unit.peer.downlink.stored
    unit.store.publish(Stream.RESTRICTIONS, LOST)
    with pytest.raises(MalformedError):
        unit.load(unit.file()[:2])
    other = MemoryCentre(private_key(9))
    with pytest.raises(SignatureError):
        unit.load([frame for s in Stream if (frame := other.snapshot_part("gate", s, 0, 0))])
    hall = MemoryCentre(CENTRE, "hall")
    with pytest.raises(MalformedError):
        unit.load([frame for s in Stream if (frame := hall.snapshot_part("hall", s, 0, 0))])
    command = write_signed(TestNode(1, "gate", bytes(16), 0), CENTRE, sender="", epoch=0, counter=0)
    with pytest.raises(MalformedError):
        unit.load([*unit.file(), command])
    restored = MemoryCentre(CENTRE, config_epoch=7)
    with pytest.raises(StateError):
        unit.load([frame for s in Stream if (frame := restored.snapshot_part("gate", s, 0, 0))])
    assert unit.peer.downlink.stored == held


def test_a_unit_that_lost_what_it_held_takes_no_older_file() -> None:
    """Else a damaged medium and last month's stick would bring lost cards back. Planted break: ``load`` not asking ``highest``."""
    unit = Unit()
    unit.store.publish(Stream.ACCESS, LOST_ELSEWHERE)
    old = unit.file()
    unit.store.publish(Stream.RESTRICTIONS, LOST)
    unit.load(unit.file())
    unit.highest = unit.peer.downlink.stored
    unit.begin()
    (refused,) = unit.load(old)
    assert isinstance(refused, Rejected)
    assert isinstance(refused.error, ReplayError)
    assert unit.peer.downlink.memory == Revisions()
    unit.load(unit.file())
    assert unit.peer.downlink.stored == unit.highest


def test_a_row_that_is_not_understood_in_the_last_stream_leaves_the_first_alone() -> None:
    """Planted break: ``read_unit_file`` taking rows of any kind."""
    unit = Unit()
    unit.store.publish(Stream.RESTRICTIONS, LOST)
    unit.load(unit.file())
    held = unit.peer.downlink.memory
    unit.store.publish(Stream.RESTRICTIONS, LOST_ELSEWHERE)
    unit.store.publish(Stream.BALANCES, Change(63, b"key", b"\x90"))
    with pytest.raises(MalformedError):
        unit.load(unit.file())
    assert unit.peer.downlink.memory == held


def test_while_rows_are_being_applied_a_file_is_refused_whole_and_taken_afterwards() -> None:
    """Planted break: ``begin_whole`` not looking: the streams before the busy one would be handed over and never applied."""
    unit = Unit()
    unit.load(unit.file())
    unit.store.publish(Stream.RESTRICTIONS, LOST)
    unit.store.publish(Stream.ACCESS, LOST_ELSEWHERE)
    file = unit.peer.read_file(unit.file())
    running = [effects for effects in unit.peer.load(file, 1_000) if effects]
    with pytest.raises(StaleBaseError):
        unit.load(unit.file())
    for (effect,) in running:
        assert isinstance(effect, Apply)
        unit.node.apply(effect, 1_000)
    assert unit.load(unit.file()) == []
    assert unit.peer.downlink.stored == unit.store.heads("gate")


def test_a_file_is_taken_in_part_by_part() -> None:
    """The doors decide between two parts. Planted break: ``load`` yielding once."""
    unit = Unit()
    rows = [
        put(uid_key(number.to_bytes(4, "big")), RestrictionRow(Reason.CARD_LOST, 1, 5))
        for number in range(10_001)
    ]
    unit.store.publish(Stream.RESTRICTIONS, *rows)
    parts_count = 3
    frames = [unit.store.snapshot_part("gate", Stream.RESTRICTIONS, 0, part) for part in range(parts_count)]
    frames += [unit.store.snapshot_part("gate", stream, 0, 0) for stream in list(Stream)[1:]]
    whole = [frame for frame in frames if frame is not None]
    steps = list(unit.peer.load(unit.peer.read_file(whole), 1_000))
    assert len(steps) == 1 + len(whole)
    with pytest.raises(MalformedError):
        unit.peer.read_file(whole[:2] + whole[3:])
    with pytest.raises(MalformedError):
        unit.peer.read_file([whole[1], whole[0], *whole[2:]])
