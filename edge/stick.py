"""``onecard-edge stick``: a USB stick beside a device that has no network and no screen (U18).

Nobody can sign in to a device, so what its commands ``load``, ``export`` and ``status`` do is done by itself for a stick that is
named ONECARD: files of the centre for this device are loaded, all records are written into one file for the centre, and a text for
people says how the device is and what was done. The light says when the stick may be pulled. Both files are sealed as on every
route, so a lost stick tells nothing, and a foreign one does nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.errors import EdgeError
from edge.export import export
from edge.files import write_whole
from edge.first_boot.led import Pattern, show
from edge.i18n import _
from edge.load import ANSWER_WITHIN_S, FILE_BYTES_MAX
from edge.status import StatusError, ask
from edge.status_text import lines

if TYPE_CHECKING:
    from edge.config import NodeConfig

POINT: Final = Path("/run/onecard-stick")
FILES_MAX: Final = 8
"""Files of the centre that are looked at on one stick."""
PULLED_WITHIN_S: Final = 300
"""So long the light says that the stick may be pulled."""
_COPY: Final = "stick.load"
Run = Callable[[list[str]], object]


def _run(command: list[str]) -> object:
    return subprocess.run(command, check=True, capture_output=True)


def serve(config: NodeConfig, folder: Path) -> list[str]:
    """Do it, and leave the text on the stick.

    :returns: its lines.
    :raises FileError: the stick takes no files.
    """
    said = [_load(config, file) for file in _loads(config, folder)]
    said.append(_export(config, folder / f"{config.name}.onecard"))
    try:
        said += lines(ask(config.status_socket))
    except (StatusError, OSError) as error:
        said.append(_("the node does not answer: %(error)s", error=error))
    said += _wires(Path("/dev"))
    write_whole(folder / f"{config.name}.txt", ("\r\n".join(said) + "\r\n").encode("utf-8-sig"), 0o644)
    return said


def _wires(dev: Path) -> list[str]:
    """What ``node.toml`` may want to name: nobody can look for it on the device."""
    keypads = sorted(map(str, (dev / "input/by-path").glob("*-event-kbd")))
    ports = sorted(map(str, (dev / "serial/by-id").glob("*")))
    return [
        _("Keypads: %(names)s", names=", ".join(keypads) or "-"),
        _("Serial ports (USB): %(names)s", names=", ".join(ports) or "-"),
    ]


def _loads(config: NodeConfig, folder: Path) -> list[Path]:
    """What the page of this device gave out, the oldest first; a browser may have put a number behind the name."""
    found = [
        file
        for file in folder.glob(f"{config.name}*.load")
        if file.name.removeprefix(config.name).lstrip(" ").startswith((".load", "("))
    ]
    return sorted(found, key=lambda file: file.stat().st_mtime)[-FILES_MAX:]


def _load(config: NodeConfig, file: Path) -> str:
    """Through the device's own folder: the node sees no stick."""
    copy = config.data_dir / _COPY
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            return _("%(file)s: NOT loaded: too large", file=file.name)
        shutil.copyfile(file, copy)
        answer = ask(config.status_socket, {"load": str(copy.absolute())}, ANSWER_WITHIN_S)
    except (EdgeError, OSError) as error:
        answer = {"problem": str(error)}
    finally:
        copy.unlink(missing_ok=True)
    if "problem" in answer:
        return _("%(file)s: NOT loaded: %(problem)s", file=file.name, problem=answer["problem"])
    return _("%(file)s: loaded: %(restrictions)s / %(access)s", file=file.name, **_held(answer))


def _held(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("restrictions", "access")}


def _export(config: NodeConfig, out: Path) -> str:
    try:
        made = export(config, out)
    except EdgeError as error:
        return _("%(file)s: NOT written: %(problem)s", file=out.name, problem=error)
    return _(
        "%(file)s: records %(first)s to %(last)s", file=out.name, first=made.first_seq, last=made.last_seq
    )


def at(
    config: NodeConfig,
    place: Path,
    root: Path = Path("/"),
    run: Run = _run,
    wait: Callable[[float], object] = time.sleep,
) -> list[str]:
    """``serve`` for a folder, or for the device of a stick, which is mounted meanwhile; the light tells of it until it is pulled.

    :param wait: sleeps for that many seconds.
    :raises EdgeError: the stick takes no files.
    :raises OSError: it cannot be mounted, or was pulled.
    """
    if place.is_dir():
        return serve(config, place)
    show(root, Pattern.PREPARING)
    try:
        with _mounted(place, run):
            said = serve(config, POINT)
    except BaseException:
        show(root, Pattern.FAILED)
        raise
    show(root, Pattern.WAITING)
    for _second in range(PULLED_WITHIN_S):
        if not place.exists():
            break
        wait(1.0)
    show(root, Pattern.DONE)
    return said


@contextmanager
def _mounted(device: Path, run: Run) -> Iterator[None]:
    POINT.mkdir(mode=0o700, exist_ok=True)
    try:
        run(["mount", "-t", "vfat", "-o", "nosuid,nodev,noexec,umask=0077,utf8", str(device), str(POINT)])
        try:
            yield
        finally:
            run(["umount", str(POINT)])
    except subprocess.CalledProcessError as error:
        raise OSError(0, (error.stderr or b"").decode("utf-8", "replace").strip()) from error
    finally:
        with suppress(OSError):
            POINT.rmdir()
