"""One mail to one address over SMTP (RFC 5321), with TLS; runs in a thread, because ``smtplib`` waits."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from threading import Thread
from typing import Any, Final

from central.paging.ways import MailServer
from central.webhooks import addresses

TIMEOUT_S: Final = 20
"""For each word of the conversation."""
THREAD: Final = "mail"
_HELO: Final = "localhost"
"""RFC 5321 asks for a name; ours says nothing of the house, and asking the resolver for one may take minutes."""


class Mailer(smtplib.SMTP):
    """Connects only to addresses that are allowed, and with TLS from the first byte where that is wanted."""

    def __init__(
        self, server: MailServer, allowed: Sequence[addresses.Network], context: ssl.SSLContext
    ) -> None:
        self._allowed, self._context, self._is_tls = allowed, context, server.security == "tls"
        super().__init__(server.host, server.port, local_hostname=_HELO, timeout=TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        usable = [
            str(entry[4][0]) for entry in found if addresses.is_allowed(str(entry[4][0]), self._allowed)
        ]
        if not usable:
            raise OSError(addresses.REFUSED.message)
        connected = socket.create_connection((usable[0], port), timeout)
        return self._context.wrap_socket(connected, server_hostname=host) if self._is_tls else connected


def context_of(authority: Path | None) -> ssl.SSLContext:
    """What the system trusts, and the house's own authority where one is named."""
    context = ssl.create_default_context()
    if authority is not None:
        context.load_verify_locations(authority)
    return context


def send(
    server: MailServer,
    allowed: Sequence[addresses.Network],
    authority: Path | None,
    mail: EmailMessage,
) -> str:
    """Hand it in; what the server said last.

    :raises OSError, smtplib.SMTPException: it was not taken; the text says why.
    """
    context = context_of(authority)
    with Mailer(server, allowed, context) as session:
        session.ehlo()
        if server.security == "starttls":
            session.starttls(context=context)
            session.ehlo()
        if server.user:
            session.login(server.user, server.password)
        _taken(session.mail(server.sender))
        _taken(session.rcpt(str(mail["To"])))
        return _taken(session.data(mail.as_bytes()))


def composed(
    message_id: int, server: MailServer, to: str, subject: str, text: str, at: datetime
) -> EmailMessage:
    """The mail. A repeated try has the same ``Message-ID``, so that a mailbox shows it once."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = server.sender, to, subject
    mail["Date"] = format_datetime(at)
    domain = server.sender.rpartition("@")[2]
    mail["Message-ID"] = f"<alarm.{message_id}.{int(at.timestamp() * 1_000)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    mail.set_content(text, cte="base64")
    return mail


def _taken(answer: tuple[int, bytes]) -> str:
    code, words = answer
    text = f"{code} {words.decode(errors='replace')}"
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, words)
    return text


async def beside(work: Callable[[], str]) -> str:
    """What ``work`` returns or raises, from a thread that nobody waits for when the centre stops: a mail server may hang."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def tell(act: Callable[[Any], None], what: Any) -> None:
        if not told.done():
            act(what)

    def run() -> None:
        act: Callable[[Any], None]
        what: Any
        try:
            act, what = told.set_result, work()
        except Exception as error:
            act, what = told.set_exception, error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, act, what)

    Thread(target=run, name=THREAD, daemon=True).start()
    return await told
