"""Everything that is written to the boot partition: our own folder, and the few lines of the base's kind of first boot
that start ``onecard/first-boot.sh`` (formats: see :mod:`provisioning.image.base`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_DNS, uuid5

from edge.first_boot import storage
from edge.update import launcher
from provisioning.image import network as net
from provisioning.image.base import (
    CLOUD_INIT,
    CMDLINE,
    CONFIG,
    FIRSTRUN,
    OWN,
    SEED_FOLDER,
    Base,
    with_lines,
    with_words,
    without_growing,
)
from provisioning.image.data import Release
from provisioning.image.errors import RefusedError
from provisioning.image.partitions import DATA_LABEL
from provisioning.image.seed import Seed, to_toml
from provisioning.texts import N_

RTCS: Final = ("ds3231", "ds1307", "pcf8523", "pcf85063a", "rv3028")
"""Clock chips of the overlay ``i2c-rtc``."""
CARD_AT: Final = "/boot/firmware"
"""Where the boot partition stands in a running system from bookworm on."""
_FILES: Final = Path(__file__).parent / "files"
UNITS_FOLDER: Final = Path(__file__).parents[1] / "systemd"
UNITS: Final = (
    "onecard-storage.service",
    "onecard-setup.service",
    "onecard-edge.service",
    "onecard-first-boot.service",
    "onecard-fault.service",
    "onecard-stick@.service",
    "99-onecard-stick.rules",
    "journald.conf",
    "manager.conf",
)
IN_SYSTEM: Final = {"launch.py": launcher, "storage.py": storage}
"""What stands in the system and not in the program: a damaged program or partition must not stop it."""
_FSTAB: Final = (
    f"LABEL={DATA_LABEL} /data ext4 noatime,nodev,nosuid,commit=30,x-systemd.growfs,"
    "x-systemd.requires=onecard-storage.service,errors=remount-ro,nofail 0 2\n"
)
"""What could not be repaired is not used: it would look clean to the system's own check."""
_RUN: Final = f"{CARD_AT}/{SEED_FOLDER}/first-boot.sh"
_FIRSTRUN_WORDS: Final = [
    f"systemd.run={CARD_AT}/firstrun.sh",
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
]
_FIRSTRUN_SH: Final = f"""#!/bin/sh
# Starts the set-up of the device; takes itself away only after it has succeeded.
set -eu
sh {_RUN}
sed -i 's| systemd\\.run[^ ]*||g; s| systemd\\.unit=kernel-command-line\\.target||g' {CARD_AT}/cmdline.txt
rm -f {CARD_AT}/firstrun.sh
exit 0
"""


@dataclass(frozen=True)
class Program:
    """How the program comes to the device: nothing given: the base brings it."""

    release: Release | None = None
    on_boot_partition: bool = False
    """The release travels on the boot partition, because there is no partition of ours."""

    @property
    def python(self) -> str:
        """What runs it on the device."""
        return "/usr/bin/python3" if self.release else "/opt/onecard/bin/python"


def card_files(
    base: Base, seed: Seed, rtc: str = "ds3231", program: Program | None = None
) -> dict[str, bytes]:
    """Path on the boot partition -> content. ``rtc``: one of ``RTCS``, or empty without a clock chip.

    :raises RefusedError: a clock chip that is not known, or a Wi-Fi that the first boot cannot say.
    """
    if rtc and rtc not in RTCS:
        raise RefusedError(N_("--rtc: %(rtc)s is none of %(known)s."), rtc=rtc, known=", ".join(RTCS))
    program = program or Program()
    release = program.release
    if base.first_boot == OWN and release is None:
        raise RefusedError(N_("This base image needs the program for the card: --release."))
    has_partition = release is not None and not program.on_boot_partition
    files = {
        f"{SEED_FOLDER}/node.toml": seed.text,
        f"{SEED_FOLDER}/hostname": seed.host_name + "\n",
    }
    if base.first_boot != OWN:
        script = (_FILES / "first-boot.sh").read_text("utf-8")
        files[f"{SEED_FOLDER}/first-boot.sh"] = script.replace("@PYTHON@", program.python)
        for name in UNITS:
            text = (UNITS_FOLDER / name).read_text("utf-8")
            files[f"{SEED_FOLDER}/units/{name}"] = text.replace("/usr/bin/python3", program.python)
        for name, module in IN_SYSTEM.items():
            files[f"{SEED_FOLDER}/{name}"] = Path(str(module.__file__)).read_text("utf-8")
    if release is not None and base.first_boot != OWN:
        files[f"{SEED_FOLDER}/clock-epoch"] = f"{release.manifest.built_at_ms // 1_000}\n"
        if has_partition:
            files[f"{SEED_FOLDER}/fstab"] = _FSTAB
    if seed.network.time_servers:
        files[f"{SEED_FOLDER}/timesyncd.conf"] = "[Time]\nNTP=" + " ".join(seed.network.time_servers) + "\n"
    words = [f"cfg80211.ieee80211_regdom={seed.network.country}"] if seed.network.country else []
    if base.first_boot == CLOUD_INIT:
        instance = f"onecard-{seed.ticket_id}"
        files |= {
            "meta-data": f"instance-id: {json.dumps(instance)}\n",
            "user-data": _user_data(seed),
            "network-config": net.netplan(seed.network),
        }
        words.append(f"ds=nocloud;i={instance}")
    else:
        for name, text in net.profiles(seed.network).items():
            files[f"{SEED_FOLDER}/network/{name}"] = text
        if base.first_boot == OWN:
            words.append(
                f"systemd.machine_id={uuid5(NAMESPACE_DNS, f'{seed.ticket_id}.onecard.invalid').hex}"
            )
        elif base.first_boot == FIRSTRUN:
            files["firstrun.sh"] = _FIRSTRUN_SH
            words += _FIRSTRUN_WORDS
        else:
            files["rpi-preseed.toml"] = to_toml(
                {
                    "config_version": "1.1",
                    "system": {"hostname": seed.host_name},
                    "runcmd": {"early": [f"sh {_RUN}"]},
                }
            )
    lines = ["dtparam=spi=on"] + ([f"dtoverlay=i2c-rtc,{rtc}"] if rtc else [])
    files[CONFIG] = with_lines(base.config, lines)
    cmdline = base.cmdline
    if has_partition:
        cmdline = without_growing(cmdline)
    if words or cmdline != base.cmdline:
        files[CMDLINE] = with_words(cmdline, words)
    raw = {path: text.encode("utf-8") for path, text in files.items()}
    if release is not None and program.on_boot_partition:
        raw[f"{SEED_FOLDER}/release.tar.gz"] = release.path.read_bytes()
    return raw


def _user_data(seed: Seed) -> str:
    return (
        "#cloud-config\n"
        f"hostname: {json.dumps(seed.host_name)}\n"
        "manage_etc_hosts: true\n"
        'growpart:\n  mode: "off"\nresize_rootfs: false\n'  # behind the system stands our own partition
        f'bootcmd:\n- ["sh", "{_RUN}"]\n'  # at each start: runcmd is ticked off before it has run
    )
