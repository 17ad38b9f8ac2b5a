"""The steps of a first start. Each may be cut off at any moment and done again; one that is done leaves a stamp.

A stamp holds the fingerprint of the card: a card that was changed is taken as new, one that failed is tried again.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.clock import MachineTime
from edge.clock_file import ClockFile
from edge.config import NodeConfig
from edge.files import FileError, read_whole, sync_folder, write_whole
from edge.first_boot.card import NETWORK, Card, Run, run_program
from edge.identity import IdentityFiles
from edge.release import BUILT_AT_MS, VERSION
from edge.release_archive import translate

LOST: Final = "此卡入网后丢失了身份与记录，请更换设备 this card has lost identity and records after it joined: replace the device"
STAMPS: Final = "data/onecard/setup"
DATA_POINT: Final = "data"
PROGRAM: Final = "data/onecard/current"
_PROFILES: Final = "etc/NetworkManager/system-connections"
_TIME_SERVERS: Final = "etc/systemd/timesyncd.conf.d/onecard.conf"
_CLOCK_EPOCH: Final = "usr/lib/clock-epoch"


@dataclass
class Setup:
    """One device being set up. ``root``: the top of its file system; in tests a folder."""

    root: Path
    card: Card
    config: NodeConfig
    time: MachineTime
    run: Run = run_program
    said: dict[str, str] = field(default_factory=dict)
    """Step -> what it did, for the report."""

    @property
    def data_dir(self) -> Path:
        """Where the node keeps what is its own."""
        path = self.config.data_dir
        return path if path.is_relative_to(self.root) else self.under(str(path))

    def under(self, path: str) -> Path:
        """A path of the device, below ``root``."""
        return self.root / path.lstrip("/")


Step = Callable[[Setup], str]
"""Does one thing, and says in a few words what. Raises OSError, FileError or SubprocessError."""


class Stamps:
    """Which steps are done, for which card."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        self._fingerprint = fingerprint

    def text(self, step: str) -> str | None:
        """What the step said when it was done for this card; None when it is still to do."""
        content = (read_whole(self._folder / step) or b"").decode("utf-8", "replace")
        fingerprint, _newline, text = content.partition("\n")
        return text if fingerprint == self._fingerprint else None

    def put(self, step: str, text: str) -> None:
        """The step is done, and stays done over a power cut.

        :raises FileError: that could not be kept.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._folder / step, f"{self._fingerprint}\n{text}".encode())


def clock(setup: Setup) -> str:
    """No time is believed that has certainly passed: without a clock chip a board begins at some day of the past."""
    floors = [BUILT_AT_MS, ClockFile(setup.data_dir / "clock.json").load().trusted_ms]
    for path in (setup.under(_CLOCK_EPOCH), setup.data_dir / "clock.json"):
        if path.exists():
            floors.append(int(path.stat().st_mtime * 1_000))
    behind_ms = max(floors) - setup.time.wall_ms()
    if behind_ms <= 0:
        return "ok"
    if setup.root == Path("/"):
        time.clock_settime_ns(time.CLOCK_REALTIME, max(floors) * 1_000_000)
    return f"+{behind_ms // 1_000} s"


def name(setup: Setup) -> str:
    """Host name, in the files and in the running system; of a spare card, once it has joined, that of the device."""
    wanted = (read_whole(setup.card.folder / "hostname") or b"").decode().strip()
    member = IdentityFiles(setup.data_dir).member() if setup.config.is_spare else None
    if member is not None:
        wanted = member.node
    if not wanted:
        return "-"
    file, hosts = setup.under("etc/hostname"), setup.under("etc/hosts")
    if (
        file.is_symlink()
    ):  # a read-only system keeps it on the data partition; others ask there for the name too
        file = setup.under(os.readlink(file).lstrip("/"))
        file.parent.mkdir(parents=True, exist_ok=True)
    lines = (read_whole(hosts) or b"127.0.0.1\tlocalhost\n").decode("utf-8", "replace").splitlines()
    kept = [line for line in lines if line.split()[:1] != ["127.0.1.1"]]
    try:
        write_whole(file, f"{wanted}\n".encode(), 0o644)
        write_whole(hosts, "\n".join([*kept, f"127.0.1.1\t{wanted}"]).encode() + b"\n", 0o644)
    except FileError:
        if os.access(setup.under("etc"), os.W_OK):
            raise
    if setup.root == Path("/"):
        socket.sethostname(wanted)
    return wanted


def network(setup: Setup) -> str:
    """The card's profiles and time servers, before the network starts."""
    found = sorted((setup.card.folder / NETWORK).glob("*.nmconnection"))
    for profile in found:
        _put(profile, setup.under(_PROFILES) / profile.name, 0o600)
    servers = setup.card.folder / "timesyncd.conf"
    if servers.is_file():
        _put(servers, setup.under(_TIME_SERVERS), 0o644)
    return ", ".join(profile.stem for profile in found) or "-"


def _put(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, read_whole(source) or b"", mode)


def grow(setup: Setup) -> str:
    """The data partition, made as large as the card allows; where the data has none of its own, nothing."""
    data = setup.under(DATA_POINT)
    try:
        device = setup.run(["findmnt", "-n", "-o", "SOURCE", str(data)]).strip()
    except subprocess.CalledProcessError:
        return "-"  # nothing is mounted there
    partition = setup.under(f"sys/class/block/{device.removeprefix('/dev/')}/partition")
    number = (read_whole(partition) or b"").decode().strip()
    if not number:
        return "-"
    disk = setup.run(["lsblk", "-n", "-o", "PKNAME", device]).strip().splitlines()[0]
    try:
        setup.run(["sfdisk", "--no-reread", "--force", "-q", "-N", number, f"/dev/{disk}"], ", +\n")
        setup.run(["partx", "-u", "-n", number, f"/dev/{disk}"])
    finally:
        setup.run(["resize2fs", device])
    return f"{shutil.disk_usage(data).total >> 20} MiB"


def key(setup: Setup) -> str:
    """The device's own key, born here; it never leaves. A card that has lost it after joining gets no other one: its records
    are gone as well, and only a replacement says so at the centre."""
    setup.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity, ticket = IdentityFiles(setup.data_dir), setup.config.ticket
    if ticket is not None and ticket.is_spent and not identity.key_path.exists():
        raise FileError(LOST)
    identity.key()
    sync_folder(setup.data_dir.parent)
    return "ok"


def program(setup: Setup) -> str:
    """The program's modules, translated for this Python where no update has done it."""
    release = setup.under(PROGRAM)
    if not release.is_dir():
        return "-"
    translate(release)
    return VERSION


EVERY_START: Final[dict[str, Step]] = {"clock": clock, "name": name, "program": program}
"""Done each time the device starts: the system forgets them where its own partition is read-only, and a program may be new."""
ONCE: Final[dict[str, Step]] = {"network": network, "storage": grow, "key": key}


def prepare(setup: Setup) -> bool:
    """Everything before network and node; True when all of it is done. A step that failed does not keep the next from being done."""
    stamps = Stamps(setup.under(STAMPS), setup.card.fingerprint())
    complete = True
    for step, act in {**EVERY_START, **ONCE}.items():
        done = stamps.text(step) if step in ONCE else None
        if done is None:
            try:
                done = act(setup)
                if step in ONCE:
                    stamps.put(step, done)
            except (OSError, FileError, subprocess.SubprocessError, ValueError) as error:
                complete = False
                done = f"!! {error}"
        setup.said[step] = done
    return complete
