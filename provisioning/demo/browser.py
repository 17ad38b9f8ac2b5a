"""A browser without a screen: signs in, reads pages, sends their forms. For the story of the demo and the tests on it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final, Self

import aiohttp

from provisioning.errors import DemoError

ANSWER_WITHIN_S: Final = 60.0
_TAG: Final = re.compile(
    r"<(?:!--.*?--|(/?)([a-zA-Z][\w-]*)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)|![^>]*)>", re.DOTALL
)
"""A tag, a comment or the type of the document."""
_ATTRIBUTE: Final = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_READ: Final = frozenset({"html", "form", "a", "tr", "progress", "select", "option", "input"})
"""Tags whose attributes matter here."""
_CELLS: Final = frozenset({"td", "th", "dt", "dd"})
_SCRIPTS: Final = frozenset({"script", "style"})
Fields = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass
class PageForm:
    """A form of a page with what its fields hold."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    options: dict[str, list[str]] = field(default_factory=dict)
    """What can be chosen: values of lists, of boxes to tick."""
    ticked: dict[str, list[str]] = field(default_factory=dict)
    """Boxes that are ticked; ``fields`` has the last one of each name."""

    def filled(self, **values: str | Sequence[str]) -> list[tuple[str, str]]:
        """What is sent when these fields hold these values, of boxes exactly these ticks, and the rest stays."""
        given: dict[str, str | Sequence[str]] = {**self.fields, **self.ticked, **values}
        return [
            (name, text)
            for name, texts in given.items()
            for text in ([texts] if isinstance(texts, str) else texts)
        ]


@dataclass
class Row:
    """A line of a table: its id, the text of its cells, its links."""

    id: str
    cells: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


class Page:
    """What a page says: its words, tables, forms and links.

    It is read by two expressions, which suffices for pages of ours, where every value is quoted and escaped, and takes a
    third of the time of a parser that forgives: whoever waits for something reads the same page many times.
    """

    def __init__(self, status: int, path: str, html: str) -> None:
        self.status, self.path, self.html = status, path, html
        self.language, self.words = "", ""
        self.forms: list[PageForm] = []
        self.rows: list[Row] = []
        self.links: list[str] = []
        self.facts: dict[str, str] = {}
        self.progress: tuple[int, int] | None = None
        """Done and all of the first bar of the page."""
        self._form: PageForm | None = None
        self._row: Row | None = None
        self._select = ""
        self._texts: list[list[str]] = [[]]
        self._title = ""
        self._read(html)
        self.words = _joined(self._texts[0])

    def form(self, action: str) -> PageForm:
        """The form that is posted to that path.

        :raises DemoError: the page has no such form.
        """
        for form in self.forms:
            if form.method == "post" and form.action.partition("?")[0] == action:
                return form
        raise DemoError(f"{self.path} ({self.status}): no form for {action}; it says: {self.words[:400]}")

    def rows_of(self, table: str) -> list[Row]:
        """The lines of a list (``central.web.tables``)."""
        return [row for row in self.rows if row.id.rpartition("-")[0] == table]

    # -- reading ------------------------------------------------------------------------------------------------

    def _read(self, html: str) -> None:
        at = 0
        while (tag := _TAG.search(html, at)) is not None:
            if at < tag.start():
                self._text(html[at : tag.start()])
            at = tag.end()
            name = (tag[2] or "").lower()
            if tag[1]:
                self._end(name)
            elif name in _SCRIPTS:
                end = html.find(f"</{name}", at)
                at = len(html) if end < 0 else end
            elif name:
                self._start(name, _attributes(tag[3]) if name in _READ else {})
        self._text(html[at:])

    def _start(self, tag: str, given: Mapping[str, str]) -> None:
        """One tag."""
        if tag == "html":
            self.language = given.get("lang", "")
        elif tag == "form":
            self._form = PageForm(given.get("action", self.path), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
            if self._row is not None:
                self._row.links.append(given["href"])
        elif tag == "tr":
            self._row = Row(given.get("id", ""))
            self.rows.append(self._row)
        elif tag == "progress" and self.progress is None:
            self.progress = int(given.get("value", "0")), int(given.get("max", "0"))
        elif tag in _CELLS:
            self._texts.append([])
        if self._form is not None:
            self._field(tag, given)

    def _field(self, tag: str, given: Mapping[str, str]) -> None:
        assert self._form is not None
        fields = self._form.fields
        if tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select:
            self._form.options.setdefault(self._select, []).append(given.get("value", ""))
            if "selected" in given or self._select not in fields:
                fields[self._select] = given.get("value", "")
        elif tag == "input" and "name" in given:
            if given.get("type") in ("checkbox", "radio"):
                self._form.options.setdefault(given["name"], []).append(given.get("value", ""))
                if _is_sent(given):
                    self._form.ticked.setdefault(given["name"], []).append(given.get("value", ""))
            if _is_sent(given):
                fields[given["name"]] = given.get("value", "")

    def _end(self, tag: str) -> None:
        """The end of one."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "tr":
            self._row = None
        elif tag in _CELLS and len(self._texts) > 1:
            text = _joined(self._texts.pop())
            self._texts[-1].append(f" {text} ")
            if tag == "dt":
                self._title = text
            elif tag == "dd":
                self.facts[self._title] = text
            elif self._row is not None:
                self._row.cells.append(text)

    def _text(self, text: str) -> None:
        self._texts[-1].append(unescape(text))


def _attributes(text: str) -> dict[str, str]:
    """Of a tag; one without a value has an empty one."""
    return {
        found[1].lower(): unescape(found[2] or found[3] or found[4] or "")
        for found in _ATTRIBUTE.finditer(text)
    }


def _is_sent(control: Mapping[str, str]) -> bool:
    return control.get("type") not in ("checkbox", "radio") or "checked" in control


def _joined(texts: list[str]) -> str:
    return " ".join("".join(texts).split())


class Browser:
    """One signed-in browser with cookies of its own."""

    def __init__(self, url: str, language: str = "zh-Hans") -> None:
        self._url = url
        self._language = language
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers={"Accept-Language": self._language, "Origin": self._url},
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def get(self, path: str) -> Page:
        """A page, wherever it leads."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, data: Fields) -> Page:
        """Send fields; the page that comes of it. Pairs where a name comes several times."""
        return await self._ask("POST", path, data)

    async def send(self, page: Page, action: str, **values: str) -> Page:
        """Fill a form of a page in and send it.

        :raises DemoError: there is no such form, or it was refused.
        """
        answer = await self.post(action, page.form(action).filled(**values))
        if answer.status >= 400:
            raise DemoError(f"POST {action}: {answer.status}: {answer.words[-600:]}")
        return answer

    async def load(self, path: str, data: Fields | None = None) -> bytes:
        """A file; with fields, the one that is sent for them.

        :raises DemoError: an error.
        """
        async with self._open("GET" if data is None else "POST", path, data) as response:
            body: bytes = await response.read()
            if response.status != 200:
                raise DemoError(f"{path}: {response.status}: {body[-400:]!r}")
            return body

    async def read(self, path: str) -> Any:
        """What the JSON API answers.

        :raises DemoError: an error.
        """
        async with self._open("GET", path, None) as response:
            if response.status != 200:
                raise DemoError(f"GET {path}: {response.status}: {(await response.text())[:400]}")
            return await response.json()

    async def sign_in_by_link(self, path: str) -> Page:
        """Follow a one-time link and press its button."""
        page = await self.get(path)
        home = await self.post("/login/link", page.form("/login/link").fields)
        home.form("/logout")  # only there for somebody who is signed in
        return home

    def stream(self, path: str) -> Any:
        """An answer that goes on (live events), as a context manager; without a time limit."""
        assert self._session is not None
        return self._session.get(self._url + path, timeout=aiohttp.ClientTimeout(total=None))

    async def _ask(self, method: str, path: str, data: Fields | None) -> Page:
        async with self._open(method, path, data) as response:
            text = await response.text()
            return Page(response.status, response.url.path_qs, text)

    def _open(self, method: str, path: str, data: Fields | None) -> Any:
        assert self._session is not None
        return self._session.request(method, self._url + path, data=data)
