"""A file of a patrol unit, sent to the page that takes it."""

from __future__ import annotations

import io

import aiohttp

from tests.support.centre import Answer, Browser
from tests.support.estate_pages import ORGANISATION, SITE


async def upload(client: Browser, raw: bytes, name: str) -> Answer:
    form = aiohttp.FormData()
    for key, value in (("csrf", client.csrf), ("site", SITE), ("organisation", ORGANISATION)):
        form.add_field(key, str(value))
    form.add_field("file", io.BytesIO(raw), filename=name, content_type="application/octet-stream")
    return await client.request(
        "POST", "/patrol/units/import", data=form, headers={"Sec-Fetch-Site": "same-origin"}
    )
