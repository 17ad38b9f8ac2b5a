"""A centre small enough to see through: the real centre halves behind aiohttp and TLS, storage in memory.

For tests of what a node does with its routes. It can be made to misbehave: no WebSocket, silence, garbage.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from protocol.centre_peer import Alive, CentrePeer, NodeRecord, write_refused
from protocol.centre_sessions import Sessions
from protocol.enrolment import check_ticket, read_enrol, write_enrolled
from protocol.envelope import is_session_frame, join, packets, peek, split
from protocol.messages import Enrolled, MessageKind, RefusalCode
from protocol.uplink import Quarantined, Store
from tests.protocol.memory_stores import SALT, CountingRandom, MemoryCentre, private_key

CONTENT_TYPE = "application/vnd.onecard"
DAY = datetime.timedelta(days=1)


class Authority:
    """A private CA, and certificates of it."""

    def __init__(self, name: str = "test CA") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        far = (
            datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
            datetime.datetime(2199, 1, 1, tzinfo=datetime.UTC),
        )
        self.certificate = self._sign(self.name, self.key, *far, is_ca=True)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _sign(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        start: datetime.datetime,
        end: datetime.datetime,
        *,
        is_ca: bool,
        address: str = "127.0.0.1",
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if not is_ca:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server_context(
        self, folder: Path, start: datetime.datetime, end: datetime.datetime, address: str = "127.0.0.1"
    ) -> ssl.SSLContext:
        """For a server at this address, its certificate valid between these dates."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "centre")])
        certificate = self._sign(name, key, start, end, is_ca=False, address=address)
        path = folder / "server.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


class SmallCentre:
    """One node's centre. ``changed`` is an event that is set whenever something arrived."""

    def __init__(self, now_ms: Callable[[], int], utc_ms: Callable[[], int], node: str = "gate") -> None:
        self.now_ms, self.utc_ms = now_ms, utc_ms
        self.key, self.node_key = private_key(1), private_key(2)
        self.node = node
        self.rows = MemoryCentre(self.key, scope=node)
        self.sessions = Sessions()
        self.random = CountingRandom(10**6)
        self.effects: list[object] = []
        self.changed = asyncio.Condition()
        self.live: set[web.WebSocketResponse] = set()
        self.gives_live = True
        self.is_silent = False
        self.answers_garbage = False
        self.posts = 0
        self.verifier = b""
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, context: ssl.SSLContext | None) -> None:
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_post("/node/sync", self.sync)
        app.router.add_post("/node/enrol", self.enrol)
        app.router.add_get("/node/ws", self.ws)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"https://127.0.0.1:{port}"

    async def stop(self) -> None:
        await self.drop_live()
        if self._runner is not None:
            await self._runner.cleanup()

    async def drop_live(self) -> None:
        for socket in list(self.live):
            await socket.close()

    async def until(self, condition: Callable[[], bool], within_s: float = 20) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(condition)

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    # -- frames -------------------------------------------------------------------------------------------------

    def take(self, frame: bytes) -> CentrePeer | bytes:
        """The session that took the frame, or the refusal."""
        if not is_session_frame(frame) and peek(frame).kind == MessageKind.HELLO:
            record = NodeRecord(
                self.node,
                1,
                self.node_key.public_key(),
                SALT,
                self.node,
                30,
                self.rows.received_through,
                self.rows.head,
            )
            peer = CentrePeer(
                frame, record, self.key, self.rows, self.rows, self.random, utc_ms=self.utc_ms()
            )
            self.sessions.add(peer)
            return peer
        found = self.sessions.find(frame)
        if found is None:
            return write_refused(frame, RefusalCode.SESSION_UNKNOWN, self.key)
        for effect in found.receive(frame, self.now_ms(), self.utc_ms()):
            self.effects.append(effect)
            if isinstance(effect, Alive):
                self.sessions.heard(found)
            elif isinstance(effect, Store | Quarantined):
                self.rows.store(effect.entries)
                found.uplink.stored(self.rows.received_through, self.rows.head)
        return found

    async def sync(self, request: web.Request) -> web.Response:
        self.posts += 1
        if self.answers_garbage:
            return web.Response(body=b"\x00\x00\xff", content_type=CONTENT_TYPE)
        out: list[bytes] = []
        for frame in split(await request.read()):
            taken = self.take(frame)
            out += [taken] if isinstance(taken, bytes) else taken.frames_to_send(self.now_ms(), self.utc_ms())
        await self.tell()
        return web.Response(body=join(out), content_type=CONTENT_TYPE)

    async def ws(self, request: web.Request) -> web.StreamResponse:
        if not self.gives_live:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse(max_msg_size=8 * 2**20)
        await socket.prepare(request)
        self.live.add(socket)
        await self.tell()
        try:
            async for message in socket:
                if self.is_silent:
                    continue
                for frame in split(message.data):
                    taken = self.take(frame)
                    if isinstance(taken, bytes):
                        await socket.send_bytes(join([taken]))
                await self.flush(socket)
                await self.tell()
        finally:
            self.live.discard(socket)
            await self.tell()
        return socket

    async def flush(self, socket: web.WebSocketResponse) -> None:
        for peer in self.sessions:
            for packet in packets(peer.frames_to_send(self.now_ms(), self.utc_ms())):
                await socket.send_bytes(packet)

    async def nudge(self) -> None:
        """After something was published or commanded."""
        for peer in self.sessions:
            peer.changed()
        for socket in list(self.live):
            await self.flush(socket)

    async def enrol(self, request: web.Request) -> web.Response:
        (frame,) = split(await request.read())
        asked = read_enrol(frame)
        check_ticket(asked, self.verifier)
        raw = self.key.public_key().public_bytes_raw()
        answer = Enrolled(asked.node, 1, 1, raw, bytes(32), 30, asked.node, self.utc_ms(), asked.nonce)
        return web.Response(
            body=join([write_enrolled(answer, self.verifier, self.key)]), content_type=CONTENT_TYPE
        )
