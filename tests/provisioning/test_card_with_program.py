"""A card that brings the program: the partition behind the system, what is on it, and the first boot up to the services."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.first_boot import storage
from edge.release_archive import check_tree
from edge.update import launcher
from protocol.enrolment import raw_public
from provisioning.image import data
from provisioning.image.cli import main as command_line
from provisioning.release.key import as_text
from tests.provisioning.conftest import BASES, provision, ticket_file
from tests.support.cards import files_of, system_of, table_of
from tests.support.disk_images import disk
from tests.support.releases import KEY, PROGRAM, public_key_file, release

BaseOf = Callable[[str], Path]
STATIC = ("--address", "10.0.0.21/24", "--gateway", "10.0.0.1", "--time-server", "10.0.0.5")
GUARDS = {"resize", "init=/usr/lib/raspberrypi-sys-mods/firstboot"}
FAULT = "onecard-fault"
UNITS = {
    "onecard-storage": "/usr/local/lib/onecard/storage.py",
    "onecard-setup": "-m edge",
    "onecard-edge": "/usr/local/lib/onecard/launch.py",
    "onecard-first-boot": "-m edge",
    FAULT: "/usr/local/lib/onecard/storage.py",
}


def arguments(base: Path, folder: Path, name: str, *more: str | Path) -> list[str | Path]:
    program = folder / "program.tar.gz"
    if not program.exists():
        release(program, "0.2.0", {**PROGRAM, "site/edge/first_boot/__init__.py": b""})
    command: list[str | Path] = ["image", "--base", base, "--node", "east-gate"]
    command += ["--ticket", ticket_file(folder), "--out", folder / name]
    return [*command, "--release", program, "--release-key", public_key_file(folder), *more]


def made(base: Path, folder: Path, *more: str | Path, name: str = "out.img") -> Path:
    run = provision(*arguments(base, folder, name, *more))
    assert run.returncode == 0, run.stderr
    return folder / name


def debugfs(image: Path, command: str) -> str:
    place = f"{image}?offset={table_of(image).partitions[-1].start}"
    return subprocess.run(["debugfs", "-R", command, place], capture_output=True, text=True).stdout


@pytest.mark.ext4_tools
@pytest.mark.parametrize("kind", sorted(BASES))
def test_the_card_brings_the_program_on_a_partition_of_its_own(
    kind: str, base_of: BaseOf, tmp_path: Path
) -> None:
    """Planted break: leave the growing words in cmdline.txt; leave out the owners that debugfs sets; no release key in the seed."""
    base = base_of(kind)
    out = made(base, tmp_path, *STATIC)
    before, after = table_of(base), table_of(out)
    assert after.scheme == before.scheme
    assert after.partitions[:2] == before.partitions
    own = after.partitions[2]
    assert (own.start % (1 << 20), own.size) == (0, data.SIZE_BYTES)
    place = f"{out}?offset={own.start}"
    assert subprocess.run(["e2fsck", "-fn", place], capture_output=True).returncode == 0
    assert "Filesystem volume name:   onecard-data" in debugfs(out, "stats -h")
    assert 'Fast link dest: "releases/0.2.0"' in debugfs(out, "stat /onecard/current")
    program = debugfs(out, "stat /onecard/releases/0.2.0/site/edge/__main__.py")
    assert "Mode:  0644" in program
    assert "User:     0   Group:     0" in program
    own_folder = debugfs(out, "stat /onecard/node")
    assert "Mode:  0700" in own_folder
    assert "User:     0   Group:     0" in own_folder
    root = system_of(out, tmp_path / "root")
    assert check_tree(root / "data/onecard/current", raw_public(KEY)).version == "0.2.0"

    files = files_of(out)
    seed = tomllib.loads(files["onecard/node.toml"].decode())
    assert (seed["data_dir"], seed["release_key"]) == ("/data/onecard/node", as_text(raw_public(KEY)))
    words = files["cmdline.txt"].decode().split()
    assert not GUARDS & set(words)
    assert words[:3] == BASES[kind]["cmdline.txt"].decode().split()[:3]
    assert files["onecard/fstab"].startswith(b"LABEL=onecard-data /data ext4 ")
    for unit, started in UNITS.items():
        assert f"ExecStart=/usr/bin/python3 -P {started}".encode() in files[f"onecard/units/{unit}.service"]
    assert files["onecard/launch.py"] == Path(launcher.__file__).read_bytes()
    assert files["onecard/storage.py"] == Path(storage.__file__).read_bytes()
    assert "onecard/release.tar.gz" not in files
    if kind == "cloud-init":
        assert b'growpart:\n  mode: "off"\n' in files["user-data"]
    described = json.loads((tmp_path / "out.img.json").read_text())
    assert (described["release"], described["size"]) == ("0.2.0", out.stat().st_size)
    assert described["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert provision("verify", out).returncode == 0
    again = made(base, tmp_path, *STATIC, name="again.img")
    assert again.read_bytes() == out.read_bytes(), "equal inputs, equal bytes"
    assert out.stat().st_blocks * 512 < out.stat().st_size / 4


@pytest.mark.ext4_tools
@pytest.mark.parametrize("table", ["mbr", "gpt"])
def test_other_programs_find_the_table_whole(table: str, tmp_path: Path) -> None:
    """Both copies of a GPT, each with its checksums; sfdisk reads what it can."""
    kind = "rpi-preseed"
    out = made(disk(tmp_path / "base.img", BASES[kind], table=table), tmp_path)
    program = shutil.which("sfdisk") or shutil.which("sfdisk", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("sfdisk is not installed")
    checked = subprocess.run([program, "--verify", str(out)], capture_output=True, text=True)
    assert (checked.returncode, "No errors" in checked.stdout) == (0, True), checked.stdout + checked.stderr
    if table == "gpt":  # the copy at the end alone must do, as after a damaged start
        with out.open("r+b") as file:
            file.seek(512)
            file.write(bytes(512))
        listed = subprocess.run([program, "-d", str(out)], capture_output=True, text=True).stdout
        assert 'name="onecard-data"' in listed


def test_a_full_table_and_a_foreign_release_are_refused(base_of: BaseOf, tmp_path: Path) -> None:
    from tests.support.disk_images import mbr

    command = arguments(base_of("firstrun"), tmp_path, "no.img")
    (tmp_path / "program.tar.gz").write_bytes(b"no release")
    run = provision(*command)
    assert (run.returncode, "is no release" in run.stderr) == (2, True), run.stderr
    (tmp_path / "program.tar.gz").unlink()
    base = disk(tmp_path / "base.img", BASES["firstrun"])
    table = table_of(base).partitions
    four = [(0x0C, table[0].start, table[0].size)]
    four += [(0x83, table[1].start + n * (1 << 20), 1 << 20) for n in range(3)]
    with base.open("r+b") as file:
        file.write(mbr(four, 512))
    if data.has_tools():
        full = provision(*arguments(base, tmp_path, "no.img"))
        assert (full.returncode, "no room for a partition" in full.stderr) == (1, True), full.stderr
    assert not list(tmp_path.glob("no.img*"))


def test_without_the_tools_the_program_travels_on_the_boot_partition(
    base_of: BaseOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on Windows. The first boot unpacks it; it is killed at every step and run again."""
    monkeypatch.setattr(data, "_TOOLS", ("no-such-program",))
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    command = arguments(base_of("firstrun"), tmp_path, "out.img")
    assert command_line([str(word) for word in command]) == 0
    assert "mke2fs is missing" in capsys.readouterr().err
    image = tmp_path / "out.img"
    assert len(table_of(image).partitions) == 2
    files = files_of(image)
    assert GUARDS & set(files["cmdline.txt"].decode().split()), (
        "the system may grow: nothing stands behind it"
    )
    assert "onecard/fstab" not in files
    root = system_of(image, tmp_path / "root")
    assert boot(root) == 0
    assert check_tree(root / "data/onecard/current", raw_public(KEY)).version == "0.2.0"
    assert os.readlink(root / "data/onecard/current") == "releases/0.2.0"
    assert boot(root) == 0
    killed_anywhere(image, tmp_path, tree(root))


# -- the script -----------------------------------------------------------------------------------------------------------


def boot(root: Path, path: str = os.environ["PATH"]) -> int:
    """Run the card's script on this root folder; its exit code, negative when it was killed."""
    environment = {"PATH": path, "ONECARD_ROOT": str(root), "ONECARD_PYTHON": sys.executable}
    script = root / "boot/firmware/onecard/first-boot.sh"
    return subprocess.run(["sh", str(script)], env=environment, check=False).returncode


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything but the card itself: mode and content, or where a link leads."""
    return {
        str(path.relative_to(root)): (
            stat.S_IMODE(path.lstat().st_mode),
            os.readlink(path).encode() if path.is_symlink() else path.read_bytes(),
        )
        for path in sorted(root.rglob("*"))
        if (path.is_symlink() or path.is_file())
        and not path.is_relative_to(root / "boot")
        and not path.name.endswith((".new", ".onecard"))
    }


def killed_anywhere(image: Path, folder: Path, expected: dict[str, tuple[int, bytes]]) -> int:
    """The script is killed at its first, second ... move of a finished thing, and run again; how many there are."""
    for turn in range(1, 30):
        root = system_of(image, folder / f"root-{turn}")
        shims = folder / f"bin-{turn}"
        shims.mkdir()
        (shims / "mv").write_text(
            f'#!/bin/sh\necho x >>"{shims}/count"\n'
            f'[ "$(wc -l <"{shims}/count")" -lt {turn} ] || {{ kill -9 $PPID; exit 1; }}\nexec /bin/mv "$@"\n'
        )
        (shims / "mv").chmod(0o755)
        if boot(root, f"{shims}:{os.environ['PATH']}") == 0:
            return turn
        assert boot(root) == 0
        assert tree(root) == expected, turn
        shutil.rmtree(root)
    raise AssertionError("it never came to its end")


@pytest.mark.ext4_tools
def test_the_script_installs_the_services_and_a_power_cut_at_any_step_resumes(
    base_of: BaseOf, tmp_path: Path
) -> None:
    """Planted break: ``put`` without the rename; the old line of /data left in fstab."""
    image = made(base_of("firstrun"), tmp_path, *STATIC)
    root = system_of(image, tmp_path / "root")
    assert boot(root) == 0
    report = (root / "boot/firmware/onecard/REPORT.txt").read_text()
    for unit in UNITS:
        put = root / f"etc/systemd/system/{unit}.service"
        assert put.read_bytes() == (root / f"boot/firmware/onecard/units/{unit}.service").read_bytes()
        link = root / f"etc/systemd/system/multi-user.target.wants/{unit}.service"
        if unit == FAULT:
            assert not link.is_symlink(), "only a fault starts it"
        else:
            assert os.readlink(link) == f"../{unit}.service"
        assert unit in report
    fstab = (root / "etc/fstab").read_text().splitlines()
    assert [line.split()[1] for line in fstab] == ["/", "/data"]
    assert "nofail" in fstab[1], "a damaged partition is no reason for emergency mode"
    assert b'=="ONECARD"' in (root / "etc/udev/rules.d/99-onecard-stick.rules").read_bytes()
    assert (root / "etc/systemd/system/onecard-stick@.service").is_file()
    assert b"SystemMaxUse=64M" in (root / "etc/systemd/journald.conf.d/onecard.conf").read_bytes()
    assert b"RuntimeWatchdogSec=14" in (root / "etc/systemd/system.conf.d/onecard.conf").read_bytes()
    assert (root / "usr/lib/clock-epoch").stat().st_mtime == 1_793_491_200
    assert boot(root) == 0
    assert (root / "etc/fstab").read_text().splitlines() == fstab
    assert killed_anywhere(image, tmp_path, tree(root)) >= 7


def test_the_report_says_that_the_program_is_missing(base_of: BaseOf, tmp_path: Path) -> None:
    """A card without a program on a base without one."""
    out = tmp_path / "out.img"
    ticket = ticket_file(tmp_path)
    run = provision(
        "image", "--base", base_of("firstrun"), "--node", "east-gate", "--ticket", ticket, "--out", out
    )
    assert run.returncode == 0, run.stderr
    root = system_of(out, tmp_path / "root")
    script = root / "boot/firmware/onecard/first-boot.sh"
    assert "/opt/onecard/bin/python" in script.read_text()
    environment = {"PATH": os.environ["PATH"], "ONECARD_ROOT": str(root)}
    assert subprocess.run(["sh", str(script)], env=environment).returncode == 0
    assert "MISSING" in (root / "boot/firmware/onecard/REPORT.txt").read_text()


@pytest.mark.parametrize("unit", [*UNITS, "onecard-stick@"])
def test_systemd_accepts_the_services(unit: str, tmp_path: Path) -> None:
    """Seen by systemd itself; a key that it does not know, or a dependency that cannot be, is printed."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    source = Path(__file__).parents[2] / "provisioning/systemd"
    for name in (*UNITS, "onecard-stick@"):
        text = (source / f"{name}.service").read_text().replace("/usr/bin/python3", sys.executable)
        (tmp_path / f"{name}.service").write_text(text)
    checked = subprocess.run(
        [program, "verify", str(tmp_path / f"{unit}.service")], capture_output=True, text=True
    )
    said = [line for line in checked.stderr.splitlines() if "onecard" in line]
    assert (checked.returncode, said) == (0, [])
