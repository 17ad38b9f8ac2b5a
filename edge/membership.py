"""The node's place at its centre: joins with a ticket when it has to, then keeps the link. A ``Service`` of the node.

Until it has joined (or without any centre) the doors work by what is stored; that is nothing on a new node.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.cache.errors import CacheError
from edge.cache.outbox import Outbox
from edge.config import NodeConfig
from edge.core.stimuli import LinkChanged
from edge.correspondence import Correspondence
from edge.enrol import EnrolError, Enrolment, Settled, board_of_this_machine, join, settle
from edge.files import FileError
from edge.i18n import _
from edge.identity import IdentityFiles, Member, peer_identity
from edge.link.link import Link, LinkConfig, send_enrol
from edge.link.way import LinkState, Route, Way
from edge.node import Node
from edge.report import Report
from edge.upholding import Upholding
from protocol.decide import Trust
from protocol.downlink import NodeDownlink
from protocol.enrolment import fingerprint, raw_public
from protocol.node_peer import NodePeer

if TYPE_CHECKING:
    from edge.update.updates import Updates

RETRY_S: Final = 5.0


class Membership:
    """See the module."""

    def __init__(self, node: Node, config: NodeConfig, outbox: Outbox, report: Report) -> None:
        """:param outbox: belongs to the storage thread; only what does not change is read here."""
        self._node = node
        self._config = config
        self._outbox = outbox
        self._report = report
        self._files = IdentityFiles(config.data_dir)
        self._link_config = LinkConfig(config.centre, config.ca_pem)
        self._correspondence: Correspondence | None = None
        self._problem = ""
        self._network_up = True
        self._task: asyncio.Task[None] | None = None
        self.updates: Updates | None = None
        """Of a node that takes new versions of its program."""
        self.link: Way | None = None
        """Once the node has joined."""

    async def start(self) -> None:
        """Begin; joining and connecting go on beside."""
        self._report.link = self.status
        self._report.acked_through = self.acked_through
        self._task = self._node.spawn(self._run())

    async def stop(self) -> None:
        """Let go of the centre."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        through = self.acked_through()
        self._node.recorder.call(lambda outbox: outbox.acknowledge(min(through, outbox.last_seq)))

    def acked_through(self) -> int:
        """The last fact that the centre is known to hold."""
        return self._correspondence.acked_through if self._correspondence else 0

    @property
    def period_s(self) -> int:
        """The time between two polls."""
        return self._config.period_s if self.link is None else self.link.peer.period_s

    def answers(self) -> bool:
        """Whether the centre has answered a poll since the start."""
        return self.link is not None and self.link.peer.replies_count > 0

    def is_connected(self) -> bool:
        """Whether there is a route to it now."""
        return self.link is not None and self.link.state.route is not Route.NONE

    async def reaches(self) -> bool:
        """Whether an address of the centre can be reached: TLS with the centre's certificate, and nothing is sent."""
        from edge.link.tls import reaches

        trusted = self._clock_is_trusted()
        for url in self._config.centre if self._network_up else ():
            if await reaches(url, self._config.ca_pem, check_dates=trusted):
                return True
        return False

    def sync_now(self) -> None:
        """Ask the centre at once."""
        if self.link is not None:
            self.link.sync_now()

    @property
    def network_up(self) -> bool:
        """The switch of the demo."""
        return self._network_up

    @network_up.setter
    def network_up(self, up: bool) -> None:
        self._network_up = up
        if self.link is not None:
            self.link.network_up = up

    async def load(self, path: Path) -> dict[str, Any]:
        """Take in what the unit is to hold, from a file of the centre.

        :raises LoadError: it was not loaded.
        """
        from edge.load import LoadError, load

        if self.link is None or self._correspondence is None:
            raise LoadError(_("this node has not joined the centre yet"))
        now_ms = self._node.keeper.boottime_ms
        held = await load(path, self._files, self.link.peer, self._correspondence, now_ms)
        self.link.wake()
        return held

    def status(self) -> dict[str, Any]:
        """How the connection is."""
        if self.link is None:
            return {"state": "not_enrolled", "detail": self._problem, **self._read_out()}
        state, trouble = self.link.state, self._correspondence.trouble if self._correspondence else ""
        return {
            "state": "offline" if state.route is Route.NONE else "online",
            "route": state.route.value,
            "url": state.url,
            "detail": trouble or state.problem or self._problem,
            "rejected": self._correspondence.rejected_count if self._correspondence else 0,
        }

    def _read_out(self) -> dict[str, str]:
        """Of a spare card: what an operator compares before it becomes a device."""
        if not self._config.is_spare:
            return {}
        try:
            key = raw_public(self._files.key())
        except FileError:
            return {}
        return {"board": board_of_this_machine(self._config).serial, "fingerprint": fingerprint(key)}

    # -- the one task -------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        member = await self._join_if_needed()
        self._report.name = member.node
        settled = await self._settle(member)
        await self._load_mirror()
        node = self._node
        await node.configuration.loaded.wait()
        self._report.boot = node.mirror.boot
        downlink = NodeDownlink(
            member.scope, node.configuration.revisions, node.configuration.digests, jitter=random.random()
        )
        peer = NodePeer(
            peer_identity(member, self._files.key()),
            self._report,
            downlink,
            node.mirror,
            os.urandom,
            jitter=random.random(),
        )
        host = _Host(node, self._files, Upholding(node, self.acked_through), self.updates)
        self._correspondence = Correspondence(
            host, node.configuration, member, downlink, others_ms=lambda: peer.others_ms
        )
        if settled is Settled.HOMELESS:
            peer.uplink.refused()
            node.upkeep.trouble.setdefault("outbox", "outbox.db")
        elif settled is Settled.BEGUN:
            node.record_boot()
        node.upkeep.damaged.append(peer.uplink.refused)
        self.link = self._make_link(peer, self._correspondence)
        self.link.network_up = self._network_up
        if self.updates is not None:
            self.updates.join(peer.release, self.link.wake)
        self._correspondence.wake = node.upkeep.wake_link = node.mirror.ready = self.link.wake
        await self.link.run()

    def _make_link(self, peer: NodePeer, correspondence: Correspondence) -> Way:
        now_ms = self._node.keeper.boottime_ms
        if self._config.serial is not None:
            from edge.link.serial_line import SerialLink

            return SerialLink(self._config.serial, peer, correspondence.handle, now_ms, self._link_changed)
        trusted = self._clock_is_trusted
        return Link(
            self._link_config,
            peer,
            correspondence.handle,
            now_ms,
            trusted,
            random.random,
            self._link_changed,
        )

    def _link_changed(self, state: LinkState) -> None:
        is_up, keeper = state.route is not Route.NONE, self._node.keeper
        self._node.upkeep.stopwatch.connection(is_up, keeper.boottime_ms())
        self._node.deliver(LinkChanged(is_up))

    async def _join_if_needed(self) -> Member:
        member = self._member()
        ticket = self._config.ticket
        while ticket is None and member is None:
            self._problem = _("no ticket in node.toml; make one at the centre")
            await asyncio.Event().wait()
        if ticket is not None and ticket.is_spent and member is None:
            self._problem = _("this card has joined before and has lost its identity; replace the device")
            await asyncio.Event().wait()  # a new life under the old name would hide the records that are lost
        if ticket is None or (member is not None and member.ticket_id == ticket.ticket_id):
            assert member is not None
            return member
        enrolment = Enrolment(self._config.name, ticket, self._files, board_of_this_machine(self._config))
        try:
            member = await join(enrolment, self._outbox, self._send, asyncio.sleep, self._tell, random.random)
        except EnrolError as error:
            self._tell(str(error))
            if member is None:
                await asyncio.Event().wait()  # only another ticket helps; the doors go on
            assert member is not None
        return member

    def _member(self) -> Member | None:
        try:
            return self._files.member()
        except FileError as error:
            self._tell(str(error))
            return None

    async def _send(self, frame: bytes) -> bytes:
        if not self._network_up:
            raise OSError(_("the network is switched off"))
        if self._config.serial is not None:
            from edge.link.serial_line import send_enrol_by_serial

            return await send_enrol_by_serial(self._config.serial, frame, self._node.keeper.boottime_ms)
        return await send_enrol(self._link_config, frame, clock_is_trusted=self._clock_is_trusted())

    def _tell(self, text: str) -> None:
        self._problem = text

    async def _settle(self, member: Member) -> Settled:
        while True:
            result, error = await self._in_storage(lambda outbox: settle(outbox, member))
            if error is None:
                assert isinstance(result, Settled)
                return result
            assert isinstance(error, CacheError), error
            self._tell(str(error))
            await asyncio.sleep(RETRY_S)

    async def _load_mirror(self) -> None:
        while not self._node.mirror.is_loaded or self._node.mirror.node_epoch != self._outbox.node_epoch:
            loaded = asyncio.Event()
            self._node.mirror.load(loaded.set)
            try:
                async with asyncio.timeout(RETRY_S):
                    await loaded.wait()
            except TimeoutError:
                continue

    async def _in_storage(self, job: Callable[[Outbox], Any]) -> tuple[Any, Exception | None]:
        answered: asyncio.Future[tuple[Any, Exception | None]] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: Exception | None) -> None:
            if not answered.done():
                answered.set_result((result, error))

        self._node.recorder.call(job, done)
        return await answered

    def _clock_is_trusted(self) -> bool:
        return self._node.keeper.trust >= Trust.HOLDOVER


class _Host:
    """``edge.correspondence.Host`` of a node."""

    def __init__(
        self, node: Node, files: IdentityFiles, upholding: Upholding, updates: Updates | None
    ) -> None:
        self._node = node
        self._files = files
        self.deliver = node.deliver
        self.record = node.record
        self.with_outbox = node.with_outbox
        self.clock_sample = node.upkeep.clock_sample
        self.spawn = node.spawn
        self.paced = node.upkeep.paced
        self.test_asked = upholding.test
        self.clear_asked = upholding.clear
        self.release_offered = _passed_over if updates is None else updates.offered
        self.release_part = _passed_over if updates is None else updates.arrived

    def mono_of(self, boottime_ms: int | None) -> int | None:
        """Both clocks run alike; boot time counts what the machine slept too."""
        if boottime_ms is None:
            return None
        keeper = self._node.keeper
        return keeper.mono_ms() - (keeper.boottime_ms() - boottime_ms)

    def acknowledged(self, through: int) -> None:
        """The centre holds the facts up to this one."""
        self._node.upkeep.stopwatch.acknowledged(through, self._node.keeper.boottime_ms())

    def save_member(self, member: Member) -> None:
        """Keep what the centre said about itself, off the loop."""
        self._node.parts.executor.submit(self._files.save_member, member)


def _passed_over(_message: object) -> None:
    """This node takes no releases."""
