"""The built-in manual: each chapter in each language, opened by the pages, true to the words on the buttons."""

from __future__ import annotations

import re
import shlex

import pytest

from central import cli
from central.web.catalogue import Language, translations
from central.web.help import CHAPTERS, FOLDER, SECTIONS, chapter
from tests.house.messages import ROOT, used_by_program
from tests.house.test_translations import complaints

LANGUAGES = list(Language)
OWN_NAMES = re.compile(r"简体中文|繁體中文|張偉|张伟|`[^`]*`")
NOT_ON_BUTTONS = {
    "简体中文",
    "…",
    "confirmed",
    "devices",
    "1–n",
    "N new",
    "N 条新记录",
    "N 筆新記錄",
    "更换",
    "更換",
    "Replacing one",
    "more than 10,000 rows",
    "超过 10,000 条",
    "超過 10,000 筆",
    "张伟",
    "張偉",
}
"""Quoted words that are not texts of the program, or hold a number."""
QUOTED = re.compile(r"“([^”]+)”|「([^」]+)」|\"([^\"]+)\"")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chapter_is_there_and_built_alike(language: Language) -> None:
    assert {p.stem for p in (FOLDER / language.value).glob("*.md")} == set(CHAPTERS)
    for name in CHAPTERS:
        shown, english = chapter(language, name), chapter(Language.EN, name)
        assert shown.title
        assert len(shown.sections) == len(english.sections), name
        assert shown.html.count("<tr>") == english.html.count("<tr>"), name


@pytest.mark.parametrize("language", [Language.ZH_HANS, Language.ZH_HANT])
def test_chinese_chapters_use_the_words_of_their_readers(language: Language) -> None:
    wrong = []
    for name in CHAPTERS:
        text = OWN_NAMES.sub("", (FOLDER / language.value / f"{name}.md").read_text(encoding="utf-8"))
        wrong += [
            f"{name}: {why}" for why in complaints("", text.replace("node.toml", ""), language.file_name)
        ]
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_in_quotation_marks_stand_on_the_pages(language: Language) -> None:
    """A manual that names a button by another name than the button has helps nobody."""
    words = {translations(language).gettext(m) for m in used_by_program("central") if isinstance(m, str)}
    wrong = []
    for name in CHAPTERS:
        for found in QUOTED.finditer((FOLDER / language.value / f"{name}.md").read_text(encoding="utf-8")):
            word = next(w for w in found.groups() if w)
            if word not in words and word not in NOT_ON_BUTTONS:
                wrong.append(f"{name}: {word}")
    assert not wrong


def test_links_lead_to_chapters() -> None:
    for language in LANGUAGES:
        for name in CHAPTERS:
            for target in re.findall(r'href="([^"]+)"', chapter(language, name).html):
                assert target.removeprefix("/manual/") in CHAPTERS, (language, name, target)


def test_every_page_opens_a_chapter_that_exists() -> None:
    named = {}
    for path in (ROOT / "central").rglob("templates/**/*.html"):
        for section in re.findall(r'set help_section = "([^"]*)"', path.read_text(encoding="utf-8")):
            named[str(path.relative_to(ROOT))] = section
    known = {*CHAPTERS, *SECTIONS}
    assert named
    assert not {path: section for path, section in named.items() if section not in known}


def test_the_parts_that_pages_open_exist() -> None:
    for target in SECTIONS.values():
        name, _hash, part = target.partition("#")
        for language in LANGUAGES:
            assert part in [i for i, _title in chapter(language, name).sections], target


def test_the_commands_of_the_manual_exist() -> None:
    parser = cli._parser()
    for language in LANGUAGES:
        text = (FOLDER / language.value / "system.md").read_text(encoding="utf-8")
        commands = re.findall(r"`onecard-central ([^`]+)`", text)
        assert len(commands) >= 5
        for command in commands:
            parser.parse_args(shlex.split(command))


def test_a_chapter_cannot_bring_its_own_html(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    from central.web import help as manual

    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "start.md").write_text("# T\n\n<script>x</script> [a](cards.md)\n")
    monkeypatch.setattr(manual, "FOLDER", tmp_path)
    html = manual.chapter.__wrapped__(Language.EN, "start").html
    assert "<script" not in html
    assert 'href="/manual/cards"' in html
