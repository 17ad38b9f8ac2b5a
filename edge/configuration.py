"""The View that decisions use, and how the next one takes its place: off the loop, swapped as one value.

A change is used from memory first and stored second ("refused in memory" must not wait for a medium). A snapshot of the
cards is the exception: it is stored first and packed from what is stored, which takes far less memory; when it cannot be
stored it is used from memory all the same. One change at a time, in the order of arrival.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from edge.cache.errors import CacheError, CorruptedError, StorageError
from edge.cache.store import ConfigStore
from edge.files import FileError, read_whole, write_whole
from protocol.errors import ProtocolError
from protocol.ids import CardKey, Stream
from protocol.records import Change, Revisions, put
from protocol.view import OVERLAY_MAX, View

if TYPE_CHECKING:
    from protocol.downlink import Apply

_log: Final = logging.getLogger(__name__)
T = TypeVar("T")

UNKNOWN: Final = Revisions(-1)
"""Of a config_epoch that no centre has: no file is taken, a centre that answers is."""
CLOSE_S: Final = 0.6
"""How long the end of the node waits for a medium that does not answer."""


class Downlink(Protocol):
    """Whom the fate of a change is told (``protocol.downlink.NodeDownlink``)."""

    def in_memory(self, number: int) -> None: ...

    def durable(self, number: int, digests: tuple[bytes, ...], now_ms: int) -> None: ...

    def commit_failed(self, number: int, now_ms: int) -> None: ...

    def failed(self, number: int, now_ms: int) -> None: ...


class Configuration:
    """See the module. ``open`` may be called before there is a loop."""

    def __init__(
        self,
        store: ConfigStore,
        executor: Executor,
        now_ms: Callable[[], int],
    ) -> None:
        """
        :param executor: one thread of its own.
        :param now_ms: boot time, as the engines count it.
        """
        self.highest = Revisions()
        """What was last stored here, known also when the store is lost: nothing older may be taken from a file."""
        self._highest_path = store.path.with_name("highest.json")
        self._store = store
        self._executor = executor
        self._now_ms = now_ms
        self.changed: Callable[[View], None] = lambda _view: None
        """Told when another View is in force."""
        self.stored: Callable[[Revisions, int], None] = lambda _revisions, _issued_at_ms: None
        """Told (revisions, time of issue) when a configuration is durable."""
        self._turn = asyncio.Lock()
        self.loaded = asyncio.Event()
        """Set once ``load`` is through: what is stored is known for good, and may be compared with the centre's."""
        self.view = View()
        self.problem = ""
        """What is wrong with the stored configuration, for the status; empty when nothing is."""

    @property
    def revisions(self) -> Revisions:
        """What a restart would find."""
        return self._store.revisions

    @property
    def digests(self) -> tuple[bytes, ...]:
        """Of the three streams on disk."""
        return self._store.digests

    @property
    def issued_at_ms(self) -> int:
        """The newest time at which the centre said to have issued what is stored."""
        return self._store.issued_at_ms

    def open(self) -> View:
        """The first View, at once. What cannot be used is put aside: then everything is denied until the centre has sent it."""
        self.highest = self._read_highest()
        try:
            self.view = self._store.open()
        except StorageError as error:
            self.problem = str(error)
            _log.error("the configuration cannot be read: %s", error)
        except CacheError as error:
            self._put_aside(error)
        return self.view

    def _read_highest(self) -> Revisions:
        try:
            content = read_whole(self._highest_path)
            return Revisions() if content is None else msgspec.json.decode(content, type=Revisions)
        except (FileError, msgspec.MsgspecError) as error:
            _log.error("what was last stored is not known: %s", error)
            return UNKNOWN

    async def _keep_highest(self) -> None:
        """After every change that is stored; a file that a power cut keeps back is one change behind, and no more."""
        revisions = self._store.revisions
        if not revisions.config_epoch or revisions == self.highest:
            return
        self.highest = revisions
        try:
            await self._run(lambda: write_whole(self._highest_path, msgspec.json.encode(revisions)))
        except FileError as error:
            _log.error("what was stored cannot be noted: %s", error)

    def _put_aside(self, error: CacheError) -> None:
        self.problem = str(error)
        try:
            kept = self._store.set_aside("damaged")
            self.view = self._store.open()
        except CacheError as second:
            self.problem = str(second)
            _log.error("the configuration is damaged and cannot be put aside: %s", second)
            return
        _log.error("the configuration was damaged (%s) and is kept as %s", error, kept.name)

    async def load(self) -> None:
        """Check every row and pack the cards in memory."""
        async with self._turn:
            try:
                self._swap(await self._run(self._store.load))
                await self._keep_highest()
            except CorruptedError as error:
                self._put_aside(error)
                self._swap(self.view)
            except CacheError as error:
                self.problem = str(error)
                _log.error("the configuration cannot be loaded: %s", error)
            self.loaded.set()

    def hotlist(self) -> list[Change]:
        """The restrictions in force, for a restored centre: from memory, whatever has become of the medium (I7)."""
        return [put(CardKey(key), row) for key, row in self.view.restricted().items()]

    async def apply(self, apply: Apply, downlink: Downlink) -> None:
        """Use a change and store it; tell the engine what became of it."""
        async with self._turn:
            if not self._store.is_open:
                await self._open_again()
            replaces_cards = any(rows.whole and rows.stream is Stream.ACCESS for rows in apply.streams)
            nothing_pending = self._store.revisions == self.view.revisions
            if replaces_cards and nothing_pending and await self._install(apply, downlink):
                return
            try:
                view = await self._run(lambda: apply.on(self.view))
            except ProtocolError as error:
                self._refuse(apply, downlink, error)
                return
            downlink.in_memory(apply.number)
            self._swap(view)
            try:
                digests = await self._run(lambda: self._store.commit(apply))
            except CacheError as error:
                self.problem = str(error)
                _log.error("a configuration is used but could not be stored: %s", error)
                downlink.commit_failed(apply.number, self._now_ms())
            else:
                self._tell_stored(apply, downlink, digests)
            if self.view.overlay_count > OVERLAY_MAX:
                self._swap(await self._run(self.view.compacted))
            await self._checkpoint()

    async def _open_again(self) -> None:
        """The medium could not be used at start; perhaps it can now. What is in memory stays in force."""
        try:
            await self._run(self._store.open)
        except CacheError as error:
            self.problem = str(error)

    async def _install(self, apply: Apply, downlink: Downlink) -> bool:
        """Store and pack; False when it has to be used without being stored."""
        try:
            view, digests = await self._run(lambda: self._store.install(apply))
        except ProtocolError as error:
            self._refuse(apply, downlink, error)
            return True
        except CacheError as error:
            _log.error("a configuration could not be stored first: %s", error)
            return False
        downlink.in_memory(apply.number)
        self._swap(view)
        self._tell_stored(apply, downlink, digests)
        await self._checkpoint()
        return True

    def _refuse(self, apply: Apply, downlink: Downlink, error: ProtocolError) -> None:
        _log.error("a configuration cannot be used: %s", error)
        downlink.failed(apply.number, self._now_ms())

    def _tell_stored(self, apply: Apply, downlink: Downlink, digests: tuple[bytes, ...]) -> None:
        self.problem = ""
        downlink.durable(apply.number, digests, self._now_ms())
        self.stored(self._store.revisions, apply.issued_at_ms)

    async def _checkpoint(self) -> None:
        await self._keep_highest()
        try:
            await self._run(self._store.checkpoint)
        except CacheError as error:
            _log.warning("the log of the configuration stays as it is: %s", error)

    def _swap(self, view: View) -> None:
        self.view = view
        self.changed(view)

    def _run(self, job: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._executor, job)

    def close(self) -> None:
        """Give the file back, in the thread that uses it and after what it has running, which is cut short."""
        self._store.interrupt()
        closing = self._executor.submit(self._store.close)
        try:
            closing.result(CLOSE_S)
        except TimeoutError:
            _log.error("the medium holds the configuration: it stays as it was last stored")
