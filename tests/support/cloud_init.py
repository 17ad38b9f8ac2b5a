"""The programs that read what a card says to cloud-init, asked what they think of it; nothing is started.

``user-data``: the schema check of cloud-init from Debian trixie, because that of bookworm, 22.4, accepts anything.
``network-config``: netplan's generator, to which cloud-init hands the plan on (its own schema knows no radio). Both are
unpacked into ``build`` and not installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = ROOT / "build" / "cloud-init"
SUITE: Final = "trixie"
NEEDS: Final = ("jinja2", "pyyaml", "jsonschema", "configobj", "jsonpatch", "requests", "oauthlib")
_KEYS: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MODULES: Final = "usr/lib/python3/dist-packages"
KINDS: Final = ("user-data", "network-config")


def why_no_check() -> str | None:
    """What this computer lacks; None when nothing."""
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    return f"{', '.join(missing)}: not installed" if missing and not PROGRAM.exists() else None


def fetch() -> None:
    """Both programs and what they need, where they are not there yet."""
    if PROGRAM.exists():
        return
    PROGRAM.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="onecard-cloud-", dir=PROGRAM.parent) as name:
        scratch = Path(name)
        for folder in ("lists/partial", "cache/archives/partial"):
            (scratch / folder).mkdir(parents=True)
        (scratch / "status").touch()
        (scratch / "sources.list").write_text(f"deb [signed-by={_KEYS}] {_mirror()} {SUITE} main\n")
        places = {
            "Dir::Etc::sourcelist": "sources.list",
            "Dir::Etc::sourceparts": "none",
            "Dir::State::lists": "lists",
            "Dir::State::status": "status",
            "Dir::Cache": "cache",
        }
        own = ["-oAPT::Sandbox::User=root"]
        other_suite = [*own, *(f"-o{key}={scratch / place}" for key, place in places.items())]
        for options, asked in (
            (other_suite, ["update"]),
            (other_suite, ["download", "cloud-init"]),
            (own, ["download", "netplan.io", "libnetplan0"]),
        ):
            subprocess.run(["apt-get", "-qq", *options, *asked], cwd=scratch, check=True)
        unpacked = scratch / "unpacked"
        for packed in scratch.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(packed), str(unpacked)], check=True)
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(unpacked / _MODULES), *NEEDS]
        subprocess.run(pip, check=True)
        unpacked.rename(PROGRAM)


def _mirror() -> str:
    """Where this computer's own packages come from."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Component: main"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return next(site for site in found if site.endswith("/debian"))


def complaint(name: str, content: bytes) -> str:
    """What its reader has against this file of the card (one of ``KINDS``); empty: nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        return _of_user_data(Path(scratch), content) if name == KINDS[0] else _of_plan(Path(scratch), content)


def _of_user_data(scratch: Path, content: bytes) -> str:
    path = scratch / "user-data"
    path.write_bytes(content)
    command = [sys.executable, "-m", "cloudinit.cmd.main", "schema", "--config-file", str(path)]
    run = _run(command, PYTHONPATH=str(PROGRAM / _MODULES))
    said = run.stdout + run.stderr
    return "" if run.returncode == 0 and "Valid schema" in said else said or "no answer"


def _of_plan(scratch: Path, content: bytes) -> str:
    plan = scratch / "etc/netplan/card.yaml"
    plan.parent.mkdir(parents=True)
    plan.write_bytes(content)
    plan.chmod(0o600)
    (program,) = PROGRAM.glob("usr/libexec/netplan/generate")
    (library,) = {path.parent for path in PROGRAM.rglob("libnetplan.so*")}
    run = _run([str(program), "--root-dir", str(scratch)], LD_LIBRARY_PATH=str(library))
    made = list(scratch.glob("run/NetworkManager/system-connections/*"))
    return "" if run.returncode == 0 and made else run.stdout + run.stderr or "no connection was made of it"


def _run(command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **more}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
