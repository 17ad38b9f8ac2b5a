"""``onecard-provision release``: what is in a release, that it runs, and that nothing unhashed gets in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge import release_archive
from protocol.enrolment import raw_public
from protocol.errors import ProtocolError
from provisioning.image.errors import RefusedError
from provisioning.release import build as builder
from provisioning.release.build import Wanted, build
from provisioning.release.key import as_pem, as_text, public_half
from tests.provisioning.conftest import provision
from tests.support.releases import HERE, KEY

ARCH = os.uname().machine


def wheel(folder: Path, name: str, tag: str, files: dict[str, bytes]) -> Path:
    """A wheel (PEP 427) with these files."""
    info = f"{name}-1.0.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{path},sha256={digest},{len(content)}\n")
    out = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in {**files, f"{info}/RECORD": "".join(lines).encode()}.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return out


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, named by a lock with hashes; ``fast`` has an extension module for each Python."""
    folder = tmp_path / "house"
    folder.mkdir()
    made = [wheel(folder, "plain", "py3-none-any", {"plain/__init__.py": b"SAYS = 'plain'\n"})]
    for number in ("311", "313"):
        module = f"fast/core.cpython-{number}-{ARCH}-linux-gnu.so"
        tag = f"cp{number}-cp{number}-manylinux2014_{ARCH}"
        made.append(wheel(folder, "fast", tag, {"fast/__init__.py": b"", module: number.encode()}))
    (tmp_path / "source/requirements").mkdir(parents=True)
    lines = []
    for name in ("plain", "fast"):
        hashes = [
            hashlib.sha256(path.read_bytes()).hexdigest() for path in made if path.name.startswith(name)
        ]
        lines.append(" ".join([f"{name}==1.0", *(f"--hash=sha256:{digest}" for digest in hashes)]))
    (tmp_path / "source/requirements/node.txt").write_text("\n".join(lines) + "\n")
    for package in ("edge", "protocol"):
        (tmp_path / "source" / package).symlink_to(builder.SOURCE / package)
    monkeypatch.setattr(builder, "SOURCE", tmp_path / "source")
    return folder


def test_a_release_holds_the_program_of_a_node_for_each_python(house: Path, tmp_path: Path) -> None:
    """Planted break: copy ``central`` too, leave ``fast`` of one Python out, or write the tar with the time of day."""
    wanted = Wanted(ARCH, ("3.11", "3.13"), version="7.1", min_version="6", find_links=house)
    out, manifest = build(wanted, KEY, tmp_path / "one")
    assert out.name == f"onecard-7.1-{ARCH}.tar.gz"
    assert release_archive.verify(out, raw_public(KEY)) == manifest
    assert (manifest.version, manifest.min_version, manifest.python) == ("7.1", "6", ("3.11", "3.13"))
    tops = {name.split("/")[1] for name in manifest.files}
    assert tops == {"edge", "protocol", "plain", "plain-1.0.dist-info", "fast", "fast-1.0.dist-info"}
    assert {name for name in manifest.files if name.endswith(".so")} == {
        f"site/fast/core.cpython-{number}-{ARCH}-linux-gnu.so" for number in ("311", "313")
    }
    assert "site/edge/locale/zh_Hans.po" in manifest.files
    assert "site/edge/relay/boards/pi-one-door.toml" in manifest.files
    assert not [name for name in manifest.files if name.endswith((".pyc", "RECORD", "INSTALLER"))]
    again, _manifest = build(wanted, KEY, tmp_path / "two")
    assert again.read_bytes() == out.read_bytes()
    assert list((tmp_path / "one").iterdir()) == [out]

    release_archive.unpack(out, raw_public(KEY), tmp_path / "there")
    site = tmp_path / "there/site"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    asked = "import edge.release, plain; print(edge.release.VERSION, edge.__file__, plain.SAYS)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{site}:{packages}"}
    said = subprocess.run(
        [sys.executable, "-P", "-c", asked], env=environment, capture_output=True, text=True
    )
    assert said.stdout.split() == ["7.1", str(site / "edge/__init__.py"), "plain"], said.stderr
    run = [sys.executable, "-P", "-m", "edge", "status", "--help"]
    assert subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True).returncode == 0


def test_a_package_that_is_not_the_hashed_one_makes_no_release(house: Path, tmp_path: Path) -> None:
    """Planted break: leave ``--require-hashes`` out."""
    wheel(house, "plain", "py3-none-any", {"plain/__init__.py": b"import os  # somebody else's\n"})
    with pytest.raises(RefusedError):
        build(Wanted(ARCH, (HERE,), find_links=house), KEY, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_no_node_would_take_is_not_built(house: Path, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError):
        build(Wanted(ARCH, (HERE,), version="new", find_links=house), KEY, tmp_path / "out")
    (house / f"fast-1.0-cp311-cp311-manylinux2014_{ARCH}.whl").unlink()
    with pytest.raises(RefusedError):
        build(Wanted(ARCH, ("3.11",), find_links=house), KEY, tmp_path / "out")
    (tmp_path / "source/requirements/node.txt").unlink()
    with pytest.raises(RefusedError, match="checkout"):
        build(Wanted(ARCH, (HERE,), find_links=house), KEY, tmp_path / "out")


def test_the_key_is_made_once_and_kept_outside_the_tree(tmp_path: Path) -> None:
    inside = Path(__file__).parents[2] / "build" / "release.key"
    refused = provision("release", "--key", inside, "--out", tmp_path)
    assert (refused.returncode, "source tree" in refused.stderr, inside.exists()) == (2, True, False)
    key, empty = tmp_path / "keys/release.key", tmp_path / "empty"
    empty.mkdir()
    first = provision("release", "--key", key, "--out", tmp_path, "--find-links", empty)
    assert first.returncode == 2, first.stderr  # no wheels here, but the key comes first
    assert "A new release key was made" in first.stdout
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(public_half(key)) == 32
    before = key.read_bytes()
    second = provision("release", "--key", key, "--out", tmp_path, "--find-links", empty)
    assert (second.returncode, second.stdout, key.read_bytes()) == (2, "", before)
    key.write_bytes(b"no key")
    assert provision("release", "--key", key, "--out", tmp_path).returncode == 2


def test_a_release_is_checked_by_its_key(house: Path, tmp_path: Path) -> None:
    """Seen on the command line: the right key, another key, a changed file."""
    out, _manifest = build(Wanted(ARCH, (HERE,), find_links=house), KEY, tmp_path / "out")
    (tmp_path / "mine").write_bytes(pem(KEY))
    (tmp_path / "other").write_bytes(pem(Ed25519PrivateKey.generate()))
    good = provision("release", "--verify", out, "--key", tmp_path / "mine")
    assert (good.returncode, "signed" in good.stdout) == (0, True)
    other = provision("release", "--verify", out, "--key", tmp_path / "other")
    assert (other.returncode, "not signed" in other.stderr) == (1, True)
    shutil.copyfile(out, tmp_path / "kept")
    content = gzip.decompress(out.read_bytes())
    out.write_bytes(gzip.compress(content.replace(b"SAYS = 'plain'", b"SAYS = 'plein'"), 1))
    changed = provision("release", "--verify", out, "--key", tmp_path / "mine")
    assert (changed.returncode, "differs" in changed.stderr) == (1, True)
    assert as_text(raw_public(KEY)).isascii()
    (tmp_path / "release.pub").write_bytes(as_pem(raw_public(KEY)))
    by_public_half = provision("release", "--verify", tmp_path / "kept", "--key", tmp_path / "release.pub")
    assert (by_public_half.returncode, "signed" in by_public_half.stdout) == (0, True), by_public_half.stderr


def pem(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
