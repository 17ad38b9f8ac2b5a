"""The bytes on the wire never change: every sample encodes to its golden file and comes back from it."""

from __future__ import annotations

import msgspec
import pytest

from protocol import bundle, codec, framing
from protocol.columns import unpack
from protocol.enrolment import check_ticket, read_answer, read_enrol, ticket_verifier
from protocol.envelope import open_signed, split
from protocol.errors import MalformedError
from protocol.facts import BODY_TYPE, CHAIN_START, FactKind
from protocol.ids import UNASSIGNED
from protocol.messages import MESSAGE_TYPE, Enrolled, FactBatch, MessageKind, RefusalCode, Refused
from protocol.records import ROW_TYPE, Change, Kind, decode_row
from tests.wire import golden_bytes
from tests.wire.golden_bytes import CENTRE_KEY, FOLDER, NODE_KEY, all_bytes, golden
from tests.wire.samples import BODIES, MESSAGES, ROWS, SALT, entries


def test_there_is_a_sample_of_every_kind() -> None:
    assert MESSAGES.keys() == MESSAGE_TYPE.keys() == set(MessageKind)
    assert ROWS.keys() == ROW_TYPE.keys() == set(Kind)
    assert BODIES.keys() == BODY_TYPE.keys() == set(FactKind)


def test_every_golden_file_is_of_something_and_none_is_missing() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == all_bytes().keys()


@pytest.mark.parametrize("name", sorted(all_bytes()))
def test_bytes_are_what_they_always_were(name: str) -> None:
    """Planted break: give a message a new number, or put a field anywhere but at the end."""
    assert all_bytes()[name] == golden(name)


@pytest.mark.parametrize("kind", MessageKind)
def test_an_old_message_is_understood(kind: MessageKind) -> None:
    assert codec.decode(kind, golden(f"message-{kind:02}-{kind.name.lower()}")) == MESSAGES[kind]


@pytest.mark.parametrize("kind", Kind)
def test_an_old_row_is_understood(kind: Kind) -> None:
    body = golden(f"row-{kind:02}-{kind.name.lower()}")
    assert decode_row(Change(kind, ROWS[kind].key, body)) == decode_row(ROWS[kind])


def test_old_frames_are_understood() -> None:
    assert (
        open_signed(golden("frame-signed-by-centre"), CENTRE_KEY.public_key())[1]
        == MESSAGES[MessageKind.DELTA]
    )
    batch = open_signed(golden("frame-signed-by-node"), NODE_KEY.public_key())[1]
    assert isinstance(batch, FactBatch)
    assert unpack(batch, SALT) == entries()[:2]
    ping = golden_bytes.centre_channel().open(golden("frame-session-up"))
    assert ping == MESSAGES[MessageKind.PING]
    assert golden_bytes.node_channel().open(golden("frame-session-down")) == MESSAGES[MessageKind.PONG]
    assert split(golden("packet")) == [b"", b"\x00", b"two"]
    assert framing.decode(golden("serial")[:-1]).endswith(b"\x00\xff")
    assert next(bundle.frames_of(golden("bundle-plain"))) == golden("frame-signed-by-centre")


def test_what_a_spare_card_and_its_centre_say_is_understood() -> None:
    """Planted break: let ``read_answer`` take the name of another device for a card that has one."""
    asked = read_enrol(golden("spare-enrol"))
    check_ticket(asked, ticket_verifier(golden_bytes.TICKET_SECRET))
    assert (asked.node, asked.board_serial) == (UNASSIGNED, "100000008a2b3c4d")
    answers = [
        read_answer(golden(f"spare-{name}"), golden_bytes.TICKET_SECRET, asked)
        for name in ("waits", "refused", "enrolled")
    ]
    waits, refused, enrolled = answers
    assert isinstance(waits, Refused)
    assert isinstance(refused, Refused)
    assert isinstance(enrolled, Enrolled)
    assert (waits.code, waits.retry_after_s) == (RefusalCode.WAITING_FOR_APPROVAL, 5)
    assert (refused.code, refused.retry_after_s) == (RefusalCode.NOT_APPROVED, 300)
    assert enrolled.node == "east-gate"
    named = msgspec.structs.replace(asked, node="west-gate")
    with pytest.raises(MalformedError):
        read_answer(golden("spare-enrolled"), golden_bytes.TICKET_SECRET, named)


def test_the_old_chain_still_verifies() -> None:
    assert b"".join(entry.hash for entry in entries()) == golden("chain")
    assert MESSAGES[MessageKind.FACT_BATCH].previous == CHAIN_START
