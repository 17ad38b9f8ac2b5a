"""Custody of the card keys: made once, never in the database, printed once, exchanged without a day on which cards fail."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cards.keys_in_force import (
    KeysInForce,
    begin,
    bring_back,
    current,
    door_rows,
    keep,
    print_once,
    retire,
    rotate,
)
from central.errors import ConflictError, InvalidInputError, StorageError
from central.security.card_master import FILE, CardMaster, create, load, parse_printed
from protocol.card_layout.credential import Credential, Medium, sign, verify
from protocol.records import Kind, Revisions
from protocol.view import View

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MASTER = CardMaster(bytes(range(32)))
FIRST = KeysInForce(MASTER.fingerprint)


def test_every_purpose_and_version_has_its_own_key() -> None:
    keys = {MASTER.read_key(zone, version) for zone in range(3) for version in range(3)}
    keys |= {MASTER.issuer_key(version) for version in range(3)}
    keys |= {MASTER.signing_key(generation).private_bytes_raw() for generation in range(3)}
    assert len(keys) == 9 + 3 + 3


def test_keys_of_a_master_never_change() -> None:
    """Cards in people's pockets depend on them."""
    assert MASTER.read_key(0, 1).hex() == "d2e71f000c7cc3f747e7f2ae347a310d"
    assert MASTER.issuer_key(1).hex() == "0ed864787f700264a5e40ee2b69bcf68"
    assert (
        MASTER.signing_key(0).public_key().public_bytes_raw().hex()
        == "43fa01e2b11e32d63ec1a9e977bfff6e63f33b1d3089fe80ff3a690f5603cdff"
    )


def test_the_printed_code_brings_the_master_back() -> None:
    printed = MASTER.printed()
    assert parse_printed(printed) == MASTER
    assert parse_printed(printed.lower().replace(" ", "-")) == MASTER
    assert parse_printed(printed.replace("O", "0").replace("I", "1").replace("B", "8")) == MASTER


@pytest.mark.parametrize("place", range(0, 56, 5))
def test_a_misread_letter_is_found(place: int) -> None:
    plain = MASTER.printed().replace(" ", "")
    other = "A" if plain[place] != "A" else "C"
    with pytest.raises(InvalidInputError):
        parse_printed(plain[:place] + other + plain[place + 1 :])


@pytest.mark.parametrize("text", ["", "ABCD", "?", MASTER.printed()[:-2]])
def test_half_a_code_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_printed(text)


def test_the_file_is_private_and_made_once(tmp_path: Path) -> None:
    made = create(tmp_path)
    assert load(tmp_path) == made
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    with pytest.raises(StorageError):
        create(tmp_path)
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(StorageError):
        load(tmp_path)


async def test_the_first_run_makes_the_keys_and_later_ones_find_them(database, tmp_path: Path) -> None:
    master, state = await database.write(begin, tmp_path, NOW)
    assert (await database.write(begin, tmp_path, NOW)) == (master, state)
    assert state.fingerprint == master.fingerprint


async def test_the_database_holds_no_key(database, tmp_path: Path) -> None:
    from central.settings import Setting

    master, _ = await database.write(begin, tmp_path, NOW)
    stored = await database.read(lambda: str([row.value for row in Setting.select()]))
    for secret in (master.secret, master.read_key(0, 1), master.issuer_key(1)):
        assert secret.hex() not in stored.lower()
        assert master.printed().split()[0] not in stored


async def test_the_code_is_printed_once(database, tmp_path: Path) -> None:
    master, _ = await database.write(begin, tmp_path, NOW)
    assert parse_printed(await database.write(print_once, master, NOW)) == master
    with pytest.raises(ConflictError):
        await database.write(print_once, master, NOW)


async def test_a_lost_master_is_never_replaced_by_a_new_one(database, tmp_path: Path) -> None:
    master, _ = await database.write(begin, tmp_path, NOW)
    (tmp_path / FILE).unlink()
    with pytest.raises(StorageError, match="printed code"):
        await database.write(begin, tmp_path, NOW)
    with pytest.raises(InvalidInputError):
        await database.write(bring_back, tmp_path, MASTER.printed())
    await database.write(bring_back, tmp_path, master.printed())
    assert (await database.write(begin, tmp_path, NOW))[0] == master


async def test_the_master_of_another_site_is_refused(database, tmp_path: Path) -> None:
    await database.write(begin, tmp_path, NOW)
    (tmp_path / FILE).write_bytes(MASTER.secret)
    with pytest.raises(StorageError, match="not the one"):
        await database.write(begin, tmp_path, NOW)


async def test_what_is_in_force_is_kept(database) -> None:
    state = rotate(rotate(rotate(FIRST, "signing"), 3), 0)
    await database.write(keep, state, NOW)
    assert await database.read(current) == state


@pytest.mark.parametrize("part", ["signing", "issuer", 0])
def test_while_keys_are_exchanged_both_are_in_force(part) -> None:
    (old,) = FIRST.versions(part)
    both = rotate(FIRST, part)
    assert both.versions(part) == (old + 1, old)
    with pytest.raises(ConflictError):
        rotate(both, part)
    after = retire(both, part)
    assert after.versions(part) == (old + 1,)
    with pytest.raises(ConflictError):
        retire(after, part)


def test_versions_and_zones_have_an_end() -> None:
    last = FIRST.with_versions("signing", (255,))
    with pytest.raises(InvalidInputError):
        rotate(last, "signing")
    with pytest.raises(InvalidInputError):
        rotate(FIRST, 16)


def test_a_device_gets_the_read_keys_of_its_zones_and_no_secret_of_the_issuer() -> None:
    state = rotate(rotate(rotate(FIRST, 0), 1), "signing")
    rows = door_rows(state, MASTER, [0])
    keys = View().apply(rows, Revisions(1, 1, 1, 1)).door_keys
    assert [(key.zone, key.version) for key in keys.read] == [(0, 2), (0, 1)]
    assert sorted(keys.public) == [0, 1]
    assert {change.kind for change in rows} == {Kind.READ_KEY, Kind.ISSUER_KEY}
    everything = b"".join(change.body for change in rows)
    for secret in (
        MASTER.secret,
        MASTER.read_key(1, 1),
        MASTER.issuer_key(1),
        *(MASTER.signing_key(generation).private_bytes_raw() for generation in (0, 1)),
    ):
        assert secret not in everything


def test_a_card_signed_before_the_exchange_is_believed_until_the_old_key_is_ended() -> None:
    uid = b"\x04" + bytes(6)
    signer: Ed25519PrivateKey = MASTER.signing_key(0)
    slot = sign(Credential(bytes(8), 1, 1, generation=0), Medium.DESFIRE, uid, signer)

    def believed(state: KeysInForce) -> bool:
        public = View().apply(door_rows(state, MASTER, [0]), Revisions(1, 1, 1, 1)).door_keys.public
        return verify(slot, Medium.DESFIRE, uid, public) is not None

    both = rotate(FIRST, "signing")
    assert [believed(FIRST), believed(both), believed(retire(both, "signing"))] == [True, True, False]
