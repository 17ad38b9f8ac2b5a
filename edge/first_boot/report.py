"""``REPORT.txt``: read by whoever puts the card into a computer, in Chinese and English, without a program of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.release import VERSION

FAILED: Final = "!!"
_STEPS: Final = {
    "clock": "时钟 clock",
    "name": "主机名 host name",
    "program": "程序 program",
    "network": "网络 network",
    "storage": "数据分区 data partition",
    "key": "设备密钥 key of the device",
    "joined": "入网 joined the centre",
    "synced": "首次同步 first sync (restrictions/access, cards)",
    "scrubbed": "抹去卡上的密钥 secrets taken from the card (files)",
}
_READY: Final = "完成，设备已入网 done, the device has joined"
_WAITING: Final = "设备已就绪，等待管理中心 the device is ready and waits for the centre"
_APPROVAL: Final = (
    "设备已就绪，等待管理中心批准：请打电话给管理中心，读出下面的板号和指纹 "
    "ready, waits until the centre approves it: telephone the centre and read out board and fingerprint"
)
_WRONG: Final = "有问题，需要处理 something is wrong and needs a person"


@dataclass(frozen=True)
class Spare:
    """What is read out on the telephone for a spare card that has not become a device yet."""

    serial: str
    fingerprint: str


def text(name: str, said: Mapping[str, str], problems: Sequence[str] = (), spare: Spare | None = None) -> str:
    """The report. ``said``: what each step did, in the order of ``_STEPS``; one that is missing has not begun."""
    failed = [step for step, words in said.items() if words.startswith(FAILED)]
    waiting = _WAITING if spare is None else _APPROVAL
    state = _WRONG if failed or problems else _READY if "scrubbed" in said else waiting
    lines = [f"onecard {VERSION}", f"设备 device: {name}", f"状态 state: {state}", ""]
    if spare is not None:
        lines += [f"板号 board: {spare.serial or '-'}", f"指纹 fingerprint: {spare.fingerprint}", ""]
    lines += [f"!! {problem}" for problem in problems]
    for step, title in _STEPS.items():
        words = said.get(step)
        mark = "[ ]" if words is None or words == "..." else "[!]" if words.startswith(FAILED) else "[x]"
        lines.append(f"{mark} {title}: {words or '...'}")
    return "\r\n".join(lines) + "\r\n"
