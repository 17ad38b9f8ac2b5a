"""The built-in manual: ``docs/manual/<language>/<chapter>.md``, shown under ``/manual/<chapter>``.

A template says ``{% set help_section = "cards" %}`` and its "?" opens that chapter. The same files are readable in the
repository: a link to ``cards.md`` becomes a link to the chapter here. Raw HTML in a chapter is shown as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from markupsafe import Markup

from central.web import i18n
from central.web.catalogue import Language
from central.web.render import render

if TYPE_CHECKING:
    from markdown_it.token import Token

FOLDER: Final = Path(__file__).resolve().parents[1] / "manual"
CHAPTERS: Final = (
    "start",
    "people",
    "units",
    "cards",
    "faces",
    "purse",
    "tills",
    "reports",
    "devices",
    "doors",
    "attendance",
    "patrol",
    "alarms",
    "duty",
    "operators",
    "system",
)
"""The chapters in their order; each is there in every language."""

SECTIONS: Final = {
    "photos": "people#s4",
    "monitor": "doors#s1",
    "events": "doors#s11",
    "levels": "doors#s10",
    "schedules": "doors#s10",
    "special-days": "doors#s10",
    "door-history": "doors#s15",
    "hotlist": "cards#s2",
    "move-in": "units#s3",
    "hand-over": "units#s4",
    "contractors": "units#s6",
    "plates": "units#s5",
    "stock": "cards#s7",
    "sites": "operators#s2",
    "account": "operators#s3",
    "spares": "devices#s6",
    "updates": "devices#s9",
    "audit": "operators#s4",
    "service": "system#s2",
    "card-keys": "system#s5",
    "certificate": "system#s3",
    "patrol-map": "patrol#s8",
    "patrol-monitor": "patrol#s9",
    "patrol-replay": "patrol#s9",
    "loss-certificate": "reports#s4",
    "slips": "reports#s5",
    "forms": "reports#s6",
    "compliance": "reports#s7",
    "repairs": "duty#s4",
    "usage": "reports#s10",
    "oversight": "reports#s8",
    "police": "reports#s9",
    "webhooks": "operators#s6",
    "alarm-messages": "alarms#s4",
}
"""Names that pages use for a part of a chapter: the chapter and its n-th section (tests/house/test_manual.py)."""


@dataclass(frozen=True)
class Chapter:
    """One chapter, ready to be shown."""

    name: str
    title: str
    sections: tuple[tuple[str, str], ...]
    """Id and title of each second-level heading."""
    html: Markup


@cache
def chapter(language: Language, name: str) -> Chapter:
    """Read and render one chapter. Raises KeyError when there is no such chapter."""
    if name not in CHAPTERS:
        raise KeyError(name)
    text = (FOLDER / language.value / f"{name}.md").read_text(encoding="utf-8")
    from markdown_it import MarkdownIt  # as the process starts, nobody reads yet

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    title = ""
    sections: list[tuple[str, str]] = []
    for heading, inline in pairwise(tokens):
        if heading.type != "heading_open":
            continue
        if heading.tag == "h1":
            title = inline.content
        elif heading.tag == "h2":
            heading.attrSet("id", f"s{len(sections) + 1}")
            sections.append((f"s{len(sections) + 1}", inline.content))
    _point_links_here(tokens)
    assert tokens[0].tag == "h1", f"{name}.md begins with its title"
    html = parser.renderer.render(
        tokens[3:], parser.options, {}
    )  # the page shows the title as its own heading
    return Chapter(name, title, tuple(sections), Markup(html))  # noqa: S704 (our own text; raw HTML is off)


def _point_links_here(tokens: list[Token]) -> None:
    for token in tokens:
        for child in token.children or []:
            address = child.attrGet("href")
            if child.type == "link_open" and isinstance(address, str):
                child.attrSet("href", re.sub(r"^([a-z]+)\.md", r"/manual/\1", address))


async def show_chapter(request: web.Request) -> web.Response:
    """``GET /manual/{chapter}``: a chapter, or by a redirection the part of one."""
    language, name = i18n.current().language, request.match_info["chapter"]
    if name in SECTIONS:
        raise web.HTTPFound(f"/manual/{SECTIONS[name]}")
    try:
        found = chapter(language, name)
    except KeyError:
        raise web.HTTPNotFound() from None
    context: dict[str, Any] = {
        "chapter": found,
        "chapters": [chapter(language, name) for name in CHAPTERS],
        "help_section": found.name,
    }
    return await render(request, "web/manual.html", context)


async def show_first(request: web.Request) -> web.Response:
    """``GET /manual``."""
    raise web.HTTPFound(f"/manual/{CHAPTERS[0]}")
