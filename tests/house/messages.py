"""Every text that can be shown, found in the sources, and the catalogues that translate it.

``python -m tests.house.messages`` prints what is missing, folder by folder, ready to be pasted into the .po files.
A text is found where it is a literal in ``_()``, ``lazy()``, ``ngettext()``, ``N_()``, in an error class of
central/errors.py, in a template, or in a table of texts named in ``TABLES``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("zh_Hans", "zh_Hant")
PROGRAMS = {"edge": ("edge",), "central": ("protocol", "central"), "provisioning": ("provisioning",)}
"""Each program and the folders whose catalogues it reads."""
TABLES: dict[str, list[tuple[str, Callable[[Any], Iterable[str]]]]] = {
    "protocol": [
        ("protocol.reasons", lambda module: module.TEXT.values()),
        ("protocol.refusals", lambda module: module.TEXT.values()),
    ],
}
"""Texts that stand in a table of plain strings: folder, module, and how to get them out of it."""

Id = str | tuple[str, ...]


def keywords() -> dict[str, Any]:
    """The calls whose literal argument is a text for people."""
    errors = import_module("central.errors")
    names = {n: None for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    return {
        "_": None,
        "gettext": None,
        "say": None,
        "lazy": None,
        "N_": None,
        "FieldError": None,
        "ngettext": (1, 2),
        **names,
    }


def folder_of(path: Path) -> str:
    """The folder whose catalogue translates a source: ``central/people``, ``central``, ``edge``, ``protocol``."""
    parts = path.relative_to(ROOT).parts
    return f"central/{parts[1]}" if parts[0] == "central" and len(parts) > 2 else parts[0]


def extracted_from(path: Path) -> Iterator[Id]:
    """The texts of one source or template."""
    method = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
    options = {
        "extensions": "jinja2.ext.do",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "silent": "false",
    }
    with path.open("rb") as file:
        for _line, message, _comments, _context in extract(
            method,
            file,
            keywords=keywords(),
            options=options if path.suffix == ".html" else {"encoding": "utf-8"},
        ):
            if message:
                yield message


@cache
def used_by(folder: str) -> dict[Id, str]:
    """Every text below one top folder, with the catalogue folder that should hold it."""
    found: dict[Id, str] = {}
    paths = [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.html")]
    for path in sorted(paths):
        for message in extracted_from(path):
            found.setdefault(message, folder_of(path))
    for module, texts in TABLES.get(folder, []):
        for text in texts(import_module(module)):
            found.setdefault(text, folder)
    return found


def used_by_program(program: str) -> dict[Id, str]:
    """Every text of one program."""
    return {m: f for folder in reversed(PROGRAMS[program]) for m, f in used_by(folder).items()}


def catalogue_paths(program: str, language: str) -> list[Path]:
    """The .po files that one program reads."""
    return sorted(p for folder in PROGRAMS[program] for p in (ROOT / folder).rglob(f"locale/{language}.po"))


def parse(text: bytes) -> Catalog:
    """One catalogue."""
    return read_po(BytesIO(text), abort_invalid=True)


def messages(catalogue: Catalog) -> list[Message]:
    """Its messages without the header."""
    return [m for m in catalogue if m.id]


def texts_of(message: Message) -> list[str]:
    """All forms of a translation."""
    return list(message.string) if isinstance(message.string, (list, tuple)) else [message.string]


def id_of(message: Message) -> Id:
    """The msgid as the extraction gives it: a text, or (singular, plural)."""
    return tuple(message.id) if isinstance(message.id, (list, tuple)) else message.id


def missing(program: str, language: str) -> dict[Id, str]:
    """Texts without a translation, with the folder that should hold it."""
    translated: set[Id] = set()
    for path in catalogue_paths(program, language):
        for message in messages(parse(path.read_bytes())):
            if all(texts_of(message)) and not message.fuzzy:
                translated.add(id_of(message))
    return {m: folder for m, folder in used_by_program(program).items() if m not in translated}


def quoted(text: str) -> str:
    """A text as a .po file writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main() -> None:
    """Print what is missing."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    for program in PROGRAMS:
        for language in LANGUAGES:
            by_folder: dict[str, list[Id]] = {}
            for message, folder in missing(program, language).items():
                by_folder.setdefault(folder, []).append(message)
            for folder, ids in sorted(by_folder.items()):
                if only and folder != only:
                    continue
                print(f"\n# {folder}/locale/{language}.po: {len(ids)} missing")
                for message in ids:
                    if isinstance(message, tuple):
                        print(
                            f'\nmsgid {quoted(message[0])}\nmsgid_plural {quoted(message[1])}\nmsgstr[0] ""'
                        )
                    else:
                        print(f'\nmsgid {quoted(message)}\nmsgstr ""')


if __name__ == "__main__":
    main()
