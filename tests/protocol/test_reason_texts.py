"""Every reason and refusal has a text in every language, in the words that staff use (B13)."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from protocol import reasons, refusals

FOLDER = Path(__file__).parents[2] / "protocol" / "locale"
TEXTS = {*reasons.TEXT.values(), *refusals.TEXT.values()}
BARRED = {
    "zh_Hans": ("节点", *"實掛發設備體錄報開門權讀儲與"),
    "zh_Hant": ("節點", "實時", *"实挂发设备体录报开门权读储与"),
}
"""Characters of the other script, and words that pages do not use (requirements.md)."""


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant"])
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    with (FOLDER / f"{language}.po").open("rb") as file:
        translated = {message.id: message.string for message in read_po(file) if message.id}
    assert translated.keys() == TEXTS
    assert all(translated.values())
    for text in translated.values():
        assert not any(word in text for word in BARRED[language]), text


def test_every_reason_says_something_of_its_own() -> None:
    assert len(set(reasons.TEXT.values())) == len(reasons.Reason)
    assert len(set(refusals.TEXT.values())) == len(refusals.RefusalCode)
