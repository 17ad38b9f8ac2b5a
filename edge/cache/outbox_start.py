"""What an outbox says when it is opened: where its numbers and its chain stand, and which intents have no outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from edge.cache.chain import checked_entries
from edge.cache.drafts import body_if_it_matters, closes_seq, is_intent
from edge.cache.errors import CorruptedError
from protocol.facts import CHAIN_START, Entry

TAIL_CHECKED: Final = 64
"""Newest facts whose chain is checked at every opening; all others when they are read."""
KEPT: Final = "keep:"
"""Begins the names of what roles asked to remember."""
NOTE: Final = "INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)"
_TAIL: Final = "SELECT seq, hash, fact, open_seq FROM fact ORDER BY seq DESC LIMIT ?"
_OPEN: Final = "SELECT hash, fact FROM fact WHERE seq >= ? ORDER BY seq"


def number(value: int) -> bytes:
    """A number as a note."""
    return value.to_bytes(8, "big")


class Found(Struct, frozen=True):
    """The state of a file. ``head`` is the chain hash after ``last_seq``, ``purged_head`` after ``purged_through``."""

    node_epoch: int
    salt: bytes
    boot: int
    ended_well: bool
    kept: dict[str, bytes]
    acked_through: int
    backed_up_through: int
    purged_through: int
    purged_head: bytes
    last_seq: int
    head: bytes
    unfinished: list[Entry]


def read_notes(connection: Any) -> dict[str, bytes]:
    """All notes of a file."""
    return {name: bytes(value) for name, value in connection.execute("SELECT name, value FROM note")}


def read_start(connection: Any, notes: Mapping[str, bytes]) -> Found:
    """Read and check where the file stands.

    :raises CorruptedError: it cannot be trusted to hold everything that was acknowledged.
    """
    if not {"node_epoch", "salt"} <= notes.keys():
        raise CorruptedError("the outbox has lost its notes")

    def of(name: str) -> int:
        return int.from_bytes(notes.get(name, b""), "big")

    salt, purged, purged_head = notes["salt"], of("purged_through"), notes.get("purged_head", CHAIN_START)
    last_seq, head, unfinished = purged, purged_head, []
    tail = connection.execute(_TAIL, (TAIL_CHECKED,)).fetchall()
    if tail:
        (oldest,) = connection.execute("SELECT min(seq) FROM fact").fetchone()
        if oldest != purged + 1:
            raise CorruptedError(f"facts {purged + 1} to {oldest - 1} are gone")
        tail.reverse()
        checked_entries(salt, [(bytes(row[1]), bytes(row[2])) for row in tail], tail[0][0], None)
        last_seq, head, open_seq = tail[-1][0], bytes(tail[-1][1]), tail[-1][3]
        if open_seq:
            unfinished = _unfinished(connection, salt, open_seq)
    return Found(
        node_epoch=of("node_epoch"),
        salt=salt,
        boot=of("boot"),
        ended_well=bool(of("ended_well")) or of("boot") == 0,
        kept={name[len(KEPT) :]: value for name, value in notes.items() if name.startswith(KEPT)},
        acked_through=of("acked_through"),
        backed_up_through=of("backed_up_through"),
        purged_through=purged,
        purged_head=purged_head,
        last_seq=last_seq,
        head=head,
        unfinished=unfinished,
    )


def _unfinished(connection: Any, salt: bytes, open_seq: int) -> list[Entry]:
    rows = [(bytes(row[0]), bytes(row[1])) for row in connection.execute(_OPEN, (open_seq,))]
    found: dict[int, Entry] = {}
    for entry in checked_entries(salt, rows, open_seq, None):
        body = body_if_it_matters(entry.fact)
        if is_intent(body):
            found[entry.fact.seq] = entry
        found.pop(closes_seq(body), None)
    return list(found.values())
