"""A card issuer on a clerk's own computer: the real program on a serial port, set up on the centre's settings page (50)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.desktop_issuer import desktop, new_issuer, serial_chip, set_up
from tests.support.site import Site
from tests.support.trial import trial

OWN_SITE = True
TRIES = 12
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


@pytest.mark.requirement(50)
async def test_an_issuer_on_a_clerks_computer_takes_up_port_and_organisation_from_the_settings(
    site: Site, tmp_path: Path
) -> None:
    """Seen when: the settings page begins with COM1; the issuer, started with nothing but the centre's file, joins, works at
    the port of the settings and shows the organisation's name; a card on it is written, with one bell; after the port was
    changed on the page it works at the other one. No module that only a Pi has can be imported meanwhile.

    Planted breaks that turn it red: ``save_settings`` without ``publish.desks_changed``; ``SettablePort._here`` not looking
    where the port is now; ``import RPi.GPIO`` in ``edge.desktop``.
    """
    page = await site.browser.get("/system")
    assert page.form("/system/settings").fields["port"] == "COM1"
    async with serial_chip(tmp_path / "first") as first, serial_chip(tmp_path / "second") as second:
        await set_up(site, port=str(first.link), organisation_name="和谐物业前台", speed="115200")
        device, file = await new_issuer(site, tmp_path)
        async with desktop(tmp_path, "--config", str(file)) as program:
            await program.until(
                lambda text: f"和谐物业前台 - card issuer - {first.link}, 115200 baud" in text,
                site,
                "its port",
            )
            await set_up(site, issuer=str(device))
            card = {"kind": "classic1k", "uid": f"04B2{site.next_number():010X}"}
            await lay(site, first, card)
            person = await site.enter_person(f"8{site.next_number():03d}")
            order = await site.order_issue(person, card["uid"], f"93{site.next_number():06d}")
            await site.until_order(order, "written and read back")
            await program.until(lambda text: text.count("\a") == 1, site, "the bell")
            written = (await first.do({"do": "remove", "uid": card["uid"]}))["card"]
            assert written["blocks"]

            await set_up(site, port=str(second.link))
            await program.until(lambda text: f"{second.link}, 115200 baud" in text, site, "the other port")
            other = {"kind": "classic1k", "uid": f"04B2{site.next_number():010X}"}
            await lay(site, second, other)
            assert program.shown.count("\a") == 1
        await set_up(site, port="COM1", issuer="", organisation_name="和谐物业（示例）")


async def lay(site: Site, chip: Any, card: dict[str, str]) -> None:
    """Lay a card on the issuer; once more, as the page asks, where the line was too slow to read it."""
    for _ in range(TRIES):
        await chip.do({"do": "place", "card": card})
        if "could not be read" not in (await site.inspected(card["uid"])).words:
            return
        await chip.do({"do": "remove", "uid": card["uid"]})
    raise AssertionError(f"not read in {TRIES} tries")


@pytest.mark.requirement(50)
async def test_port_and_speed_given_at_the_start_go_before_the_settings(site: Site, tmp_path: Path) -> None:
    """Seen when: with ``--port`` and ``--speed`` the issuer works there, whatever the settings say.

    Planted break that turns it red: ``desktop.port_of`` asking the View first.
    """
    async with serial_chip(tmp_path / "usb") as chip:
        _device, file = await new_issuer(site, tmp_path)
        options = ("--config", str(file), "--port", str(chip.link), "--speed", "230400")
        async with desktop(tmp_path, *options) as program:
            await program.until(lambda text: f"{chip.link}, 230400 baud" in text, site, "its port")
            await chip.do({"do": "place", "card": {"kind": "classic1k", "uid": "04B3000000AA01"}})
            await site.until_page(
                "/cards/waiting", lambda page: "04B3000000AA01" in page.html.replace(" ", "")
            )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.requirement(42)
async def test_two_clerks_issue_cards_side_by_side_while_the_centre_is_killed(site: Site) -> None:
    """Seen when: twelve cards of three kinds are issued at two desks, the centre is killed meanwhile; each is in use, was
    issued once, carries something, and took no longer than allowed. The 6,000 of the move-in are ``make soak``'s.

    Planted break that turns it red: ``WriteDesk.start`` not going on with what was written.
    """
    await trial(site, 12, 1)
