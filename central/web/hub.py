"""The live feed: what happens now reaches open pages as server-sent events.

``hub.publish("events", payload)`` in any place of the event loop; a page says which feeds it shows
(``sse-connect="events?door=3"``) and gets HTML rendered in its own language, filtered by its own filter.

One page has one stream for all its feeds. Every event has an id; a page that comes back says the last one it saw and
gets what it missed, or, when that is no longer kept, ``reset``: it loads itself again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from central.errors import TooManyError
from central.routes import SIGNED_IN, Open, Pair
from central.web.limits import LIMITS, WebLimits

Payload = Mapping[str, Any]
Show = Callable[[Payload], str | None]
"""From an event to the HTML of one page, or None when it does not belong there."""


@dataclass(frozen=True)
class Feed:
    """One kind of feed.

    :param topic: what is published, and the first part of ``sse-connect``.
    :param permission: who may listen; the same pair as the page that shows it, or SIGNED_IN.
    :param open: called once per stream with the request and the feed's own parameters (the page's filter); returns
        what turns an event into HTML. It checks the operator's scope: None hides the event. May raise CentralError.
    """

    topic: str
    permission: Pair | Open
    open: Callable[[web.Request, Mapping[str, str]], Awaitable[Show]]
    also: frozenset[str] = frozenset()
    """Further topics whose events belong to this feed."""

    def takes(self, topic: str) -> bool:
        """True when events of that topic belong to this feed."""
        return topic == self.topic or topic in self.also


async def _open_shell(request: web.Request, parameters: Mapping[str, str]) -> Show:
    """The feed of every page: its head is worth loading again."""
    return lambda payload: "changed"


@dataclass(frozen=True)
class Event:
    """Something that was published."""

    number: int
    topic: str
    payload: Payload


@dataclass(eq=False)
class Subscriber:
    """One open stream."""

    topics: frozenset[str]
    owner: str = ""
    """Number of the operator, so that a stream ends with the session."""
    queue: deque[Event] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_lagging: bool = False
    """It fell further behind than its queue is long: it must load again."""
    is_ended: bool = False


class LiveHub:
    """All open streams of this process and the recent events. Used in the event loop only."""

    def __init__(self, limits: WebLimits = LIMITS) -> None:
        self.limits = limits
        self.feeds: dict[str, Feed] = {}
        self.add_feed(Feed("shell", SIGNED_IN, _open_shell, frozenset({"service"})))
        self.is_closed = False
        self.run = secrets.token_hex(4)
        """Part of every event id: ids of an earlier run of the process mean nothing here."""
        self._number = 0
        self._kept: deque[Event] = deque(maxlen=limits.live_kept_count)
        self._subscribers: set[Subscriber] = set()

    def add_feed(self, feed: Feed) -> None:
        """Make a topic available to pages; a topic without a feed may be published all the same."""
        assert feed.topic not in self.feeds, feed.topic
        self.feeds[feed.topic] = feed

    def publish(self, topic: str, payload: Payload) -> None:
        """Send to every open page that listens to ``topic``. Never blocks: who cannot keep up starts again."""
        self._number += 1
        event = Event(self._number, topic, payload)
        self._kept.append(event)
        for subscriber in self._subscribers:
            if topic not in subscriber.topics or subscriber.is_lagging:
                continue
            if len(subscriber.queue) >= self.limits.live_queue_max:
                subscriber.is_lagging = True
                subscriber.queue.clear()
            else:
                subscriber.queue.append(event)
            subscriber.wake.set()

    def subscribe(self, topics: frozenset[str], last_event_id: str = "", owner: str = "") -> Subscriber:
        """A new stream; what it missed since ``last_event_id`` is in its queue, or it is lagging."""
        if len(self._subscribers) >= self.limits.live_streams_max:
            raise TooManyError("Too many pages are open at once.", retry_after_s=10)
        subscriber = Subscriber(topics, owner)
        if last_event_id:
            missed = self._since(last_event_id)
            if missed is None:
                subscriber.is_lagging = True
            else:
                subscriber.queue.extend(e for e in missed if e.topic in topics)
            subscriber.wake.set()
        self._subscribers.add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The stream has ended."""
        self._subscribers.discard(subscriber)

    @property
    def streams_count(self) -> int:
        """Open streams."""
        return len(self._subscribers)

    def event_id(self, number: int) -> str:
        """The id of an event as the browser gives it back."""
        return f"{self.run}-{number}"

    @property
    def last_event_id(self) -> str:
        """The id of the newest event: a page that is rendered now has seen everything up to here."""
        return self.event_id(self._number)

    def _since(self, last_event_id: str) -> list[Event] | None:
        """Events after that id, or None when some of them are gone or the id is not of this run."""
        run, _dash, number = last_event_id.partition("-")
        if run != self.run or not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        last = int(number)
        oldest_kept = self._kept[0].number if self._kept else self._number + 1
        if last > self._number or last < oldest_kept - 1:
            return None
        return [e for e in self._kept if e.number > last]

    def end_for(self, owner: str) -> None:
        """End the streams of one operator (signed out, disabled, role changed); pages ask again and are checked."""
        for subscriber in self._subscribers:
            if subscriber.owner == owner:
                subscriber.is_ended = True
                subscriber.wake.set()

    async def close(self) -> None:
        """Wake and end every stream, so that the process can stop at once."""
        self.is_closed = True
        for subscriber in self._subscribers:
            subscriber.is_ended = True
            subscriber.wake.set()


HUB: Final = web.AppKey("live_hub", LiveHub)
