"""Search that forgives the script: 劉 finds 刘, ``zw`` finds 张伟, full-width finds half-width.

``fold`` makes the key that is stored beside a text and compared with the folded question; ``initials`` makes the
pinyin initials of a name. Both are keys for search only: what is shown is never converted. The initials of a name are
editable, because a reading cannot always be known (单 is shan as a surname, dan as a word).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parent / "data" / "traditional.txt"
SURNAMES: Final[dict[str, str]] = {
    # Surnames that are read otherwise than the word; two-character surnames first.
    "尉迟": "yc",
    "万俟": "mq",
    "单于": "cy",
    "长孙": "zs",
    "澹台": "tt",
    "单": "s",
    "仇": "q",
    "解": "x",
    "查": "z",
    "曾": "z",
    "翟": "z",
    "区": "o",
    "盖": "g",
    "朴": "p",
    "种": "c",
    "缪": "m",
    "员": "y",
    "折": "s",
    "盛": "s",
    "召": "s",
    "冼": "x",
}
_PARTS: Final = re.compile(r"[\u3400-\u9fff]+|\d+|[^\W\d_\u3400-\u9fff]+")
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")


@cache
def _simplified() -> dict[int, str]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    pairs = [pair for line in lines if not line.startswith("#") for pair in line.split()]
    return {ord(pair[0]): pair[1] for pair in pairs}


def _plain(text: str) -> str:
    """Half-width, without accents, lower case, simplified (Unicode NFKD and case folding, UAX 15 and chapter 3.13)."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    letters = "".join(c for c in decomposed if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return letters.translate(_simplified())


def fold(text: str) -> str:
    """The key of a text: half-width, lower case, simplified, without accents, spaces and dots between the parts of a name."""
    plain = _plain(text)
    return re.sub(r"[\s·・•.\-]+", "", plain)


def initials(name: str) -> str:
    """The first letters of a name: 张伟 gives ``zw``, Anna Schmidt ``as``, 王小2号 ``wx2h``; lower case, for search."""
    plain = _plain(name)
    letters = []
    for part in _PARTS.findall(plain):
        if not _CHINESE.match(part):
            # Latin letters count by word, digits all: "Block 12" is "b12".
            letters.append(part if part.isdigit() else part[0])
            continue
        surname = next((s for s in SURNAMES if not letters and part.startswith(s)), "")
        rest = part[len(surname) :]
        letters.append((SURNAMES[surname] if surname else "") + _first_letters(rest))
    return "".join(letters)


def _first_letters(chinese: str) -> str:
    if not chinese:
        return ""
    from pypinyin import Style, lazy_pinyin  # its tables take a moment to load; only those who need them wait

    return "".join(p[0] for p in lazy_pinyin(chinese, style=Style.FIRST_LETTER, errors="ignore") if p)
