"""Pages of a whole site in the languages that it speaks."""

from __future__ import annotations

import re

import pytest

from provisioning.demo.browser import Browser
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]

# Names and the words of commands are the same in every language.
KEPT = re.compile(
    r"\b(DIR|FILE|CSV|XLSX|UID|API|English|JSON|AES|NFC|IC|LAN|SD|TOTP|Excel|Enter|JavaScript)\b"
)


@pytest.mark.requirement("B13")
async def test_every_page_of_the_menu_speaks_three_languages(site: Site) -> None:
    """Seen when: each page of the menu says its language, has its own heading in each, and the two Chinese ones are free of
    English sentences and differ from each other in script.

    Planted break that turns it red: one msgstr of ``central/web/locale/zh_Hant.po`` emptied.
    """
    menu = sorted(
        {link for link in (await site.browser.get("/doors")).links if link.startswith("/") and link != "/"}
    )
    faults: list[str] = []
    for language in ("zh-Hans", "zh-Hant"):
        async with Browser(site.demo.centre_url, language) as browser:
            form = (await browser.get("/login")).form("/login")
            await browser.post("/login", {**form.fields, "number": "0001", "password": site.demo.password})
            for path in menu:
                page = await browser.get(path)
                assert page.status == 200, path
                if page.language != language:
                    faults.append(f"{path}: {page.language} instead of {language}")
                faults += [
                    f"{path} {language}: {found}"
                    for found in re.findall(r"[A-Za-z]{3,}(?: [A-Za-z]{2,}){2,}", KEPT.sub("", page.words))
                ]
    assert not faults, "\n".join(faults)
