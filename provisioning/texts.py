"""Texts of this package's pages and commands in the reader's language; catalogues in ``locale``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from edge.i18n import parse_po

LANGUAGES: Final = {"zh-Hans": "简体中文", "zh-Hant": "繁體中文", "en": "English"}
_FOLDER: Final = Path(__file__).parent / "locale"


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language == "en":
        return {}
    path = _FOLDER / f"{language.replace('-', '_')}.po"
    return parse_po(path.read_text(encoding="utf-8").splitlines())


def translator(language: str) -> Callable[..., str]:
    """``_`` of one of ``LANGUAGES``; values fill ``%(name)s`` places."""
    texts = _catalogue(language)

    def _(message: str, **values: object) -> str:
        text = texts.get(message, message)
        return text % values if values else text

    return _


def choose(wanted: str, accept_language: str) -> str:
    """The language asked for in the address, else by the browser; simplified Chinese when neither says one."""
    if wanted in LANGUAGES:
        return wanted
    for part in accept_language.lower().split(","):
        tag = part.split(";")[0].strip()
        if tag.startswith("en"):
            return "en"
        if tag.startswith("zh"):
            return "zh-Hant" if any(word in tag for word in ("hant", "tw", "hk", "mo")) else "zh-Hans"
    return "zh-Hans"


def of_os_error(error: OSError, path: object, _: Callable[..., str]) -> str:
    """Which file, what is wrong with it, and what to do, in the reader's language where it is one of the usual things."""
    match error:
        case FileNotFoundError():
            reason = _("there is no such file")
        case PermissionError():
            reason = _("you may not read or write it; for a card in its reader give the command with sudo")
        case _unusual:
            reason = error.strerror or str(error)
    return _("%(path)s: %(error)s", path=error.filename or path, error=reason)


def N_(message: str) -> str:
    """Mark a text that is translated where it is shown."""
    return message
