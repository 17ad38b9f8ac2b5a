"""Amounts in Chinese capitals (大写), as receipts and vouchers write them so that nobody adds a digit.

Source: the rules for filling in bills and settlement vouchers of the People's Bank of China (1997), annex 1.
"""

from __future__ import annotations

from typing import Final

from central.web.catalogue import Language
from central.web.i18n import current

_SIMPLE: Final = ("人民币", "零壹贰叁肆伍陆柒捌玖", "万")
_TRADITIONAL: Final = ("人民幣", "零壹貳叁肆伍陸柒捌玖", "萬")
_PLACES: Final = ("", "拾", "佰", "仟")
FEN_MAX: Final = 10**14 - 1


def capitals(fen: int, *, traditional: bool = False) -> str:
    """``人民币壹仟肆佰零玖元伍角整`` of 140950. ``fen`` from zero on, below a trillion yuan."""
    assert 0 <= fen <= FEN_MAX, fen
    currency, digits, ten_thousand = _TRADITIONAL if traditional else _SIMPLE
    yuan, rest = divmod(fen, 100)
    jiao, one_fen = divmod(rest, 10)
    text = _whole(yuan, digits, ten_thousand) + "元" if yuan or not rest else ""
    if not rest:
        return f"{currency}{text}整"
    if jiao:
        text += digits[jiao] + "角"
    elif yuan:
        text += digits[0]
    return f"{currency}{text}{digits[one_fen] + '分' if one_fen else '整'}"


def in_traditional() -> bool:
    """Whether the present language writes traditional Chinese."""
    return current().language is Language.ZH_HANT


def _whole(number: int, digits: str, ten_thousand: str) -> str:
    """A whole number in groups of four places; one zero stands for any number of them, none at the end."""
    if number == 0:
        return digits[0]
    groups = []
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    text, is_gap = "", False
    for place in range(len(groups) - 1, -1, -1):
        group = groups[place]
        if group == 0:
            is_gap = True
            continue
        if text and (is_gap or group < 1_000):
            text += digits[0]
        text += _group(group, digits) + ("", ten_thousand, "亿" if ten_thousand == "万" else "億")[place]
        is_gap = False
    return text


def _group(group: int, digits: str) -> str:
    text, is_gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit == 0:
            is_gap = is_gap or bool(text)
            continue
        text += (digits[0] if is_gap else "") + digits[digit] + _PLACES[place]
        is_gap = False
    return text
