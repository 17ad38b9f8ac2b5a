"""Joining: a one-time ticket binds a key that was born on the node to a node name (provisioning.md section 4).

The ticket's secret is the seed of an Ed25519 key. The card holds the seed; the centre stores only ``ticket_verifier`` of
it, so that its database does not let anyone enrol. The node proves the seed without showing it; the centre's answer is
proven by a MAC with the verifier, which only the two of them know, so that the node can believe the centre's key.

A spare card asks in the name ``UNASSIGNED``: the answer says which device it has become, once an operator has said so.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol import codec
from protocol.envelope import CENTRE, body_of, open_signed, peek, write_signed
from protocol.errors import MalformedError, SignatureError
from protocol.ids import UNASSIGNED
from protocol.messages import Enrol, Enrolled, MessageKind, Refused

SECRET_LENGTH: Final = 32
_FINGERPRINT: Final = b"onecard key"
_PROOF: Final = b"onecard enrol\x00"
_ANSWER: Final = b"onecard enrolled"


def raw_public(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def fingerprint(public_key: bytes) -> str:
    """A key for two people on the telephone: twelve digits in fours."""
    digest = blake2b(public_key, digest_size=8, person=_FINGERPRINT).digest()
    digits = f"{int.from_bytes(digest, 'big') % 10**12:012}"
    return " ".join(digits[at : at + 4] for at in range(0, 12, 4))


def ticket_verifier(secret: bytes) -> bytes:
    """What the centre stores instead of a ticket's secret (32 random bytes): nothing can be enrolled with it."""
    return raw_public(_ticket_key(secret))


def _ticket_key(secret: bytes) -> Ed25519PrivateKey:
    assert len(secret) == SECRET_LENGTH, "a ticket secret has 32 bytes"
    return Ed25519PrivateKey.from_private_bytes(
        blake2b(secret, digest_size=32, person=b"onecard-ticket").digest()
    )


def write_enrol(request: Enrol, secret: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signed frame that asks to join. ``request.proof`` is filled in; ``key`` is the new node's."""
    assert request.public_key == raw_public(key), "the request carries the public half of its key"
    proof = _ticket_key(secret).sign(_asked(request))
    request = msgspec.structs.replace(request, proof=proof)
    return write_signed(request, key, sender=request.node, epoch=0, counter=0)


def read_enrol(frame: bytes) -> Enrol:
    """The request in a frame, proven to come from the holder of the key in it; the ticket is not checked yet.

    :raises ProtocolError: malformed, over a limit, wrong signature.
    """
    header = peek(frame)
    if header.kind != MessageKind.ENROL:
        raise MalformedError("not a request to join")
    # The key stands in the body, so this one body is looked at before the signature that covers it is checked.
    request = codec.decode(header.kind, body_of(frame))
    assert isinstance(request, Enrol)
    open_signed(frame, Ed25519PublicKey.from_public_bytes(request.public_key))
    if header.sender != request.node:
        raise MalformedError("a request to join in another name")
    return request


def check_ticket(request: Enrol, verifier: bytes) -> None:
    """Check that the sender holds the ticket's secret.

    :param verifier: what ``ticket_verifier`` gave when the ticket was made.
    :raises SignatureError: it does not.
    """
    try:
        Ed25519PublicKey.from_public_bytes(verifier).verify(request.proof, _asked(request))
    except InvalidSignature:
        raise SignatureError("the proof of a ticket") from None


def write_enrolled(answer: Enrolled, verifier: bytes, centre_key: Ed25519PrivateKey) -> bytes:
    """The signed answer. ``answer.proof`` is filled in."""
    answer = msgspec.structs.replace(answer, proof=_answer_proof(answer, verifier))
    return write_signed(
        answer, centre_key, sender=CENTRE, epoch=answer.config_epoch, counter=answer.node_epoch
    )


def read_answer(frame: bytes, secret: bytes, request: Enrol) -> Enrolled | Refused:
    """The centre's answer to ``request``. An Enrolled is proven by the ticket; a Refused is only as good as its route.

    :raises ProtocolError: malformed, not an answer to this request, or not from the centre that made the ticket.
    """
    header = peek(frame)
    answer = codec.decode(header.kind, body_of(frame))
    if isinstance(answer, Refused):
        return answer
    if not isinstance(answer, Enrolled) or answer.nonce != request.nonce:
        raise MalformedError("not an answer to this request to join")
    is_spare = request.node == UNASSIGNED
    if answer.node == UNASSIGNED or (answer.node != request.node and not is_spare):
        raise MalformedError("not an answer to this request to join")
    if not compare_digest(answer.proof, _answer_proof(answer, ticket_verifier(secret))):
        raise SignatureError("the centre does not know this ticket")
    open_signed(frame, Ed25519PublicKey.from_public_bytes(answer.centre_key))
    return answer


# Proofs cover chosen fields, not the encoded message: a later version may append fields.


def _asked(request: Enrol) -> bytes:
    return _PROOF + msgspec.msgpack.encode(
        (request.ticket_id, request.node, request.public_key, request.salt, request.nonce)
    )


def _answer_proof(answer: Enrolled, verifier: bytes) -> bytes:
    said = msgspec.msgpack.encode(
        (
            answer.node,
            answer.node_epoch,
            answer.config_epoch,
            answer.centre_key,
            answer.box_key,
            answer.nonce,
        )
    )
    return blake2b(said, digest_size=32, key=verifier, person=_ANSWER).digest()
