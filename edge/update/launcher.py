"""Starts the node's program: the release that ``current`` names, else the one that the system came with.

It stands in the system, not in a release, and is never updated; so it imports nothing of ours. Its home holds
``releases/<version>/site``, the link ``current -> releases/<version>`` and, while a release is on trial, ``pending.json``:
``{"version", "previous", "attempts_left", ...}``. Each start uses up one attempt. When none is left the release before
(``previous``; empty: the system's own) is put back, and ``rolled_back.json`` says so. Every step is one rename: a power
cut leaves the old release or the new one.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

HOME = "/data/onecard"
ATTEMPTS = 3


def main() -> None:
    """Decide what runs, then become it; the arguments are those of ``onecard-edge``."""
    home = Path(os.environ.get("ONECARD_HOME", HOME))
    try:
        settle(home)
    except OSError as error:
        print(f"onecard-launch: {error}", file=sys.stderr)  # noqa: T201  (the door comes first: run what is there)
    environment = {**os.environ, "ONECARD_LAUNCHED": str(home)}
    site = home / "current" / "site"
    if site.is_dir():
        environment["PYTHONPATH"] = str(site.resolve())  # the link may move while the program still imports
    os.execve(sys.executable, [sys.executable, "-P", "-m", "edge", *sys.argv[1:]], environment)  # noqa: S606


def settle(home: Path) -> None:
    """Use up an attempt of the release on trial, or put the one before it back."""
    pending = read(home / "pending.json")
    if pending is None:
        return
    if pending["attempts_left"] <= 0:
        roll_back(home, pending, "crashed")
    elif running(home) != pending["version"]:
        remove(home / "pending.json")  # the power was cut before the switch: it never began
    else:
        write(home / "pending.json", {**pending, "attempts_left": pending["attempts_left"] - 1})


def roll_back(home: Path, pending: dict[str, Any], reason: str) -> None:
    """Put the release before back. May be cut short and begun again."""
    switch(home, pending["previous"])
    write(home / "rolled_back.json", {**pending, "reason": reason})
    remove(home / "pending.json")


def running(home: Path) -> str:
    """The version that ``current`` names; empty: the system's own."""
    link = home / "current"
    return os.readlink(link).rpartition("/")[2] if link.is_symlink() else ""


def switch(home: Path, version: str) -> None:
    """Make ``current`` name this version; empty: the system's own."""
    link, new = home / "current", home / "current.new"
    new.unlink(missing_ok=True)
    if version:
        new.symlink_to(f"releases/{version}")
        new.replace(link)
    else:
        link.unlink(missing_ok=True)
    sync(home)


def read(path: Path) -> dict[str, Any] | None:
    """What stands in a file; None when it is not there, or not ours."""
    try:
        found = json.loads(path.read_bytes())
        return found if isinstance(found["version"], str) and int(found["attempts_left"]) >= 0 else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, values: dict[str, Any]) -> None:
    """Whole and on the medium when this returns."""
    new = path.with_name(path.name + ".new")
    with new.open("w") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Gone for good when this returns."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main()
