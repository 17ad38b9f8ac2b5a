"""How a node takes a release that it is offered: in parts, going on where it stood, and never before a card that waits."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.feedback import Pattern
from edge.update import launcher, place
from edge.update.updates import Updates
from protocol.enrolment import raw_public
from protocol.messages import ReleaseOffer, ReleasePart
from protocol.release_fetch import ReleaseFetch
from protocol.updating import UpdateReason, UpdateState
from tests.support.releases import KEY, release

PUBLIC = raw_public(KEY)
VERSION = "0.3.0"
PART = 100


class FakeNode:
    """As much of a node as its updates touch."""

    def __init__(self) -> None:
        self.stopped = False
        self.looks: list[Pattern] = []
        self.effects = SimpleNamespace(is_waiting=False, locks={}, show_idle_as=self.looks.append)
        self.faulted_readers: dict[int, str] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    def stop(self) -> None:
        self.stopped = True

    async def settle(self) -> None:
        """Until nothing that was begun is left to be done."""
        while any(not task.done() for task in self.tasks):
            await asyncio.gather(*self.tasks, return_exceptions=True)


class Taking:
    """A node that was offered an archive, and the centre's half of the conversation."""

    def __init__(self, data: Path, archive: bytes, *, sha256: bytes = b"") -> None:
        self.node, self.fetch, self.archive, self.data = FakeNode(), ReleaseFetch(), archive, data
        self.offer = ReleaseOffer(4, VERSION, len(archive), sha256 or hashlib.sha256(archive).digest())
        self.updates = Updates(self.node, data, data, PUBLIC, 60, SimpleNamespace())  # type: ignore[arg-type]
        self.updates.join(self.fetch, lambda: None)
        self.asked: list[int] = []

    def pull(self) -> int | None:
        """From where the node wants the next part, if it wants one."""
        pulls = self.fetch.messages_to_send(0)
        return pulls[0].offset if pulls else None

    async def give(self, parts: int = 1_000) -> None:
        """Answer what is asked for, so many times at most."""
        await self.node.settle()
        for _ in range(parts):
            if (offset := self.pull()) is None:
                return
            self.asked.append(offset)
            for effect in self.fetch.receive(ReleasePart(4, offset, self.archive[offset : offset + PART])):
                self.updates.arrived(effect.part)
            await self.node.settle()

    @property
    def word(self) -> tuple[UpdateState, UpdateReason]:
        return self.updates.word.state, self.updates.word.reason


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    return release(tmp_path / "r.tar.gz", VERSION).read_bytes()


async def test_a_release_comes_in_parts_and_is_in_place_at_the_end(data: Path, archive: bytes) -> None:
    taking = Taking(data, archive)
    taking.updates.offered(taking.offer)
    await taking.give()
    assert taking.asked == list(range(0, len(archive), PART))
    assert taking.word == (UpdateState.READY, UpdateReason.NONE)
    assert taking.node.stopped
    assert launcher.running(data) == VERSION
    assert not (data / "incoming").exists()
    pending = launcher.read(data / "pending.json")
    assert pending is not None
    assert (pending["offer"], pending["previous"], pending["attempts_left"]) == (4, "", launcher.ATTEMPTS)


async def test_after_a_restart_it_goes_on_where_it_stood(data: Path, archive: bytes) -> None:
    """Planted break: begin at 0 whatever is there."""
    before = Taking(data, archive)
    before.updates.offered(before.offer)
    await before.give(2)
    after = Taking(data, archive)
    after.updates.offered(after.offer)
    await after.give()
    assert after.asked[0] == 2 * PART
    assert launcher.running(data) == VERSION


async def test_nothing_is_asked_for_while_a_card_waits_for_its_record(data: Path, archive: bytes) -> None:
    """Planted break: leave ``_quiet`` out of ``_next``."""
    taking = Taking(data, archive)
    taking.node.effects.is_waiting = True
    taking.updates.offered(taking.offer)
    done, _pending = await asyncio.wait(taking.node.tasks, timeout=0.3)
    assert not done
    assert taking.pull() is None
    taking.node.effects.is_waiting = False
    await taking.node.settle()
    assert taking.pull() == 0


async def test_what_has_another_hash_is_refused_and_gone(data: Path, archive: bytes) -> None:
    taking = Taking(data, archive, sha256=bytes(32))
    taking.updates.offered(taking.offer)
    await taking.give()
    assert taking.word == (UpdateState.REFUSED, UpdateReason.DAMAGED)
    assert list((data / "incoming").iterdir()) == []
    assert not taking.node.stopped
    taking.updates.offered(taking.offer)
    assert taking.pull() is None, "the same offer is not begun again"


async def test_what_is_not_signed_with_the_release_key_is_refused(data: Path, tmp_path: Path) -> None:
    """Planted break: ``work.main`` leaving ``prove`` out, ``unpack`` with whatever key."""
    strange = release(
        tmp_path / "s.tar.gz", VERSION, key=Ed25519PrivateKey.from_private_bytes(bytes(32))
    ).read_bytes()
    taking = Taking(data, strange)
    taking.updates.offered(taking.offer)
    await taking.give()
    assert taking.word == (UpdateState.REFUSED, UpdateReason.DAMAGED)
    assert launcher.running(data) == ""


async def test_an_offer_that_is_taken_back_is_left_and_taken_up_again(data: Path, archive: bytes) -> None:
    taking = Taking(data, archive)
    taking.updates.offered(taking.offer)
    await taking.give(2)
    taking.updates.offered(ReleaseOffer(0))
    assert taking.pull() is None
    assert taking.word[0] is UpdateState.NONE
    taking.updates.offered(taking.offer)
    await taking.give()
    assert taking.asked[2:3] == [2 * PART]
    assert launcher.running(data) == VERSION


async def test_a_medium_without_room_is_said_before_the_first_part(
    data: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "ROOM_BYTES", 1 << 60)
    taking = Taking(data, archive)
    taking.updates.offered(taking.offer)
    await taking.give()
    assert (taking.asked, taking.word) == ([], (UpdateState.REFUSED, UpdateReason.NO_ROOM))


async def test_a_run_begins_with_the_word_of_the_one_before(data: Path, archive: bytes) -> None:
    """Seen when: a release on trial is said and shown from the start; one that was put back is said with its reason."""
    taking = Taking(data, archive)
    taking.updates.offered(taking.offer)
    await taking.give()
    on_trial = Taking(data, archive)
    await on_trial.updates.start()
    assert on_trial.updates.word.state is UpdateState.ON_TRIAL
    assert on_trial.node.looks == [Pattern.ON_TRIAL]
    for task in on_trial.node.tasks:
        task.cancel()
    pending = launcher.read(data / "pending.json")
    assert pending is not None
    launcher.roll_back(data, pending, "no_sync")
    back = Taking(data, archive)
    await back.updates.start()
    assert back.word == (UpdateState.ROLLED_BACK, UpdateReason.NO_SYNC)
    assert back.updates.word.offer == 4
    await back.node.settle()
