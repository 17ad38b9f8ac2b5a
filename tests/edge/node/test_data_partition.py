"""A damaged data partition: what can be repaired is, nothing is formatted, and people see what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.first_boot import storage

ROOT = Path(__file__).parents[3]
LABEL = "LABEL=onecard-data"
SUPERBLOCK_AT, SUPERBLOCK_BYTES = 1_024, 1_024
COPY_AT = 32_768 * 4_096
"""The first copy: of the second group, whose block has 4 KiB."""
FEATURES, NEEDS_RECOVERY = 0x60, 0x4
"""Incompatible features in a superblock, and the one that says that its journal is to be replayed (ext4's layout)."""
PLACES = "/usr/sbin:/sbin"


class Programs:
    """Programs of the system on the image of a partition, which stands for ``/dev/card3``."""

    def __init__(self, image: Path) -> None:
        self.image = image
        self.asked: list[str] = []

    def __call__(self, command: list[str], environment: dict[str, str]) -> tuple[int, str]:
        self.asked.append(" ".join(command))
        if command[0] == "findfs":
            command = ["blkid", "-p", "-s", "LABEL", "-o", "value", "/dev/card3"]
            _code, label = self(command, environment)
            return (0 if label.strip() == "onecard-data" else 1), ""
        if command[0] == "mount":
            return 0, ""
        program = shutil.which(command[0]) or shutil.which(command[0], path=PLACES) or command[0]
        given = [str(self.image) if word == "/dev/card3" else word for word in command[1:]]
        return storage.run([program, *given], environment)


def system(root: Path, partitions: int = 3) -> Path:
    """The top of a file system whose disk has so many partitions; the second is the system's own."""
    (root / "etc").mkdir(parents=True)
    (root / "etc/fstab").write_text(
        f"LABEL=B /boot/firmware vfat ro 0 2\n{LABEL} /data ext4 noatime,nofail 0 2\n"
    )
    disk = root / "sys/devices/card"
    for number in range(1, partitions + 1):
        (disk / f"card{number}").mkdir(parents=True)
        (disk / f"card{number}/partition").write_text(f"{number}\n")
    (root / "sys/dev/block").mkdir(parents=True)
    device = root.stat().st_dev
    (root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}").symlink_to(disk / "card2")
    light = root / "sys/class/leds/ACT"
    light.mkdir(parents=True)
    for name in ("trigger", "delay_on", "delay_off"):
        (light / name).write_text("")
    (root / "run").mkdir()
    (root / "boot/firmware/onecard").mkdir(parents=True)
    (root / "data").mkdir()
    return root


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A data partition with a record on it, large enough for copies of its superblock."""
    image, content = tmp_path / "partition", tmp_path / "content"
    (content / "onecard/node").mkdir(parents=True)
    (content / "onecard/node/outbox.db").write_bytes(b"a record" * 1_000)
    program = shutil.which("mke2fs") or shutil.which("mke2fs", path=PLACES)
    assert program is not None
    made = [
        program,
        "-q",
        "-F",
        "-t",
        "ext4",
        "-b",
        "4096",
        "-L",
        "onecard-data",
        "-d",
        str(content),
        str(image),
        "192m",
    ]
    subprocess.run(made, check=True)
    return image


def wipe(image: Path, start: int, size: int) -> None:
    with image.open("r+b") as file:
        file.seek(start)
        file.write(bytes(size))


def record(image: Path, tmp_path: Path) -> bytes:
    program = str(shutil.which("debugfs") or shutil.which("debugfs", path=PLACES))
    out = tmp_path / "record"
    command = [program, "-R", f"dump /onecard/node/outbox.db {out}", str(image)]
    subprocess.run(command, capture_output=True, check=True)
    return out.read_bytes()


@pytest.mark.ext4_tools
def test_a_lost_superblock_is_taken_from_its_copy_and_the_records_are_there(
    tmp_path: Path, image: Path
) -> None:
    """Planted break: ask for an exit code of e2fsck below 1."""
    root, programs = system(tmp_path / "root"), Programs(image)
    assert storage.mend(root, programs) == 0
    assert not [command for command in programs.asked if "e2fsck" in command], "a sound one is left alone"
    wipe(image, SUPERBLOCK_AT, SUPERBLOCK_BYTES)
    assert storage.mend(root, programs) == 0
    assert record(image, tmp_path) == b"a record" * 1_000
    assert not (root / "run/onecard-storage").exists()
    assert storage.mend(root, programs) == 0
    assert sum("e2fsck" in command for command in programs.asked) == 1


@pytest.mark.ext4_tools
def test_a_check_that_was_not_done_is_not_begun_again(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have run for half an hour on a card that dies, and the door waits for it.

    Planted break: ``mend`` without ``NOT_DONE``.
    """
    root, programs = system(tmp_path / "root"), Programs(image)
    wipe(image, SUPERBLOCK_AT, SUPERBLOCK_BYTES)
    run = storage.run
    monkeypatch.setattr(
        storage,
        "run",
        lambda command, given: (127, "timed out") if "e2fsck" in command[0] else run(command, given),
    )
    assert storage.mend(root, programs) == 1
    assert sum("e2fsck" in command for command in programs.asked) == 1
    assert "127: timed out" in (root / "run/onecard-storage").read_text()


@pytest.mark.ext4_tools
def test_a_lost_superblock_of_a_partition_that_was_grown_is_repaired_in_one_start(
    tmp_path: Path, image: Path
) -> None:
    """The copies that a mounted partition writes while it grows say that its journal is to be replayed. e2fsck replays it, finds the
    copy unchanged, and gives up with group descriptors of the copy written over those in use; to the system's own check the
    partition looks clean then.

    Planted break: ``mend`` without asking e2fsck again.
    """
    root, programs = system(tmp_path / "root"), Programs(image)
    tune = str(shutil.which("tune2fs") or shutil.which("tune2fs", path=PLACES))
    subprocess.run([tune, "-O", "^metadata_csum", str(image)], check=True, capture_output=True)
    with image.open("r+b") as file:
        file.seek(COPY_AT + FEATURES)
        features = file.read(1)[0]
        file.seek(COPY_AT + FEATURES)
        file.write(bytes([features | NEEDS_RECOVERY]))
    wipe(image, SUPERBLOCK_AT, SUPERBLOCK_BYTES)
    assert storage.mend(root, programs) == 0
    assert sum("e2fsck" in command for command in programs.asked) == 2, "the first gives up"
    assert record(image, tmp_path) == b"a record" * 1_000
    assert programs(["e2fsck", "-f", "-n", "/dev/card3"], {})[0] == 0, "nothing is left to repair"


@pytest.mark.ext4_tools
def test_a_partition_beyond_repair_is_left_as_it_is_and_the_card_says_so(tmp_path: Path, image: Path) -> None:
    """No mkfs and no write, the reason on the boot partition, the slow light; the next start does the same.

    Planted breaks: ``mend`` without keeping its verdict; ``tell`` without the light.
    """
    root, programs = system(tmp_path / "root"), Programs(image)
    with image.open("r+b") as file:
        file.write(b"\x5a" * image.stat().st_size)
    before = image.read_bytes()
    for _start in range(2):
        assert storage.mend(root, programs) == 1
        assert storage.tell(root, programs, lambda path: path.name != "data") == 1
        text = (root / "boot/firmware/onecard/REPORT.txt").read_text("utf-8")
        assert "the data partition cannot be used: e2fsck /dev/card3: 8" in text
        assert "image --replace" in text
    assert image.read_bytes() == before
    light = root / "sys/class/leds/ACT"
    assert [(light / name).read_text() for name in ("trigger", "delay_on", "delay_off")] == [
        "timer", "1000", "1000",
    ]  # fmt: skip
    assert not [command for command in programs.asked if "mkfs" in command or "mke2fs" in command]


@pytest.mark.ext4_tools
def test_what_is_not_ours_is_not_touched(tmp_path: Path, image: Path) -> None:
    """Planted break: ``mend`` without asking for a label."""
    root, programs = system(tmp_path / "root"), Programs(image)
    tune = str(shutil.which("tune2fs") or shutil.which("tune2fs", path=PLACES))
    subprocess.run([tune, "-L", "photos", str(image)], check=True, capture_output=True)
    before = image.read_bytes()
    assert storage.mend(root, programs) == 1
    assert (root / "run/onecard-storage").read_text() == "/dev/card3: photos\n"
    assert image.read_bytes() == before
    two = system(tmp_path / "two", partitions=2)
    assert storage.mend(two, programs) == 1
    assert "no data partition" in (two / "run/onecard-storage").read_text()
    (root / "etc/fstab").write_text("LABEL=B /boot/firmware vfat ro 0 2\n")
    assert storage.mend(root, programs) == 0, "a system that keeps the data itself has none to look at"


def test_the_service_manager_starts_the_device_anew_after_a_quarter_of_an_hour() -> None:
    asked: list[list[str]] = []

    def run(command: list[str], _environment: dict[str, str]) -> tuple[int, str]:
        asked.append(command)
        return 0, ""

    storage.start_anew(run)
    assert asked == [
        ["systemd-run", "--unit=onecard-anew", "--on-active=900", "systemctl", "reboot"],
    ]


def test_a_fault_of_the_set_up_that_it_reported_itself_is_not_reported_again(tmp_path: Path) -> None:
    """The program is there: what is wrong stands in its own report. Where it does not even start, nobody else would say so."""
    root = system(tmp_path / "root")
    report = root / "boot/firmware/onecard/REPORT.txt"
    report.write_text("[!] its own")
    site = root / "data/onecard/current/site"
    site.mkdir(parents=True)
    (site / "edge").symlink_to(ROOT / "edge")
    (site / "protocol").symlink_to(ROOT / "protocol")
    assert storage.tell(root, storage.run, lambda _path: True) == 0
    assert report.read_text() == "[!] its own"
    (site / "edge").unlink()
    (site / "edge/first_boot").mkdir(parents=True)
    (site / "edge/__init__.py").touch()
    assert storage.tell(root, storage.run, lambda _path: True) == 1
    assert "the program is missing or damaged: " in report.read_text("utf-8")
    assert storage.tell(root, storage.run, lambda path: path.name == "data") == 1
    assert "the boot partition cannot be used" in report.read_text("utf-8")


def test_it_needs_nothing_of_ours(tmp_path: Path) -> None:
    """As ``onecard-fault`` starts it: one file, the Python of the system, no module of the program, no file system table."""
    root = system(tmp_path / "root")
    alone = tmp_path / "storage.py"
    alone.write_bytes(Path(storage.__file__).read_bytes())
    command = [sys.executable, "-I", str(alone), "tell"]
    environment = {"ONECARD_ROOT": str(root), "PATH": os.environ["PATH"], "LC_ALL": "C"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "cannot be used" in run.stderr.encode("ascii", "replace").decode(), run.stderr
    assert (root / "boot/firmware/onecard/REPORT.txt").exists()
