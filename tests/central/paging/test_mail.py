"""Mail is handed in with TLS or not at all where that is asked for, and only to a server that is who it says."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import threading
from functools import partial
from pathlib import Path

import pytest

from central.paging import mail
from central.paging.ways import MailServer as Entered
from central.webhooks import addresses
from tests.support.estate import NOON
from tests.support.mail_server import MailServer

OWN = addresses.networks(["127.0.0.1/32"])


async def hand_in(server: MailServer, security: str, password: str = "word", trusted: bool = True) -> str:
    user = "" if security == "none" else "centre"
    entered = Entered("127.0.0.1", server.port, security, "a@estate.example", user, password if user else "")
    composed = mail.composed(7, entered, "b@estate.example", "报警\u00b7东门", "强行开门\n.\n..x", NOON)
    authority = server.certificate if trusted else None
    return await asyncio.to_thread(mail.send, entered, OWN, authority, composed)


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
async def test_a_mail_arrives_as_it_was_written(tmp_path: Path, security: str) -> None:
    server = MailServer(security, tmp_path, "" if security == "none" else "centre", "word")
    await server.start()
    try:
        assert (await hand_in(server, security)).startswith("250 2.0.0 queued")
        (found,) = server.mails
        assert (found["Subject"], found["To"]) == ("报警·东门", "b@estate.example")
        assert found.get_content().splitlines() == ["强行开门", ".", "..x"]
        assert found["Message-ID"].startswith("<alarm.7.")
        assert server.was_encrypted == [security != "none"]
    finally:
        await server.stop()


async def test_a_server_that_nobody_vouches_for_gets_neither_password_nor_mail(tmp_path: Path) -> None:
    """Planted break: ``check_hostname`` and ``verify_mode`` off in ``context_of``."""
    for security in ("tls", "starttls"):
        server = MailServer(security, tmp_path, "centre", "word")
        await server.start()
        try:
            with pytest.raises(ssl.SSLCertVerificationError):
                await hand_in(server, security, trusted=False)
            assert server.mails == []
        finally:
            await server.stop()


async def test_a_server_without_starttls_gets_no_password(tmp_path: Path) -> None:
    server = MailServer("none", tmp_path, "centre", "word")
    await server.start()
    try:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            await hand_in(server, "starttls")
        assert server.mails == []
    finally:
        await server.stop()


@pytest.mark.parametrize(("answers", "code"), [("busy", 451), ("refuse", 550)])
async def test_what_the_server_says_is_told(tmp_path: Path, answers: str, code: int) -> None:
    server = MailServer("tls", tmp_path, "centre", "word")
    server.answers = answers
    await server.start()
    try:
        with pytest.raises(smtplib.SMTPResponseException) as raised:
            await hand_in(server, "tls")
        assert raised.value.smtp_code == code
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await hand_in(server, "tls", password="other")
    finally:
        await server.stop()


async def test_a_server_in_a_place_that_is_not_allowed_is_not_connected_to(tmp_path: Path) -> None:
    server = MailServer("tls", tmp_path, "centre", "word")
    await server.start()
    entered = Entered("127.0.0.1", server.port, "tls", "a@estate.example", "centre", "word")
    composed = mail.composed(7, entered, "b@estate.example", "x", "x", NOON)
    try:
        with pytest.raises(OSError, match="leads to the centre itself"):
            await asyncio.to_thread(mail.send, entered, [], server.certificate, composed)
        assert server.talks_count == 0
    finally:
        await server.stop()


async def test_a_server_that_hangs_does_not_hold_up_the_end_of_the_centre(tmp_path: Path) -> None:
    """Planted break: ``beside`` by ``asyncio.to_thread``, whose threads a loop waits for when it ends."""
    server = MailServer("tls", tmp_path, "centre", "word")
    server.answers = "hang"
    await server.start()
    entered = Entered("127.0.0.1", server.port, "tls", "a@estate.example", "centre", "word")
    composed = mail.composed(7, entered, "b@estate.example", "x", "x", NOON)

    async def centre() -> None:
        send = partial(mail.send, entered, OWN, server.certificate, composed)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await mail.beside(send)

    try:
        await asyncio.to_thread(asyncio.run, centre())
        assert mail.THREAD in [thread.name for thread in threading.enumerate()]
    finally:
        await server.stop()


async def test_what_the_thread_finds_comes_back(tmp_path: Path) -> None:
    def fail() -> str:
        raise OSError("no route")

    assert await mail.beside(lambda: "250 ok") == "250 ok"
    with pytest.raises(OSError, match="no route"):
        await mail.beside(fail)
