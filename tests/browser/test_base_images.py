"""A base image for SD cards is brought through the page, in a real browser: progress, a broken line, a file that is none."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

from central.nodes.base_store import INCOMING
from central.nodes.card_maker import BASES_FOLDER
from central.security.guard import STEP_UP_FIELD
from tests.provisioning.conftest import BASES
from tests.support.browser import assert_accessible, assert_fits, expect, open_page
from tests.support.demo_site import DemoSite
from tests.support.disk_images import disk

NEW = "/devices/bases/new"


async def bring(page: Any, url: str, file: Path) -> None:
    await page.goto(f"{url}{NEW}")
    await page.set_input_files("input[type=file]", file)
    await page.click("form[data-bring] button[type=submit]")


async def test_a_base_image_is_brought_shown_and_deleted(
    browser: Any, demo_site: DemoSite, tmp_path: Path
) -> None:
    """Seen when: a packed base image of several parts is brought while the line breaks once; the list shows its kind and its
    hash, the wizard of a device offers it, a second of that name is refused, and after "Delete" it is gone. What is no image,
    one that is cut short and one with a strange name are refused with the reason, and nothing of them stays.

    Planted breaks that turn it red: ``write_part`` at the end instead of at its place; ``finish`` without ``inspect``;
    ``bases.js`` not sending a part again.
    """
    folder = demo_site.demo.folder / "centre" / BASES_FOLDER
    base = tmp_path / "pi-os.img.gz"
    raw = bytearray(disk(tmp_path / "base.img", BASES["cloud-init"]).read_bytes())
    base.write_bytes(gzip.compress(bytes(raw), 0))
    assert base.stat().st_size > 9 << 20, "several parts"
    async with open_page(browser, language="en", quiet=False, storage_state=demo_site.cookies) as page:
        await page.goto(f"{demo_site.url}/devices/bases")
        await expect(page.get_by_text("There is no base image at the centre")).to_be_visible()
        await assert_accessible(page)
        await page.goto(f"{demo_site.url}{NEW}")
        if await page.locator(f"[name={STEP_UP_FIELD}]").count():
            await page.fill(f"[name={STEP_UP_FIELD}]", demo_site.demo.password)
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"**{NEW}")
        await assert_accessible(page)
        await assert_fits(page)

        for name, content, reason in (
            ("notes.img", b"no disk at all" * 100, "This cannot be a base image"),
            ("short.img.gz", base.read_bytes()[:-4_000_000], "damaged or cut short"),
            ("a base?.img", b"x", "letters, digits, dots"),
            ("setup.exe", b"MZ", "A base image ends in"),
        ):
            wrong = tmp_path / name
            wrong.write_bytes(content)
            await bring(page, demo_site.url, wrong)
            await expect(page.locator("[data-problem]")).to_contain_text(reason)
            assert not list(folder.glob("*")) or not [one for one in folder.iterdir() if one.is_file()]

        broken: list[str] = []

        async def break_once(route: Any) -> None:
            if "at=4194304" in route.request.url and not broken:
                broken.append(route.request.url)
                await route.abort()
            else:
                await route.continue_()

        await page.route("**/devices/bases/parts/**", break_once)
        await bring(page, demo_site.url, base)
        await page.wait_for_url("**/devices/bases", timeout=120_000)
        assert broken, "the line was never broken"
        row = page.locator("tbody tr")
        await expect(row).to_contain_text("Raspberry Pi OS, set up by cloud-init")
        await expect(row).to_contain_text(hashlib.sha256(base.read_bytes()).hexdigest())
        assert (folder / base.name).read_bytes() == base.read_bytes()
        assert list((folder / INCOMING).iterdir()) == []
        await assert_accessible(page)

        await bring(page, demo_site.url, base)
        await expect(page.locator("[data-problem]")).to_contain_text("is there already")
        await page.goto(f"{demo_site.url}/devices/1/card")
        await expect(page.locator("select[name=base]")).to_contain_text(base.name)

        await page.goto(f"{demo_site.url}/devices/bases")
        await row.get_by_role("button", name="Delete").click()
        await page.locator("dialog[open] button[type=submit]").click()
        await expect(page.get_by_text("There is no base image at the centre")).to_be_visible()
        assert not (folder / base.name).exists()
