"""The signed statement of a certificate: what proves it, and what does not (U16)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.errors import InvalidInputError
from central.people.rules import mask_name
from central.reports.certificate import (
    DoorLine,
    Record,
    decode_record,
    digest,
    encode_record,
    open_seal,
    seal,
)
from tests.support.estate import NOON, later

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def record(*acknowledged_after: float | None) -> Record:
    doors = tuple(
        DoorLine(
            f"门{number}",
            f"设备{number}",
            None if minutes is None else later(minutes=minutes),
            minutes is not None,
            True,
            NOON,
        )
        for number, minutes in enumerate(acknowledged_after, 1)
    )
    return Record(
        "000001-01", "和谐物业", "锦绣花园", "00000001", 1, "张*", False, NOON, "张*", "phone", "0001 王五",
        later(hours=1), "0001 王五", "Asia/Shanghai", doors,
    )  # fmt: skip


def test_the_seal_says_card_time_and_how_many_doors() -> None:
    made = record(1, None, 3)
    text = encode_record(made)
    statement = open_seal(KEY.public_key(), seal(KEY, made, text))
    assert (statement.card_no, statement.doors, statement.acknowledged) == ("00000001", 3, 2)
    assert (statement.reported_at, statement.issued_at) == (NOON, NOON + timedelta(hours=1))
    assert statement.record == digest(text)
    assert decode_record(text) == made


def test_blanks_that_a_scanner_or_a_copy_adds_do_not_matter() -> None:
    sealed = seal(KEY, record(1), encode_record(record(1)))
    assert open_seal(KEY.public_key(), f"  {sealed[:50]}\r\n {sealed[50:]} \n").doors == 1


@pytest.mark.parametrize("at", range(0, 300, 7))
def test_one_changed_character_anywhere_is_found(at: int) -> None:
    """Planted break: verify nothing."""
    sealed = seal(KEY, record(1, 2), encode_record(record(1, 2)))
    at = min(at, len(sealed) - 3)
    changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
    with pytest.raises(InvalidInputError):
        open_seal(KEY.public_key(), changed)


@pytest.mark.parametrize(
    "text", ["", "OC1", "OC1.", "OC1..", "OC1.é.é", "OC2.AA.AA", "x" * 5_000, "OC1.AA.AA.AA"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        open_seal(KEY.public_key(), text)


def test_another_centre_cannot_certify() -> None:
    with pytest.raises(InvalidInputError):
        open_seal(KEY.public_key(), seal(OTHER, record(1), encode_record(record(1))))


def test_since_when_all_refuse_is_said_only_when_all_do() -> None:
    """Boundary: one door outstanding, none outstanding, no door at all."""
    assert record(1, None).last_at is None
    assert len(record(1, None).outstanding) == 1
    assert record(1, 3, 2).last_at == later(minutes=3)
    assert record().last_at is None


@pytest.mark.parametrize(
    ("name", "masked"),
    [("张三", "张*"), ("欧阳娜娜", "欧***"), ("John Smith", "J*** S****"), ("王", "王"), ("", "")],
)
def test_names_on_papers_are_masked(name: str, masked: str) -> None:
    assert mask_name(name) == masked
