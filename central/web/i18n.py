"""Texts in the reader's language.

``_("Door %(name)s", name=door.name)`` translates now, in the language of the running request;
``lazy("Door")`` is for texts named at import time (columns, fields, menus) and is translated when shown;
``ngettext("%(n)s card", "%(n)s cards", count)`` takes the plural. The msgid is English, values go in by name.
The language and the time zone of the page stand in a context variable: one request, one task, one setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import escape

from central.web.catalogue import DEFAULT_LANGUAGE, Language, translations

LANGUAGE_COOKIE = "language"
DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Setting:
    """How texts and times are shown: the language, and the site's time zone."""

    language: Language = DEFAULT_LANGUAGE
    zone: ZoneInfo = DEFAULT_ZONE


_setting: ContextVar[Setting] = ContextVar("setting", default=Setting())  # noqa: B039 (frozen: cannot be changed)


def current() -> Setting:
    """The setting of the running request, or the default outside one."""
    return _setting.get()


def use(language: Language | None = None, zone: ZoneInfo | None = None) -> None:
    """Set the language, the zone or both for the rest of this task; what is None stays."""
    now = _setting.get()
    _setting.set(Setting(language or now.language, zone or now.zone))


@contextmanager
def using(language: Language | None = None, zone: ZoneInfo | None = None) -> Iterator[None]:
    """The same for one block."""
    token = _setting.set(_setting.get())
    try:
        use(language, zone)
        yield
    finally:
        _setting.reset(token)


def gettext(message: str, **values: Any) -> str:
    """The text in the current language; ``values`` fill ``%(name)s`` places. Without values ``%`` is plain."""
    text = translations(current().language).gettext(message) if message else ""
    return text % values if values else text


def ngettext(singular: str, plural: str, n: int, **values: Any) -> str:
    """The singular or plural text for ``n``, which also fills ``%(n)s``."""
    return translations(current().language).ngettext(singular, plural, n) % {"n": n, **values}


_ = gettext


@dataclass(frozen=True)
class LazyText:
    """A text that is translated each time it is shown. Compare and store ``message``, never the shown text."""

    message: str

    def __str__(self) -> str:
        return gettext(self.message)

    def __html__(self) -> str:
        return escape(str(self))


Text = str | LazyText


def lazy(message: str) -> LazyText:
    """Mark a text that is named before a request exists."""
    return LazyText(message)


def choose(accept_language: str) -> Language:
    """The best language for an Accept-Language header (RFC 9110 section 12.5.4); zh-Hans when none fits."""
    wanted: list[tuple[float, int, str]] = []
    for order, part in enumerate(accept_language.split(",")[:20]):
        tag, _semicolon, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        wanted.append((-quality, order, tag.strip().lower()))
    for quality, _order, tag in sorted(wanted):
        language = _match(tag)
        if language is not None and quality < 0:
            return language
    return DEFAULT_LANGUAGE


def _match(tag: str) -> Language | None:
    parts = tag.replace("_", "-").split("-")
    if parts[0] == "en":
        return Language.EN
    if parts[0] != "zh":
        return None
    if "hant" in parts or ("hans" not in parts and {"tw", "hk", "mo"} & set(parts)):
        return Language.ZH_HANT
    return Language.ZH_HANS


def parse_language(value: str | None) -> Language | None:
    """A stored or posted language tag, or None when it is not one of ours."""
    try:
        return Language(value) if value else None
    except ValueError:
        return None
