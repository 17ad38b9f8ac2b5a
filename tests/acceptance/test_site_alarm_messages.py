"""An alarm that nobody acknowledges is told: by mail, SMS and web address, until somebody does; over failures and kills."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from provisioning.demo.browser import Page
from provisioning.demo.story import until
from tests.support.mail_server import MailServer
from tests.support.receiver import Receiver
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
OWN_SITE = True
BASE = "/alarms/messages"
PASSWORD, SECRET = "quiet-mailbox-word", "gateway-word"


@pytest_asyncio.fixture(loop_scope="session")
async def mail(tmp_path: Path) -> AsyncIterator[MailServer]:
    found = MailServer("tls", tmp_path, "centre", PASSWORD)
    await found.start()
    yield found
    await found.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    await found.start()
    yield found
    await found.stop()
    found.close()


async def fill(target: Site, path: str, action: str, *more: tuple[str, str], **values: str) -> Page:
    """Send a form of a page with these values, and these ticks."""
    form = (await target.browser.get(path)).form(action)
    names = {name for name, _value in more}
    fields = [(name, value) for name, value in form.filled(**values) if name not in names]
    return await target.browser.post(action, [*fields, *more])


async def contact(site: Site, label: str, **values: str) -> str:
    """Enter a contact of every estate; its number."""
    page = await fill(
        site,
        f"{BASE}/contacts/new",
        f"{BASE}/contacts/new",
        label=label,
        site="all",
        organisation="all",
        **values,
    )
    found = re.fullmatch(rf"{BASE}/contacts/(\d+)", page.path)
    assert found is not None, page.words[-800:]
    return found[1]


async def rule(site: Site, label: str, ways: list[str], contacts: list[str], **values: str) -> None:
    """Enter a rule for urgent alarms of every estate."""
    ticks = [("ways", way) for way in ways] + [("contacts", number) for number in contacts]
    page = await fill(
        site,
        f"{BASE}/rules/new",
        f"{BASE}/rules/new",
        *ticks,
        label=label,
        site="all",
        organisation="all",
        gather_min="1",
        every_min="1",
        **values,
    )
    assert page.path == f"{BASE}/rules", page.words[-800:]


async def force(site: Site) -> None:
    """An urgent alarm that is soon over."""
    await asyncio.sleep(
        1.0
    )  # what a hand does within half a second of a closing is part of the passage before
    await site.do("hall", "force", unit=1, open=True)
    await site.do("hall", "force", unit=1, open=False)


def named(mails: list[str]) -> set[str]:
    """Forced doors that these mails name, each by the line with its time."""
    return {line for text in mails for line in text.splitlines() if "Door forced open" in line}


async def acknowledge_all(site: Site) -> None:
    """Every open alarm."""
    waiting = (await site.browser.read("/api/alarms?state=open"))["items"]
    if not waiting:
        return
    page = await site.browser.get("/alarms")
    form = page.form("/alarms/acknowledge")
    fields = {name: value for name, value in form.fields.items() if name != "alarm"}
    await site.browser.post(
        "/alarms/acknowledge", [*fields.items(), *(("alarm", str(line["id"])) for line in waiting)]
    )


async def until_count(found: list[object], count: int, what: str) -> None:
    """Until so many have come."""

    async def look() -> bool | None:
        return len(found) >= count or None

    await until(look, f"{count} {what}", 150.0)


async def until_all(is_so: Callable[[], bool]) -> None:
    """Until the mails say so; messages are a minute apart."""

    async def look() -> bool | None:
        return is_so() or None

    await until(look, "the mails say so", 200.0)


@pytest.mark.requirement(24)
@pytest.mark.requirement(64)
async def test_an_unacknowledged_alarm_is_told_in_three_ways_again_and_until_somebody_takes_it(
    site: Site, mail: MailServer, receiver: Receiver
) -> None:
    """Seen when: a mail server with TLS and password and an SMS gateway are entered, their secrets stand neither on a page
    nor in the database; a test message arrives in the language of its contact; a forced door is told by mail to one, by
    SMS to another, in their languages, and to a program, signed; while the mail server says "later" the page of the message
    shows each try and what was answered, and the mail arrives when it takes mail again; the centre is killed and
    started, nothing is told twice by that, and the alarm is told again after its minute; several alarms are
    one message; once acknowledged nothing comes any more, nor from the rule that would have told the next one.

    Planted breaks that turn it red: ``outbox._due`` leaving out ``is_open_condition``; ``PagedAlarm`` not written;
    ``outbox.settled`` taking a failure for a success; ``texts.written`` in the default language; ``ways.put`` storing
    the secret as it is; ``gateway.send`` ignoring ``expects``.
    """
    file = site.demo.folder / "centre" / "centre.toml"
    more = '[webhooks]\nallow = ["127.0.0.1/32"]\nretry_first_s = 1\n'
    more += f'[paging]\nlook_every_s = 1\nretry_first_s = 1\nmail_ca = "{mail.certificate}"\n'
    file.write_text(file.read_text("utf-8") + more, "utf-8")
    await site.demo.centre.stop()
    await site.demo.centre.start()
    await site.demo.centre_answers()
    await site.until_joined()
    await site.sign_in_again()
    await acknowledge_all(site)

    ways = f"{BASE}/ways"
    page = await fill(
        site,
        ways,
        f"{ways}/mail",
        host="127.0.0.1",
        port=str(mail.port),
        security="tls",
        sender="onecard@estate.example",
        user="centre",
        password=PASSWORD,
    )
    assert "Saved" in page.words, page.words[-600:]
    body = '{"mobile": "{to}", "content": "{text}"}'
    page = await fill(
        site,
        ways,
        f"{ways}/sms",
        url=receiver.sms_url,
        kind="json",
        body=body,
        header="Authorization: Bearer {secret}",
        expects='"code": 0',
        secret=SECRET,
    )
    assert "Saved" in page.words, page.words[-600:]
    page = await site.browser.get(ways)
    assert PASSWORD not in page.html
    assert SECRET not in page.html
    stored = b"".join(part.read_bytes() for part in (site.demo.folder / "centre").glob("onecard.db*"))
    assert b"onecard@estate.example" in stored
    assert PASSWORD.encode() not in stored
    assert SECRET.encode() not in stored

    made = await fill(
        site,
        "/webhooks/new",
        "/webhooks/new",
        ("kinds", "door.mode"),
        label="值班台",
        url=receiver.url,
        site="all",
        organisation="all",
    )
    found = re.search(r"<code>([0-9a-f]{64})</code>", made.html)
    assert found is not None
    receiver.secret = found[1]
    hook = made.path.rpartition("/")[2]

    manager = await contact(site, "值班经理", language="en", email="manager@estate.example")
    guard = await contact(site, "夜班", language="zh-Hans", phone="13900000000", webhook=hook)
    boss = await contact(site, "总经理", language="zh-Hant", email="boss@estate.example")
    wrong = await fill(
        site,
        f"{BASE}/contacts/new",
        f"{BASE}/contacts/new",
        label="x",
        email="no address",
        site="all",
        organisation="all",
    )
    assert (wrong.status, "not an e-mail address" in wrong.words) == (422, True)

    await site.browser.send(await site.browser.get(f"{BASE}/contacts/{boss}"), f"{BASE}/contacts/{boss}/test")
    await until_count(mail.mails, 1, "test mails")
    assert "這是一條測試通知" in mail.texts[0]
    assert mail.mails[0]["To"] == "boss@estate.example"
    await site.browser.send(
        await site.browser.get(f"{BASE}/contacts/{guard}"), f"{BASE}/contacts/{guard}/test"
    )
    await until_count(receiver.sms, 1, "test SMS")
    await until_count(receiver.events, 1, "test events")
    assert receiver.sms[0][0] == "13900000000"
    assert receiver.sms[0][2] == f"Bearer {SECRET}"

    mail.answers = receiver.answers = "busy"
    await rule(site, "立即", ["email", "sms", "webhook"], [manager, guard], after_min="0", times_max="3")
    await rule(site, "升级", ["email"], [boss], after_min="60", times_max="1")
    began = time.monotonic()
    await force(site)
    tried = await site.until_page(BASE, lambda page: has_tries(page, "值班经理", 2))
    (row,) = [row for row in tried.rows_of("alarm_messages") if {"值班经理", "E-mail"} <= set(row.cells)]
    message = row.links[0]
    page = await site.browser.get(message)
    assert "451 4.3.2 try again later" in page.words
    assert "Door forced open · 大堂" in page.words
    (row,) = [
        row
        for row in (await site.browser.get(f"{BASE}?way=sms")).rows_of("alarm_messages")
        if "大堂" in " ".join(row.cells)
    ]
    assert "no credit" in (await site.until_page(row.links[0], lambda page: "HTTP 200" in page.words)).words
    assert len(mail.mails) == len(receiver.sms) == 1

    await site.demo.centre.kill()
    mail.answers = receiver.answers = "ok"
    await site.demo.centre.start()
    await site.demo.centre_answers()
    await until_count(mail.mails, 2, "mails")
    await until_count(receiver.sms, 2, "SMS")
    await until_count(receiver.events, 2, "events")
    assert "Door forced open · 大堂" in mail.texts[1]
    assert "Urgent" in mail.texts[1]
    assert receiver.sms[1][1].startswith("[")
    assert "强行开门 大堂" in receiver.sms[1][1]
    assert receiver.events[1]["kind"] == "alarm.message"
    assert receiver.wrong_signatures == 0
    at_most = 2 + int((time.monotonic() - began) / 60)  # on a slow machine the next minute's is here already
    assert [len(mail.mails) <= at_most, len(receiver.sms) <= at_most] == [True, True]
    assert all(mail.was_encrypted)
    page = await site.until_page(message, lambda page: "Sent and received" in page.words)
    assert "queued as 2" in page.words

    await force(site)
    await force(site)
    await until_all(lambda: len(named(mail.texts)) == 3 and "Told 2 of 3 times." in "".join(mail.texts))
    assert "times, last at" in (await site.browser.get("/alarms/open")).words
    gathered = [text for text in mail.texts[2:] if len(named([text])) > 1]
    assert gathered, mail.texts
    assert len(mail.mails) - 2 <= (time.monotonic() - began) / 60, (
        mail.texts
    )  # one a minute, the first one apart
    await acknowledge_all(site)
    await force(site)  # a new one: what was acknowledged is told no more
    await until_all(lambda: len(named(mail.texts)) == 4)
    assert len(named(mail.texts[-1:])) == 1
    assert "boss@estate.example" not in [str(each["To"]) for each in mail.mails[1:]]
    await acknowledge_all(site)


def has_tries(page: Page, label: str, count: int) -> bool:
    """The message to this contact was tried so often, at least."""
    rows = [row.cells for row in page.rows_of("alarm_messages") if label in row.cells]
    return any(cell.isdecimal() and int(cell) >= count for cells in rows for cell in cells[6:7])
