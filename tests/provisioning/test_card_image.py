"""``onecard-provision image``: the command as an installer runs it, on base images of every kind."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import pty
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config import load
from provisioning.image import manifest
from provisioning.image.fat import FatVolume
from provisioning.image.make import open_boot
from provisioning.image.network import pmk_of
from provisioning.image.partitions import boot_partition, read_table
from tests.provisioning.conftest import BASES, CA, SECRET, provision, ticket_file
from tests.support.cards import files_of, unpack_card
from tests.support.disk_images import START, disk

BaseOf = Callable[[str], Path]
STATIC = [
    "--address",
    "10.0.0.21/24",
    "--gateway",
    "10.0.0.1",
    "--dns",
    "10.0.0.1",
    "--time-server",
    "10.0.0.5",
]


def made(base: Path, folder: Path, *more: str | Path, name: str = "out.img") -> Path:
    out = folder / name
    ticket = ticket_file(folder)
    run = provision("image", "--base", base, "--node", "east-gate", "--ticket", ticket, "--out", out, *more)
    assert run.returncode == 0, run.stderr
    return out


@pytest.mark.parametrize("kind", sorted(BASES))
def test_a_base_of_each_kind_becomes_the_card_of_a_device(kind: str, base_of: BaseOf, tmp_path: Path) -> None:
    """Planted break: write the seed to the image before it is copied, or do not write config.txt."""
    base = base_of(kind)
    before = hashlib.sha256(base.read_bytes()).hexdigest()
    out = made(base, tmp_path, *STATIC, "--site", "Riverside", "--country", "cn")
    assert hashlib.sha256(base.read_bytes()).hexdigest() == before
    files = files_of(out)

    seed = tomllib.loads(files["onecard/node.toml"].decode())
    assert (seed["schema"], seed["name"], seed["role"], seed["site"]) == (1, "east-gate", "door", "Riverside")
    assert seed["network"] == {
        "method": "static",
        "address": "10.0.0.21/24",
        "gateway": "10.0.0.1",
        "dns": ["10.0.0.1"],
        "country": "CN",
    }
    assert seed["time_servers"] == ["10.0.0.5"]
    card = unpack_card(out, tmp_path / "card")
    config = load(card / "onecard/node.toml")
    assert config.warnings == ()
    assert config.ticket is not None
    assert (config.ticket.ticket_id, config.ticket.secret, config.ca_pem.strip()) == (
        "T7K2",
        SECRET,
        CA.strip(),
    )
    assert [reader.unit for reader in config.readers] == [1, 2]
    assert config.data_dir == Path("/var/lib/onecard")

    assert files["config.txt"].endswith(b"\n[all]\ndtparam=spi=on\ndtoverlay=i2c-rtc,ds3231\n")
    assert files["config.txt"].startswith(BASES[kind]["config.txt"])
    (line,) = files["cmdline.txt"].decode().splitlines()
    words = line.split()
    assert words[:3] == BASES[kind]["cmdline.txt"].decode().split()[:3]
    assert "cfg80211.ieee80211_regdom=CN" in words
    match kind:
        case "firstrun":
            assert words[-3:] == [
                "systemd.run=/boot/firmware/firstrun.sh",
                "systemd.run_success_action=reboot",
                "systemd.unit=kernel-command-line.target",
            ]
            assert "init=/usr/lib/raspberrypi-sys-mods/firstboot" in words
            assert b"sh /boot/firmware/onecard/first-boot.sh\n" in files["firstrun.sh"]
        case "cloud-init":
            assert [word for word in words if word.startswith("ds=")] == ["ds=nocloud;i=onecard-T7K2"]
            assert files["meta-data"] == b'instance-id: "onecard-T7K2"\n'
            assert files["user-data"].startswith(b'#cloud-config\nhostname: "east-gate"\n')
            plan = json.loads(files["network-config"])["network"]
            assert plan["ethernets"]["eth0"]["addresses"] == ["10.0.0.21/24"]
            assert plan["ethernets"]["eth0"]["routes"] == [{"to": "default", "via": "10.0.0.1"}]
        case _:
            preseed = tomllib.loads(files["rpi-preseed.toml"].decode())
            assert preseed["runcmd"]["early"] == ["sh /boot/firmware/onecard/first-boot.sh"]
            assert preseed["system"]["hostname"] == "east-gate"


@pytest.mark.parametrize("kind", sorted(BASES))
def test_nothing_outside_the_boot_partition_changes(kind: str, base_of: BaseOf, tmp_path: Path) -> None:
    base, out = base_of(kind), made(base_of(kind), tmp_path)
    old, new = base.read_bytes(), out.read_bytes()
    assert len(old) == len(new)
    assert old[:START] == new[:START]
    assert old[START + (40 << 20) :] == new[START + (40 << 20) :]
    assert old != new


def test_the_image_is_private_sparse_and_the_same_each_time(base_of: BaseOf, tmp_path: Path) -> None:
    first = made(base_of("firstrun"), tmp_path)
    second = made(base_of("firstrun"), tmp_path, name="again.img")
    assert first.read_bytes() == second.read_bytes()
    manifest = tmp_path / "out.img.json"
    assert manifest.read_bytes() == (tmp_path / "again.img.json").read_bytes()
    for path in (first, manifest):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.stat().st_blocks * 512 < first.stat().st_size / 4
    described = json.loads(manifest.read_text())
    assert described["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert described["base_sha256"] == hashlib.sha256(base_of("firstrun").read_bytes()).hexdigest()
    assert (described["node"], described["ticket_id"], described["first_boot"]) == (
        "east-gate",
        "T7K2",
        "firstrun",
    )
    secret = tomllib.loads(ticket_file(tmp_path).read_text())["ticket"].partition(".")[2]
    assert secret not in manifest.read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if "tmp" in path.name) == []


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".zst"])
def test_packed_bases(suffix: str, base_of: BaseOf, tmp_path: Path) -> None:
    base = base_of("cloud-init")
    packed = tmp_path / f"base.img{suffix}"
    match suffix:
        case ".xz":
            packed.write_bytes(lzma.compress(base.read_bytes(), preset=0))
        case ".gz":
            packed.write_bytes(gzip.compress(base.read_bytes(), 1))
        case _:
            if shutil.which("zstd") is None and os.environ.get("ONECARD_FULL") != "1":
                pytest.skip("zstd is not installed")
            subprocess.run(["zstd", "-q", "-1", str(base), "-o", str(packed)], check=True)
    out = made(packed, tmp_path)
    plain = made(base, tmp_path, name="plain.img")
    assert out.read_bytes() == plain.read_bytes()
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    ticket = ticket_file(tmp_path)
    run = provision(
        "image", "--base", packed, "--node", "east-gate", "--ticket", ticket, "--out", tmp_path / "no.img"
    )
    assert run.returncode == 2
    assert "damaged or cut short" in run.stderr
    assert not (tmp_path / "no.img").exists()


def changed(kind: str, **files: bytes) -> dict[str, bytes]:
    return {**BASES[kind], **{name.replace("_", ".", 1): content for name, content in files.items()}}


REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "no Raspberry Pi": ({"readme.txt": b"hello"}, "no image of a Raspberry Pi"),
    "started once": (changed("firstrun", cmdline_txt=b"root=x rootwait\n"), "no first boot that is known"),
    "customised": (changed("firstrun", firstrun_sh=b"#!/bin/sh\n"), "already been prepared"),
    "bullseye": (
        changed("firstrun", cmdline_txt=b"root=x init=/usr/lib/raspi-config/init_resize.sh\n"),
        "older than 2023",
    ),
    "two kinds": ({**BASES["cloud-init"], **BASES["rpi-preseed"]}, "rpi-preseed, cloud-init"),
    "settings of its own": (
        {**BASES["cloud-init"], "user-data": b"#cloud-config\nusers:\n- name: pi\n"},
        "settings of its own",
    ),
    "two lines": (changed("firstrun", cmdline_txt=b"root=x\nresize\n"), "must be one line"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_base_that_is_not_plain_is_refused(case: str, tmp_path: Path) -> None:
    files, reason = REFUSED[case]
    base = disk(tmp_path / "base.img", files)
    ticket = ticket_file(tmp_path)
    run = provision(
        "image", "--base", base, "--node", "east-gate", "--ticket", ticket, "--out", tmp_path / "out.img"
    )
    assert run.returncode == 2, run.stderr
    assert reason in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base.img", "east-gate.toml"]
    chinese = provision(
        "image",
        "--base",
        base,
        "--node",
        "east-gate",
        "--ticket",
        ticket,
        "--out",
        tmp_path / "out.img",
        language="zh_CN.UTF-8",
    )
    assert chinese.returncode == 2
    assert reason not in chinese.stderr or case == "two kinds"


def test_an_image_is_no_base_and_a_card_without_room_is_refused(base_of: BaseOf, tmp_path: Path) -> None:
    out = made(base_of("firstrun"), tmp_path)
    ticket = ticket_file(tmp_path)
    again = provision(
        "image", "--base", out, "--node", "east-gate", "--ticket", ticket, "--out", tmp_path / "b.img"
    )
    assert (again.returncode, "already been prepared" in again.stderr) == (2, True)
    there = provision(
        "image", "--base", base_of("firstrun"), "--node", "east-gate", "--ticket", ticket, "--out", out
    )
    assert (there.returncode, "--force" in there.stderr) == (2, True)
    full = disk(tmp_path / "full.img", BASES["firstrun"])
    with full.open("r+b") as file:
        part = boot_partition(read_table(file, full.stat().st_size))
        volume = FatVolume(file, part.start, part.size)
        volume.write("kernel8.img", bytes(volume.free_bytes - 4 * volume.cluster_bytes))
    run = provision(
        "image", "--base", full, "--node", "east-gate", "--ticket", ticket, "--out", tmp_path / "c.img"
    )
    assert run.returncode == 1
    assert "is full" in run.stderr
    assert not (tmp_path / "c.img").exists()
    assert not (tmp_path / "c.img.tmp").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--node", "west-gate"], "is for east-gate, not for west-gate"),
        (["--address", "10.0.0.0/24"], "--address"),
        (["--address", "10.0.0.2"], "--address"),
        (["--address", "10.0.0.2/24", "--gateway", "10.0.1.1"], "--gateway"),
        (["--dns", "1.1.1.1"], "fixed address"),
        (["--wifi-ssid", "lobby"], "country"),
        (["--role", "patrol"], "role"),
        (["--time-server", "a b"], "--time-server"),
    ],
)
def test_what_the_device_would_refuse_is_refused_here(
    options: list[str], reason: str, base_of: BaseOf, tmp_path: Path
) -> None:
    ticket, out = ticket_file(tmp_path), tmp_path / "out.img"
    run = provision(
        "image",
        "--base",
        base_of("firstrun"),
        "--node",
        "east-gate",
        "--ticket",
        ticket,
        "--out",
        out,
        *options,
    )
    assert run.returncode == 2
    assert reason in run.stderr
    assert not out.exists()


def test_the_key_of_the_wifi_is_computed() -> None:
    """The example of IEEE 802.11i, annex H.4.3."""
    assert pmk_of("password", b"IEEE") == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert pmk_of("password\r\n", b"IEEE") == pmk_of("password", b"IEEE")
    assert pmk_of("A" * 64, b"IEEE") == "a" * 64


@pytest.mark.parametrize("kind", sorted(BASES))
def test_wifi_is_written_with_its_octets_and_without_its_passphrase(
    kind: str, base_of: BaseOf, tmp_path: Path
) -> None:
    (tmp_path / "pass").write_text("correct horse\n")
    out = made(
        base_of(kind),
        tmp_path,
        "--wifi-ssid",
        "大堂 lobby",
        "--wifi-pass-file",
        tmp_path / "pass",
        "--country",
        "CN",
    )
    files = files_of(out)
    key = pmk_of("correct horse", "大堂 lobby".encode())
    assert b"correct horse" not in out.read_bytes()
    table = tomllib.loads(files["onecard/node.toml"].decode())["network"]
    assert (bytes.fromhex(table["wifi_ssid_hex"]).decode(), table["wifi_pmk"]) == ("大堂 lobby", key)
    if kind == "cloud-init":
        plan = json.loads(files["network-config"])["network"]["wifis"]["wlan0"]
        assert plan["access-points"] == {"大堂 lobby": {"password": key}}
    else:
        profile = files["onecard/network/onecard-wifi.nmconnection"].decode()
        assert "ssid=" + "".join(f"{byte};" for byte in "大堂 lobby".encode()) in profile
        assert f"psk={key}" in profile
    shown = provision("inspect", out)
    assert shown.returncode == 0
    assert key not in shown.stdout


def test_inspect_and_verify(base_of: BaseOf, tmp_path: Path) -> None:
    """Planted break: leave the whole image's hash out of ``verify``."""
    out = made(base_of("firstrun"), tmp_path)
    shown = provision("inspect", out).stdout
    assert "east-gate" in shown
    assert 'ticket = "T7K2…"' in shown
    secret = tomllib.loads(ticket_file(tmp_path).read_text())["ticket"].partition(".")[2]
    assert secret not in shown
    assert "firstrun" in provision("inspect", base_of("firstrun")).stdout
    assert provision("inspect", ticket_file(tmp_path)).returncode == 1
    packed = tmp_path / "base.img.gz"
    packed.write_bytes(gzip.compress(base_of("cloud-init").read_bytes(), 1))
    said = json.loads(provision("inspect", "--base", packed).stdout)
    assert (said["first_boot"], said["size"]) == ("cloud-init", base_of("cloud-init").stat().st_size)
    assert said["sha256"] == hashlib.sha256(base_of("cloud-init").read_bytes()).hexdigest()
    packed.write_bytes(packed.read_bytes()[:-20])
    cut_short = provision("inspect", "--base", packed)
    assert (cut_short.returncode, "cut short" in cut_short.stderr) == (2, True)
    prepared = provision("inspect", "--base", out)
    assert (prepared.returncode, "already been prepared" in prepared.stderr) == (2, True)
    good = provision("verify", out)
    assert (good.returncode, "east-gate" in good.stdout) == (0, True)
    card = tmp_path / "card"  # a card is larger than its image
    card.write_bytes(out.read_bytes() + b"\xff" * 5_000_000)
    assert provision("verify", card, "--manifest", tmp_path / "out.img.json").returncode == 0
    with card.open("r+b") as file:
        file.seek(START + (40 << 20) + 100)
        file.write(b"?")
    bad = provision("verify", card, "--manifest", tmp_path / "out.img.json")
    assert (bad.returncode, "other parts" in bad.stderr) == (1, True)
    with out.open("r+b") as file:
        part = boot_partition(read_table(file, out.stat().st_size))
        FatVolume(file, part.start, part.size).write("config.txt", b"changed\n")
    bad = provision("verify", out)
    assert (bad.returncode, "config.txt differs" in bad.stderr) == (1, True)


def test_a_list_of_devices(base_of: BaseOf, tmp_path: Path) -> None:
    for number in (1, 2):
        ticket_file(tmp_path, f"gate-{number}", f"T{number}")
    table = tmp_path / "nodes.csv"
    table.write_text(
        "\ufeffnode,ticket,address,gateway\ngate-1,gate-1.toml,10.0.0.21/24,10.0.0.1\ngate-2,gate-2.toml,,\n",
        "utf-8",
    )
    out = tmp_path / "cards"
    run = provision(
        "image", "--base", base_of("cloud-init"), "--batch", table, "--out", out, "--label", "png"
    )
    assert run.returncode == 0, run.stderr
    names = [
        "gate-1.img",
        "gate-1.img.json",
        "gate-1.img.png",
        "gate-2.img",
        "gate-2.img.json",
        "gate-2.img.png",
    ]
    assert sorted(path.name for path in out.iterdir()) == names
    networks = [
        tomllib.loads(files_of(out / f"gate-{n}.img")["onecard/node.toml"].decode())["network"]
        for n in (1, 2)
    ]
    assert [network["method"] for network in networks] == ["static", "dhcp"]
    table.write_text(
        "node,ticket,address\ngate-1,gate-1.toml,10.0.0.21/24\ngate-2,gate-2.toml,10.0.0.21/24\n"
    )
    shutil.rmtree(out)
    run = provision("image", "--base", base_of("cloud-init"), "--batch", table, "--out", out)
    assert (run.returncode, "line 3" in run.stderr, "given twice" in run.stderr) == (2, True, True)
    assert list(out.iterdir()) == []


def test_a_terminal_shows_how_far_it_is(base_of: BaseOf, tmp_path: Path) -> None:
    ticket = ticket_file(tmp_path)
    master, slave = pty.openpty()
    command = ["image", "--base", base_of("firstrun"), "--node", "east-gate", "--ticket", ticket]
    with subprocess.Popen(
        [sys.executable, "-m", "provisioning", *map(str, command), "--out", str(tmp_path / "out.img")],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "LC_ALL": "zh_CN.UTF-8", "TERM": "xterm", "PYTHONUTF8": "1"},
        stdout=subprocess.DEVNULL,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 4096):
                shown += part
        except OSError:  # the other end was closed
            pass
    os.close(master)
    assert process.returncode == 0
    assert "正在复制基础镜像" in shown.decode()
    assert "100%" in shown.decode()


@pytest.mark.parametrize("what", ["image", "noise", "nothing"])
def test_a_ticket_that_is_none(what: str, base_of: BaseOf, tmp_path: Path) -> None:
    path = tmp_path / "ticket"
    if what == "image":
        path = base_of("firstrun")
    elif what == "noise":
        path.write_bytes(bytes(range(256)))
    run = provision(
        "image",
        "--base",
        base_of("firstrun"),
        "--node",
        "east-gate",
        "--ticket",
        path,
        "--out",
        tmp_path / "out.img",
    )
    assert run.returncode == (1 if what == "nothing" else 2)
    assert "Traceback" not in run.stderr
    assert str(path) in run.stderr
    assert not (tmp_path / "out.img").exists()


def test_labels(base_of: BaseOf, tmp_path: Path) -> None:
    from PIL import Image

    out = made(base_of("firstrun"), tmp_path, "--label", "png", *STATIC)
    with Image.open(tmp_path / "out.img.png") as picture:
        assert picture.size == (591, 354)
        assert picture.getextrema() == (0, 255)
    made(base_of("firstrun"), tmp_path, "--label", "pdf", "--force")
    assert (tmp_path / "out.img.pdf").read_bytes().startswith(b"%PDF-")
    assert out.exists()


def test_a_card_replaces_a_device_only_when_that_is_wanted(base_of: BaseOf, tmp_path: Path) -> None:
    """Planted break: leave ``_check_replaces`` out."""
    given, out = ticket_file(tmp_path), tmp_path / "out.img"
    command = [
        "image",
        "--base",
        base_of("cloud-init"),
        "--node",
        "east-gate",
        "--ticket",
        given,
        "--out",
        out,
    ]
    run = provision(*command, "--replace")
    assert (run.returncode, "has never joined" in run.stderr) == (2, True), run.stderr
    given.write_text("replaces = 3\n" + given.read_text("utf-8"), "utf-8")
    run = provision(*command)
    assert (run.returncode, "has joined already" in run.stderr) == (2, True), run.stderr
    assert not out.exists()
    run = provision(*command, "--replace")
    assert run.returncode == 0, run.stderr
    assert load(_written(out, tmp_path)).warnings == ()


def _written(image: Path, folder: Path) -> Path:
    path = folder / "node.toml"
    path.write_bytes(files_of(image)["onecard/node.toml"])
    return path


def test_a_spare_card_has_a_ticket_and_no_name(base_of: BaseOf, tmp_path: Path) -> None:
    """Seen when: the file for spare cards makes an image with --spare alone; what the device tells of its image stands on it
    and follows from the manifest; one for a device is refused, and the other way round.

    Planted break: ``image_hash`` over the names of the files alone (two tickets would look alike).
    """
    given, out = ticket_file(tmp_path, name="*", ticket_id="S4Q9"), tmp_path / "spare.img"
    named = ticket_file(tmp_path)
    base = base_of("cloud-init")
    run = provision("image", "--base", base, "--spare", "--ticket", given, "--out", out)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("spare-S4Q9: ")
    with out.open("rb") as file:
        volume = open_boot(file).volume
        config = tomllib.loads(volume.read("onecard/node.toml").decode())
        said = volume.read("onecard/image.sha256").decode().strip()
        assert volume.read("onecard/hostname") == b"spare-s4q9\n"
    assert config["name"] == "*"
    kept = manifest.load(manifest.manifest_path(out))
    lines = [f"{path} {digest}" for path, digest in kept.files.items() if not path.endswith("image.sha256")]
    told = "\n".join([kept.base_sha256, *sorted(lines)]) + "\n"
    assert said == hashlib.sha256(told.encode()).hexdigest()
    for who, ticket, why in (
        (["--node", "east-gate"], given, "--spare"),
        (["--spare"], named, "not for a spare card"),
        (["--spare", "--node", "east-gate"], named, "--batch"),
        (["--spare", "--replace"], given, "nothing to replace"),
    ):
        refused = provision("image", "--base", base, *who, "--ticket", ticket, "--out", tmp_path / "no.img")
        assert refused.returncode == 2, who
        assert why in refused.stderr
    assert not (tmp_path / "no.img").exists()


def test_a_bare_ticket_needs_the_centre(base_of: BaseOf, tmp_path: Path) -> None:
    whole = tomllib.loads(ticket_file(tmp_path).read_text())
    bare = tmp_path / "ticket.txt"
    bare.write_text(whole["ticket"] + "\n")
    (tmp_path / "ca.pem").write_text(CA)
    command = [
        "image",
        "--base",
        base_of("firstrun"),
        "--node",
        "north",
        "--ticket",
        bare,
        "--out",
        tmp_path / "n.img",
    ]
    refused = provision(*command)
    assert (refused.returncode, "--centre" in refused.stderr) == (2, True)
    run = provision(
        *command, "--centre", "https://10.0.0.5:8444", "--ca", tmp_path / "ca.pem", "--role", "issuer"
    )
    assert run.returncode == 0, run.stderr
    seed = tomllib.loads(files_of(tmp_path / "n.img")["onecard/node.toml"].decode())
    assert (seed["name"], seed["role"], seed["centre"]) == ("north", "issuer", ["https://10.0.0.5:8444"])


@pytest.mark.fat_tools
@pytest.mark.parametrize("kind", sorted(BASES))
def test_other_programs_find_the_card_whole(kind: str, base_of: BaseOf, tmp_path: Path) -> None:
    out = made(base_of(kind), tmp_path)
    inner = tmp_path / "fat.img"
    inner.write_bytes(out.read_bytes()[START : START + (40 << 20)])
    checked = subprocess.run(["fsck.fat", "-n", str(inner)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    read = subprocess.run(
        ["mtype", "-i", f"{out}@@{START}", "::onecard/node.toml"], capture_output=True, check=True
    ).stdout
    assert read == files_of(out)["onecard/node.toml"]
