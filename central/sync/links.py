"""What the hub keeps beside the engine of each session, and the small answers that it gives for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.nodes.timing import timing_of
from central.sync import ingest
from central.sync.model import Enrolment
from protocol.centre_peer import CentrePeer, Heard, NodeRecord
from protocol.errors import LimitError, ProtocolError, SignatureError, StateError, VersionError
from protocol.messages import BackedUp, Command, RefusalCode, ReleaseOffer

LINKS_PER_QUERY_MAX: Final = 500


@dataclass
class Link:
    """What the hub keeps beside an engine."""

    peer: CentrePeer
    device_id: int
    enrolment_id: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wake: Callable[[], None] | None = None
    """Set while the session has a live connection: there is something to send."""
    is_closed: bool = False
    """Of a replaced or revoked device."""
    is_broken: bool = False
    """It had a live connection, which broke, and nothing was heard since: it is offline as early as with one."""
    heard_s: float = 0.0
    written_s: float = 0.0
    marked_s: float = 0.0
    """When it was last written that every record is here."""
    condition: tuple[object, ...] = ()
    """What was last said of facts, clock, storage, readers, locks and contacts: a change is written at once."""
    online: bool = False
    commands: list[tuple[Command, int]] = field(default_factory=list)
    """Asked for, not yet given to the engine, which a database thread may be working in: (command, expires_at_ms)."""
    others_at_ms: int = 0
    """Until when it is known here what the devices that share areas with this one recorded."""
    published: bool = False
    """Something was published that the engine has not been told of."""
    backed_up: BackedUp | None = None
    """A backup holds more of the device's facts, and the engine has not been told of it."""
    ask: bool = False
    """An operator wants its records now, and the engine has not been told of it."""
    offered: ReleaseOffer | None = None
    """The release that the device was last told to take."""
    release_news: tuple[object, ...] = ()
    """What was known of offers and of the device's update when it was last looked at."""
    asked: bool = False
    """... and its word that these are all is not written down yet."""

    def tell_engine(self) -> None:
        """What came up while the engine may have been at work in another thread."""
        if self.published:
            self.published = False
            self.peer.changed()
        if self.backed_up is not None:
            self.peer.backed_up(self.backed_up)
            self.backed_up = None
        if self.ask:
            self.ask = False
            self.peer.ask()


def some(links: Iterable[Link]) -> Iterator[list[Link]]:
    """The sessions of this moment, so many at a time as one query may name."""
    every = list(links)
    for at in range(0, len(every), LINKS_PER_QUERY_MAX):
        yield every[at : at + LINKS_PER_QUERY_MAX]


def record_of(found: Enrolment) -> NodeRecord:
    """What the engine has to know of an enrolment. A closed or forked one gets nothing, and its facts are kept apart.

    Inside ``db``.
    """
    timing = timing_of(found.device.site_id)
    return NodeRecord(
        node=found.device.name,
        node_epoch=found.node_epoch,
        key=Ed25519PublicKey.from_public_bytes(bytes(found.public_key)),
        salt=bytes(found.salt),
        scope=found.device.name,
        period_s=timing.poll_s,
        time_set_s=timing.time_set_min * 60,
        received_through=found.received_through,
        head=bytes(found.head),
        quarantine=found.closed_at is not None or found.forked,
    )


class Hashes:
    """``protocol.uplink.FactStore`` of one enrolment; asked inside ``db.read``."""

    def __init__(self, enrolment_id: int) -> None:
        self._enrolment_id = enrolment_id

    def hash_at(self, seq: int) -> bytes | None:
        """As the engine asks it."""
        return ingest.hash_at(self._enrolment_id, seq)


def not_stored(link: Link) -> None:
    """What the engine was given is not here: the node sends it again from the last committed fact on."""
    link.peer.uplink.store_failed(link.peer.uplink.received_through, link.peer.uplink.head)


def condition_of(effect: Heard, before: tuple[object, ...]) -> tuple[object, ...]:
    """What is known of clock, storage, readers, locks, contacts and facts after this was heard; ``before``: what was known."""
    last_seq, *rest = before or (None,)
    if effect.last_seq is not None:
        last_seq = effect.last_seq
    if (health := effect.health) is not None:
        relays = [(door, released) for door, released, _ in health.locks]
        rest = [health.clock, health.storage_usable, health.readers, relays, health.contacts]
    return (last_seq, *rest)


def code_of(error: ProtocolError) -> RefusalCode:
    """What a device is told about a frame that was refused for this."""
    match error:
        case SignatureError():
            return RefusalCode.BAD_SIGNATURE
        case LimitError():
            return RefusalCode.TOO_LARGE
        case VersionError():
            return RefusalCode.VERSION
        case StateError():
            return RefusalCode.UNKNOWN_NODE
        case _:
            return RefusalCode.MALFORMED
