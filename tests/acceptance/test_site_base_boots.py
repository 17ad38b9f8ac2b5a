"""The finished card of our own base image, started whole by systemd in a container; long, so it is a part of ``make soak``."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from provisioning.demo.control import ControlLine
from provisioning.demo.demo import DemoNode
from provisioning.demo.story import until
from tests.acceptance.test_site_replacement import installations
from tests.provisioning.conftest import provision
from tests.support.boot import SLOW, Container, reason_not_to_boot
from tests.support.cards import table_of, unpack_card, with_emulated_chips
from tests.support.site import Site

OWN_SITE = True
GATE = "east-gate"
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(reason_not_to_boot() is not None, reason=reason_not_to_boot() or ""),
]


def system_in(image: Path, root: Path) -> None:
    """All three partitions of the card, where the system mounts them."""
    root.mkdir()
    _boot, system, data = table_of(image).partitions
    (root.parent / "data").mkdir()
    for part, inner, target in ((system, "/", root), (data, "/", root.parent / "data")):
        place = f"{image}?offset={part.start}"
        subprocess.run(["debugfs", "-R", f"rdump {inner} {target}", place], capture_output=True, check=True)
    shutil.rmtree(root / "data", ignore_errors=True)
    shutil.move(root.parent / "data", root / "data")
    unpack_card(image, root / "boot/firmware")


def for_emulated_chips(root: Path) -> None:
    """What differs from the card: a container has no board, and an emulated processor is ten times too slow for the watchdog."""
    slow = root / "etc/systemd/system/onecard-edge.service.d/slow.conf"
    slow.parent.mkdir()
    slow.write_text(SLOW)
    path = root / "boot/firmware/onecard/node.toml"
    path.write_text(with_emulated_chips(path.read_text("utf-8")), "utf-8")


@pytest.mark.timeout(900)
@pytest.mark.ext4_tools
async def test_the_finished_card_of_our_base_boots_joins_and_opens_its_door(
    site: Site, tmp_path: Path
) -> None:
    """Seen when: the card made from the base image and the real release is started by systemd. Its services set it up, it
    joins over loopback, the page of the device shows the new installation, a card opens the emulated door, and the report on
    the card says that it is done.

    Planted breaks that turn it red: a service not enabled in the base; a unit whose sandbox keeps the node from its folder.
    """
    demo, browser = site.demo, site.browser
    resident = await site.resident()
    (device_path,) = [page.path for name, page in (await site.device_pages()).items() if name == GATE]
    await site.until_joined()
    await demo.nodes[GATE].child.kill()
    await demo.nodes[GATE].line.stop()
    await site.save_ticket(device_path, tmp_path / "east-gate.toml")
    image, begun = tmp_path / "card.img", time.monotonic()
    run = await asyncio.to_thread(
        provision,
        *("image", "--base", os.environ["ONECARD_BASE"], "--node", GATE, "--replace", "--out", image),
        *("--ticket", tmp_path / "east-gate.toml", "--release", os.environ["ONECARD_RELEASE"]),
        *("--release-key", os.environ["ONECARD_RELEASE_KEY"]),
    )
    assert run.returncode == 0, run.stderr
    print(f"card made in {time.monotonic() - begun:.1f} s")
    root = tmp_path / "root"
    await asyncio.to_thread(system_in, image, root)
    image.unlink()
    for_emulated_chips(root)

    node, begun = demo.nodes[GATE], time.monotonic()
    line = ControlLine(root / "data/onecard/node", node.line._on_event)
    container = Container(root, tmp_path / "console.log")
    demo.nodes[GATE] = DemoNode(node.device, node.child, line)
    container.start()
    line.start()
    try:

        async def second() -> bool | None:
            assert container.is_running, container.journal()[-3000:]
            return True if len(installations(await browser.get(device_path))) == 2 else None

        await until(second, "the new installation on the page of the device", 300)
        print(f"joined {time.monotonic() - begun:.1f} s after power-up")
        await demo.until(lambda: line.is_connected, GATE, 60)
        await site.until_joined()
        await site.opens(GATE, resident.uid)
        await site.shuts(GATE)
        print(f"door opened {time.monotonic() - begun:.1f} s after power-up")
        report = root / "boot/firmware/onecard/REPORT.txt"

        async def done() -> bool | None:
            return True if "done, the device has joined" in report.read_text("utf-8") else None

        await until(done, "the report on the card", 120)
    except BaseException:
        print(container.journal()[-8000:])
        print((root / "boot/firmware/onecard/REPORT.txt").read_text("utf-8"))
        raise
    else:
        assert container.failed_units() == []
    finally:
        await line.stop()
        await asyncio.to_thread(container.end)
