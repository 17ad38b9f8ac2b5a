"""The page of the card keys: what stands there, what it does, who may, and that the code is shown exactly once."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from central import cli
from central.access.model import AccessPoint
from central.audit import AuditEntry
from central.cards import keys_in_force
from central.cards.keys_in_force import KeysInForce
from central.security.card_master import FILE, CardMaster, load, parse_printed
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

CODE = re.compile(r"<span>([A-Z2-7]{2,4})</span>")


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def in_force(running: RunningCentre) -> KeysInForce:
    state = await running.read(keys_in_force.current)
    assert state is not None
    return state


async def actions(running: RunningCentre) -> list[str]:
    def read() -> list[str]:
        return [
            row.action for row in AuditEntry.select().order_by(AuditEntry.seq) if row.action[:5] == "keys."
        ]

    return await running.read(read)


async def printed(browser: Browser) -> str:
    answer = await browser.post("/keys/code")
    assert answer.status == 200, answer
    return " ".join(CODE.findall(answer.text))


async def test_the_code_is_shown_exactly_once(running_centre: RunningCentre, estate: Estate) -> None:
    """Planted break: ``print_once`` without its look at ``printed``."""
    browser = await running_centre.as_role()
    master = load(running_centre.centre.keys.folder)
    assert "Not printed yet" in (await browser.get("/keys")).text
    code = await printed(browser)
    assert parse_printed(code) == master
    again = await browser.post("/keys/code")
    assert again.status == 409
    page = await browser.get("/keys")
    for answer in (again, page):
        assert code.split()[0] not in answer.text
    assert "/keys/code" not in page.text
    assert await actions(running_centre) == ["keys.begin", "keys.print"]


async def test_a_key_is_exchanged_and_the_old_one_ended(
    running_centre: RunningCentre, estate: Estate
) -> None:
    browser = await running_centre.as_role()
    for part, versions in (("0", (2, 1)), ("signing", (1, 0)), ("issuer", (2, 1))):
        assert (await browser.post("/keys/exchange", {"part": part})).status == 303
        state = await in_force(running_centre)
        assert state.versions(part if part != "0" else 0) == versions
        assert (await browser.post("/keys/exchange", {"part": part})).status == 409
        assert "0 cards in use still have the old key" in (await browser.get("/keys")).text
        assert (await browser.post("/keys/end", {"part": part})).status == 303
        assert (await browser.post("/keys/end", {"part": part})).status == 409
    assert await actions(running_centre) == ["keys.begin", *["keys.rotate", "keys.retire"] * 3]


@pytest.mark.parametrize("part", ["", "1", "15", "16", "999", "-1", "x", "²"])
async def test_a_key_that_there_is_not(running_centre: RunningCentre, part: str) -> None:
    browser = await running_centre.as_role()
    assert (await browser.post("/keys/exchange", {"part": part})).status == 422
    assert await actions(running_centre) == ["keys.begin"]


async def test_a_missing_master_is_told_of_and_brought_back(
    running_centre: RunningCentre, estate: Estate
) -> None:
    browser = await running_centre.as_role()
    code = await printed(browser)
    (running_centre.centre.keys.folder / FILE).unlink()
    page = (await browser.get("/keys")).text
    assert "The master key of the cards is missing" in page
    await running_centre.centre.health.look()
    assert running_centre.centre.health.level.word == "degraded"
    assert (await browser.post("/keys/exchange", {"part": "0"})).status == 503
    assert (await browser.post("/keys/bring-back", {"code": code[:-2]})).status == 422
    assert (await browser.post("/keys/bring-back", {"code": code.lower()})).status == 303
    assert (await browser.post("/keys/bring-back", {"code": code})).status == 503
    assert "The master key of the cards is missing" not in (await browser.get("/keys")).text
    await running_centre.centre.health.look()
    assert running_centre.centre.health.level.word == "running"


async def test_readers_are_put_into_a_zone_and_go_back(running_centre: RunningCentre, estate: Estate) -> None:
    browser = await running_centre.as_role()

    async def zones() -> dict[int, int]:
        def read() -> dict[int, int]:
            return dict(AccessPoint.select(AccessPoint.id, AccessPoint.zone).tuples())

        return await running_centre.read(read)

    made = {"name": "Laboratory", "readers": str(estate.entrance)}
    assert (await browser.post("/keys/zones/new", made)).status == 303
    assert await zones() == {estate.entrance: 1, estate.exit: 0, estate.desk: 0}
    assert (await browser.post("/keys/zones/new", {"name": "Laboratory"})).status == 422
    page = (await browser.get("/keys/zones/1")).text
    assert f'value="{estate.entrance}" checked' in page
    assert (await browser.post("/keys/zones/1", {"name": "Vault"})).status == 303
    assert await zones() == {estate.entrance: 0, estate.exit: 0, estate.desk: 0}
    assert "Vault" in (await browser.get("/keys")).text
    assert (await browser.get("/keys/zones/7")).status == 404
    assert (await browser.post("/keys/zones/1", {"name": "Vault", "readers": "99"})).status == 422


async def test_who_works_for_one_estate_sees_no_keys(running_centre: RunningCentre, estate: Estate) -> None:
    browser = await running_centre.as_role(site=1)
    for path in ("/keys", "/keys/zones/new", "/keys/zones/0"):
        assert (await browser.get(path)).status == 403
    for path in ("/keys/code", "/keys/exchange", "/keys/end", "/keys/bring-back", "/keys/zones/0"):
        assert (await browser.post(path, {"part": "0", "name": "x", "code": "x"})).status == 403
    assert await actions(running_centre) == ["keys.begin"]


async def test_without_a_fresh_password_nothing_happens(
    running_centre: RunningCentre, estate: Estate
) -> None:
    browser = await running_centre.as_role()
    running_centre.clock.advance(days=0, hours=1)
    answer = await browser.post("/keys/code")
    assert not CODE.findall(answer.text)
    assert not (await in_force(running_centre)).printed


def test_the_command_brings_the_master_back_before_the_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a new server, with nothing but the sheet from the safe: the first start then takes this master for its own."""
    master = CardMaster(bytes(range(32)))
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    for code, status in ((master.printed()[:-1], 2), (master.printed(), 0), (master.printed(), 2)):
        monkeypatch.setattr("sys.stdin", io.StringIO(code + "\n"))
        assert cli.main(["keys", "bring-back", "--data", str(tmp_path)]) == status
    assert "The master key is back." in capsys.readouterr().out
    assert load(tmp_path / "keys") == master
