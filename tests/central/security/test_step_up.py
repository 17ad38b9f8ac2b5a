"""The password again before something that opens a door, moves money or gives data away (T10, 66)."""

from __future__ import annotations

import pytest

from central.audit import AuditEntry
from central.nodes.model import Device
from central.security.model import Operator, Role
from tests.support.centre import PASSWORD, RunningCentre

FORM = {"title": "Night desk", "cells": ["access.view"]}


def roles() -> int:
    return Role.select().where(~Role.built_in).count()


async def test_a_form_is_carried_out_once_the_password_is_given(running_centre: RunningCentre) -> None:
    """Planted break: return True from ``is_password_fresh``."""
    browser = await running_centre.as_role("administrator")
    running_centre.clock.advance(s=running_centre.centre.config.security.step_up_s)
    asked = await browser.post("/roles/new", FORM)
    assert asked.status == 403
    assert 'name="_password"' in asked.text
    assert 'name="title" value="Night desk"' in asked.text, "nothing that was typed is lost"
    assert await running_centre.read(roles) == 0
    wrong = await browser.post("/roles/new", FORM | {"_password": "wrong"})
    assert wrong.status == 403
    assert "The password is wrong." in wrong.text
    assert await running_centre.read(roles) == 0
    assert (await browser.post("/roles/new", FORM | {"_password": PASSWORD})).status == 303
    assert await running_centre.read(roles) == 1
    running_centre.clock.advance(s=60)
    assert (await browser.post("/roles/new", FORM | {"title": "Second"})).status == 303, "for a while"


@pytest.mark.requirement(66)
async def test_a_device_is_enrolled_by_who_may_and_gives_the_password_again(
    running_centre: RunningCentre,
) -> None:
    """Seen when: the file that lets a device join is made for nobody without the right, whatever they send, and for who has
    it only with their own password, given anew; there is no password for it that operators share.

    Planted breaks that turn it red: the route of ``make_ticket`` open to who may view; without ``step_up``.
    """
    browser = await running_centre.as_role("installer")
    guard = await running_centre.as_role("guard")
    given = {"name": "east-gate", "label": "East gate", "number": "1", "purpose": "door"}
    made = await browser.post("/devices/new", given | {"site": "1", "organisation": "1"})
    assert made.status == 303, made
    ticket = f"{made.location}/ticket"
    assert (await guard.post(ticket, {"_password": PASSWORD})).status == 403
    running_centre.clock.advance(s=running_centre.centre.config.security.step_up_s)
    for wrong in ({}, {"_password": "js168"}, {"_password": ""}):
        asked = await browser.post(ticket, wrong)
        assert asked.status == 403
        assert "ticket =" not in asked.text
    shown = await browser.post(ticket, {"_password": PASSWORD})
    assert shown.status == 200
    assert "ticket =" in shown.text


@pytest.mark.requirement(66)
async def test_a_controller_is_watched_by_who_may_and_gives_the_password_again(
    running_centre: RunningCentre,
) -> None:
    """Seen when: the tick that has a door controller watched is set and taken off by who has the right, with their own
    password given anew, each with its line in the audit trail; by nobody else, whatever they send.

    Planted breaks that turn it red: the route of ``use_pages.save`` without ``step_up``; for who may view.
    """

    def enabled() -> list[bool]:
        return [device.enabled for device in Device.select().order_by(Device.id)]

    def audited() -> int:
        return AuditEntry.select().where(AuditEntry.action == "nodes.enable").count()

    browser, use = await running_centre.as_role("installer"), "/doors/controllers/use"
    guard = await running_centre.as_role("guard")
    for number in ("1", "2"):
        given = {"name": f"gate-{number}", "label": f"Gate {number}", "number": number, "purpose": "door"}
        await browser.post("/devices/new", given | {"site": "1", "organisation": "1"})
    page = await browser.get(use)
    assert page.text.count(" checked") == 2
    taken_off = {"shown": "1", "_password": PASSWORD}
    assert (await guard.get(use)).status == (await guard.post(use, taken_off)).status == 403
    running_centre.clock.advance(s=running_centre.centre.config.security.step_up_s)
    assert (await browser.post(use, {"shown": "1"})).status == 403
    assert (await browser.post(use, {"shown": "1", "_password": "js168"})).status == 403
    assert await running_centre.read(enabled) == [True, True]
    assert (await browser.post(use, taken_off)).status == 303
    assert await running_centre.read(enabled) == [False, True]
    assert (await browser.post(use, {"shown": "1", "device": "1"})).status == 303
    assert await running_centre.read(enabled) == [True, True]
    assert await running_centre.read(audited) == 2


async def test_a_page_is_reached_by_way_of_the_password(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("administrator")
    running_centre.clock.advance(s=running_centre.centre.config.security.step_up_s)
    asked = await browser.get("/roles/new")
    assert asked.location == "/step-up?next=%2Froles%2Fnew"
    assert (await browser.post("/step-up", {"next": "/roles/new", "_password": "no"})).status == 422
    given = await browser.post("/step-up", {"next": "/roles/new", "_password": PASSWORD})
    assert given.location == "/roles/new"
    assert (await browser.get("/roles/new")).status == 200
    away = await browser.post("/step-up", {"next": "https://evil.example/", "_password": PASSWORD})
    assert away.location == "/"


async def test_what_htmx_sent_goes_to_the_password_page(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("administrator")
    running_centre.clock.advance(s=running_centre.centre.config.security.step_up_s)
    headers = {"HX-Request": "true", "HX-Current-URL": f"{running_centre.url}/roles?x=1"}
    answer = await browser.post("/roles/new", FORM, headers=headers)
    assert answer.headers["HX-Redirect"] == "/step-up?next=%2Froles%3Fx%3D1"


async def test_guessing_here_counts_like_guessing_at_the_sign_in(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("administrator")
    running_centre.clock.advance(s=running_centre.centre.config.security.step_up_s)
    statuses = [(await browser.post("/roles/new", FORM | {"_password": "no"})).status for _ in range(8)]
    assert statuses == [403] * 6 + [429] * 2
    assert (await browser.post("/roles/new", FORM | {"_password": PASSWORD})).status == 429
    assert await running_centre.read(roles) == 0


async def test_remote_opening_asks_once_a_shift(running_centre: RunningCentre) -> None:
    """A guard who opens for visitors all day types the password once at this station."""
    from central.parts import collect

    posts = [r for r in collect().routes if r.path.endswith("/open") and r.method == "POST"]
    opening = [r for r in posts if "/doors/" in r.path]  # a drawer is opened too
    assert opening, "there is a remote opening"
    for route in opening:
        assert route.step_up, route.name
        assert route.step_up_lasts == "shift", route.name
    guard = await running_centre.as_role("guard")
    running_centre.clock.advance(s=running_centre.centre.config.security.step_up_s)
    path = opening[0].path.partition("{")[0] + "1/open"
    assert 'name="_password"' not in (await guard.post(path)).text
    assert await running_centre.read(lambda: Operator.select().count()) == 2
