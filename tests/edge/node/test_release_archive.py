"""A release is taken whole and signed, or not at all."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge import release_archive
from edge.release_archive import ReleaseError
from protocol.enrolment import raw_public
from protocol.errors import LimitError, MalformedError, SignatureError, VersionError
from protocol.release import (
    MANIFEST_NAME,
    SIGNATURE_NAME,
    check_can_run,
    read_manifest,
    version_numbers,
    write_manifest,
)
from tests.support.releases import HERE, KEY, PROGRAM, manifest_of, pack, release

PUBLIC = raw_public(KEY)


def members(files: dict[str, bytes]) -> dict[str, bytes]:
    content, signature = write_manifest(manifest_of(files), KEY)
    return {MANIFEST_NAME: content, SIGNATURE_NAME: signature, **files}


def test_a_release_is_unpacked_as_it_was_signed(tmp_path: Path) -> None:
    path = release(tmp_path / "a.tar.gz", "1.2.3")
    folder = tmp_path / "releases" / "1.2.3"
    assert release_archive.read(path, PUBLIC) == release_archive.verify(path, PUBLIC)
    manifest = release_archive.unpack(path, PUBLIC, folder)
    assert manifest.version == "1.2.3"
    there = {str(found.relative_to(folder)) for found in folder.rglob("*") if found.is_file()}
    assert there == {MANIFEST_NAME, SIGNATURE_NAME, *PROGRAM}
    assert release_archive.check_tree(folder, PUBLIC) == manifest
    (folder / "site/edge/__main__.py").write_bytes(b"other")
    with pytest.raises(ReleaseError, match="differs"):
        release_archive.check_tree(folder, PUBLIC)
    (folder.parent / "1.2.3.new" / "site").mkdir(parents=True)  # what a power cut left
    release_archive.unpack(path, PUBLIC, folder)
    assert release_archive.check_tree(folder, PUBLIC) == manifest
    assert [found.name for found in folder.parent.iterdir()] == ["1.2.3"]


def broken(case: str) -> dict[str, bytes]:
    whole = members(dict(PROGRAM))
    match case:
        case "another key":
            content, signature = write_manifest(manifest_of(PROGRAM), Ed25519PrivateKey.generate())
            return {**whole, MANIFEST_NAME: content, SIGNATURE_NAME: signature}
        case "changed manifest":
            return {**whole, MANIFEST_NAME: whole[MANIFEST_NAME].replace(b"0.2.0", b"9.2.0")}
        case "changed file":
            return {**whole, "site/edge/__main__.py": b"print('a nodf')\n"}
        case "missing file":
            return {name: content for name, content in whole.items() if name != "site/edge/__main__.py"}
        case "one more file":
            return {**whole, "site/evil.pth": b"import os"}
        case "manifest last":
            return {**{name: whole[name] for name in PROGRAM}, **whole}
        case _longer:
            return {**whole, "site/edge/__main__.py": bytes(1 << 20)}


@pytest.mark.parametrize(
    "case",
    [
        "another key",
        "changed manifest",
        "changed file",
        "missing file",
        "one more file",
        "manifest last",
        "longer",
    ],
)
def test_what_is_not_as_it_was_signed_leaves_nothing_behind(case: str, tmp_path: Path) -> None:
    """Planted break: leave the comparison with the hash out of ``_files``, or the look at what is left."""
    path = pack(tmp_path / "a.tar.gz", broken(case))
    folder = tmp_path / "releases" / "0.2.0"
    with pytest.raises(ReleaseError):
        release_archive.unpack(path, PUBLIC, folder)
    assert not list((tmp_path / "releases").iterdir())
    with pytest.raises(ReleaseError):
        release_archive.verify(path, PUBLIC)


def test_links_devices_and_half_files_are_refused(tmp_path: Path) -> None:
    whole = members(dict(PROGRAM))
    path = tmp_path / "links.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in whole.items():
            member = tarfile.TarInfo(name)
            if name == "site/edge/__main__.py":
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    with pytest.raises(ReleaseError):
        release_archive.unpack(path, PUBLIC, tmp_path / "r")
    cut = release(tmp_path / "cut.tar.gz")
    cut.write_bytes(cut.read_bytes()[:-30])
    for content in (cut.read_bytes(), b"no tar at all", b""):
        cut.write_bytes(content)
        with pytest.raises(ReleaseError):
            release_archive.verify(cut, PUBLIC)
        with pytest.raises(ReleaseError):
            release_archive.unpack(cut, PUBLIC, tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": "1.0-rc1"}, MalformedError),
        ({"version": "01"}, MalformedError),
        ({"version": "../x"}, MalformedError),
        ({"min_version": ""}, MalformedError),
        ({"arch": "a b"}, MalformedError),
        ({"python": ()}, MalformedError),
        ({"python": ("2.7",)}, MalformedError),
        ({"schema": 2}, VersionError),
        ({"size": 1 << 40}, LimitError),
        ({"files": {}}, LimitError),
        ({"files": {"site/../x": "0" * 64}}, MalformedError),
        ({"files": {"etc/x": "0" * 64}}, MalformedError),
        ({"files": {"site//x": "0" * 64}}, MalformedError),
        ({"files": {"site/x": "0"}}, MalformedError),
    ],
)
def test_a_manifest_that_no_node_would_take_is_not_signed(
    change: dict[str, object], error: type[Exception]
) -> None:
    manifest = msgspec.structs.replace(manifest_of(PROGRAM), **change)
    with pytest.raises(error):
        write_manifest(manifest, KEY)


def test_the_signature_is_looked_at_first_and_the_machine_last() -> None:
    content, signature = write_manifest(manifest_of(PROGRAM, "2.0"), KEY)
    with pytest.raises(SignatureError):
        read_manifest(b"no json", signature, PUBLIC)
    with pytest.raises(MalformedError):
        read_manifest(b"no json", KEY.sign(b"no json"), PUBLIC)
    manifest = read_manifest(content, signature, PUBLIC)
    check_can_run(manifest, arch=manifest.arch, python=HERE, node_schema=1)
    for wrong in ({"arch": "sparc"}, {"python": "3.99"}, {"node_schema": 2}):
        here = {"arch": manifest.arch, "python": HERE, "node_schema": 1}
        with pytest.raises(VersionError):
            check_can_run(manifest, **{**here, **wrong})  # type: ignore[arg-type]
    assert version_numbers("0.10") > version_numbers("0.9.9")
    assert version_numbers("1") == version_numbers("1.0.0.0")
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(write_manifest(manifest, KEY)[0]).hexdigest()
