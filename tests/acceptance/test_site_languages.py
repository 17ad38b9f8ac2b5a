"""Pages of a whole site in the languages that it speaks."""

from __future__ import annotations

import re

import pytest

from provisioning.demo.browser import Browser
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")

# Names, words of commands and files, and values of the audit trail are the same in every language.
KEPT = re.compile(
    r"(?<![A-Za-z])(GET /api/events/stream|tar|DIR|FILE|CSV|TSV|TXT|XLSX|UID|API|English|JSON|AES|NFC|IC|LAN|SD|ONECARD|TOTP|Excel|Enter|Esc|JavaScript|aiohttp|Python|UTF|edge export|out|Asia"
    r"|Shanghai|onecard|central backup|backups|data|date|group|name|MFRC|MHz|kHz|jpg|COM|dev|ttyUSB|[0-9a-f]*[0-9][0-9a-f]*|workday|special|holiday|how|password|link)(?![A-Za-z])"
)

# Characters that pages need in one script only; names in the data are simplified, and have none of these.
OTHER_SCRIPT = {"zh-Hans": "設錄報這為應權碼", "zh-Hant": "设录报这为应权码"}


@pytest.mark.requirement("B13")
async def test_every_page_of_the_menu_speaks_three_languages(site: Site) -> None:
    """Seen when: each page of the menu says its language, the two Chinese ones are free of English words, and each is
    written in its own script.

    Planted breaks that turn it red: the msgstr of "Sign out" emptied in ``central/web/locale/zh_Hant.po``; its
    word for "Alarms" written in the other script.
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
                foreign = set(OTHER_SCRIPT[language]) & set(page.words)
                faults += [f"{path} {language}: {found} of the other script" for found in foreign]
                faults += [
                    f"{path} {language}: {found}"
                    for found in re.findall(r"[A-Za-z]{3,}(?: [A-Za-z]{2,})*", KEPT.sub("", page.words))
                ]
    assert not faults, "\n".join(faults)
