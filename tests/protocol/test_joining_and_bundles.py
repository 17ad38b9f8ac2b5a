"""Enrolment by ticket, session keys, files: who can read or say what."""

from __future__ import annotations

import msgspec
import pytest

from protocol import bundle, session
from protocol.enrolment import (
    check_ticket,
    fingerprint,
    raw_public,
    read_answer,
    read_enrol,
    ticket_verifier,
    write_enrol,
    write_enrolled,
)
from protocol.envelope import CENTRE, write_signed
from protocol.errors import LimitError, MalformedError, ProtocolError, SignatureError, VersionError
from protocol.ids import UNASSIGNED
from protocol.messages import Enrol, Enrolled, Ping, Pong, RefusalCode, Refused
from tests.protocol.memory_stores import SALT, private_key

SECRET = bytes(range(32))
NODE, CENTRE_KEY = private_key(2), private_key(1)
NONCE = bytes(range(16, 32))
REQUEST = Enrol("T7K2", "east-gate", raw_public(NODE), "10000001", b"", SALT, NONCE)
ANSWER = Enrolled(
    "east-gate", 2, 3, raw_public(CENTRE_KEY), bytes(32), 30, "east-gate", 1_790_000_000_000, NONCE
)


def test_a_ticket_and_a_new_key_join() -> None:
    asked = read_enrol(write_enrol(REQUEST, SECRET, NODE))
    check_ticket(asked, ticket_verifier(SECRET))
    assert msgspec.structs.replace(asked, proof=b"") == REQUEST
    answered = read_answer(write_enrolled(ANSWER, ticket_verifier(SECRET), CENTRE_KEY), SECRET, REQUEST)
    assert isinstance(answered, Enrolled)
    assert msgspec.structs.replace(answered, proof=b"") == ANSWER


def test_a_repeat_is_the_same_request() -> None:
    assert write_enrol(REQUEST, SECRET, NODE) == write_enrol(REQUEST, SECRET, NODE)


def test_what_the_centre_stores_does_not_let_anyone_join() -> None:
    """Planted break: use the secret itself as the verifier."""
    verifier = ticket_verifier(SECRET)
    assert verifier != SECRET
    asked = read_enrol(write_enrol(REQUEST, verifier, NODE))
    with pytest.raises(SignatureError):
        check_ticket(asked, verifier)


@pytest.mark.parametrize(
    "changed",
    [{"node": "west-gate"}, {"salt": bytes(16)}, {"nonce": bytes(16)}, {"ticket_id": "T7K3"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_proof_is_for_this_request_only(changed: dict[str, object]) -> None:
    proven = read_enrol(write_enrol(REQUEST, SECRET, NODE))
    with pytest.raises(SignatureError):
        check_ticket(msgspec.structs.replace(proven, **changed), ticket_verifier(SECRET))


def test_another_key_cannot_use_a_proof_it_has_seen() -> None:
    proven = read_enrol(write_enrol(REQUEST, SECRET, NODE))
    thief = private_key(9)
    stolen = msgspec.structs.replace(proven, public_key=raw_public(thief))
    frame = write_signed(stolen, thief, sender="east-gate", epoch=0, counter=0)
    with pytest.raises(SignatureError):
        check_ticket(read_enrol(frame), ticket_verifier(SECRET))


def test_a_request_must_be_signed_by_the_key_in_it_and_in_its_own_name() -> None:
    proven = read_enrol(write_enrol(REQUEST, SECRET, NODE))
    with pytest.raises(SignatureError):
        read_enrol(write_signed(proven, private_key(9), sender="east-gate", epoch=0, counter=0))
    with pytest.raises(MalformedError):
        read_enrol(write_signed(proven, NODE, sender="west-gate", epoch=0, counter=0))
    with pytest.raises(MalformedError):
        read_enrol(write_signed(Refused(RefusalCode.BUSY), CENTRE_KEY, sender=CENTRE, epoch=0, counter=0))


def test_an_answer_is_believed_only_from_the_centre_that_made_the_ticket() -> None:
    rogue = private_key(9)
    answer = msgspec.structs.replace(ANSWER, centre_key=raw_public(rogue))
    with pytest.raises(SignatureError):
        read_answer(write_enrolled(answer, bytes(32), rogue), SECRET, REQUEST)
    proven = write_enrolled(ANSWER, ticket_verifier(SECRET), CENTRE_KEY)
    with pytest.raises(ProtocolError):
        read_answer(proven[:-1] + bytes([proven[-1] ^ 1]), SECRET, REQUEST)
    with pytest.raises(MalformedError):
        read_answer(proven, SECRET, msgspec.structs.replace(REQUEST, nonce=bytes(16)))


def test_a_spare_card_learns_its_name_and_a_named_one_takes_no_other() -> None:
    """Planted break: compare no names at all."""
    spare = msgspec.structs.replace(REQUEST, node=UNASSIGNED)
    frame = write_enrolled(ANSWER, ticket_verifier(SECRET), CENTRE_KEY)
    answered = read_answer(frame, SECRET, spare)
    assert isinstance(answered, Enrolled)
    assert answered.node == "east-gate"
    with pytest.raises(MalformedError):
        read_answer(frame, SECRET, msgspec.structs.replace(REQUEST, node="west-gate"))
    nobody = msgspec.structs.replace(ANSWER, node=UNASSIGNED)
    with pytest.raises(MalformedError):
        read_answer(write_enrolled(nobody, ticket_verifier(SECRET), CENTRE_KEY), SECRET, spare)


def test_a_key_is_read_out_in_twelve_digits() -> None:
    assert fingerprint(raw_public(NODE)) == "4517 2708 1101"
    assert fingerprint(raw_public(private_key(9))) != fingerprint(raw_public(NODE))


def test_a_refusal_comes_through() -> None:
    refused = Refused(RefusalCode.TICKET_USED)
    frame = write_signed(refused, CENTRE_KEY, sender=CENTRE, epoch=0, counter=0)
    assert read_answer(frame, SECRET, REQUEST) == refused


# -- sessions -------------------------------------------------------------------------------------------------------

NODE_SECRET, CENTRE_SECRET = bytes([5]) * 32, bytes([6]) * 32


def channel(
    is_node: bool, hello: bytes = b"hello", secret: bytes = b"", session_id: bytes = b"12345678"
) -> object:
    own = secret or (NODE_SECRET if is_node else CENTRE_SECRET)
    other = CENTRE_SECRET if is_node else NODE_SECRET
    return session.channel(
        own,
        session.share_of(other),
        hello,
        session.share_of(CENTRE_SECRET),
        session_id,
        is_node=is_node,
        version=1,
    )


def test_both_sides_come_to_the_same_keys() -> None:
    node, centre = channel(True), channel(False)
    assert centre.open(node.write(Ping(NONCE, 1))) == Ping(NONCE, 1)
    assert node.open(centre.write(Pong(1, 2))) == Pong(1, 2)


@pytest.mark.parametrize(
    "different", [{"hello": b"another"}, {"secret": bytes([7]) * 32}, {"session_id": b"87654321"}], ids=str
)
def test_keys_belong_to_one_hello_one_secret_one_session(different: dict[str, bytes]) -> None:
    node, centre = channel(True, **different), channel(False)
    with pytest.raises(SignatureError):
        centre.open(node.write(Ping(NONCE, 1)))


def test_a_share_of_small_order_is_refused() -> None:
    with pytest.raises(SignatureError):
        session.channel(NODE_SECRET, bytes(32), b"", bytes(32), b"12345678", is_node=True, version=1)


def test_the_highest_common_version_is_spoken() -> None:
    assert session.choose_version((1, 2, 3)) == 1
    with pytest.raises(VersionError):
        session.choose_version((2, 3))


# -- files ----------------------------------------------------------------------------------------------------------

BOX_SECRET = bytes([3]) * 32


def test_frames_come_out_of_a_file_as_they_went_in() -> None:
    frames = [b"", b"one", bytes(70_000)]
    assert list(bundle.frames_of(bundle.write_bundle(frames))) == frames


def test_only_the_centre_opens_a_sealed_file() -> None:
    plain = bundle.write_bundle([b"facts"])
    sealed = bundle.seal_bundle(plain, session.share_of(BOX_SECRET), bytes([4]) * 32)
    assert b"facts" not in sealed
    assert bundle.open_bundle(sealed, BOX_SECRET) == plain
    with pytest.raises(SignatureError):
        bundle.open_bundle(sealed, bytes([8]) * 32)


def test_every_byte_of_a_sealed_file_is_covered() -> None:
    sealed = bundle.seal_bundle(
        bundle.write_bundle([b"facts"]), session.share_of(BOX_SECRET), bytes([4]) * 32
    )
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(ProtocolError):
            bundle.open_bundle(bytes(changed), BOX_SECRET)
    for length in range(len(sealed)):
        with pytest.raises(ProtocolError):
            bundle.open_bundle(sealed[:length], BOX_SECRET)


def test_a_file_that_is_cut_or_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bundle.write_bundle([b"one", b"two"])
    for length in range(len(whole)):
        if length not in (8, 15):  # the ends of frames
            with pytest.raises(MalformedError):
                list(bundle.frames_of(whole[:length]))
    monkeypatch.setattr(bundle, "BUNDLE_MAX", 20)
    with pytest.raises(LimitError):
        bundle.write_bundle([b"one", b"two"])
    with pytest.raises(LimitError):
        list(bundle.frames_of(whole))
    with pytest.raises(LimitError):
        bundle.open_bundle(bytes(100), BOX_SECRET)
