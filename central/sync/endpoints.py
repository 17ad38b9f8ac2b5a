"""The node listener: thin shells round the hub. Only the signed and MAC'd frames inside a packet are believed."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from central.routes import NODE, Route
from central.sync.hub import Hub
from central.sync.links import Link
from protocol import codec
from protocol.envelope import body_of, is_session_frame, join, peek, split
from protocol.errors import LimitError, ProtocolError
from protocol.limits import PACKET_MAX
from protocol.messages import MessageKind, RefusalCode, Refused

HUB: Final = web.AppKey("hub", Hub)
CONTENT_TYPE: Final = "application/vnd.onecard"
FIRST_FRAME_WITHIN_S: Final = 10.0
"""A live connection that says nothing for this long after opening is closed."""
SILENT_MAX_S: Final = 20.0
"""A live connection without a frame for this long (a ping is due every five seconds) is closed."""


async def sync(request: web.Request) -> web.Response:
    """POST /node/sync: a packet of frames in, a packet of frames out."""
    return web.Response(body=join(await _answers(request)), content_type=CONTENT_TYPE)


async def enrol(request: web.Request) -> web.Response:
    """POST /node/enrol: the same; 409 when a ticket is refused because another key has used it."""
    answers = await _answers(request)
    status = 409 if any(_is_used_up(frame) for frame in answers) else 200
    return web.Response(status=status, body=join(answers), content_type=CONTENT_TYPE)


def _is_used_up(frame: bytes) -> bool:
    if is_session_frame(frame) or (kind := peek(frame).kind) != MessageKind.REFUSED:
        return False
    refused = codec.decode(kind, body_of(frame))
    return isinstance(refused, Refused) and refused.code is RefusalCode.TICKET_USED


async def _answers(request: web.Request) -> list[bytes]:
    if request.content_type != CONTENT_TYPE:
        raise web.HTTPUnsupportedMediaType(text=f"send {CONTENT_TYPE}")
    try:
        frames = split(await request.read())
    except LimitError as error:
        raise web.HTTPRequestEntityTooLarge(PACKET_MAX, request.content_length or 0) from error
    except ProtocolError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    answers, _ = await request.app[HUB].packet(frames, address=request.remote or "")
    return answers


async def live(request: web.Request) -> web.WebSocketResponse:
    """GET /node/ws: the same packets on a connection that stays: nudges, facts and commands go at once."""
    hub = request.app[HUB]
    socket = web.WebSocketResponse(max_msg_size=PACKET_MAX, compress=False)
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    wake = asyncio.Event()
    link: Link | None = None
    sender: asyncio.Task[None] | None = None
    try:
        timeout_s = FIRST_FRAME_WITHIN_S
        while True:
            async with asyncio.timeout(timeout_s):
                message = await socket.receive()
            if message.type is not WSMsgType.BINARY:
                break
            answers, found = await hub.packet(split(message.data), wake.set, request.remote or "")
            if answers:
                await socket.send_bytes(join(answers))
            if found is not None and found is not link:
                link = found
                if sender is not None:
                    sender.cancel()
                sender = asyncio.create_task(_send(hub, link, socket, wake), name="live-sender")
            timeout_s = SILENT_MAX_S
    except (TimeoutError, ProtocolError, ConnectionError):
        pass  # the device opens another connection; nothing is lost
    finally:
        request.app[SOCKETS].discard(socket)
        if sender is not None:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        if link is not None and link.wake == wake.set:
            await hub.lost(link)
        await socket.close(code=WSCloseCode.GOING_AWAY)
    return socket


async def _send(hub: Hub, link: Link, socket: web.WebSocketResponse, wake: asyncio.Event) -> None:
    """What the centre wants to say by itself."""
    while True:
        try:
            async with asyncio.timeout(hub.next_timer_s(link)):
                await wake.wait()
        except TimeoutError:
            pass
        wake.clear()
        if not hub.is_open(link):
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
            return
        frames = await hub.frames_to_send(link)
        if frames:
            await socket.send_bytes(join(frames))


SOCKETS: Final[web.AppKey[set[web.WebSocketResponse]]] = web.AppKey("sockets", set)


async def close_sockets(app: web.Application) -> None:
    """On shutdown: devices are told at once, so that the process ends in under a second."""
    sockets = app[SOCKETS]
    for socket in list(sockets):
        await socket.close(code=WSCloseCode.GOING_AWAY)


ROUTES: Final = [
    Route("POST", "/node/sync", sync, NODE, body_bytes_max=PACKET_MAX),
    Route("POST", "/node/enrol", enrol, NODE, body_bytes_max=PACKET_MAX),
    Route("GET", "/node/ws", live, NODE),
]
