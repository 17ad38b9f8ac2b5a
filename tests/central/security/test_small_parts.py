"""Vectors and boundaries of the pure parts: codes of the phone, waits, keys, certificates."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from central.errors import InvalidInputError, StorageError
from central.security import totp
from central.security.certificates import (
    BROWSER_DAYS,
    certificate_names,
    listener_context,
    load_or_create_authority,
)
from central.security.keys import load_or_create
from central.security.passwords import check_new_password
from central.security.roles import BUILT_IN, pairs_of
from central.security.throttle import Count, wait_until

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238_appendix_b(second: int, code: str) -> None:
    assert totp.code_at(b"12345678901234567890", second // 30, digits=8) == code


def test_a_code_works_in_its_step_and_the_next_and_only_once() -> None:
    secret, step = totp.new_secret(), 1_000
    code = totp.code_at(secret, step)
    for off, found in ((-2, None), (-1, step), (0, step), (1, step), (2, None)):
        assert totp.matching_step(secret, code, (step + off) * 30_000, 0) == found
    assert totp.matching_step(secret, code, step * 30_000, step) is None
    assert totp.matching_step(secret, f"{code[:3]} {code[3:]}", step * 30_000, 0) == step
    assert totp.matching_step(secret, "öööööö", step * 30_000, 0) is None


def test_the_picture_says_what_apps_read() -> None:
    uri = totp.enrolment_uri(bytes(20), "0001", "和谐 物业")
    assert uri.startswith("otpauth://totp/%E5%92%8C")
    assert f"secret={'A' * 32}" in uri
    assert "%20" in uri


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(0, 0), (5, 0), (6, 2), (7, 4), (9, 16), (13, 256), (14, 300), (10_000, 300)]
)
def test_the_wait_doubles_up_to_its_limit(failures: int, wait_s: int) -> None:
    until = wait_until(Count(failures, NOW, 300), NOW, 5)
    assert until == (NOW + timedelta(seconds=wait_s) if wait_s else None)
    assert wait_until(Count(failures, NOW, 300), NOW + timedelta(seconds=wait_s), 5) is None


def test_a_day_forgets() -> None:
    assert wait_until(Count(50, NOW, 200_000), NOW + timedelta(hours=23), 5) is not None
    assert wait_until(Count(50, NOW, 200_000), NOW + timedelta(days=1), 5) is None


@pytest.mark.parametrize("password", ["123456789", "aaaaaaaaaaaa", "abcabcabcabc", "0001000100", "x" * 201])
def test_easy_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidInputError):
        check_new_password(password, "0001", 10)


@pytest.mark.parametrize("password", ["门前有一棵大树和一只猫", "correct horse", "tr0ub4dor&3xyz"])
def test_good_passwords_are_taken(password: str) -> None:
    check_new_password(password, "0001", 10)


def test_keys_are_made_once_and_are_private(tmp_path) -> None:
    folder = tmp_path / "keys"
    first, second = load_or_create(folder), load_or_create(folder)
    assert first.signing_public == second.signing_public
    assert first.derive("a") == second.derive("a") != first.derive("b")
    assert first.unseal("x", second.seal("x", b"secret")) == b"secret"
    with pytest.raises(StorageError):
        first.unseal("y", first.seal("x", b"secret"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    (folder / "secret.key").write_bytes(b"short")
    with pytest.raises(StorageError, match="another kind of key"):
        load_or_create(folder)


def test_certificates_are_of_our_authority_and_renewed_in_time(tmp_path) -> None:
    authority = load_or_create_authority(tmp_path, NOW)
    assert load_or_create_authority(tmp_path, NOW).certificate == authority.certificate

    def made(names: tuple[str, ...], now: datetime) -> x509.Certificate:
        context = listener_context(authority, tmp_path, "browsers", names, BROWSER_DAYS, now)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        return x509.load_pem_x509_certificate((tmp_path / "browsers.pem").read_bytes())

    first = made((), NOW)
    first.verify_directly_issued_by(authority.certificate)
    assert first.not_valid_after_utc - first.not_valid_before_utc <= timedelta(days=825)
    assert made((), NOW + timedelta(days=BROWSER_DAYS - 61)) == first
    assert made((), NOW + timedelta(days=BROWSER_DAYS - 59)) != first
    named = made(("card.example.com", "10.1.2.3"), NOW)
    names = named.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "card.example.com" in names.get_values_for_type(x509.DNSName)
    assert "10.1.2.3" in [str(a) for a in names.get_values_for_type(x509.IPAddress)]
    assert made((), NOW) == named, "fewer names than it has is no reason"
    assert "localhost" in certificate_names(())


def test_an_authority_of_two_halves_is_refused(tmp_path) -> None:
    load_or_create_authority(tmp_path, NOW)
    (tmp_path / "other").mkdir()
    load_or_create_authority(tmp_path / "other", NOW)
    (tmp_path / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(StorageError, match="do not belong together"):
        load_or_create_authority(tmp_path, NOW)


def test_the_built_in_roles_read_as_the_stations_do() -> None:
    assert ("access", "approve") in pairs_of(BUILT_IN["guard"])
    changes = {pair for pair in pairs_of(BUILT_IN["guard"]) if pair[1] in ("edit", "export")}
    assert changes == {("duty", "edit")}, "a guard keeps the desk, and changes nothing else"
    assert {verb for _, verb in pairs_of(BUILT_IN["manager"])} == {"view", "export"}
    assert all(
        pair[0] not in ("operators", "audit")
        for key in ("guard", "canteen", "fees")
        for pair in pairs_of(BUILT_IN[key])
    )
