"""Facts and rows for tests, in few words."""

from __future__ import annotations

import itertools

from edge.cache.drafts import Draft, draft
from protocol.decide import Trust
from protocol.downlink import Apply, StreamRows
from protocol.facts import AccessFact, AlarmFact, Body, OutcomeFact
from protocol.facts import Alarm as AlarmWord
from protocol.facts import Outcome as OutcomeWord
from protocol.ids import CardKey, Stream, uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, Change, Digest, DoorRow, LevelRow, PointRow, Revisions, SiteRow, put
from protocol.schedule import ALWAYS

WALL_MS = 1_800_000_000_000
_applies = itertools.count(1)


def stamped(body: Body, at_ms: int = 1_000, personal: bytes = b"") -> Draft:
    """A draft at that boot time, on a trusted clock."""
    return draft(body, at_ms, WALL_MS + at_ms, Trust.TRUSTED, personal)


def granted(at_ms: int = 1_000, uid: bytes = b"\x04\x01\x02\x03\x04\x05\x06", point: int = 1) -> Draft:
    """The intent of a release."""
    body = AccessFact(point, Reason.GRANTED, Revisions(1, 1, 1, 1), schedule=ALWAYS, release_ms=5_000)
    return stamped(body, at_ms, uid_key(uid))


def used(number: int, at_ms: int = 1_000) -> Draft:
    """The intent of a release for a card whose uses are counted, with the count that is remembered in its commit."""
    body = AccessFact(1, Reason.GRANTED, Revisions(1, 1, 1, 1), release_ms=5_000, use_no=number, use_issue=1)
    kept = (("use/5/1/1", number.to_bytes(4, "big")),)
    return draft(body, at_ms, WALL_MS + at_ms, Trust.TRUSTED, card_number(5), kept)


def refused(at_ms: int = 1_000, uid: bytes = b"\x04\x01\x02\x03\x04\x05\x06", point: int = 1) -> Draft:
    """A refused presentation."""
    return stamped(AccessFact(point, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 1)), at_ms, uid_key(uid))


def outcome(intent_seq: int, at_ms: int = 1_000, what: OutcomeWord = OutcomeWord.RELEASED) -> Draft:
    """What became of an intent."""
    return stamped(OutcomeFact(intent_seq, what), at_ms)


def alarm(at_ms: int = 1_000, detail: str = "") -> Draft:
    """An alarm was raised."""
    return stamped(AlarmFact(AlarmWord.TAMPER, True, 0, detail), at_ms)


def cards(count: int, *, start: int = 0, level: int = 1) -> list[Change]:
    """Rows of that many cards with 7-byte UIDs, all in one level, in the order of their keys."""
    return [
        put(card_number(number), CardRow(number + 1, 0, 0, 1, (level,)))
        for number in range(start, start + count)
    ]


def card_number(number: int) -> CardKey:
    """The key of the card with this number."""
    return uid_key(b"\x04" + number.to_bytes(6, "big"))


def one_door(*, points: int = 1, door: DoorRow | None = None) -> list[Change]:
    """The rows of a site with one door that level 1 may always open: cards are all that is missing."""
    return [
        put(0, SiteRow("Asia/Shanghai", "East")),
        put(1, door or DoorRow("East gate")),
        *(put(number, PointRow(f"Reader {number}", number, 1)) for number in range(1, points + 1)),
        put(1, LevelRow(tuple((number, ALWAYS) for number in range(1, points + 1)))),
    ]


def whole(stream: Stream, revision: int, rows: list[Change]) -> StreamRows:
    """A snapshot of one stream."""
    digest = Digest()
    for row in rows:
        digest.add(row.kind, row.key, row.body)
    return StreamRows(stream, True, 0, revision, rows, digest.value, ())


def delta(stream: Stream, base: int, revision: int, rows: list[Change]) -> StreamRows:
    """A delta of one stream."""
    return StreamRows(stream, False, base, revision, rows, b"", ())


def apply(*streams: StreamRows, config_epoch: int = 1, issued_at_ms: int = WALL_MS) -> Apply:
    """What the engine hands over."""
    return Apply(next(_applies), config_epoch, streams, issued_at_ms)


def first_configuration(
    access: list[Change], restrictions: list[Change] | None = None, revision: int = 1, config_epoch: int = 1
) -> Apply:
    """All three streams of a new config_epoch."""
    return apply(
        whole(Stream.RESTRICTIONS, revision, restrictions or []),
        whole(Stream.ACCESS, revision, access),
        whole(Stream.BALANCES, revision, []),
        config_epoch=config_epoch,
    )
