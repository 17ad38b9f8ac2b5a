"""Every page without parameters is rendered by the real centre for the administrator, in three languages."""

from __future__ import annotations

import pytest

from central.parts import collect
from tests.support.centre import RunningCentre

PAGES = sorted(
    route.path
    for route in collect().routes
    if route.method == "GET" and "{" not in route.path and not route.path.startswith(("/node/", "/live"))
)


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
async def test_every_page_answers(running_centre: RunningCentre, language: str) -> None:
    browser = await running_centre.as_role("administrator")
    await browser.post("/language", {"language": language})
    for path in PAGES:
        answer = await browser.get(path, headers={"Accept-Language": language})
        assert answer.status < 500, (path, answer)
        if answer.status == 200 and answer.text.startswith("<!doctype html>"):
            assert f'<html lang="{language}"' in answer.text, path
