"""TLS to the centre: the private CA that was pinned at provisioning, and nothing else, is believed.

A node without a clock cannot judge a certificate's dates, and would never come to a clock. So while the clock is not to
be trusted OpenSSL leaves the dates out (it still refuses another CA and another host name), and the dates are compared
with the time that the centre then says under its own signature (reliability.md 2.6).
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast
from urllib.parse import urlsplit

from edge.link.errors import NotTrustedError

REACHED_WITHIN_S: Final = 10.0
HTTPS_PORT: Final = 443
NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME; the ssl module has no name for it."""


class _RememberingObject(ssl.SSLObject):
    """A TLS connection that leaves the dates of the other side's certificate at its context."""

    def do_handshake(self) -> None:
        super().do_handshake()
        cast(CentreContext, self.context).saw(self.getpeercert() or {})


class CentreContext(ssl.SSLContext):
    """What a connection to the centre is made with."""

    sslobject_class = _RememberingObject
    dates_checked = True
    """False: OpenSSL did not look at the dates; ``check_dates`` does."""
    _valid_from_ms: int | None = None
    _valid_until_ms: int | None = None

    def saw(self, certificate: object) -> None:
        """Remember the dates of the certificate of the newest connection."""
        if isinstance(certificate, dict) and "notBefore" in certificate:
            self._valid_from_ms = int(ssl.cert_time_to_seconds(certificate["notBefore"]) * 1_000)
            self._valid_until_ms = int(ssl.cert_time_to_seconds(certificate["notAfter"]) * 1_000)

    def check_dates(self, utc_ms: int) -> None:
        """Compare the certificate's dates with the centre's signed time.

        :raises NotTrustedError: it is not valid at that time, or had no dates.
        """
        if self._valid_from_ms is None or self._valid_until_ms is None:
            raise NotTrustedError("the centre's certificate has no dates")
        if not self._valid_from_ms <= utc_ms <= self._valid_until_ms:
            raise NotTrustedError("the centre's certificate is not valid at the centre's own time")


def centre_context(ca_pem: str, *, check_dates: bool) -> CentreContext:
    """
    :param ca_pem: the private CA of the site, one or more certificates.
    :param check_dates: False while the clock is not to be trusted.
    :raises NotTrustedError: ``ca_pem`` holds no certificate.
    """
    context = CentreContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as error:
        raise NotTrustedError(f"the CA certificate of the centre cannot be read: {error}") from None
    context.dates_checked = check_dates
    if not check_dates:
        context.verify_flags |= NO_CHECK_TIME
    return context


async def reaches(url: str, ca_pem: str, *, check_dates: bool) -> bool:
    """Whether somebody with a certificate of this CA answers at the address; nothing is sent."""
    parts = urlsplit(url)
    try:
        context = centre_context(ca_pem, check_dates=check_dates)
        async with asyncio.timeout(REACHED_WITHIN_S):
            _reader, writer = await asyncio.open_connection(
                parts.hostname, parts.port or HTTPS_PORT, ssl=context
            )
    except (OSError, ValueError, TimeoutError, NotTrustedError):
        return False
    writer.close()
    return True
