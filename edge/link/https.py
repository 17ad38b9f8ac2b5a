"""Packets of frames over HTTPS: POST one, get one back. A thin shell: what the frames say is the peer's business."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import aiohttp

from edge.link.errors import LinkError, NotTrustedError
from edge.link.tls import CentreContext
from protocol.limits import PACKET_MAX

CONTENT_TYPE: Final = "application/vnd.onecard"
SYNC_PATH: Final = "/node/sync"
ENROL_PATH: Final = "/node/enrol"
CONFLICT: Final = 409
"""The answer to a ticket that another key has used; its packet says so, signed."""
CONNECT_WITHIN_S: Final = 10
ANSWER_WITHIN_S: Final = 60
KEEP_ALIVE_S: Final = 75
"""As long as the node listener of the centre keeps an idle connection (design.md section 4)."""


class Https:
    """Connections to one centre address."""

    def __init__(self, url: str, context: CentreContext) -> None:
        """:param url: ``https://host:port`` without a path."""
        self.url = url.rstrip("/")
        self.context = context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session, made at the first use (inside the running loop)."""
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self.context, keepalive_timeout=KEEP_ALIVE_S, limit=2)
            timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S, connect=CONNECT_WITHIN_S)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        return self._session

    async def post(self, path: str, packet: bytes) -> bytes:
        """The packet that this one is answered with.

        :raises NotTrustedError: TLS says that this is not our centre.
        :raises LinkError: not reached, no answer in time, or not an answer of a centre.
        """
        try:
            async with self.session.post(
                self.url + path, data=packet, headers={"Content-Type": CONTENT_TYPE}, allow_redirects=False
            ) as response:
                if response.status not in (200, CONFLICT) or response.content_type != CONTENT_TYPE:
                    raise LinkError(f"{self.url}{path} answered {response.status} {response.content_type}")
                return await _read(response)
        except aiohttp.ClientConnectorCertificateError as error:
            raise NotTrustedError(f"{self.url}: {error.certificate_error}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if isinstance(error, LinkError):
                raise
            raise LinkError(f"{self.url}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    packet = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        packet += chunk
        if len(packet) > PACKET_MAX:
            raise LinkError("the answer is too long")
    return bytes(packet)
