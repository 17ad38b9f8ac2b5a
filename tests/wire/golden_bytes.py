"""The bytes of every sample, by the name of its file in ``golden/``.

``python -m tests.wire.golden_bytes`` writes the files that are missing. It never changes one that is there: bytes that
differ mean that old nodes and new centres would no longer understand each other.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import codec, framing
from protocol.bundle import write_bundle
from protocol.centre_peer import write_refused
from protocol.enrolment import raw_public, ticket_verifier, write_enrol, write_enrolled
from protocol.envelope import CENTRE, Channel, join, write_signed
from protocol.facts import encode_body
from protocol.ids import UNASSIGNED, uid_key
from protocol.messages import Enrol, Enrolled, MessageKind, RefusalCode
from protocol.records import CardRow, Change, Kind, delete, put
from protocol.row_columns import pack
from tests.wire.samples import BODIES, KEY, MESSAGES, NONCE, ROWS, SALT, entries

FOLDER = Path(__file__).parent / "golden"
NODE_KEY = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
CENTRE_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
BOX_SECRET = bytes([3]) * 32
EPHEMERAL_SECRET = bytes([4]) * 32
TICKET_SECRET = bytes([5]) * 32
UP_KEY, DOWN_KEY = KEY, KEY[::-1]
SESSION = bytes(range(8))


def node_channel() -> Channel:
    """The node's end of the sample session, fresh."""
    return Channel(SESSION, UP_KEY, DOWN_KEY, is_node=True)


def centre_channel() -> Channel:
    """The centre's end."""
    return Channel(SESSION, DOWN_KEY, UP_KEY, is_node=False)


def delta_frame() -> bytes:
    return write_signed(MESSAGES[MessageKind.DELTA], CENTRE_KEY, sender=CENTRE, epoch=3, counter=41)


def facts_frame() -> bytes:
    return write_signed(MESSAGES[MessageKind.FACT_BATCH], NODE_KEY, sender="east-gate", epoch=2, counter=2)


def spare_request() -> bytes:
    """A spare card asks to become a device."""
    request = Enrol("S4Q9", UNASSIGNED, raw_public(NODE_KEY), "100000008a2b3c4d", bytes(32), SALT, NONCE)
    return write_enrol(request, TICKET_SECRET, NODE_KEY)


def spare_answers() -> tuple[bytes, bytes, bytes]:
    """It waits; it was refused; it is a device."""
    asked, verifier = spare_request(), ticket_verifier(TICKET_SECRET)
    answer = Enrolled(
        "east-gate", 2, 3, raw_public(CENTRE_KEY), KEY, 30, "east-gate", 1_790_000_000_000, NONCE
    )
    return (
        write_refused(asked, RefusalCode.WAITING_FOR_APPROVAL, CENTRE_KEY, retry_after_s=5),
        write_refused(asked, RefusalCode.NOT_APPROVED, CENTRE_KEY, retry_after_s=300),
        write_enrolled(answer, verifier, CENTRE_KEY),
    )


def many_rows() -> list[Change]:
    """An estate, then cards of two lengths of number, and two that are deleted."""
    cards = [
        put(uid_key(bytes((number,)) * (4 if number % 3 else 7)), CardRow(number * 40_000, 0, 0, 1, (1, 2)))
        for number in range(1, 7)
    ]
    return [
        ROWS[Kind.SITE],
        *cards,
        delete(Kind.CARD, uid_key(bytes(4))),
        delete(Kind.CARD, uid_key(bytes(7))),
    ]


def all_bytes() -> dict[str, bytes]:
    """Every golden file with what it must hold."""
    made = {
        f"message-{kind:02}-{kind.name.lower()}": codec.encode(sample) for kind, sample in MESSAGES.items()
    }
    made |= {f"row-{kind:02}-{kind.name.lower()}": change.body for kind, change in ROWS.items()}
    made |= {f"fact-{kind:02}-{kind.name.lower()}": encode_body(body)[1] for kind, body in BODIES.items()}
    made["chain"] = b"".join(entry.hash for entry in entries())
    made["canonical-1"] = entries()[0].fact.canonical(entries()[0].commitment)
    made["frame-signed-by-centre"] = delta_frame()
    made["frame-signed-by-node"] = facts_frame()
    made["frame-session-up"] = node_channel().write(MESSAGES[MessageKind.PING])
    made["frame-session-down"] = centre_channel().write(MESSAGES[MessageKind.PONG])
    made["rows-in-columns"] = msgspec.msgpack.encode(pack(many_rows()))
    made["packet"] = join([b"", b"\x00", b"two"])
    made["spare-enrol"] = spare_request()
    made["spare-waits"], made["spare-refused"], made["spare-enrolled"] = spare_answers()
    made["serial"] = framing.encode(bytes(300) + bytes(range(1, 255)) + b"\x00\xff")
    made["bundle-plain"] = write_bundle([delta_frame(), b"second"])
    return made


def write_missing() -> list[str]:
    """Write the files that are not there; their names."""
    FOLDER.mkdir(exist_ok=True)
    written = []
    for name, content in all_bytes().items():
        path = FOLDER / f"{name}.hex"
        if not path.exists():
            text = content.hex()
            lines = [text[at : at + 96] for at in range(0, len(text), 96)]
            path.write_text("\n".join(lines) + "\n")
            written.append(name)
    return written


def golden(name: str) -> bytes:
    """The bytes in a golden file."""
    return bytes.fromhex((FOLDER / f"{name}.hex").read_text())


if __name__ == "__main__":
    print("\n".join(write_missing()) or "nothing was missing")
