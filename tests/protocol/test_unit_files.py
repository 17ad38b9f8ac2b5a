"""A file for a unit: sealed with its own signing key, taken whole or not at all, never backwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.bundle import frames_of, open_bundle, seal_bundle, write_bundle
from protocol.downlink import Apply, Rejected
from protocol.enrolment import raw_public
from protocol.envelope import write_signed
from protocol.errors import MalformedError, ReplayError, SignatureError, StateError
from protocol.ids import Stream, uid_key
from protocol.messages import TestNode
from protocol.node_peer import Identity, NodePeer
from protocol.reasons import Reason
from protocol.records import RestrictionRow, put
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
        self.node = MemoryNode()
        identity = Identity("gate", 1, NODE, CENTRE.public_key())
        self.peer = NodePeer(identity, Status(), self.node.downlink, MemoryOutbox(), CountingRandom())

    def file(self) -> list[bytes]:
        """What the centre writes for it now."""
        frames = [self.store.snapshot_part("gate", stream, 0, 0) for stream in Stream]
        return [frame for frame in frames if frame is not None]

    def load(self, frames: list[bytes]) -> list[object]:
        """The unit takes it in, and stores it."""
        effects = self.peer.load(frames, 1_000)
        for effect in effects:
            if isinstance(effect, Apply):
                self.node.apply(effect, 1_000)
        return list(effects)


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
