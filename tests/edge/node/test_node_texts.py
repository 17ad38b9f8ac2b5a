"""The node's own reader of .po files agrees with Babel, and every text of the package is translated."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import edge
from edge.i18n import gettext, language_of, parse_po, use_language

FOLDER = Path(edge.__file__).parent


def messages() -> set[str]:
    """Every literal that is given to ``_`` in the package."""
    found: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "_"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    return found


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant"])
def test_every_text_is_translated_with_the_same_places(language: str) -> None:
    path = FOLDER / "locale" / f"{language}.po"
    texts = parse_po(path.read_text().splitlines())
    assert messages() - texts.keys() == set()
    assert texts.keys() - messages() == set(), "translations that nothing uses"
    for message, text in texts.items():
        assert sorted(places(message)) == sorted(places(text)), message


def places(text: str) -> list[str]:
    return [part.split(")")[0] for part in text.split("%(")[1:]]


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant"])
def test_our_reader_reads_what_babel_reads(language: str) -> None:
    path = FOLDER / "locale" / f"{language}.po"
    with path.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    assert parse_po(path.read_text().splitlines()) == {
        message.id: message.string for message in catalogue if message.id and message.string
    }


def test_continued_lines_and_quotes() -> None:
    lines = [
        "# note",
        'msgid ""',
        'msgstr "header"',
        "",
        'msgid ""',
        '"one "',
        '"\\"two\\""',
        'msgstr "eins"',
        'msgid "x"',
        'msgstr ""',
    ]
    assert parse_po(lines) == {'one "two"': "eins"}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "zh_Hans"),
        ({"LANG": "C.UTF-8"}, "zh_Hans"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_Hans"),
        ({"LANG": "zh_HK.UTF-8"}, "zh_Hant"),
        ({"LANG": "zh-TW"}, "zh_Hant"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
    ],
)
def test_the_language_of_the_environment(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_english_is_the_message_itself() -> None:
    use_language("en")
    assert gettext("%(key)s is missing", key="name") == "name is missing"
