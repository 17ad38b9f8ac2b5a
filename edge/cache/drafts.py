"""Facts that are not numbered yet, and which of them promise an outcome.

An *intent* is a fact that is committed before a door is released: a granted presentation, a remote opening. Its outcome
follows as a fact of its own; an intent without one after a restart is unknown, never "opened" (reliability.md 2.4).
"""

from __future__ import annotations

import msgspec

from protocol.decide import Trust
from protocol.facts import (
    AccessFact,
    Body,
    CommandFact,
    CommandResult,
    Fact,
    FactKind,
    OutcomeFact,
    decode_body,
    encode_body,
)
from protocol.reasons import Reason, is_granted

_NO_INTENT = frozenset({Reason.GRANTED_FROM_MEMORY, Reason.GRANTED_ALONG})
_MAY_MATTER = frozenset({FactKind.ACCESS, FactKind.COMMAND, FactKind.OUTCOME})


class Draft(msgspec.Struct, frozen=True):
    """A fact that is not numbered yet, stamped with the moment at which it happened.

    ``is_intent``: an outcome will follow. ``closes_seq``: this is the outcome of the intent with that seq, else 0.
    """

    kind: int
    body: bytes
    boottime_ms: int
    wall_ms: int
    clock: Trust
    personal: bytes = b""
    is_intent: bool = False
    closes_seq: int = 0
    keep: tuple[tuple[str, bytes], ...] = ()
    """Names, and the value that is remembered under each from this fact's commit on."""
    along: tuple[Draft, ...] = ()
    """Facts that are numbered right after this one, in its commit."""


def draft(
    body: Body,
    boottime_ms: int,
    wall_ms: int,
    clock: Trust,
    personal: bytes = b"",
    keep: tuple[tuple[str, bytes], ...] = (),
) -> Draft:
    """The draft of a fact.

    :raises LimitError: it is longer than a fact may be.
    """
    kind, encoded = encode_body(body)
    return Draft(
        kind, encoded, boottime_ms, wall_ms, clock, personal, is_intent(body), closes_seq(body), keep
    )


def is_intent(body: Body | None) -> bool:
    """True for a fact that a release follows. What was granted from memory is recorded after the deed, so it is none; for whoever
    goes along the release of the other is his."""
    match body:
        case AccessFact():
            return is_granted(body.reason) and body.reason not in _NO_INTENT
        case CommandFact():
            return body.result is CommandResult.DONE and body.release_ms > 0
        case _:
            return False


def closes_seq(body: Body | None) -> int:
    """The seq of the intent whose outcome this is, or 0."""
    return body.intent_seq if isinstance(body, OutcomeFact) else 0


def body_if_it_matters(fact: Fact) -> Body | None:
    """The body of a fact that may be an intent or an outcome; None for all others."""
    return decode_body(fact) if fact.kind in _MAY_MATTER else None
