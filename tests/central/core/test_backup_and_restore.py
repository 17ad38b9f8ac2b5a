"""Backup and restore on both engines: whole or refused, secret, and never over something else."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from central import backup, settings
from central.app import build_centre
from central.audit import COMMAND, AuditWitness, read_head, verify
from central.backup_record import last_backup
from central.centre import Centre
from central.clock import FakeClock
from central.crypted import CHUNK_BYTES, decrypt, encrypt
from central.errors import BackupError
from central.parts import BackupMark
from central.restore import restore
from central.web.catalogue import Language
from central.web.i18n import using
from tests.support.centre import config_for
from tests.support.ready import lay_sqlite

PASSPHRASE = "a long passphrase"
MARKS = [BackupMark("count", lambda: settings.Setting.select().count())]


@pytest.fixture(autouse=True)
def english():
    with using(Language.EN):
        yield


@pytest.fixture
def centre(database_url: str, tmp_path: Path):
    data = tmp_path / "centre"
    url = f"sqlite:///{data}/onecard.db" if database_url.startswith("sqlite") else database_url
    if url != database_url:
        lay_sqlite(data / "onecard.db")
    made = build_centre(config_for(data, url), FakeClock())
    made.db.call_write(settings.put, "organisation_name", "和谐", made.clock.now())
    yield made
    made.hasher.close()
    made.db.call_close()


@pytest.fixture
def target(centre: Centre, tmp_path: Path, request: pytest.FixtureRequest):
    """The configuration of the machine that the backup goes to."""
    url = ""
    if centre.db.kind == "postgresql":
        url = request.getfixturevalue("postgres_cluster").new_database()
    return config_for(tmp_path / "new", url)


def make(centre: Centre, file: Path, passphrase: str | None = None) -> Path:
    made = backup.write_backup(centre, file, passphrase, MARKS)
    centre.db.call_write(backup.record_backup, centre, made, COMMAND)
    return file


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_what_was_backed_up_comes_back(
    centre: Centre, target, tmp_path: Path, passphrase: str | None
) -> None:
    """Planted break: leave ``keys/`` out of ``_members``."""
    file = make(centre, tmp_path / "b.backup", passphrase)
    centre.db.call_write(settings.put, "zone", "Asia/Urumqi", centre.clock.now())
    raised: list[str] = []
    at = restore(target, file, passphrase, centre.clock, [lambda now: raised.append("epoch")])
    assert at == centre.clock.now()
    assert raised == ["epoch"]
    restored = build_centre(target, centre.clock)
    assert restored.keys.signing_public == centre.keys.signing_public
    assert restored.authority.pem == centre.authority.pem
    assert restored.db.call_read(settings.get, "organisation_name") == "和谐"
    assert restored.db.call_read(settings.get, "zone") == settings.DEFAULTS["zone"], "it came later"
    assert restored.db.call_read(settings.get, "restored_at")
    assert restored.db.call_read(verify) == 1
    assert {p.stat().st_mode & 0o077 for p in target.data.rglob("*")} == {0}
    restored.db.call_close()


def test_the_marks_are_of_the_copy_and_the_head_is_witnessed(centre: Centre, tmp_path: Path) -> None:
    """Devices delete what a mark promises: it must never run ahead of the copy."""
    counting = [BackupMark("count", lambda: (settings.Setting.select().count(), "in the copy"))]
    head = centre.db.call_read(read_head)
    made = backup.write_backup(centre, tmp_path / "b", None, counting)
    centre.db.call_write(settings.put, "zone", "Asia/Urumqi", centre.clock.now())
    centre.db.call_write(backup.record_backup, centre, made, COMMAND)
    row = centre.db.call_read(last_backup)
    assert row.marks == {"count": [1, "in the copy"]}
    assert centre.db.call_read(lambda: [w.seq for w in AuditWitness.select()]) == [head.seq]
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0


def test_a_backup_replaces_nothing_and_leaves_nothing_half(
    centre: Centre, tmp_path: Path, monkeypatch
) -> None:
    file = make(centre, tmp_path / "b.backup")
    before = file.read_bytes()
    with pytest.raises(BackupError, match=r"b\.backup"):
        make(centre, file)
    assert file.read_bytes() == before

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(backup, "write_tar", fail)
    with pytest.raises(OSError, match="disk full"):
        make(centre, tmp_path / "c.backup")
    assert not (tmp_path / "c.backup").exists()
    assert not list(tmp_path.glob(".backup-*"))


def test_a_restore_needs_an_empty_place(centre: Centre, target, tmp_path: Path) -> None:
    file = make(centre, tmp_path / "b.backup")
    (target.data).mkdir()
    (target.data / "something").write_text("x")
    with pytest.raises(BackupError):
        restore(target, file, None, centre.clock, [])
    (target.data / "something").unlink()
    (target.data / "centre.toml").write_text("[browsers]\n")
    restore(target, file, None, centre.clock, [])
    assert (target.data / "centre.toml").read_text() == "[browsers]\n", "the new machine's own settings stay"
    shutil.rmtree(target.data)
    if centre.db.kind == "postgresql":
        with pytest.raises(BackupError, match="not empty"):
            restore(target, file, None, centre.clock, [])


def damaged(file: Path, change) -> None:
    data = bytearray(file.read_bytes())
    change(data)
    file.write_bytes(bytes(data))


def flip(at: float):
    def change(data: bytearray) -> None:
        data[int(len(data) * at)] ^= 1

    return change


def cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize("change", [flip(0.0), flip(0.5), cut, lambda d: d.clear()])
def test_a_damaged_file_is_refused_and_nothing_is_made(
    centre: Centre, target, tmp_path: Path, passphrase, change
) -> None:
    """Planted break: leave the comparison of SHA-256 out of ``_check_members``."""
    file = make(centre, tmp_path / "b.backup", passphrase)
    damaged(file, change)
    with pytest.raises(BackupError):
        restore(target, file, passphrase, centre.clock, [])
    assert not target.data.exists()
    assert not list(tmp_path.glob(".restore-*"))


def test_a_wrong_passphrase_and_a_foreign_file(centre: Centre, target, tmp_path: Path) -> None:
    file = make(centre, tmp_path / "b.backup", PASSPHRASE)
    assert backup.is_encrypted(file)
    with pytest.raises(BackupError):
        restore(target, file, "wrong", centre.clock, [])
    with pytest.raises(BackupError):
        restore(target, file, None, centre.clock, [])
    with pytest.raises(BackupError):
        backup.is_encrypted(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "keys/../../evil", "keys/.hidden", "other.db"])
def test_no_member_leaves_the_folder(centre: Centre, target, tmp_path: Path, name: str) -> None:
    """A file that was made to look right, with a name that leads elsewhere."""
    from central.backup_file import check_tar

    content = b"evil"
    import hashlib
    import json

    manifest = json.dumps(
        {
            "format": 1,
            "at": "2026-01-01T00:00:00+00:00",
            "files": {name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": 4}},
        }
    ).encode()
    with tarfile.open(tmp_path / "b", "w") as tar:
        for member, body in (("manifest.json", manifest), (name, content)):
            info = tarfile.TarInfo(member)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    out = tmp_path / "out"
    (out / "keys").mkdir(parents=True)
    with pytest.raises(BackupError):
        check_tar(tmp_path / "b", out)
    assert not list(tmp_path.rglob("evil"))


def test_an_audit_trail_that_was_tampered_with_is_not_backed_up_silently(
    centre: Centre, tmp_path: Path
) -> None:
    from central.audit import AuditEntry
    from central.errors import AuditError

    centre.db.call_write(centre.audit.record, COMMAND, "a", "b", 1)
    centre.db.call_write(lambda: AuditEntry.update(action="x").execute() and None)
    with pytest.raises(AuditError):
        make(centre, tmp_path / "b")


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_the_cipher_at_the_edges_of_its_chunks(length: int) -> None:
    plain, sealed, again = io.BytesIO(b"x" * length), io.BytesIO(), io.BytesIO()
    encrypt(plain, sealed, PASSPHRASE)
    decrypt(io.BytesIO(sealed.getvalue()), again, PASSPHRASE)
    assert again.getvalue() == plain.getvalue()


def test_chunks_cannot_be_dropped_swapped_or_added() -> None:
    """Planted break: use the same last byte in every nonce."""
    sealed = io.BytesIO()
    encrypt(io.BytesIO(b"x" * (3 * CHUNK_BYTES)), sealed, PASSPHRASE)
    data, head, size = sealed.getvalue(), 24, CHUNK_BYTES + 16
    chunks = [data[head + n * size : head + (n + 1) * size] for n in range(3)]
    for order in ([0, 1], [1, 0, 2], [0, 2], [0, 1, 2, 2], [2]):
        changed = data[:head] + b"".join(chunks[n] for n in order)
        with pytest.raises(BackupError):
            decrypt(io.BytesIO(changed), io.BytesIO(), PASSPHRASE)


def test_the_other_engine_is_refused(centre: Centre, tmp_path: Path) -> None:
    if centre.db.kind == "postgresql":
        file = make(centre, tmp_path / "b")
        with pytest.raises(BackupError, match="kind of database"):
            restore(config_for(tmp_path / "new"), file, None, centre.clock, [])
