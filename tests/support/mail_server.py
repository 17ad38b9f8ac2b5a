"""A mail server on loopback (RFC 5321, 3207, 4954), as unreliable as it is told to be; and a certificate for it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from central.clock import SystemClock


class MailServer:
    """Takes mail. ``answers``: "ok", "busy" (451), "refuse" (550) or "hang" (until ``stop``)."""

    def __init__(self, security: str, folder: Path, user: str = "", password: str = "") -> None:
        self.security, self.user, self.password = security, user, password
        self.certificate = folder / "mail-ca.pem"
        self.answers = "ok"
        self.mails: list[EmailMessage] = []
        """Those that were taken, in order."""
        self.talks_count = 0
        self.was_encrypted: list[bool] = []
        """Of each mail that was taken."""
        self.port = 0
        self._context = _certificate(folder, self.certificate)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, on the port of before if there was one."""
        tls = self._context if self.security == "tls" else None
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def texts(self) -> list[str]:
        """What the mails say."""
        return [mail.get_content() for mail in self.mails]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks_count += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        is_tls, is_in = self.security == "tls", not self.user
        await say("220 mail.test")
        while line := (await reader.readline()).decode().strip():
            verb = line.upper().split(" ")[0]
            if verb == "EHLO":
                more = "250-STARTTLS\r\n" if self.security == "starttls" and not is_tls else ""
                await say(f"250-mail.test\r\n{more}250 AUTH PLAIN")
            elif verb == "STARTTLS":
                await say("220 go ahead")
                await writer.start_tls(self._context)
                is_tls = True
            elif verb == "AUTH":
                given = base64.b64decode(line.split(" ")[2]).split(b"\0")[1:]
                is_in = is_tls and given == [self.user.encode(), self.password.encode()]
                await say("235 welcome" if is_in else "535 5.7.8 wrong password")
            elif verb == "MAIL" and self.answers == "hang":
                await asyncio.sleep(3_600)
            elif verb == "MAIL" and (self.answers == "busy" or not is_in):
                await say("451 4.3.2 try again later" if is_in else "530 5.7.0 sign in first")
            elif verb == "RCPT" and self.answers == "refuse":
                await say("550 5.1.1 no such mailbox")
            elif verb == "DATA":
                await say("354 go on")
                body = (await reader.readuntil(b"\r\n.\r\n"))[:-5]
                self.mails.append(message_from_bytes(body, policy=default))  # type: ignore[arg-type]
                self.was_encrypted.append(is_tls)
                await say(f"250 2.0.0 queued as {len(self.mails)}")
            elif verb == "QUIT":
                await say("221 bye")
                return
            else:
                await say("250 ok")


def _certificate(folder: Path, path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = SystemClock().now()
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = folder / "mail-key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    return context
