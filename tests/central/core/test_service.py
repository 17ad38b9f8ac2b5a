"""How the service is (29), restarting it (30), settings (50), backups from the page."""

from __future__ import annotations

import asyncio
import json

import pytest

from central import backup_record, settings
from central.audit import AuditEntry, verify
from central.health import Finding, Health, Level
from central.security.certificates import load_or_create_authority
from central.web.i18n import lazy
from tests.support.centre import RunningCentre

TROUBLE = Finding(Level.DEGRADED, lazy("The last backup is too old."))


class Switch:
    """A check that finds what it is told."""

    def __init__(self) -> None:
        self.finding: Finding | Exception = Finding()

    async def __call__(self) -> Finding:
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding


@pytest.mark.requirement(29)
async def test_the_indicator_is_green_amber_and_red(running_centre: RunningCentre) -> None:
    """Planted break: return RUNNING from ``Health.level``. Green is a triangle pointing down, as the source has it."""
    switch, centre = Switch(), running_centre.centre
    centre.health.add("switch", switch)
    browser = await running_centre.as_role("guard")
    for finding, word, status in (
        (Finding(), "running", 200),
        (TROUBLE, "degraded", 200),
        (Finding(Level.STOPPED, lazy("It does not answer.")), "stopped", 503),
        (RuntimeError("boom"), "stopped", 503),
        (Finding(), "running", 200),
    ):
        switch.finding = finding
        await centre.health.look()
        answer = await browser.get("/healthz")
        assert (answer.status, json.loads(answer.text)) == (status, {"status": word})
        page = (await browser.get("/system")).text
        assert {"running": "Service running", "degraded": "Service impaired", "stopped": "Service stopped"}[
            word
        ] in page
    switch.finding = TROUBLE
    await centre.health.look()
    found = json.loads((await browser.get("/api/health")).text)
    assert found["findings"]["switch"]["message"] == "The last backup is too old."
    assert found["findings"]["database"]["state"] == "running"


async def test_a_dead_writer_is_red(running_centre: RunningCentre) -> None:
    centre = running_centre.centre
    await asyncio.to_thread(centre.db._writer.stop)
    await centre.health.look()
    assert centre.health.findings["database"].level is Level.STOPPED


async def test_an_old_backup_is_amber(running_centre: RunningCentre) -> None:
    centre = running_centre.centre
    await centre.health.look()
    assert centre.health.level is Level.RUNNING
    running_centre.clock.advance(days=3)
    await centre.health.look()
    assert str(centre.health.findings["backup"]) == "还没有备份。" or centre.health.level is Level.DEGRADED
    browser = await running_centre.as_role("administrator")
    assert (await browser.post("/system/backup")).status == 303
    await centre.health.look()
    assert centre.health.level is Level.RUNNING
    made = await running_centre.read(backup_record.last_backup)
    file = centre.config.data / "backups" / made.file_name
    assert file.stat().st_size == made.bytes_count
    assert file.stat().st_mode & 0o077 == 0


async def test_a_finding_keeps_its_beginning() -> None:
    from central.clock import FakeClock

    clock, told, switch = FakeClock(), [], Switch()
    health = Health(clock.now, told.append)
    health.add("x", switch)
    assert health.level is Level.STOPPED, "nothing is known yet"
    await health.look()
    switch.finding = TROUBLE
    await health.look()
    since = health.findings["x"].since
    clock.advance(s=60)
    await health.look()
    assert health.findings["x"].since == since == clock.now().replace(minute=clock.now().minute - 1)
    assert told == ["running", "degraded"]


@pytest.mark.requirement(30)
async def test_restarting_needs_the_right_and_leaves_a_row(running_centre: RunningCentre) -> None:
    """Planted break: do not call ``centre.restart``. The real process is restarted in test_process.py."""
    asked = asyncio.Event()
    object.__setattr__(running_centre.centre, "restart", asked.set)
    guard = await running_centre.as_role("guard")
    assert (await guard.post("/system/restart")).status == 403
    browser = await running_centre.as_role("administrator")
    assert (await browser.post("/system/restart")).status == 200
    async with asyncio.timeout(10):
        await asked.wait()

    def rows() -> int:
        return AuditEntry.select().where(AuditEntry.action == "system.restart").count()

    assert await running_centre.read(rows) == 1


async def test_settings_reach_every_page(running_centre: RunningCentre) -> None:
    """Planted break: leave ``announce`` out of ``save_settings``."""
    browser = await running_centre.as_role("administrator")
    form = {"organisation_name": "Garden Office", "zone": "Asia/Urumqi", "port": "COM3", "speed": "9600"}
    assert (await browser.post("/system/settings", form | {"zone": "x"})).status == 422
    assert (await browser.post("/system/settings", form)).status == 303
    assert await running_centre.read(settings.get, "zone") == "Asia/Urumqi"
    assert "Garden Office" in (await browser.get("/people")).text
    assert await running_centre.read(verify) > 0


async def test_the_certificate_can_be_taken_and_compared(running_centre: RunningCentre) -> None:
    centre, visitor = running_centre.centre, running_centre.visitor()
    file = await visitor.get("/certificate/onecard-ca.crt")
    assert file.text.encode() == centre.authority.pem
    assert "PRIVATE" not in file.text
    again = load_or_create_authority(centre.keys.folder, running_centre.clock.now())
    assert again.fingerprint in (await visitor.get("/certificate")).text
