"""Looks after the data partition. Two services start it: ``onecard-storage`` (``mend``) and ``onecard-fault`` (``tell``).

It stands in the system beside the launcher, because the program itself is on the partition that may be damaged; so it imports
nothing of ours. ``mend`` runs before the partition is mounted: where its superblock is unreadable, e2fsck takes a copy of it (an
intact superblock is the business of the system's own check). Nothing is ever formatted, and what e2fsck cannot repair is left
as it is: records may still be read from it, and the device must not begin a new life without them. ``tell`` runs when the
device could not be set up: the reason goes into ``REPORT.txt`` on the boot partition, the light blinks slowly, the door stays
as it is without power, and after a quarter of an hour the device starts anew, in case the card was only badly seated.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

LABEL = "onecard-data"
POINT = "data"
CARD = "boot/firmware/onecard"
PROGRAM = "data/onecard/current/site"
VERDICT = "run/onecard-storage"
LIGHTS = ("ACT", "led0")
FIRST_OF_OURS = 3
"""Number of the first partition that can be ours: boot and system stand before it."""
UNREPAIRED = 4
"""Exit codes of e2fsck from here on: errors are left, or it could not do its work (e2fsck(8))."""
CHECKS_MAX = 2
"""A partition that was grown while it was mounted says in every copy of its superblock that its journal is to be replayed. e2fsck
(1.47.0) does that, finds the copy unchanged and gives up; the second time it finds the superblock that it has brought back."""
NOT_DONE = 16
"""From here on it was called wrongly, stopped or never begun: asking again would only keep the door from starting."""
CHECK_S = 1_800
START_ANEW_AFTER_S = 900

Run = Callable[[list[str], dict[str, str]], tuple[int, str]]
"""Runs a program with these variables added; its exit code and what it said."""


def run(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """See ``Run``."""
    variables = {**os.environ, "LC_ALL": "C", **environment}
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, errors="replace", timeout=CHECK_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 127, str(error)
    return done.returncode, done.stdout + done.stderr


def partition(root: Path) -> str | None:
    """The last partition of the disk that holds the system, as ``/dev/...``; None when there is none that can be ours."""
    system = os.stat(root).st_dev
    place = (root / f"sys/dev/block/{os.major(system)}:{os.minor(system)}").resolve()
    numbers = {}
    for file in place.parent.glob("*/partition"):
        numbers[int(file.read_text())] = file.parent.name
    last = max(numbers, default=0)
    return f"/dev/{numbers[last]}" if last >= FIRST_OF_OURS else None


def mend(root: Path, run: Run) -> int:
    """Bring back a superblock that cannot be read; 1 when the partition is beyond repair."""
    found, _device = run(["findfs", f"LABEL={LABEL}"], {})
    if f"LABEL={LABEL}" not in (root / "etc/fstab").read_text() or not found:
        return 0
    device = partition(root)
    if device is None:
        return told(root, "没有数据分区 there is no data partition")
    _code, label = run(["blkid", "-p", "-s", "LABEL", "-o", "value", device], {})
    if label.strip():
        return told(root, f"{device}: {label.strip()}")  # somebody else's is not touched
    for _ in range(CHECKS_MAX):
        code, said = run(["e2fsck", "-f", "-y", device], {})
        words = said.strip().splitlines()[-1:] or [""]
        print(f"onecard-storage: {device} had no readable superblock; e2fsck {code}: {words[0]}")  # noqa: T201
        if code < UNREPAIRED:
            return 0
        if code >= NOT_DONE:
            break
    return told(root, f"e2fsck {device}: {code}: {words[0]}")


def told(root: Path, verdict: str) -> int:
    """Keep the verdict for the report of this start; 1."""
    (root / VERDICT).write_text(verdict + "\n")
    return 1


def fault(root: Path, run: Run, is_mounted: Callable[[Path], bool]) -> str:
    """Why the device could not be set up; empty when the program itself has said it."""
    mounts = (root / "etc/fstab").read_text()
    point = (root / CARD).parent
    if str(point.relative_to(root)) in mounts and not is_mounted(point):
        return "启动分区不能使用 the boot partition cannot be used"
    if f"LABEL={LABEL}" in mounts and not is_mounted(root / POINT):
        verdict = root / VERDICT
        if verdict.exists():
            reason = verdict.read_text().strip()
        else:
            device = partition(root)
            code, said = run(["e2fsck", "-f", "-n", str(device)], {}) if device else (0, "-")
            reason = f"e2fsck {device}: {code}: {(said.strip().splitlines() or [''])[-1]}"
        return f"数据分区不能使用 the data partition cannot be used: {reason}"
    command = [sys.executable, "-P", "-c", "import edge.first_boot.__main__"]
    code, said = run(command, {"PYTHONPATH": str(root / PROGRAM)})
    if not code:
        return ""
    reason = (said.strip().splitlines() or [""])[-1]
    return f"程序不在或已损坏 the program is missing or damaged: {reason}"


def tell(root: Path, run: Run, is_mounted: Callable[[Path], bool] = os.path.ismount) -> int:
    """Put the fault where people see it; 1 when there is one."""
    found = fault(root, run, is_mounted)
    if not found:
        return 0
    print(f"onecard-fault: {found}", file=sys.stderr)  # noqa: T201
    light(root)
    lines = [
        "onecard",
        "状态 state: 有问题，需要处理 something is wrong and needs a person",
        "",
        f"!! {found}",
        "门锁保持断电时的状态 the door stays as it is without power.",
        "请保留此卡，记录或许还能读出 keep this card: records may still be read from it.",
        "在设备页面按“更换设备”，用 image --replace 另写一张卡",
        "press 'Replace the device' on its page and write another card with image --replace.",
    ]
    report(root, "\r\n".join(lines) + "\r\n", run)
    return 1


def light(root: Path) -> None:
    """A second on, a second off: it needs a person (``edge.first_boot.led``)."""
    for name in LIGHTS:
        folder = root / "sys/class/leds" / name
        if folder.is_dir():
            for file, value in (("trigger", "timer"), ("delay_on", "1000"), ("delay_off", "1000")):
                try:
                    (folder / file).write_text(value)
                except OSError:
                    return
            return


def report(root: Path, text: str, run: Run) -> None:
    """Write the report, on a partition that is read-only but for this moment; a card that takes none keeps nobody."""
    folder, point = root / CARD, str((root / CARD).parent)
    locked = bool(os.statvfs(point).f_flag & os.ST_RDONLY) if os.path.isdir(point) else False
    if locked:
        run(["mount", "-o", "remount,rw", point], {})
    try:
        new = folder / "REPORT.txt.new"
        with new.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / "REPORT.txt")
        os.sync()
    except OSError as error:
        print(f"onecard-fault: {error}", file=sys.stderr)  # noqa: T201
    if locked:
        run(["mount", "-o", "remount,ro", point], {})


def start_anew(run: Run) -> None:
    """The service manager starts the device anew later; ``systemctl stop onecard-anew.timer`` keeps it as it is."""
    run(
        ["systemd-run", "--unit=onecard-anew", f"--on-active={START_ANEW_AFTER_S}", "systemctl", "reboot"], {}
    )


def main() -> int:
    """``mend`` or ``tell``; ``ONECARD_ROOT``: the top of the file system, for tests."""
    root = Path(os.environ.get("ONECARD_ROOT", "/"))
    if sys.argv[1:] == ["mend"]:
        return mend(root, run)
    if tell(root, run) and root == Path("/"):
        start_anew(run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
