"""Every text is translated, in the words that staff use, and nothing else stands in the catalogues."""

from __future__ import annotations

import re

import pytest

from tests.house import messages as found
from tests.house.messages import LANGUAGES, PROGRAMS, ROOT

PAIRS = [(program, language) for program in PROGRAMS for language in LANGUAGES]
ENCODING = {"zh_Hans": "gb2312", "zh_Hant": "big5hkscs"}
"""A simplified character is not in Big5, a traditional one is not in GB 2312: a wrong one cannot be encoded."""
ALSO_ALLOWED = set("·–—…¥°²×≤≥→←↑↓“”‘’•　")
FORBIDDEN = {
    "zh_Hans": {
        "节点": "设备",
        "發": "发",
        "即时": "实时",
        "资讯": "信息",
        "登出": "退出登录",
        "滞纳": "违约金",
        "黑名单": "挂失",
        "发件箱": "未上传",
        "纪元": "(internal)",
        "修订": "(internal)",
    },
    "zh_Hant": {
        "節點": "設備",
        "實時": "即時",
        "保存": "儲存",
        "網路": "網絡",
        "信息": "資訊 / 訊息",
        "用戶": "使用者",
        "默認": "預設",
        "登錄": "登入",
        "打印": "列印",
        "屏幕": "螢幕",
        "搜索": "搜尋",
        "鏈接": "連結",
        "服務器": "伺服器",
        "文件": "檔案",
        "導出": "匯出",
        "導入": "匯入",
        "菜單": "選單",
        "設置": "設定",
        "在線": "連線",
        "黑名單": "掛失",
        "發件箱": "未上傳",
        "紀元": "(internal)",
        "修訂": "(internal)",
    },
}
"""Words of the other place, and our own inner words (requirements.md, "Words that staff use")."""
INNER_WORDS = re.compile(r"\b(node(?!\.toml)|nodes|outbox|epoch|revision|revisions)\b", re.IGNORECASE)
PLACES = re.compile(r"%\((\w+)\)[sd]")


def complaints(message_id: str, text: str, language: str) -> list[str]:
    """What is wrong with one translation."""
    wrong = []
    plain = "".join(c for c in text if c not in ALSO_ALLOWED)
    try:
        plain.encode(ENCODING[language])
    except UnicodeEncodeError as error:
        wrong.append(f"{error.object[error.start : error.end]!r} is not {language}")
    for word, instead in FORBIDDEN[language].items():
        if word in text:
            wrong.append(f"{word!r} is not a word of {language}: {instead}")
    if INNER_WORDS.search(PLACES.sub("", text)):
        wrong.append("an inner word")
    if sorted(set(PLACES.findall(message_id))) != sorted(set(PLACES.findall(text))):
        wrong.append("the places to fill differ")
    if message_id.endswith(" ") != text.endswith(" "):
        wrong.append("a space at the end")
    return wrong


@pytest.mark.parametrize(("program", "language"), PAIRS)
def test_every_text_is_translated(program: str, language: str) -> None:
    """Planted break: show ``_("A new text")`` on any page."""
    missing = found.missing(program, language)
    assert not missing, f"`python -m tests.house.messages` prints them: {list(missing.items())[:20]}"


@pytest.mark.parametrize(("program", "language"), PAIRS)
def test_no_translation_is_left_over(program: str, language: str) -> None:
    used = set(found.used_by_program(program)) | {
        m for other in PROGRAMS for m in found.used_by_program(other) if other != program
    }
    for path in found.catalogue_paths(program, language):
        left_over = [
            m.id for m in found.messages(found.parse(path.read_bytes())) if found.id_of(m) not in used
        ]
        assert not left_over, f"{path.relative_to(ROOT)}: {left_over}"


@pytest.mark.parametrize(("program", "language"), PAIRS)
def test_translations_use_the_words_of_their_readers(program: str, language: str) -> None:
    wrong = []
    for path in found.catalogue_paths(program, language):
        for message in found.messages(found.parse(path.read_bytes())):
            assert not message.fuzzy, f"{path.relative_to(ROOT)}: {message.id!r} is marked fuzzy"
            for text in found.texts_of(message):
                source = message.id if isinstance(message.id, str) else message.id[-1]
                wrong += [
                    f"{path.relative_to(ROOT)}: {source!r}: {why}"
                    for why in complaints(source, text, language)
                ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("program", "language"), PAIRS)
def test_one_text_has_one_translation(program: str, language: str) -> None:
    seen: dict[found.Id, tuple[list[str], str]] = {}
    for path in found.catalogue_paths(program, language):
        for message in found.messages(found.parse(path.read_bytes())):
            texts, where = found.texts_of(message), str(path.relative_to(ROOT))
            first = seen.setdefault(found.id_of(message), (texts, where))
            assert first[0] == texts, f"{message.id!r}: {first[0]} in {first[1]}, {texts} in {where}"


def test_pages_never_say_what_only_programmers_say() -> None:
    """ "device", "not delivered", "not uploaded": never node, outbox, epoch or revision."""
    shown = [m for folder in ("protocol", "central") for m in found.used_by(folder)]
    wrong = [m for m in shown if INNER_WORDS.search(" ".join(m) if isinstance(m, tuple) else m)]
    assert not wrong


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("zh_Hant", "Live", "实时"),
        ("zh_Hant", "Live", "實時"),
        ("zh_Hans", "Live", "實時"),
        ("zh_Hans", "Device", "节点"),
        ("zh_Hans", "Device", "node 设备"),
        ("zh_Hans", "Door %(name)s", "门 %(nom)s"),
    ],
)
def test_the_check_finds_what_it_looks_for(language: str, source: str, text: str) -> None:
    assert complaints(source, text, language)


def test_the_extraction_sees_code_and_templates() -> None:
    used = found.used_by("central")
    assert used["First set-up"] == "central/web"
    assert "Reported lost" in used
    assert ("%(n)s row", "%(n)s rows") in used
