"""Static files: the address carries a hash of the content, so that browsers may keep them for ever.

``/static/3f2a91c04b17/app.css`` is ``static/app.css``; a new content is a new address, a wrong hash is not found.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One static file in memory."""

    name: str
    body: bytes
    digest: str
    content_type: str

    @property
    def url(self) -> str:
        return f"/static/{self.digest}/{self.name}"


@cache
def assets(root: Path = STATIC) -> dict[str, Asset]:
    """Every file under ``static/`` that a page may ask for, by its path there."""
    found: dict[str, Asset] = {}
    for path in sorted(root.rglob("*")):
        content_type = CONTENT_TYPES.get(path.suffix)
        if path.is_file() and content_type is not None:
            body = path.read_bytes()
            name = path.relative_to(root).as_posix()
            found[name] = Asset(name, body, hashlib.sha256(body).hexdigest()[:12], content_type)
    return found


def asset_url(name: str) -> str:
    """The address of one file. Raises KeyError when there is none: a page must not ask for it."""
    return assets()[name].url


async def serve(request: web.Request) -> web.Response:
    """``GET /static/{digest}/{name}``."""
    asset = assets().get(request.match_info["name"])
    if asset is None or asset.digest != request.match_info["digest"]:
        raise web.HTTPNotFound()
    return _answer(asset, FOR_EVER)


async def serve_favicon(request: web.Request) -> web.Response:
    """``GET /favicon.ico``: browsers ask for it by name, whatever the page says."""
    return _answer(assets()["favicon.svg"], "public, max-age=86400")


def _answer(asset: Asset, cache_control: str) -> web.Response:
    headers = {"Content-Type": asset.content_type, "Cache-Control": cache_control}
    return web.Response(body=asset.body, headers=headers)
