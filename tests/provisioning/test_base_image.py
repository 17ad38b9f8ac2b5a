"""The parts of a base image of our own that need neither root nor packages; the whole of it starts in ``make soak``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from provisioning.base.build import Wanted, build
from provisioning.base.initrd import cpio, make, needed
from provisioning.image.base import BASE_MARK
from provisioning.image.errors import RefusedError
from tests.provisioning.conftest import provision, ticket_file
from tests.support.cards import files_of, table_of
from tests.support.disk_images import disk
from tests.support.releases import public_key_file, release

OWN = {
    "cmdline.txt": b"console=tty1 root=LABEL=onecard-root ro rootwait\n",
    "config.txt": b"arm_64bit=1\nkernel=vmlinuz\n",
    BASE_MARK: b'{"arch": "arm64"}\n',
}


def test_modules_come_after_what_they_need() -> None:
    """Planted break: take the list of modules.dep in its own order, which is the other way round."""
    dependencies = (
        "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko\n"
        "kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko\nkernel/lib/crc16.ko:\nkernel/fs/mbcache.ko:\n"
        "kernel/drivers/mmc/host/sdhci-iproc.ko.xz:\n"
    )
    order = needed(dependencies, ("ext4", "sdhci_iproc", "built_in"))
    assert order[-1] == "kernel/drivers/mmc/host/sdhci-iproc.ko.xz"
    assert len(order) == 5
    for line in dependencies.splitlines():
        path, _colon, rest = line.partition(":")
        assert all(order.index(other) < order.index(path) for other in rest.split())


def test_the_small_start_is_an_archive_that_others_read(tmp_path: Path) -> None:
    """With the check sums of ext4, which no list of dependencies names, and without which no card starts.

    Planted break: ``WANTED`` without ``crc32c_generic`` (a computer of ``make soak`` stops there too).
    """
    system = tmp_path / "system"
    modules = system / "usr/lib/modules/6.1.0"
    (modules / "kernel").mkdir(parents=True)
    (system / "usr/bin").mkdir()
    (system / "usr/bin/busybox").write_bytes(b"busy")
    (modules / "modules.dep").write_text(
        "kernel/ext4.ko: kernel/crc16.ko\nkernel/crc16.ko:\nkernel/crc32c_generic.ko:\n"
    )
    for name in ("ext4", "crc16", "crc32c_generic"):
        (modules / f"kernel/{name}.ko").write_bytes(name.encode())
    packed = make(system, "6.1.0", b"#!/bin/busybox sh\n")
    assert packed == make(system, "6.1.0", b"#!/bin/busybox sh\n")
    program = shutil.which("cpio") or shutil.which("bsdtar")
    if program is None:
        pytest.skip("cpio is not installed")
    (tmp_path / "start.gz").write_bytes(packed)
    listed = subprocess.run(
        ["sh", "-c", f"gzip -dc {tmp_path}/start.gz | {program} -t"], capture_output=True, text=True
    )
    found = set(listed.stdout.split())
    assert {"init", "bin/busybox", "modules/ext4.ko", "modules/crc32c_generic.ko"} <= found, listed.stderr
    assert len(cpio([])) % 4 == 0


@pytest.mark.ext4_tools
def test_a_card_from_our_own_base(tmp_path: Path) -> None:
    """The services stand in the system: no script, no vendor's file; the command line names the machine."""
    base = disk(tmp_path / "base.img", OWN)
    assert "onecard" in provision("inspect", base).stdout
    command = ["image", "--base", base, "--node", "east-gate", "--ticket", ticket_file(tmp_path)]
    command += ["--out", tmp_path / "out.img"]
    refused = provision(*command)
    assert (refused.returncode, "--release" in refused.stderr) == (2, True)
    command += ["--release", release(tmp_path / "p.tar.gz"), "--release-key", public_key_file(tmp_path)]
    run = provision(*command, "--address", "10.0.0.21/24")
    assert run.returncode == 0, run.stderr
    files = files_of(tmp_path / "out.img")
    ours = {path for path in files if path.startswith("onecard/")}
    assert ours == {
        "onecard/node.toml",
        "onecard/hostname",
        "onecard/image.sha256",
        "onecard/network/onecard-wire.nmconnection",
    }
    (word,) = [word for word in files["cmdline.txt"].split() if word.startswith(b"systemd.machine_id=")]
    assert len(bytes.fromhex(word.partition(b"=")[2].decode())) == 16
    assert len(table_of(tmp_path / "out.img").partitions) == 3


def test_only_root_makes_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted break: ``build`` without asking who runs it."""
    monkeypatch.setattr("os.geteuid", lambda: 1_000)
    with pytest.raises(RefusedError, match="by root"):
        build(Wanted("arm64", tmp_path / "base.img", tmp_path / "packages.tar"), pytest.fail)
    assert not list(tmp_path.iterdir())
