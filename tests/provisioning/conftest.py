"""What the tests of card images share: base images of each kind, the centre's file for a device, the command."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from central.nodes.service import node_file
from tests.support.disk_images import disk

CONFIG = b"# For more options see the documentation\ndtparam=audio=on\n[cm4]\notg_mode=1\n"
ROOT = (
    b"console=serial0,115200 console=tty1 root=PARTUUID=c0ffee01-02 rootfstype=ext4 fsck.repair=yes rootwait"
)
BASES: dict[str, dict[str, bytes]] = {
    "firstrun": {
        "cmdline.txt": ROOT + b" quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n",
        "config.txt": CONFIG,
    },
    "cloud-init": {
        "cmdline.txt": ROOT + b" resize ds=nocloud;i=rpi-imager-0\n",
        "config.txt": CONFIG,
        "user-data": b"#cloud-config\n\n# Users:\n#users:\n#- name: pi\n",
        "network-config": b"# network:\n#   version: 2\n",
        "meta-data": b"dsmode: local\ninstance_id: rpios-image\n",
    },
    "rpi-preseed": {
        "cmdline.txt": ROOT + b" resize\n",
        "config.txt": CONFIG,
        "rpi-preseed.toml": b"# Settings of the first boot\n",
    },
}
"""The boot partition's files that matter, as the vendor's images have them."""
SECRET = bytes(range(100, 132))
CA = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ0FzZQ==\n-----END CERTIFICATE-----\n"


def ticket_file(folder: Path, name: str = "east-gate", ticket_id: str = "T7K2", readers: int = 2) -> Path:
    """What the page of a device gives out."""
    secret = base64.urlsafe_b64encode(SECRET).decode().rstrip("=")
    path = folder / f"{name}.toml"
    path.write_text(
        node_file(name, "door", f"{ticket_id}.{secret}", ["https://10.0.0.5:8444"], CA, readers), "utf-8"
    )
    return path


def provision(*arguments: str | Path, language: str = "en_GB.UTF-8") -> subprocess.CompletedProcess[str]:
    """Run ``onecard-provision`` as its own process."""
    return subprocess.run(
        [sys.executable, "-m", "provisioning", *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": language, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def base_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A base image by its kind of first boot, made once."""
    folder = tmp_path_factory.mktemp("bases")

    def base(kind: str) -> Path:
        path = folder / f"{kind}.img"
        return (
            path
            if path.exists()
            else disk(path, BASES[kind], table="gpt" if kind == "rpi-preseed" else "mbr")
        )

    return base
