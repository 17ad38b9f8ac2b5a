"""Vendored files are those that were reviewed: each has a digest, a licence and a version in its folder's README."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "central/web/static/vendor", ROOT / "tests/browser/vendor"]


def differences(folder: Path) -> list[str]:
    """Files whose digest differs from the list, is not in it, or that are gone."""
    lines = (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    listed = {name: digest for digest, name in (line.split() for line in lines)}
    present = {p.name for p in folder.iterdir()} - {"SHA256SUMS", "README.md"}
    wrong = sorted(present ^ listed.keys())
    for name in present & listed.keys():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != listed[name]:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.parts[-4])
def test_vendored_files_are_those_that_were_reviewed(folder: Path) -> None:
    assert differences(folder) == []
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for path in folder.glob("*.js"):
        assert path.name in readme
    assert list(folder.glob("LICENSE*"))


def test_a_changed_and_an_added_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "b.js").write_text("2")
    (tmp_path / "SHA256SUMS").write_text(hashlib.sha256(b"0").hexdigest() + "  a.js\n")
    assert differences(tmp_path) == ["b.js", "a.js"]
