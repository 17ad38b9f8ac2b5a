"""The newest door events of the centre, for the tap page: read from the JSON API as any other program reads it.

Asked for only while somebody looks. What stands in the list has arrived at the centre; what a device without network
decides is missing from it until the network is back.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiohttp

from central.access.words import REASON_TEXT
from central.web import formats
from central.web.i18n import parse_language, using
from central.web.vocabulary import status
from provisioning.demo.site import ZONE

EVERY_S: Final = 0.5
ROWS: Final = 8
ANSWER_WITHIN_S: Final = 5.0


class Recent:
    """Follows ``/api/events``; each watcher gets the rows when they change."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None) -> None:
        self._url, self._token, self._tls = url, token, tls
        self._session: aiohttp.ClientSession | None = None
        self._rows: list[dict[str, Any]] | None = None

    async def follow(self) -> AsyncIterator[list[dict[str, Any]]]:
        """The newest rows, now and each time there are others."""
        shown: list[dict[str, Any]] | None = None
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                rows = await self._read()
                if rows != shown:
                    shown = rows
                    yield rows
            await asyncio.sleep(EVERY_S)

    async def stop(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def _read(self) -> list[dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S),
            )
        async with self._session.get(self._url, ssl=self._tls or True) as answer:
            answer.raise_for_status()
            return list((await answer.json())["items"][:ROWS])


def in_words(rows: list[dict[str, Any]], language: str) -> list[dict[str, str]]:
    """Rows of the API as the page shows them."""
    with using(parse_language(language), ZoneInfo(ZONE)):
        return [
            {
                "at": formats.clock(datetime.fromisoformat(row["at"])),
                "door": row["door_label"] or "",
                "who": row["person_name"] or row["card_no"] or "",
                "result": str(row["result"]),
                "word": str(status("decision", row["result"]).text),
                "reason": str(REASON_TEXT[int(row["reason"])]) if row["result"] == "denied" else "",
            }
            for row in rows
        ]
