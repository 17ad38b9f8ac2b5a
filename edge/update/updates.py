"""The updates of a running node: fetches what the centre offers, puts it in place, judges it while it is on trial.

A ``Service`` of the node. Nothing here waits in a decision: parts are written in a thread, an archive is proven and
unpacked in a process of its own, and the next part is not asked for while a card waits for its record.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge.core.feedback import Pattern
from edge.core.lines import OutputRole
from edge.update import launcher, place
from edge.update.place import NotPlacedError
from edge.update.trial import Seen, Verdict, is_healthy, judge
from protocol.messages import ReleaseOffer, ReleasePart
from protocol.release_fetch import ReleaseFetch
from protocol.updating import UpdateReason, UpdateState, UpdateWord

if TYPE_CHECKING:
    from edge.node import Node

INCOMING: Final = "incoming"
QUIET_WITHIN_S: Final = 60.0
"""So long a switch waits until no door stands released; a door held open by its schedule is not waited for longer."""
LOOK_S: Final = 0.05
UNPACK_WITHIN_S: Final = 900.0
_log: Final = logging.getLogger(__name__)


class Centre(Protocol):
    """What a trial asks of the node's place at its centre (``edge.membership``)."""

    @property
    def period_s(self) -> int:
        """The agreed time between two polls."""

    async def reaches(self) -> bool:
        """Whether the centre can be reached at all: TLS with its certificate, no session."""

    def answers(self) -> bool:
        """Whether it has answered a poll since the start."""

    def is_connected(self) -> bool:
        """Whether there is a route to it now."""

    def acked_through(self) -> int:
        """The last fact that it is known to hold."""


class Updates:
    """See the module.

    :param home: where the launcher looks for releases; :param data: where the databases are.
    :param key: the release key, 32 bytes.
    :param trial_s: how long a release must have run before it is kept.
    """

    def __init__(self, node: Node, home: Path, data: Path, key: bytes, trial_s: int, centre: Centre) -> None:
        self._node, self._home, self._data = node, home, data
        self._key, self._trial_s = key, trial_s
        self._centre = centre
        self._is_switching = False
        self._offer: ReleaseOffer | None = None
        self._received = 0
        self._failed_tries = 0
        self._pending = launcher.read(home / "pending.json")
        self._fetch: ReleaseFetch | None = None
        self._wake: Callable[[], None] = lambda: None
        self._work: asyncio.Task[None] | None = None
        self.word = UpdateWord()
        """What the centre and the installer are told."""

    # -- Service ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Go on where the run before ended: with the trial, or the word of a roll-back."""
        pending = self._pending
        if pending is not None and launcher.running(self._home) == pending["version"]:
            self._say(UpdateState.ON_TRIAL, int(pending.get("offer", 0)), pending["version"])
            self._node.effects.show_idle_as(Pattern.ON_TRIAL)
            self._node.spawn(self._trial(pending))
        elif (back := launcher.read(self._home / "rolled_back.json")) is not None:
            reason = UpdateReason[str(back.get("reason", "none")).upper()]
            self._say(UpdateState.ROLLED_BACK, int(back.get("offer", 0)), back["version"], reason)
        self._node.spawn(asyncio.to_thread(place.clear_away, self._home, archives=False))

    async def stop(self) -> None:
        """Nothing more is fetched; what is here already stays."""
        if self._work is not None:
            self._work.cancel()

    def status(self) -> dict[str, Any]:
        """For ``onecard-edge status``."""
        word, size = self.word, self._offer.size if self._offer else 0
        return {
            "state": word.state.name.lower(),
            "version": word.version,
            "percent": word.received_bytes * 100 // size if size else 0,
            "reason": word.reason.name.lower(),
        }

    def join(self, fetch: ReleaseFetch, wake: Callable[[], None]) -> None:
        """The conversation through which parts are asked for."""
        self._fetch, self._wake = fetch, wake

    # -- taking a release ---------------------------------------------------------------------------------------

    def offered(self, offer: ReleaseOffer) -> None:
        """What the centre wants to be in place."""
        if self._is_switching or self.word.state is UpdateState.ON_TRIAL or self._is_known(offer):
            return
        if self._work is not None:
            self._work.cancel()
            self._work = None
        if self._fetch is not None:
            self._fetch.stop()
        self._offer = offer if offer.offer else None
        if self._offer is None:
            if self.word.state in (UpdateState.DOWNLOADING, UpdateState.READY):
                self._say(UpdateState.NONE, 0, "")
        elif offer.version == place.running_version(self._home):
            self._say(UpdateState.KEPT, offer.offer, offer.version)
        else:
            self._say(UpdateState.DOWNLOADING, offer.offer, offer.version)
            self._begin(self._prepare(offer))

    def _is_known(self, offer: ReleaseOffer) -> bool:
        """It is on its way already, or this very offer came to an end. (A restored centre may give a number twice.)"""
        same = (offer.offer, offer.version) == (self.word.offer, self.word.version)
        return offer.offer != 0 and same and self.word.state is not UpdateState.NONE

    def arrived(self, part: ReleasePart) -> None:
        """A part that was asked for."""
        if self._offer is not None and part.offer == self._offer.offer:
            self._begin(self._take(self._offer, part))

    def _begin(self, work: Any) -> None:
        self._work = self._node.spawn(self._guarded(work))

    async def _guarded(self, work: Awaitable[None]) -> None:
        """An update that fails is told, and never ends the node."""
        try:
            await work
        except NotPlacedError as error:
            self._refuse(error.reason, error)
        except (OSError, sqlite3.Error) as error:
            self._is_switching = False
            self._refuse(UpdateReason.STORAGE, error)

    def _refuse(self, reason: UpdateReason, error: object) -> None:
        _log.error("the release is not taken: %s", error)
        self._say(UpdateState.REFUSED, self.word.offer, self.word.version, reason)

    def _archive(self, offer: ReleaseOffer) -> Path:
        return self._home / INCOMING / f"{offer.sha256.hex()}.part"

    async def _prepare(self, offer: ReleaseOffer) -> None:
        self._received = await asyncio.to_thread(self._look_for, offer)
        await self._next(offer)

    def _look_for(self, offer: ReleaseOffer) -> int:
        """How much of it is here already; others are dropped."""
        archive = self._archive(offer)
        archive.parent.mkdir(mode=0o700, exist_ok=True)
        for other in archive.parent.iterdir():
            if other != archive:
                other.unlink()
        have = archive.stat().st_size if archive.exists() else 0
        if have > offer.size:
            archive.unlink()
            have = 0
        place.check_room(self._home, offer.size - have)
        return have

    async def _take(self, offer: ReleaseOffer, part: ReleasePart) -> None:
        if part.offset != self._received or part.offset + len(part.content) > offer.size:
            raise NotPlacedError(UpdateReason.DAMAGED, f"a part at {part.offset}")
        await asyncio.to_thread(_append, self._archive(offer), part.content)
        self._received += len(part.content)
        await self._next(offer)

    async def _next(self, offer: ReleaseOffer) -> None:
        self.word = UpdateWord(offer.offer, offer.version, UpdateState.DOWNLOADING, self._received)
        await self._quiet(0.0)
        if self._received < offer.size:
            if self._fetch is not None:
                self._fetch.want(offer.offer, self._received)
                self._wake()
            return
        await self._put_in_place(offer)

    async def _put_in_place(self, offer: ReleaseOffer) -> None:
        archive = self._archive(offer)
        if await asyncio.to_thread(_hash_of, archive) != offer.sha256:
            await asyncio.to_thread(archive.unlink)
            raise NotPlacedError(UpdateReason.DAMAGED, "what arrived has another hash")
        await self._prove_and_unpack(archive, offer)
        self._say(UpdateState.READY, offer.offer, offer.version)
        await self._quiet()
        self._is_switching = True
        faulted = sorted(self._node.faulted_readers)
        await asyncio.to_thread(place.switch, self._home, self._data, offer, {"faulted": faulted})
        await asyncio.to_thread(place.clear_away, self._home)
        _log.warning("release %s is in place: starting it", offer.version)
        self._node.stop()

    async def _prove_and_unpack(self, archive: Path, offer: ReleaseOffer) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "edge.update.work",
            str(archive),
            self._key.hex(),
            str(offer.offer),
            offer.version,
            str(offer.size),
            offer.sha256.hex(),
            str(self._home),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        try:
            async with asyncio.timeout(UNPACK_WITHIN_S):
                _out, said = await process.communicate()
        except (TimeoutError, asyncio.CancelledError):
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            known = process.returncode in UpdateReason._value2member_map_
            reason = UpdateReason(process.returncode) if known else UpdateReason.STORAGE
            archive.unlink(missing_ok=True)
            raise NotPlacedError(reason, said.decode(errors="replace").strip())

    async def _quiet(self, locks_within_s: float = QUIET_WITHIN_S) -> None:
        """Until no card waits for its record, and no lock is released, but for that no longer than so many seconds."""
        effects, waited_s = self._node.effects, 0.0
        while effects.is_waiting or (
            any(released for released, _ in effects.locks.values()) and waited_s < locks_within_s
        ):
            await asyncio.sleep(LOOK_S)
            waited_s += LOOK_S

    # -- on trial -----------------------------------------------------------------------------------------------

    async def _trial(self, pending: dict[str, Any]) -> None:
        try:
            await self._judged(pending)
        except OSError as error:
            _log.error("the trial of release %s cannot be ended: %s", pending["version"], error)

    async def _judged(self, pending: dict[str, Any]) -> None:
        first_seq, had_failed, is_sure = self._node.mirror.last_seq, set(pending.get("faulted", ())), False
        while True:
            await asyncio.sleep(min(self._centre.period_s, self._trial_s))
            if not self._centre.answers() and await self._centre.reaches():
                self._failed_tries += 1
            seen = Seen(
                self._node.upkeep.uptime_s(),
                set(self._node.faulted_readers) <= had_failed,
                relays_obey(self._node),
                self._centre.is_connected()
                and self._centre.answers()
                and self._centre.acked_through() >= first_seq,
                self._failed_tries,
            )
            verdict, reason = judge(seen, self._trial_s)
            if verdict is Verdict.KEEP:
                await asyncio.to_thread(place.keep, self._home)
                self._say(UpdateState.KEPT, self.word.offer, pending["version"])
                self._node.effects.show_idle_as(Pattern.IDLE)
                await asyncio.to_thread(place.clear_away, self._home)
                return
            if verdict is Verdict.ROLL_BACK:
                _log.error("release %s is rolled back: %s", pending["version"], reason.name.lower())
                await self._quiet()
                await asyncio.to_thread(launcher.roll_back, self._home, pending, reason.name.lower())
                self._node.stop()
                return
            if not is_sure and is_healthy(seen, self._trial_s):
                is_sure = True  # a restart from now on is no crash: it does not use up what attempts are left
                pending = {**pending, "attempts_left": launcher.ATTEMPTS}
                await asyncio.to_thread(launcher.write, self._home / "pending.json", pending)

    def _say(
        self, state: UpdateState, offer: int, version: str, reason: UpdateReason = UpdateReason.NONE
    ) -> None:
        received = self._received if state is UpdateState.DOWNLOADING else 0
        self.word = UpdateWord(offer, version, state, received, reason)
        self._wake()


def relays_obey(node: Node) -> bool:
    """The self-check of the outputs: each lock is driven to where it is already, so no door moves."""
    board = node.parts.board
    try:
        for output in board.profile.outputs:
            if output.line.role is OutputRole.LOCK:
                board.set(output.line, board.is_on(output.line))
    except Exception as error:
        _log.error("an output does not obey: %s", error)
        return False
    return True


def _append(archive: Path, content: bytes) -> None:
    with archive.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _hash_of(archive: Path) -> bytes:
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
