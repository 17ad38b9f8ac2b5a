"""Texts of the node's commands in the installer's language: the msgid is English, the catalogues are ``locale/*.po``.

A node has no Babel. This reads what our own catalogues use of the format: comments, ``msgid``, ``msgstr``, continued lines.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("zh_Hans", "zh_Hant", "en")
_FOLDER: Final = Path(__file__).parent / "locale"
_texts: dict[str, str] = {}


def use_language(language: str) -> None:
    """Translate into one of ``LANGUAGES`` from now on."""
    _texts.clear()
    if language != "en":
        _texts.update(parse_po((_FOLDER / f"{language}.po").read_text(encoding="utf-8").splitlines()))


def gettext(message: str, **values: object) -> str:
    """The text, with ``%(name)s`` places filled in; English when there is no translation."""
    text = _texts.get(message, message)
    return text % values if values else text


_ = gettext


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """The language that the environment asks for (LC_ALL, LC_MESSAGES, LANG); simplified Chinese when it says nothing."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            break
    code = value.split(".")[0].replace("-", "_").lower()
    if code.startswith("zh"):
        return "zh_Hant" if any(word in code for word in ("hant", "_tw", "_hk", "_mo")) else "zh_Hans"
    return "en" if code.startswith("en") else "zh_Hans"


def parse_po(lines: Iterable[str]) -> dict[str, str]:
    """msgid -> msgstr of a catalogue, without its header, and without what is not translated."""
    texts: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    current = ""

    def finish() -> None:
        message, text = "".join(parts.get("msgid", ())), "".join(parts.get("msgstr", ()))
        if message and text:
            texts[message] = text
        parts.clear()

    for line in lines:
        line = line.strip()
        keyword, _space, rest = line.partition(" ")
        if keyword == "msgid":
            finish()
        if keyword in ("msgid", "msgstr"):
            current = keyword
            parts[current] = [_unquoted(rest)]
        elif line.startswith('"'):
            parts[current].append(_unquoted(line))
    finish()
    return texts


def _unquoted(text: str) -> str:
    plain = text[1:-1]
    if "\\" not in plain:
        return plain  # nearly all: parsing each takes a tenth of the time that a node has to start
    found: str = ast.literal_eval(text)
    return found
