"""Gaps and chain: of what was just read, as the page of reading shows them for many devices at once (57), and of all that a
device sent, as its own page does (B1).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from central.nodes import service
from central.sync.model import Enrolment, StoredFact
from protocol.facts import DoorEvent, DoorFact
from tests.support.estate import NOON_MS, Chain, Estate

LATER_MS = NOON_MS + 60_000


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def stored(estate: Estate) -> Chain:
    """Three facts from before, three that have just come."""
    chain, doors = Chain(estate), [DoorFact(1, event) for event in (DoorEvent.OPENED, DoorEvent.CLOSED) * 3]
    chain.store(*doors[:3])
    chain.store(*doors[3:], received_ms=LATER_MS)
    return chain


def proof(estate: Estate, chain: Chain, since_ms: int = LATER_MS) -> tuple[int, bool]:
    return estate.read(lambda: service.newest_proof(Enrolment.get_by_id(chain.enrolment), since_ms))


def whole(estate: Estate) -> tuple[int, bool]:
    (chain,) = estate.read(lambda: service.chains(Enrolment.get().device_id))
    return chain.gaps_count, chain.intact


def test_what_was_read_hangs_together_with_what_was_there(estate: Estate) -> None:
    chain = stored(estate)
    assert proof(estate, chain) == (0, True)
    assert proof(estate, chain, 0) == (0, True)
    assert proof(estate, chain, LATER_MS + 1) == (0, True)  # nothing new


@pytest.mark.parametrize(
    ("spoil", "gaps"),
    [
        (lambda: StoredFact.delete().where(StoredFact.seq == 5).execute(), 1),
        (lambda: StoredFact.delete().where(StoredFact.seq == 3).execute(), 1),
        (lambda: StoredFact.delete().where(StoredFact.seq > 4).execute(), 2),
        (lambda: StoredFact.update(hash=bytes(16)).where(StoredFact.seq == 6).execute(), 0),
        (lambda: StoredFact.update(wall_ms=1).where(StoredFact.seq == 4).execute(), 0),
        (lambda: Enrolment.update(head=bytes(16)).execute(), 0),
    ],
)
def test_whatever_is_missing_or_changed_shows(estate: Estate, spoil: Callable[[], object], gaps: int) -> None:
    """Planted break: ``newest_proof`` or ``_verify`` without the last comparison with the head."""
    chain = stored(estate)
    assert whole(estate) == (0, True)
    estate.write(spoil)
    assert proof(estate, chain) == (gaps, False)
    assert whole(estate) == (gaps, False)


def test_a_device_that_has_sent_nothing_is_whole(estate: Estate) -> None:
    assert proof(estate, Chain(estate)) == (0, True)
