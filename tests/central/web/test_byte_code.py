"""Compiled templates are kept between processes, never beyond a change, and never where nothing may be written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from central.web.byte_code import TemplateByteCode


def shown(folder: Path, makers: tuple[Path, ...] = (), monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    """What a new process shows; with ``monkeypatch`` it may not compile anything."""
    jinja = Environment(loader=FileSystemLoader(folder), bytecode_cache=TemplateByteCode(makers))
    if monkeypatch is not None:
        monkeypatch.setattr(jinja, "_parse", lambda *_: pytest.fail("it was compiled again"))
    return jinja.get_template("page.html").render(number=7)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "page.html").write_text("card {{ number }}")
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("__pycache__/*"))


def test_another_process_does_not_compile_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted break: ``dump_bytecode`` writes nothing."""
    assert shown(folder) == shown(folder, monkeypatch=monkeypatch) == "card 7"
    (file,) = kept(folder)
    assert file.name == f"page.html.{sys.implementation.cache_tag}.pyc"


def test_what_has_changed_is_compiled_anew(folder: Path) -> None:
    """Planted break: a checksum without the makers, or none of the source."""
    maker = folder / "maker.py"
    maker.write_text("1")
    shown(folder, (maker,))
    first = kept(folder)[0].read_bytes()
    maker.write_text("2")
    assert shown(folder, (maker,)) == "card 7"
    assert kept(folder)[0].read_bytes() != first
    (folder / "page.html").write_text("no. {{ number }}")
    assert shown(folder, (maker,)) == "no. 7"


def test_half_a_file_is_compiled_anew(folder: Path) -> None:
    shown(folder)
    (file,) = kept(folder)
    whole = file.read_bytes()
    for length in range(0, len(whole), len(whole) // 20):
        file.write_bytes(whole[:length])
        assert shown(folder) == "card 7"
        assert file.read_bytes() == whole


@pytest.mark.parametrize("reason", ["forbidden", "not a folder"])
def test_where_nothing_may_be_written_the_page_is_shown_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "forbidden":
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
    else:
        (folder / "__pycache__").write_text("in the way")
    assert shown(folder) == "card 7"
    assert not kept(folder)
