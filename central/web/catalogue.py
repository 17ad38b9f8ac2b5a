"""Message catalogues: one .po file per folder and language, merged in memory at start.

The msgid is the English text. Each folder keeps its own words in ``<folder>/locale/zh_Hans.po`` and
``zh_Hant.po``, so that a sub-system brings its translations with it. Nothing is compiled into git.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

ROOT = Path(__file__).resolve().parents[2]


class Language(StrEnum):
    """The languages of every page; the value is the HTML ``lang`` tag."""

    ZH_HANS = "zh-Hans"
    ZH_HANT = "zh-Hant"
    EN = "en"

    @property
    def file_name(self) -> str:
        """Name of the catalogue file without its ending, for example ``zh_Hans``."""
        return self.value.replace("-", "_")

    @property
    def own_name(self) -> str:
        """The language's name in itself, for the language switch; never translated."""
        return {Language.ZH_HANS: "简体中文", Language.ZH_HANT: "繁體中文", Language.EN: "English"}[self]


DEFAULT_LANGUAGE = Language.ZH_HANS


def catalogue_files(language: Language, root: Path = ROOT) -> list[Path]:
    """Every catalogue file of one language: protocol, the centre itself and each of its folders."""
    name = f"locale/{language.file_name}.po"
    patterns = (f"protocol/{name}", f"central/{name}", f"central/*/{name}")
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def read_catalogue(path: Path) -> Catalog:
    """One .po file. Raises ValueError (PoFileError) when it cannot be parsed."""
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def merge(catalogues: Iterable[Catalog], language: Language) -> NullTranslations:
    """One set of translations out of many catalogues; empty and fuzzy translations do not count."""
    merged = Catalog(locale=language.file_name)
    for catalogue in catalogues:
        for message in catalogue:
            texts = message.string if isinstance(message.string, (list, tuple)) else [message.string]
            if message.id and all(texts) and not message.fuzzy:
                merged.add(message.id, message.string, context=message.context, flags=message.flags)
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translations(compiled)


@cache
def translations(language: Language) -> NullTranslations:
    """The translations of one language, read once. English needs none: the msgid is the text."""
    if language is Language.EN:
        return NullTranslations()
    return merge((read_catalogue(path) for path in catalogue_files(language)), language)
