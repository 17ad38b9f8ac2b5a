"""車牌: one spelling for each number plate, and which kinds of plates a number can be. Pure; used by both ends.

Sources: GA 36-2018 (mainland plates: 5 signs behind the letter of the office, 6 on the green ones of new-energy cars; the
letters I and O do not occur among them); Road Traffic (Registration and Licensing of Vehicles) Regulations, Hong Kong;
Macau's plates by their shape (M-12-34, MA-12-34). A number that can be of two kinds is never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from typing import Final

PLATE_CHARS_MAX: Final = 12


class PlateKind(Enum):
    """Who issued the plate. Stored."""

    MAINLAND = "mainland"
    NEW_ENERGY = "new_energy"
    """Green, eight signs."""
    CROSS_BORDER = "cross_border"
    """粤Z…港, 粤Z…澳: of Hong Kong or Macau, for the roads of the mainland."""
    HONG_KONG = "hong_kong"
    MACAU = "macau"
    OTHER = "other"
    """Police, army, embassies, abroad: kept as written, never told from the number."""


_SIMPLIFIED: Final = str.maketrans("滬蘇遼贛魯雲貴陝寧瓊閩粵學掛領", "沪苏辽赣鲁云贵陕宁琼闽粤学挂领")
_SEPARATORS: Final = re.compile(r"[\s\-‐‑‒–—−·•・.。:_/]+")
_PROVINCES: Final = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
_SIGN: Final = "[0-9A-HJ-NP-Z]"
_MACAU_WRITTEN: Final = re.compile(r"[A-Z]{1,2}-[0-9]{2}-[0-9]{2}")
_SHAPES: Final[dict[PlateKind, re.Pattern[str]]] = {
    PlateKind.MAINLAND: re.compile(rf"[{_PROVINCES}][A-Z]{_SIGN}{{4}}(?:{_SIGN}|[挂学警领])"),
    PlateKind.NEW_ENERGY: re.compile(rf"[{_PROVINCES}][A-Z](?:[A-HJK]{_SIGN}[0-9]{{4}}|[0-9]{{5}}[A-HJK])"),
    PlateKind.CROSS_BORDER: re.compile(rf"粤Z{_SIGN}{{4}}[港澳]"),
    PlateKind.HONG_KONG: re.compile(r"(?:[A-HJ-NPR-Z]{2})?[1-9][0-9]{0,3}"),
    PlateKind.MACAU: re.compile(r"(?:M|[A-Z]{2})[0-9]{4}"),
}
_BY_CHOICE: Final[dict[PlateKind, re.Pattern[str]]] = {
    PlateKind.HONG_KONG: re.compile(r"[0-9A-HJ-NP-Z]{1,8}"),
    PlateKind.OTHER: re.compile(rf"\w{{2,{PLATE_CHARS_MAX}}}"),
}
"""What a kind may look like when somebody has named it: personalised marks of Hong Kong, plates of anybody else."""


def tidy(text: str) -> str:
    """One spelling: full-width signs, small letters, traditional province signs and separators made one."""
    plain = unicodedata.normalize("NFKC", text).upper().translate(_SIMPLIFIED)
    return _SEPARATORS.sub("", plain)


def kinds_of(text: str) -> list[PlateKind]:
    """The kinds that a number can be by its shape; none for what is no plate, or one of ``OTHER``."""
    if _MACAU_WRITTEN.fullmatch(unicodedata.normalize("NFKC", text).upper().strip()):
        return [PlateKind.MACAU]
    number = tidy(text)
    return [kind for kind, shape in _SHAPES.items() if shape.fullmatch(number)]


def is_possible(text: str, kind: PlateKind) -> bool:
    """True when a plate of this kind can carry the number."""
    shape = _BY_CHOICE.get(kind) or _SHAPES[kind]
    return shape.fullmatch(tidy(text)) is not None


def shown(number: str, kind: PlateKind) -> str:
    """As it stands on the plate: 沪A·12345, AB 1234, MA-12-34. ``number`` as :func:`tidy` gives it."""
    if kind in (PlateKind.MAINLAND, PlateKind.NEW_ENERGY, PlateKind.CROSS_BORDER):
        return f"{number[:2]}·{number[2:]}"
    if kind is PlateKind.MACAU:
        return f"{number[:-4]}-{number[-4:-2]}-{number[-2:]}"
    if kind is PlateKind.HONG_KONG and _SHAPES[kind].fullmatch(number):
        return f"{number[:2]} {number[2:]}" if number[0].isalpha() else number
    return number
