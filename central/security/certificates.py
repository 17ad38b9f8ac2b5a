"""The private CA and the certificates of the two listeners.

Nodes pin the CA (it is on their card), so it lives long. Browsers learn it from the install page, or get a supplied
certificate instead. A listener's certificate is backdated, because a device's clock may be behind, and is made anew at
start when its names changed or its end comes near.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from central.addresses import own_addresses
from central.errors import ConfigError, StorageError
from central.security.keys import write_private

CA_DAYS: Final = 30 * 365
NODE_DAYS: Final = 10 * 365
"""Nodes may be cut off for long; they never block a door on an expired certificate, but should not have to."""
BROWSER_DAYS: Final = 800
"""Browsers refuse certificates of more than 825 days."""
RENEW_DAYS_BEFORE: Final = 60
BACKDATED_DAYS: Final = 400
NAMES_MAX: Final = 50


@dataclass(frozen=True)
class Authority:
    """Our private CA."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """The public certificate, as nodes and browsers get it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        """SHA-256 in pairs of hex digits, for reading aloud before installing it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":", 1).upper()


def load_or_create_authority(folder: Path, now: datetime) -> Authority:
    """The CA in ``folder`` (``ca.key``, ``ca.pem``); made when there is none.

    :raises StorageError: the files cannot be read, or belong to different authorities.
    """
    key_path, path = folder / "ca.key", folder / "ca.pem"
    try:
        if not path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(key_path, _key_pem(key))
            write_private(path, _make_authority(key, now).public_bytes(serialization.Encoding.PEM))
        loaded = serialization.load_pem_private_key(key_path.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(f"private CA in {folder}: {error}") from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
        raise StorageError(f"private CA in {folder}: key and certificate do not belong together")
    return Authority(loaded, certificate)


def listener_context(
    authority: Authority, folder: Path, name: str, names: tuple[str, ...], days: int, now: datetime
) -> ssl.SSLContext:
    """The TLS settings of a listener with a certificate of our CA (``<name>.pem``: key and certificate)."""
    path = folder / f"{name}.pem"
    wanted = certificate_names(names)
    if not _is_good(path, authority, wanted, now):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _make_server(authority, key, wanted, days, now)
        write_private(
            path, _key_pem(key) + certificate.public_bytes(serialization.Encoding.PEM) + authority.pem
        )
    return server_context(path, None)


def server_context(certificate: Path, private_key: Path | None) -> ssl.SSLContext:
    """TLS 1.2 and later, for a certificate chain and its key.

    :raises ConfigError: the files do not fit each other or are not PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, private_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"certificate {certificate}: {error}") from error
    return context


def certificate_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The given names and those that this machine has by itself, IP addresses in one spelling, in a fixed order."""
    host = socket.gethostname()
    found = {"localhost", "127.0.0.1", "::1", host, f"{host}.local", *names, *own_addresses()}
    return tuple(sorted(_spelling(name) for name in found if name)[:NAMES_MAX])


def _spelling(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def _is_good(path: Path, authority: Authority, names: tuple[str, ...], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        certificate.verify_directly_issued_by(authority.certificate)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    covered = {str(name.value) for name in alternative}
    return set(names) <= covered and certificate.not_valid_after_utc > now + timedelta(days=RENEW_DAYS_BEFORE)


def _make_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"onecard {x509.random_serial_number() % 10**8:08d}")]
    )
    public = key.public_key()
    return (
        _builder(name, name, public, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _make_server(
    authority: Authority, key: ec.EllipticCurvePrivateKey, names: tuple[str, ...], days: int, now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "onecard centre")])
    issuer_key = authority.certificate.public_key()
    assert isinstance(issuer_key, ec.EllipticCurvePublicKey)
    public = key.public_key()
    return (
        _builder(subject, authority.certificate.subject, public, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    backdated = timedelta(days=0 if days == BROWSER_DAYS else BACKDATED_DAYS)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - backdated - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
