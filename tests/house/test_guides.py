"""The guides of installers: each command is one that the programs take, each output one that they give, both halves are complete.

Planted breaks: an option of a command renamed in the program or in the guide; a text of ``collect`` changed; a block left out of the
English half; a button called otherwise than on its page.
"""

from __future__ import annotations

import argparse
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from central import cli as centre_commands
from central.config import load_config
from central.web.catalogue import Language, translations
from edge import __main__ as edge_commands
from edge.config import check as check_node
from edge.first_boot import report
from edge.i18n import parse_po
from provisioning import __main__ as provision_commands
from tests.house.messages import ROOT, used_by_program

GUIDES = (
    "docs/installer.md",
    "docs/hardware-day.md",
    "README.md",
    *(f"docs/manual/{one.value}/devices.md" for one in Language),
)
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.M | re.S)
INLINE = re.compile(r"(?<!`)`(onecard-(?:central|edge|provision)[^`\n]*)`(?!`)")
PROGRAMS: dict[str, Callable[[list[str]], object]] = {
    "onecard-central": centre_commands.main,
    "onecard-edge": edge_commands.main,
    "onecard-provision": provision_commands.main,
}
OF_OTHERS = {"使用自定义镜像", "否"}
"""Words of Raspberry Pi Imager."""
BY_SENSE = {"无效", "入网", "在线", "用文件（U 盘）传送", "存为 east-gate.toml", "读卡器故障"}
"""Parts of texts, and texts with a value in them."""


class TakenError(Exception):
    """The command line was understood; nothing of it was done."""


@pytest.fixture
def parsing(monkeypatch: pytest.MonkeyPatch) -> list[argparse.ArgumentParser]:
    """The programs end as soon as they have read their command line; the parsers that did."""
    parsers: list[argparse.ArgumentParser] = []
    really = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *given: Any) -> Any:
        parsers.append(self)
        really(self, *given)
        raise TakenError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    return parsers


def text_of(guide: str) -> str:
    return (ROOT / guide).read_text("utf-8")


def halves() -> tuple[str, str]:
    """The Chinese and the English half of the installer's guide."""
    chinese, _mark, english = text_of("docs/installer.md").partition("\n# English\n")
    return chinese, english


def blocks(text: str, kind: str) -> list[str]:
    """What stands in the blocks of this kind, without the indent of their list."""
    return [
        re.sub(rf"^{indent}", "", body, flags=re.M)
        for indent, name, body in BLOCK.findall(text)
        if name == kind
    ]


def command_lines(text: str) -> list[list[str]]:
    """Every command of ours in the blocks, as the words that the program gets."""
    found = []
    for body in blocks(text, "sh"):
        for line in body.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and (
                words[0] in ("sudo", "alias") or words[0].startswith("-") or words[0] == "onecard"
            ):
                words = words[1:]
            if words and Path(words[0]).name in PROGRAMS:
                found.append([Path(words[0]).name, *words[1:]])
    return found


def run(program: str, arguments: list[str]) -> str:
    """How a command line is taken: "taken", or why not."""
    try:
        PROGRAMS[program](arguments)
    except TakenError:
        return "taken"
    except SystemExit as end:
        return "taken" if end.code == 0 else f"exit code {end.code}"
    return "it ran"


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_block_is_taken(
    guide: str, parsing: list[argparse.ArgumentParser], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {
        shlex.join(words): f"{how}: {capsys.readouterr().err[-200:]}"
        for words in command_lines(text_of(guide))
        if (how := run(words[0], words[1:])) != "taken"
    }
    assert not wrong


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_in_a_sentence_exists(guide: str, parsing: list[argparse.ArgumentParser]) -> None:
    """A sentence names a command, with some of its options or none: the command is there, and so are they."""
    wrong = []
    for command in INLINE.findall(text_of(guide)):
        program, *words = command.split()
        parts = [part.split() for part in " ".join(words).split("|")]
        for name in (part[0] for part in parts if part and not part[0].startswith("-")):
            parsing.clear()
            run(program, [name, "--help"])
            options = {option for parser in parsing for option in options_of(parser, name)}
            missing = {word.partition("=")[0] for word in words if word.startswith("--")} - options
            if not parsing or missing or not options:
                wrong.append((command, missing))
    assert not wrong


def options_of(parser: argparse.ArgumentParser, name: str) -> set[str]:
    """Of the command of this name, wherever it hangs below a parser."""
    if parser.prog.endswith(f" {name}"):
        return {option for action in parser._actions for option in action.option_strings}
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and name in action.choices:
            found |= {option for one in action.choices[name]._actions for option in one.option_strings}
    return found


def test_both_halves_of_the_installers_guide_are_complete() -> None:
    chinese, english = halves()
    for kind in ("sh", "toml", "report"):
        assert blocks(chinese, kind) == blocks(english, kind), kind
        assert blocks(chinese, kind), kind
    assert len(blocks(chinese, "text")) == len(blocks(english, "text"))

    def shape(text: str) -> list[str]:
        lines = (line.strip() for line in text.splitlines())
        return [found[0] for line in lines if (found := re.match(r"#{2,} \d|#{3}|\||\d+\. ", line))]

    assert shape(chinese) == shape(english.replace("## The SD card of a device\n", "", 1))
    options = re.compile(r"`--[a-z-]+")
    assert set(options.findall(chinese)) == set(options.findall(english))


@pytest.mark.parametrize(("half", "language"), [(0, "zh_Hans"), (1, "en")])
def test_outputs_are_those_of_the_programs(half: int, language: str) -> None:
    known: dict[str, str] = {}
    for package in ("edge", "provisioning"):
        known |= parse_po((ROOT / package / "locale/zh_Hans.po").read_text("utf-8").splitlines())
    texts = known.values() if language == "zh_Hans" else known.keys()
    patterns = [
        re.compile(re.sub(r"%\\?\(\w+\\?\)s", ".+", re.escape(text))) for text in texts if "%(" in text
    ]
    lines = [line for body in blocks(halves()[half], "text") for line in body.splitlines()]
    assert len(lines) >= 4
    assert not [line for line in lines if not any(one.fullmatch(line) for one in patterns)]


def test_the_report_is_as_a_device_writes_it() -> None:
    shown = blocks(halves()[0], "report")[0]
    said = dict(
        zip(report._STEPS, (line.rpartition(": ")[2] for line in shown.splitlines()[4:]), strict=True)
    )
    begun = {step: words for step, words in said.items() if words != "..."}
    assert report.text("east-gate", begun).replace("\r\n", "\n") == shown


def test_tables_for_files_are_understood(tmp_path: Path) -> None:
    for body in blocks(halves()[0], "toml"):
        values = tomllib.loads(body)
        if "nodes" in values:
            (tmp_path / "centre.toml").write_text(body)
            assert load_config(tmp_path, None).nodes.names == tuple(values["nodes"]["names"])
        else:
            config = check_node({"name": "east-gate", **values}, tmp_path)
            assert not config.warnings
            assert config.serial or config.keypads


def test_buttons_are_called_as_on_their_pages() -> None:
    chinese, english = halves()
    catalogue = translations(Language.ZH_HANS)
    messages = [m for m in used_by_program("central") if isinstance(m, str)]
    own = parse_po((ROOT / "provisioning/locale/zh_Hans.po").read_text("utf-8").splitlines())
    known = {catalogue.gettext(m) for m in messages} | set(own.values()) | OF_OTHERS | BY_SENSE
    assert not [word for word in re.findall(r"“([^”]+)”", chinese) if word not in known]
    known = {*messages, "Save as east-gate.toml", "Online", "joined", "reader fault", "inactive"}
    known |= {"records and lists are carried as files"}
    assert not [word for word in re.findall(r"(?<![*\w])\*([^*\n]+)\*(?!\*)", english) if word not in known]
