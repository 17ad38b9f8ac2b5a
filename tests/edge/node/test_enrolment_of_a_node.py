"""Joining: a key that is born here, a request that can be repeated, and an outbox that lands in the right node_epoch."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.cache.outbox import NO_EPOCH, Outbox
from edge.config import Ticket
from edge.enrol import Board, EnrolError, Enrolment, Settled, join, settle
from edge.files import FileError
from edge.i18n import use_language
from edge.identity import IdentityFiles, Member
from protocol.enrolment import check_ticket, raw_public, read_enrol, ticket_verifier, write_enrolled
from protocol.envelope import CENTRE, write_signed
from protocol.errors import ProtocolError
from protocol.messages import Enrol, Enrolled, MessageKind, RefusalCode, Refused
from tests.support.facts import refused

SECRET = bytes(range(32))
TICKET = Ticket("T1", SECRET)
CENTRE_KEY = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)


class FakeCentre:
    """Answers as a centre does: binds the first key, repeats the same answer for it, refuses another."""

    def __init__(self) -> None:
        self.verifier = ticket_verifier(SECRET)
        self.bound: bytes | None = None
        self.requests: list[Enrol] = []
        self.lost_answers = 0
        self.unreachable = 0
        self.refusals: list[RefusalCode] = []
        self.retry_after_s = 0

    async def send(self, frame: bytes) -> bytes:
        if self.unreachable:
            self.unreachable -= 1
            raise OSError("no route to host")
        request = read_enrol(frame)
        check_ticket(request, self.verifier)
        self.requests.append(request)
        if self.refusals:
            return self.refuse(self.refusals.pop(0))
        if self.bound not in (None, request.public_key):
            return self.refuse(RefusalCode.TICKET_USED)
        self.bound = request.public_key
        if self.lost_answers:
            self.lost_answers -= 1
            raise TimeoutError
        answer = Enrolled(
            request.node,
            5,
            1,
            raw_public(CENTRE_KEY),
            bytes(32),
            30,
            "east",
            1_800_000_000_000,
            request.nonce,
        )
        return write_enrolled(answer, self.verifier, CENTRE_KEY)

    def refuse(self, code: RefusalCode) -> bytes:
        refused = Refused(code, MessageKind.ENROL, b"", self.retry_after_s)
        return write_signed(refused, CENTRE_KEY, sender=CENTRE, epoch=0, counter=0)


class Node:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.files = IdentityFiles(directory)
        self.outbox = Outbox(directory / "outbox.db")
        self.outbox.open()
        self.told: list[str] = []
        self.waits: list[float] = []

    async def join(self, centre: FakeCentre, ticket: Ticket = TICKET) -> Member:
        async def wait(seconds: float) -> None:
            self.waits.append(seconds)

        enrolment = Enrolment("gate", ticket, self.files, Board("pi-1"))
        return await join(enrolment, self.outbox, centre.send, wait, self.told.append, lambda: 1.0)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    use_language("en")
    return Node(tmp_path / "node")


def test_the_key_is_born_once_and_only_the_node_may_read_it(node: Node) -> None:
    first = raw_public(node.files.key())
    assert raw_public(node.files.key()) == first
    assert stat.S_IMODE(os.stat(node.files.key_path).st_mode) == 0o600


def test_a_power_cut_while_the_key_is_born_leaves_no_half_key(node: Node) -> None:
    node.files.key_path.with_name("node.key.new").write_bytes(b"half")
    key = node.files.key()
    assert raw_public(key) == raw_public(node.files.key())


def test_a_damaged_key_is_not_replaced_silently(node: Node) -> None:
    node.files.key_path.write_bytes(b"short")
    with pytest.raises(FileError):
        node.files.key()


async def test_facts_from_before_joining_become_the_first_of_the_node_epoch(node: Node) -> None:
    node.outbox.append([refused(1)])
    member = await node.join(FakeCentre())
    assert (member.node, member.node_epoch, member.salt) == ("gate", 5, node.outbox.salt)
    assert settle(node.outbox, member) is Settled.ADOPTED
    assert (node.outbox.node_epoch, node.outbox.last_seq) == (5, 1)
    assert node.files.member() == member
    assert settle(node.outbox, member) is Settled.AS_IT_WAS, "again after a power cut"


async def test_lost_answers_and_lost_connections_only_cost_a_repeat(node: Node) -> None:
    centre = FakeCentre()
    centre.unreachable, centre.lost_answers = 2, 1
    await node.join(centre)
    assert len({(request.nonce, request.salt, request.public_key) for request in centre.requests}) == 1
    assert node.waits == [2.0, 4.0, 8.0]
    assert node.told[0] == "no connection to the centre: no route to host"


async def test_the_same_request_is_repeated_after_a_restart(node: Node, tmp_path: Path) -> None:
    centre = FakeCentre()
    centre.refusals = [RefusalCode.TICKET_EXPIRED]
    with pytest.raises(EnrolError):
        await node.join(centre)
    node.outbox.close()
    await Node(tmp_path / "node").join(centre)
    assert centre.requests[0].nonce == centre.requests[1].nonce


async def test_a_ticket_that_another_device_has_used_is_shown_to_the_installer(
    node: Node, tmp_path: Path
) -> None:
    centre = FakeCentre()
    await Node(tmp_path / "thief").join(centre)
    with pytest.raises(EnrolError, match="used by another device") as caught:
        await node.join(centre)
    assert caught.value.code is RefusalCode.TICKET_USED
    assert node.files.member() is None


async def test_waiting_for_approval_is_told_and_waited_for(node: Node) -> None:
    centre = FakeCentre()
    centre.refusals = [RefusalCode.WAITING_FOR_APPROVAL, RefusalCode.BUSY]
    await node.join(centre)
    assert node.told == [
        "waiting for an operator to approve this device at the centre",
        "the centre is busy; trying again",
    ]


async def test_a_spare_card_asks_for_ever_as_often_as_the_centre_says(node: Node) -> None:
    """Planted breaks: leave ``retry_after_s`` out of ``EnrolError``; put WAITING_FOR_APPROVAL into ``FOR_GOOD``."""
    centre = FakeCentre()
    centre.refusals = [RefusalCode.WAITING_FOR_APPROVAL, RefusalCode.NOT_APPROVED] * 20
    centre.retry_after_s = 4_000
    await node.join(centre)
    assert set(node.waits) == {300.0}
    assert len(node.waits) == 40
    assert node.told[1] == "an operator at the centre has refused this device"
    assert len({(request.nonce, request.salt, request.public_key) for request in centre.requests}) == 1


async def test_an_answer_of_somebody_else_is_not_believed(node: Node) -> None:
    enrolment = Enrolment("gate", TICKET, node.files, Board())
    _, request = enrolment.request(node.outbox)
    forged = Enrolled("gate", 5, 1, raw_public(CENTRE_KEY), bytes(32), 30, "east", 1, request.nonce)
    with pytest.raises(ProtocolError):
        enrolment.answered(write_enrolled(forged, ticket_verifier(bytes(32)), CENTRE_KEY), request)
    assert node.files.member() is None


async def test_joining_anew_puts_the_old_outbox_aside_whole(node: Node, tmp_path: Path) -> None:
    settle(node.outbox, await node.join(FakeCentre()))
    node.outbox.append([refused(1)])
    member = Member("gate", 6, bytes(32), bytes(32), "east", 30, bytes([3]) * 16, "T2")
    assert settle(node.outbox, member) is Settled.BEGUN
    assert (node.outbox.node_epoch, node.outbox.last_seq, node.outbox.salt) == (6, 0, bytes([3]) * 16)
    assert node.outbox.boot == 1
    kept = Outbox(tmp_path / "node" / "outbox.db.epoch-5-1")
    kept.open()
    assert (kept.node_epoch, kept.last_seq) == (5, 1)
    node.outbox.close()
    node.outbox.open()
    assert node.outbox.node_epoch == 6


async def test_an_outbox_begun_after_damage_may_not_take_used_numbers(node: Node) -> None:
    member = await node.join(FakeCentre())
    settle(node.outbox, member)
    node.outbox.append([refused(1)])
    node.outbox.set_aside("damaged")
    node.outbox.open()
    assert settle(node.outbox, member) is Settled.HOMELESS
    assert node.outbox.node_epoch == NO_EPOCH


def test_damaged_files_are_named(node: Node) -> None:
    (node.files.key_path.parent / "member.json").write_text("{")
    with pytest.raises(FileError, match=r"member\.json"):
        node.files.member()
