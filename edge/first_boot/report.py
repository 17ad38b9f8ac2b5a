"""``REPORT.txt``: read by whoever puts the card into a computer, in Chinese and English, without a program of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
_WRONG: Final = "有问题，需要处理 something is wrong and needs a person"


def text(name: str, said: Mapping[str, str], problems: Sequence[str] = ()) -> str:
    """The report. ``said``: what each step did, in the order of ``_STEPS``; one that is missing has not begun."""
    failed = [step for step, words in said.items() if words.startswith(FAILED)]
    state = _WRONG if failed or problems else _READY if "scrubbed" in said else _WAITING
    lines = [f"onecard {VERSION}", f"设备 device: {name}", f"状态 state: {state}", ""]
    lines += [f"!! {problem}" for problem in problems]
    for step, title in _STEPS.items():
        words = said.get(step)
        mark = "[ ]" if words is None or words == "..." else "[!]" if words.startswith(FAILED) else "[x]"
        lines.append(f"{mark} {title}: {words or '...'}")
    return "\r\n".join(lines) + "\r\n"
