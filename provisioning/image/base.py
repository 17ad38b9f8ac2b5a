"""What kind of first boot a base image has, read from its boot partition; never guessed.

Our own images need none: their services look at the card. Of vendors three kinds exist: a script that systemd runs (``firstrun``: Raspberry Pi OS bookworm and the first trixie), cloud-init
(later trixie, Ubuntu), and rpi-preseed. An image of the wrong kind would start without any of our files being looked at,
so what is not plainly one of them is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from provisioning.image.errors import RefusedError
from provisioning.image.fat import FatVolume
from provisioning.texts import N_

FIRSTRUN: Final = "firstrun"
CLOUD_INIT: Final = "cloud-init"
RPI_PRESEED: Final = "rpi-preseed"
OWN: Final = "onecard"
BASE_MARK: Final = "onecard-base.json"
"""On the boot partition of an image of our own, where the services stand in the system already."""
SEED_FOLDER: Final = "onecard"
CMDLINE: Final = "cmdline.txt"
CONFIG: Final = "config.txt"
_FIRSTBOOT: Final = "init=/usr/lib/raspberrypi-sys-mods/firstboot"
_RESIZE: Final = "resize"
_OLD_FIRSTBOOT: Final = "init=/usr/lib/raspi-config/init_resize.sh"
_COMMENT: Final = re.compile(r"^\s*(#.*)?$")


@dataclass(frozen=True)
class Base:
    """A base image that can be prepared. ``first_boot``: one of the four kinds; ``cmdline``, ``config``: its files."""

    first_boot: str
    cmdline: str
    config: str


def is_prepared(volume: FatVolume) -> bool:
    """Has this image been made for a device already?"""
    return volume.find(SEED_FOLDER) is not None


def detect(volume: FatVolume) -> Base:
    """What the base image is.

    :raises RefusedError: it is prepared already, is no system of a Raspberry Pi, or its kind of first boot is not plain.
    """
    if is_prepared(volume) or volume.find("firstrun.sh") is not None:
        raise RefusedError(
            N_("This image has already been prepared for a device; take the base image itself.")
        )
    for name in (CMDLINE, CONFIG):
        if volume.find(name) is None:
            raise RefusedError(
                N_("The boot partition has no %(name)s, so this is no image of a Raspberry Pi."), name=name
            )
    cmdline = _text(volume, CMDLINE).strip()
    if not cmdline or "\n" in cmdline:
        raise RefusedError(N_("cmdline.txt must be one line; this image was changed by hand."))
    words = cmdline.split()
    if _OLD_FIRSTBOOT in words:
        raise RefusedError(
            N_("This Raspberry Pi OS is older than 2023 (bookworm) and too old for the program.")
        )
    if any(word.startswith("systemd.run=") for word in words):
        raise RefusedError(
            N_("This image has already been prepared for a device; take the base image itself.")
        )
    kinds = _kinds(volume, words)
    if not kinds:
        raise RefusedError(
            N_(
                "The image has no first boot that is known (firstrun.sh, cloud-init, rpi-preseed). "
                "An image that has been started once cannot be a base."
            )
        )
    if len(kinds) > 1:
        raise RefusedError(
            N_("It is not clear how this image is set up at its first boot: %(kinds)s."),
            kinds=", ".join(kinds),
        )
    return Base(kinds[0], cmdline, _text(volume, CONFIG))


def _kinds(volume: FatVolume, words: list[str]) -> list[str]:
    found = []
    if volume.find(BASE_MARK) is not None:
        found.append(OWN)
    if volume.find("rpi-preseed.toml") is not None:
        found.append(RPI_PRESEED)
    if volume.find("user-data") is not None and volume.find("meta-data") is not None:
        if not all(_COMMENT.match(line) for line in _text(volume, "user-data").splitlines()):
            raise RefusedError(N_("The image brings settings of its own in user-data; they would be lost."))
        found.append(CLOUD_INIT)
    if not found and (_FIRSTBOOT in words or _RESIZE in words):
        found.append(FIRSTRUN)
    return found


def _text(volume: FatVolume, name: str) -> str:
    try:
        return volume.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(N_("%(name)s on the boot partition is not text."), name=name) from error


def with_lines(config: str, wanted: list[str]) -> str:
    """``config.txt`` with these lines for every board, those that it lacks."""
    there = {line.split("#")[0].strip() for line in config.splitlines()}
    missing = [line for line in wanted if line not in there]
    if not missing:
        return config
    end = "" if config.endswith("\n") or not config else "\n"
    return config + end + "\n[all]\n" + "\n".join(missing) + "\n"


def with_words(cmdline: str, wanted: list[str]) -> str:
    """The kernel's command line with these words at its end, in place of those that set the same.

    Words that cloud-init reads (``ds=``) and the country of the radio may stand there already.
    """
    keys = {word.partition("=")[0] for word in wanted}
    kept = [word for word in cmdline.split() if word.partition("=")[0] not in keys]
    return " ".join([*kept, *wanted]) + "\n"


def without_growing(cmdline: str) -> str:
    """The command line without what makes the system's partition as large as the card: ours stands behind it.

    Both vendors' ways reach to the end of the medium and know nothing of a third partition.
    """
    return " ".join(word for word in cmdline.split() if word not in (_FIRSTBOOT, _RESIZE))
