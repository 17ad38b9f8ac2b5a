"""Packets of frames over a WebSocket that the node opens: either side may speak at any time.

Losing it loses nothing but speed. Pings are the peer's (they carry nonces), so aiohttp's own are off.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from edge.link.errors import LinkError, NoLiveRouteError, NotTrustedError
from edge.link.https import Https
from protocol.limits import PACKET_MAX

LIVE_PATH: Final = "/node/ws"
SEND_WITHIN_S: Final = 30


class LiveLine:
    """An open WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, url: str) -> None:
        self._socket = socket
        self._url = url

    @classmethod
    async def open(cls, https: Https) -> LiveLine:
        """
        :raises NotTrustedError: TLS says that this is not our centre.
        :raises NoLiveRouteError: the centre answers, but not with a WebSocket.
        :raises LinkError: not reached.
        """
        try:
            socket = await https.session.ws_connect(
                https.url + LIVE_PATH,
                max_msg_size=PACKET_MAX,
                heartbeat=None,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )
        except aiohttp.WSServerHandshakeError as error:
            raise NoLiveRouteError(f"{https.url}: {error.status} instead of a WebSocket") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise NotTrustedError(f"{https.url}: {error.certificate_error}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise LinkError(f"{https.url}: {error or type(error).__name__}") from error
        return cls(socket, https.url)

    async def send(self, packet: bytes) -> None:
        """:raises LinkError: the line is lost, or takes nothing any more."""
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._socket.send_bytes(packet)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise LinkError(f"{self._url}: {error or type(error).__name__}") from error

    async def receive(self) -> bytes:
        """The next packet.

        :raises LinkError: the line is lost, or something else than a packet came.
        """
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            return bytes(message.data)
        raise LinkError(f"{self._url}: the WebSocket ended ({message.type.name.lower()})")

    async def close(self) -> None:
        """Say good-bye, if the other side still listens."""
        await self._socket.close()
