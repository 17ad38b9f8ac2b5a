"""Rules of the house that no linter knows. Each has a planted offence that it must find (the negative control)."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("protocol", "edge", "central", "provisioning")
VENDOR_HOMES = {
    "RPi": {"edge/relay/gpio.py", "edge/reader/emulator/spi.py"},
    "mfrc522": {"edge/reader/bus_spi.py"},
    "spidev": {"edge/reader/bus_spi.py", "edge/reader/emulator/spi.py"},
}
"""A vendor library is imported in exactly these files (exemplars.md, house rule 5)."""
MACHINE_PATHS = re.compile(
    r"(?<![\w.])/(?:work|root|farm)/|/tmp/[a-z]|(?:pypi\.org|pythonhosted|registry\.npmjs|deb\.debian)"
)


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if name.endswith(suffixes) and (ROOT / name).is_file()]


def clock_reads(source: str) -> list[int]:
    """Lines that read the wall clock: datetime.now, utcnow, date.today, time.time."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (name, node.func.attr) in {
                ("datetime", "now"),
                ("datetime", "utcnow"),
                ("date", "today"),
                ("time", "time"),
                ("time", "time_ns"),
            }:
                lines.append(node.lineno)
    return lines


def imports(source: str) -> set[str]:
    """Top-level names of everything that a source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def sleeps(source: str) -> list[int]:
    """Lines that call time.sleep."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
        and getattr(node.func.value, "id", "") == "time"
    ]


def package_sources() -> list[Path]:
    return [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in PACKAGES]


def test_only_the_clock_reads_the_time() -> None:
    assert clock_reads("import datetime\ndatetime.datetime.now()\n") == [2]
    allowed = {ROOT / "edge/clock.py", ROOT / "central/clock.py"}
    found = {
        str(p.relative_to(ROOT)): clock_reads(p.read_text()) for p in package_sources() if p not in allowed
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("vendor", sorted(VENDOR_HOMES))
def test_a_vendor_library_has_one_home(vendor: str) -> None:
    assert imports("import RPi.GPIO as GPIO") == {"RPi"}
    homes = {str(p.relative_to(ROOT)) for p in package_sources() if vendor in imports(p.read_text())}
    assert homes <= VENDOR_HOMES[vendor]


def test_protocol_does_no_io() -> None:
    banned = {
        "os",
        "socket",
        "asyncio",
        "time",
        "random",
        "secrets",
        "pathlib",
        "subprocess",
        "threading",
        "sqlite3",
    }
    assert imports("from os import path") & banned
    for path in package_sources():
        if path.relative_to(ROOT).parts[0] == "protocol":
            assert not imports(path.read_text()) & banned, path


def test_tests_never_sleep() -> None:
    assert sleeps("import time\ntime.sleep(1)\n") == [2]
    offenders = [
        str(p.relative_to(ROOT)) for p in tracked(".py") if "tests" in p.parts and sleeps(p.read_text())
    ]
    assert offenders == []


def test_nothing_names_a_machine_or_a_registry() -> None:
    assert MACHINE_PATHS.search("cd /" + "work/main")
    offenders = []
    for path in tracked(
        ".py", ".md", ".toml", ".txt", ".sh", ".html", ".js", ".css", ".po", "Makefile", "run"
    ):
        if "vendor" in path.parts or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if MACHINE_PATHS.search(line):
                offenders.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert offenders == []


def test_files_keep_one_purpose() -> None:
    """House rule: 50-300 lines a file; a longer one is a sign that it does two things (tables of data are left out)."""
    too_long = {
        str(p.relative_to(ROOT)): count
        for p in package_sources()
        if (count := len(p.read_text().splitlines())) > 540
    }
    assert too_long == {}


def test_locks_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "http" not in re.sub(r"aiohttp", "", text), path
        assert "--index" not in text, path
        assert "--find-links" not in text, path


def test_whatever_a_package_reads_is_installed_with_it() -> None:
    """An installed centre has its pages, texts, schema and manual: a file of a kind that no pattern names would be
    missing there and nowhere else. Planted offence: take ``*.po`` out of the patterns."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"][
        "package-data"
    ]["*"]
    manual = sorted((ROOT / "central/manual").rglob("*.md"))
    assert manual, "the manual is part of the centre"
    data = [
        path for path in tracked("") if path.relative_to(ROOT).parts[0] in PACKAGES and path.suffix != ".py"
    ]
    missing = [
        path for path in [*data, *manual] if not any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert missing == []
