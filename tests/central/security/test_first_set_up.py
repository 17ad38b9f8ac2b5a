"""The first set-up: a one-time link, and nothing else, makes the first operator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from central import settings
from central.audit import verify
from central.security import first_run
from central.security.model import OneTimeLink, Operator
from central.sites.model import Organisation, Site
from tests.support.centre import PASSWORD, RunningCentre, run_centre

FORM = {
    "number": "0001",
    "name": "Lin",
    "password": PASSWORD,
    "again": PASSWORD,
    "language": "zh-Hans",
    "zone": "Asia/Hong_Kong",
    "organisation": "和谐物业",
    "site": "锦绣花园",
}


async def new_link(running: RunningCentre) -> str:
    return await running.write(first_run.make_setup_link, running.clock.now(), 3_600)


async def test_the_link_makes_everything_and_is_used_up(tmp_path) -> None:
    """Planted break: leave ``used_at`` unset in ``use_link`` and drop ``is_due`` from ``set_up``."""
    async with run_centre(tmp_path / "centre", set_up=False) as running:
        browser = running.visitor()
        assert "setup-link" in (await browser.get("/login")).text
        path = await new_link(running)
        assert (await browser.get(path)).status == 200
        assert (await browser.post(path, FORM | {"again": "x"})).status == 422
        assert (await browser.post(path, FORM | {"zone": "Mars/Olympus"})).status == 422
        assert await running.read(lambda: Operator.select().count()) == 0
        done = await browser.post(path, FORM)
        assert (done.status, done.location) == (303, "/first-steps")
        steps = await browser.get("/first-steps")
        assert steps.status == 200
        assert "和谐物业" in steps.text, "the name stands on every page"
        assert '<html lang="zh-Hans"' in steps.text
        assert (await running.visitor().post(path, FORM | {"number": "0002"})).status == 404
        assert await running.read(lambda: Operator.select().count()) == 1
        assert await running.read(lambda: (Organisation.get().name, Site.get().zone)) == (
            "和谐物业",
            "Asia/Hong_Kong",
        )
        assert await running.read(settings.get, "setup_done") is True
        assert await running.read(verify) == 3, "the master key of the cards, the link, the set-up"


async def test_without_the_link_nobody_gets_in(tmp_path) -> None:
    async with run_centre(tmp_path / "centre", set_up=False) as running:
        visitor = running.visitor()
        for path in (
            "/setup",
            "/setup?token=",
            "/setup?token=guess",
            "/password?token=guess",
            "/login/link?token=x",
        ):
            assert (await visitor.get(path)).status == 404, path
            assert (await visitor.post(path, FORM)).status == 404, path
        path = await new_link(running)
        assert (await visitor.get(path.replace("/setup", "/password"))).status == 404, "another kind of link"
        running.clock.advance(hours=1)
        assert (await visitor.get(path)).status == 404, "its time is over"
        newer = await new_link(running)
        assert (await visitor.get(newer)).status == 200
        assert await running.read(lambda: OneTimeLink.select().count()) == 1, "an older one is void"


async def test_there_is_no_second_set_up(running_centre: RunningCentre) -> None:
    from central.errors import ConflictError

    with pytest.raises(ConflictError):
        await new_link(running_centre)


async def test_the_sample_is_loaded_in_the_same_transaction(tmp_path) -> None:
    """A sample that fails leaves no half-made centre behind."""
    from central.parts import collect

    def broken(centre: object, now: object) -> None:
        Site.create(name="half", zone="Asia/Shanghai", created_at=now)
        raise RuntimeError("sample")

    collected = replace(collect(), samples=[broken])
    async with run_centre(tmp_path / "centre", set_up=False, collected=collected) as running:
        path = await new_link(running)
        browser = running.visitor()
        assert (await browser.post(path, FORM | {"sample": "1"})).status == 500
        assert await running.read(lambda: Operator.select().count() + Site.select().count()) == 0
        assert (await browser.post(path, FORM)).status == 303


async def test_the_sample_estate_is_there_to_try_things_with(tmp_path) -> None:
    """Planted break: leave ``SAMPLES`` out of ``collect``."""
    async with run_centre(tmp_path / "centre", set_up=False) as running:
        path = await new_link(running)
        browser = running.visitor()
        assert (await browser.post(path, FORM | {"sample": "1"})).status == 303
        assert "林晓梅" in (await browser.get("/people")).text
        assert "东门" in (await browser.get("/devices")).text
        levels = (await browser.get("/access/levels")).text
        assert "业主" in levels
