"""Signing in through the real pages: number and password, the back-off, sessions and how they end."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from central.audit import AuditEntry, verify
from central.security.model import Operator, Session, Throttle
from tests.support.centre import PASSWORD, RunningCentre, run_centre

WRONG = "the operator number or the password is wrong"


@pytest.mark.requirement(31)
@pytest.mark.requirement(16)
async def test_number_and_password_open_a_session(running_centre: RunningCentre) -> None:
    """Planted break: let ``Hasher._verify`` return True for any password."""
    browser = running_centre.visitor()
    browser.number = "0001"
    assert (await browser.get("/people")).location == "/login?next=%2Fpeople"
    refused = await browser.sign_in("wrong password")
    assert refused.status == 422
    assert WRONG in refused.text.lower()
    assert (await browser.get("/people")).status == 303
    accepted = await browser.sign_in(PASSWORD)
    assert (accepted.status, accepted.location) == (303, "/")
    assert (await browser.get("/people")).status == 200
    cookie = accepted.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_unknown_wrong_and_disabled_get_one_answer(running_centre: RunningCentre) -> None:
    browser = running_centre.visitor()
    await running_centre.write(
        lambda: Operator.create(
            number="0002",
            name="Gone",
            password_hash=running_centre.centre.hasher.hash_now(PASSWORD),
            disabled_at=running_centre.clock.now(),
            created_at=running_centre.clock.now(),
            changed_at=running_centre.clock.now(),
        )
    )
    answers = []
    for number, password in (("0001", "wrong password"), ("0002", PASSWORD), ("9999", PASSWORD)):
        answer = await browser.post("/login", {"number": number, "password": password})
        text = re.sub(r'data-live-from="[^"]*"', "", answer.text.replace(number, "N"))
        answers.append((answer.status, text))
    assert answers[0] == answers[1] == answers[2]


async def test_the_password_of_nobody_takes_the_time_of_a_password(running_centre: RunningCentre) -> None:
    """An unknown number is hashed like a known one: the work is counted, not the time."""
    hasher, calls = running_centre.centre.hasher, []
    verify_password = hasher._argon2.verify

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(argon2, name)

        def verify(self, stored: str, password: str) -> bool:
            calls.append(stored)
            return verify_password(stored, password)

    argon2 = hasher._argon2
    hasher._argon2 = Counting()
    await hasher.verify("", "something")
    await running_centre.visitor().post("/login", {"number": "9999", "password": "something"})
    assert len(calls) == 2


async def test_wrong_tries_slow_an_account_down_and_a_restart_does_not_help(tmp_path) -> None:
    """Planted break: keep the counts in memory instead of the table."""
    async with run_centre(tmp_path / "centre") as running:
        browser = running.visitor()
        for _ in range(5):
            assert (await browser.post("/login", {"number": "0001", "password": "no"})).status == 422
        assert (await browser.post("/login", {"number": "0001", "password": "no"})).status == 422
        limited = await browser.post("/login", {"number": "0001", "password": PASSWORD})
        assert limited.status == 429
        assert limited.headers["Retry-After"] == "2"
    async with run_centre(tmp_path / "centre", set_up=False) as running:
        browser = running.visitor()
        assert (await browser.post("/login", {"number": "0001", "password": PASSWORD})).status == 429
        running.clock.advance(s=2)
        assert (await browser.post("/login", {"number": "0001", "password": PASSWORD})).status == 303
        assert await running.read(lambda: Throttle.select().count()) == 0


async def test_many_tries_at_once_are_no_way_round(running_centre: RunningCentre) -> None:
    """Planted break: count a wrong try when it is known to be wrong, and not when it begins."""
    browser, free = running_centre.visitor(), running_centre.centre.config.security.free_tries_count

    async def attempt(password: str) -> int:
        return (await browser.post("/login", {"number": "0001", "password": password})).status

    statuses = await asyncio.gather(*(attempt(f"guess {n}") for n in range(40)))
    assert statuses.count(422) == free + 1
    assert statuses.count(429) == 39 - free
    running_centre.clock.advance(s=3_600)
    assert await attempt(PASSWORD) == 303
    assert await running_centre.read(lambda: Throttle.select().count()) == 0


async def test_the_right_password_leaves_the_count_as_it_was(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("administrator")
    for _ in range(3):
        await browser.post("/step-up", {"_password": "wrong"})
    for _ in range(9):
        assert (await browser.post("/step-up", {"_password": PASSWORD})).status == 303

    def counts() -> set[int]:
        return {row.failures_count for row in Throttle.select()}

    assert await running_centre.read(counts) == {3}


async def test_a_stranger_cannot_keep_the_owner_out(running_centre: RunningCentre) -> None:
    """The owner's own computer has a count of its own."""
    centre = running_centre.centre
    owner = running_centre.visitor()
    owner.number = "0001"
    await owner.sign_in()

    def guesses() -> None:
        Throttle.create(key="account 0001", failures_count=50, last_at=running_centre.clock.now())

    await running_centre.write(guesses)
    assert (await owner.post("/login", {"number": "0001", "password": PASSWORD})).status == 303
    assert centre.config.security.account_wait_s_max > 0


async def test_idle_and_absolute_limits_end_a_session(running_centre: RunningCentre) -> None:
    security = running_centre.centre.config.security
    browser = await running_centre.as_role("guard")
    running_centre.clock.advance(s=security.session_idle_s - 1)
    assert (await browser.get("/people")).status == 200
    running_centre.clock.advance(s=security.session_idle_s - 1)
    assert (await browser.get("/people")).status == 200, "use keeps a session alive"
    running_centre.clock.advance(s=security.session_idle_s)
    assert (await browser.get("/people")).status == 303
    other = await running_centre.as_role("guard")
    for _ in range(security.session_absolute_s // 1_800):
        last = await other.get("/people")
        running_centre.clock.advance(s=1_800)
    assert last.status == 200
    assert (await other.get("/people")).status == 303, "a session ends with the shift, used or not"


async def test_sign_out_ends_the_session_at_the_server(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("guard")
    cookies = {c.key: c.value for c in browser.session.cookie_jar}
    assert (await browser.post("/logout")).location == "/login"
    browser.session.cookie_jar.update_cookies(cookies)
    assert (await browser.get("/people")).status == 303
    assert await running_centre.read(lambda: Session.select().count()) == 0


async def test_the_database_never_holds_a_usable_token(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("guard")
    token = next(iter(browser.session.cookie_jar)).value

    def dump() -> str:
        rows = [repr(row.__data__) for model in (Session, Operator) for row in model.select()]
        return " ".join(rows + [str(entry.detail) for entry in AuditEntry.select()])

    found = await running_centre.read(dump)
    assert token not in found
    assert PASSWORD not in found


async def test_over_tls_the_cookie_is_bound_to_host_and_path(tmp_path) -> None:
    from central.security.sessions import cookie_name, set_cookie
    from tests.support.centre import config_for

    config = config_for(tmp_path)
    assert cookie_name(config) == "session"
    from dataclasses import replace

    from aiohttp import web

    config = replace(config, browsers=replace(config.browsers, tls="own"))
    response = web.Response()
    set_cookie(response, config, "token")
    cookie = response.cookies["__Host-session"]
    assert cookie["secure"] is True
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""


async def test_signing_in_and_out_is_in_the_audit_trail(running_centre: RunningCentre) -> None:
    browser = running_centre.visitor()
    browser.number = "0001"
    await browser.sign_in()
    await browser.post("/logout")

    def actions() -> list[str]:
        return [row.action for row in AuditEntry.select().order_by(AuditEntry.seq)]

    assert await running_centre.read(actions) == [
        "keys.begin",
        "system.set_up",
        "operators.sign_in",
        "operators.sign_out",
    ]
    assert await running_centre.read(verify) == 4


async def test_a_code_from_the_phone_is_asked_for_and_works_once(running_centre: RunningCentre) -> None:
    from central.security import totp
    from central.security.login import TOTP_PURPOSE

    secret = totp.new_secret()
    sealed = running_centre.centre.keys.seal(TOTP_PURPOSE, secret)
    await running_centre.write(lambda: Operator.update(totp_sealed=sealed).execute() and None)
    browser = running_centre.visitor()
    browser.number = "0001"
    asked = await browser.sign_in()
    assert asked.status == 200
    pending = re.search(r'name="pending" value="([^"]+)"', asked.text)[1]
    code = totp.code_at(secret, running_centre.clock.now_ms() // 30_000)
    assert (await browser.post("/login/code", {"pending": pending, "code": "000000"})).status == 422
    forged = pending[:-1] + ("0" if pending[-1] != "0" else "1")
    assert (await browser.post("/login/code", {"pending": forged, "code": code})).status == 403
    assert (await browser.post("/login/code", {"pending": pending, "code": code})).status == 303
    assert (await browser.get("/people")).status == 200
    again = running_centre.visitor()
    assert (await again.post("/login/code", {"pending": pending, "code": code})).status == 422
    running_centre.clock.advance(s=timedelta(minutes=6).total_seconds())
    code = totp.code_at(secret, running_centre.clock.now_ms() // 30_000)
    assert (await again.post("/login/code", {"pending": pending, "code": code})).status == 403, "too late"
