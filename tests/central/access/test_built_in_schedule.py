"""The schedule that every site has: readable in every language, and nobody's to change."""

from __future__ import annotations

import pytest

from central.security.model import Operator
from protocol.schedule import ALWAYS
from tests.support.centre import Browser, RunningCentre


@pytest.mark.parametrize(("language", "words"), [("zh-Hans", "全天"), ("zh-Hant", "全天"), ("en", "Always")])
async def test_its_page_speaks_the_language_and_has_no_form(
    running_centre: RunningCentre, centre_client: Browser, language: str, words: str
) -> None:
    """Planted break: show the stored name in a field."""
    path = f"/access/schedules/{ALWAYS}"
    await running_centre.write(lambda: Operator.update(language=language).execute())
    page = (await centre_client.get(path)).text
    assert words in page
    assert 'name="name"' not in page
    assert (words == "Always") == ("Always" in page)
    refused = await centre_client.post(path, {"name": "Never", "site": "1", "version": "1"})
    assert refused.status == 422
