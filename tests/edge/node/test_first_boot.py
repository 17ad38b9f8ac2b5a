"""The first start of a device: each step killed and resumed, secrets overwritten where they stand, a report for people."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.clock import FakeTime
from edge.config import load
from edge.files import FileError
from edge.first_boot import steps
from edge.first_boot.__main__ import main
from edge.first_boot.card import Card, without_secrets
from edge.first_boot.steps import STAMPS, Setup, Stamps
from edge.identity import IdentityFiles, Member
from edge.release import BUILT_AT_MS, VERSION
from edge.status import short_path
from protocol.enrolment import fingerprint, raw_public

ROOT = Path(__file__).parents[3]
SECRET = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM"
PMK = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
HELD = {"configuration": {"config_epoch": 1, "restrictions": 4, "access": 9, "cards": 3, "problem": ""}}


def card_in(root: Path) -> Path:
    """A card's folder as ``onecard-provision image`` writes it, and the system around it."""
    card = root / "boot/firmware/onecard"
    (card / "network").mkdir(parents=True)
    (card / "node.toml").write_text(
        f'schema = 1\nname = "east-gate"\nticket = "T7K2.{SECRET}"\n'
        'centre = ["https://10.0.0.5:8444"]\nca_pem = "PEM"\ndata_dir = "/data/onecard/node"\n'
        f'\n[network]\nmethod = "dhcp"\ncountry = "CN"\nwifi_ssid_hex = "6c"\nwifi_pmk = "{PMK}"\n'
    )
    (card / "hostname").write_text("east-gate\n")
    (card / "network/onecard-wifi.nmconnection").write_text(f"[wifi-security]\nkey-mgmt=wpa-psk\npsk={PMK}\n")
    (card / "timesyncd.conf").write_text("[Time]\nNTP=10.0.0.5\n")
    (card.parent / "network-config").write_text(
        json.dumps({"network": {"wifis": {"wlan0": {"access-points": {"l": {"password": PMK}}}}}}) + "\n"
    )
    led = root / "sys/class/leds/ACT"
    led.mkdir(parents=True)
    for name in ("trigger", "delay_on", "delay_off"):
        (led / name).write_text("")
    (root / "etc").mkdir()
    (root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n")
    return card


def run(phase: str, root: Path, kill_at: int = 0) -> int:
    """The real command on this root, killed at its ``kill_at``-th promise of the medium; its exit code."""
    driver = (
        "import itertools, os, signal, sys\n"
        "number, real = itertools.count(1), os.fsync\n"
        f"os.fsync = lambda handle: os.kill(os.getpid(), 9) if next(number) == {kill_at} else real(handle)\n"
        "from edge.first_boot.__main__ import main\n"
        f"sys.exit(main([{phase!r}, '--root', {str(root)!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", driver], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode in (0, 1, -signal.SIGKILL), done.stderr
    return done.returncode


def light(root: Path) -> tuple[str, str]:
    led = root / "sys/class/leds/ACT"
    return (led / "trigger").read_text(), (led / "delay_on").read_text()


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    """What is there, but for the key (another one each time) and the lights."""
    return {
        str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and "sys/" not in str(path) and not path.name.endswith((".new", "node.key"))
    }


@contextmanager
def a_node(root: Path, ticket: str = "T7K2") -> Iterator[None]:
    """A node that has joined and holds everything, as its files and its status socket show it."""
    data = root / "data/onecard/node"
    data.mkdir(parents=True, exist_ok=True)
    IdentityFiles(data).save_member(Member("east-gate", 3, bytes(32), bytes(32), "s", 30, bytes(16), ticket))
    server = socket.socket(socket.AF_UNIX)
    with short_path(data / "status.sock") as name:
        server.bind(name)
    server.listen()

    def answer() -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            with connection:
                connection.makefile().readline()
                connection.sendall(json.dumps(HELD).encode())

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
        (data / "status.sock").unlink()


def test_what_is_prepared_and_that_a_power_cut_anywhere_resumes(tmp_path: Path) -> None:
    """Planted break: put the stamp before the act; write a file without ``write_whole``."""
    whole = tmp_path / "whole"
    card = card_in(whole)
    assert run("prepare", whole) == 0
    assert (whole / "etc/hostname").read_text() == "east-gate\n"
    assert (whole / "etc/hosts").read_text() == "127.0.0.1\tlocalhost\n127.0.1.1\teast-gate\n"
    profile = whole / "etc/NetworkManager/system-connections/onecard-wifi.nmconnection"
    assert (stat.S_IMODE(profile.stat().st_mode), PMK in profile.read_text()) == (0o600, True)
    assert "NTP=10.0.0.5" in (whole / "etc/systemd/timesyncd.conf.d/onecard.conf").read_text()
    key = (whole / "data/onecard/node/node.key").read_bytes()
    assert len(key) == 32
    assert light(whole) == ("heartbeat", "100")
    report = (card / "REPORT.txt").read_text()
    assert "waits for the centre" in report
    assert "[x] 设备密钥 key of the device: ok" in report
    expected = everything(whole)
    assert run("prepare", whole) == 0
    assert everything(whole) == expected
    assert (whole / "data/onecard/node/node.key").read_bytes() == key, "a key is born once"
    for number in range(1, 60):
        root = tmp_path / f"r{number}"
        card_in(root)
        if run("prepare", root, kill_at=number) == 0:
            break
        assert run("prepare", root) == 0
        assert everything(root) == expected, number
    assert number > 15


def test_a_spare_card_says_what_is_read_out_until_it_is_a_device(tmp_path: Path) -> None:
    """Seen when: its report names board and fingerprint and says in two languages that it waits for approval; the light says
    that it is ready; once it has joined, the report and the host name are the device's.

    Planted breaks: ``_report`` without the spare; ``steps.name`` reading the card alone.
    """
    card = card_in(tmp_path)
    text = (card / "node.toml").read_text().replace('"east-gate"', '"*"')
    (card / "node.toml").write_text(
        f'{text}\n[emulator]\ncontrol = "127.0.0.1:0"\nboard_serial = "10a2b3c4"\n'
    )
    (card / "hostname").write_text("spare-t7k2\n")
    assert run("prepare", tmp_path) == 0
    assert light(tmp_path)[0] == "heartbeat"
    key = IdentityFiles(tmp_path / "data/onecard/node").key()
    report = (card / "REPORT.txt").read_text()
    assert "设备 device: 备用卡 spare card" in report
    assert "板号 board: 10a2b3c4" in report
    assert f"指纹 fingerprint: {fingerprint(raw_public(key))}" in report
    assert "等待管理中心批准" in report
    assert "waits until the centre approves it" in report
    assert (tmp_path / "etc/hostname").read_text() == "spare-t7k2\n"
    with a_node(tmp_path):
        assert run("settle", tmp_path) == 0
    assert run("prepare", tmp_path) == 0
    report = (card / "REPORT.txt").read_text()
    assert "设备 device: east-gate" in report
    assert "done, the device has joined" in report
    assert "fingerprint" not in report
    assert (tmp_path / "etc/hostname").read_text() == "east-gate\n"


def test_after_the_first_sync_the_card_has_no_secrets(tmp_path: Path) -> None:
    """Planted break: overwrite with a shorter text, or leave the profile of the Wi-Fi out."""
    whole = tmp_path / "whole"
    card = card_in(whole)
    sizes = {path: path.stat().st_size for path in card.parent.rglob("*") if path.is_file()}
    assert run("prepare", whole) == 0
    with a_node(whole):
        assert run("settle", whole) == 0
    for path, size in sizes.items():
        content = path.read_bytes()
        assert len(content) == size, path
        assert SECRET.encode() not in content, path
        assert PMK.encode() not in content, path
    assert (card.parent / "network-config").read_text().strip() == "network: {config: disabled}"
    config = load(card / "node.toml")
    assert config.ticket is not None
    assert (config.ticket.ticket_id, config.ticket.secret) == ("T7K2", bytes(32))
    assert PMK in (whole / "etc/NetworkManager/system-connections/onecard-wifi.nmconnection").read_text()
    report = (card / "REPORT.txt").read_text()
    assert "done, the device has joined" in report
    assert "east-gate #3" in report
    assert light(whole)[0] == "mmc0"
    expected = everything(whole)
    assert run("prepare", whole) == 0, "a card without its secrets is still the same card"
    assert run("settle", whole) == 0, "and nothing is asked of the node again"
    after = {path: found for path, found in everything(whole).items() if not path.endswith("REPORT.txt")}
    assert after == {path: found for path, found in expected.items() if not path.endswith("REPORT.txt")}
    for number in range(1, 40):
        root = tmp_path / f"r{number}"
        card_in(root)
        assert run("prepare", root) == 0
        with a_node(root):
            code = run("settle", root, kill_at=number)
            if code == 0:
                break
            assert run("settle", root) == 0
        found = everything(root)
        assert {k: v for k, v in found.items() if "scrubbed" not in k and "REPORT" not in k} == {
            k: v for k, v in expected.items() if "scrubbed" not in k and "REPORT" not in k
        }, number
    assert number > 8


def test_a_card_that_cannot_be_used_says_why_on_itself_in_two_languages(tmp_path: Path) -> None:
    card = card_in(tmp_path)
    text = (card / "node.toml").read_text().replace(SECRET, "short")
    (card / "node.toml").write_text(text)
    assert run("prepare", tmp_path) == 1
    report = (card / "REPORT.txt").read_text()
    assert "!! ticket: not a ticket, or cut short; copy it whole from the centre" in report
    assert "!! ticket:不是入网凭证" in report
    assert light(tmp_path) == ("timer", "1000")
    assert not (tmp_path / "data").exists()
    (card / "node.toml").unlink()
    assert run("settle", tmp_path) == 1
    assert "node.toml" in (card / "REPORT.txt").read_text()


def test_a_step_that_fails_is_named_tried_again_and_stops_no_other(tmp_path: Path) -> None:
    card = card_in(tmp_path)
    (tmp_path / "data/onecard").mkdir(parents=True)
    (tmp_path / "data/onecard/node").write_text("in the way")
    assert run("prepare", tmp_path) == 1
    report = (card / "REPORT.txt").read_text()
    assert "[!] 设备密钥 key of the device: !!" in report
    assert "needs a person" in report
    assert (tmp_path / "etc/hostname").read_text() == "east-gate\n"
    assert light(tmp_path) == ("timer", "1000")
    (tmp_path / "data/onecard/node").unlink()
    assert run("prepare", tmp_path) == 0
    assert "[!]" not in (card / "REPORT.txt").read_text()


def test_a_card_that_has_joined_and_lost_its_key_gets_no_other_one(tmp_path: Path) -> None:
    """A damaged data partition is no new device: its records are lost too, and only a replacement says so at the centre.

    Planted break: ``key`` without asking whether the ticket is spent.
    """
    card = card_in(tmp_path)
    assert run("prepare", tmp_path) == 0
    with a_node(tmp_path):
        assert run("settle", tmp_path) == 0
    shutil.rmtree(tmp_path / "data")
    assert run("prepare", tmp_path) == 1
    report = (card / "REPORT.txt").read_text()
    assert "[!] 设备密钥 key of the device: !!" in report
    assert "replace the device" in report
    assert light(tmp_path) == ("timer", "1000")
    assert not (tmp_path / "data/onecard/node/node.key").exists()


def test_a_read_only_system_keeps_its_name_on_the_data_partition(tmp_path: Path) -> None:
    """NetworkManager takes the name from there: with a name of its own in the system it would set that one again.

    Planted break: ``name`` replacing the link by a file.
    """
    card_in(tmp_path)
    (tmp_path / "etc/hostname").symlink_to("/data/onecard/system/hostname")
    assert run("prepare", tmp_path) == 0
    assert (tmp_path / "data/onecard/system/hostname").read_text() == "east-gate\n"
    assert (tmp_path / "etc/hostname").is_symlink()


def test_a_card_changed_by_hand_is_taken_as_new(tmp_path: Path) -> None:
    folder = card_in(tmp_path)
    card = Card(folder)
    before = card.fingerprint()
    stamps = Stamps(tmp_path / "stamps", before)
    stamps.put("network", "ok")
    assert stamps.text("network") == "ok"
    card.take_secrets_away()
    assert card.fingerprint() == before
    (folder / "hostname").write_text("west-gate\n")
    assert card.fingerprint() != before
    assert Stamps(tmp_path / "stamps", card.fingerprint()).text("network") is None
    assert card.take_secrets_away() == 0


def test_secrets_are_found_however_they_are_written() -> None:
    text = b'  ticket="A1.abc-_"\nwifi_pmk =  "00FFaa"\nname = "ticket"\n#x\npsk=a b\n'
    assert (
        without_secrets(text) == b'  ticket="A1.AAAAA"\nwifi_pmk =  "000000"\nname = "ticket"\n#x\npsk=000\n'
    )


class Recorder:
    """Programs of the system: what was asked of them."""

    def __init__(self, fails: str = "") -> None:
        self.asked: list[tuple[str, ...]] = []
        self._fails = fails

    def __call__(self, command: list[str], given: str = "") -> str:
        self.asked.append(tuple(command))
        if command[0] == self._fails:
            raise subprocess.CalledProcessError(1, command)
        return {"findmnt": "/dev/mmcblk0p3\n", "lsblk": "mmcblk0\n"}.get(command[0], "")


def setup_of(root: Path, recorder: Recorder, time: FakeTime | None = None) -> Setup:
    card = Card(root / "boot/firmware/onecard", recorder, root / "mounts")
    return Setup(root, card, load(card.folder / "node.toml"), time or FakeTime(), recorder)


def test_the_data_partition_grows_to_the_end_of_the_card(tmp_path: Path) -> None:
    card_in(tmp_path)
    recorder = Recorder()
    (tmp_path / "data").mkdir()
    assert steps.grow(setup_of(tmp_path, recorder)) == "-", "no partition of ours, nothing to grow"
    place = tmp_path / "sys/class/block/mmcblk0p3"
    place.mkdir(parents=True)
    (place / "partition").write_text("3\n")
    assert steps.grow(setup_of(tmp_path, recorder)).endswith("MiB")
    assert recorder.asked[-3:] == [
        ("sfdisk", "--no-reread", "--force", "-q", "-N", "3", "/dev/mmcblk0"),
        ("partx", "-u", "-n", "3", "/dev/mmcblk0"),
        ("resize2fs", "/dev/mmcblk0p3"),
    ]
    failing = setup_of(tmp_path, Recorder("resize2fs"))
    assert not steps.prepare(failing)
    assert failing.said["storage"].startswith("!!")
    assert failing.said["key"] == "ok"


def test_a_read_only_boot_partition_is_writable_only_while_it_is_written(tmp_path: Path) -> None:
    card_in(tmp_path)
    recorder = Recorder()
    setup = setup_of(tmp_path, recorder)
    point = str(tmp_path / "boot/firmware")
    (tmp_path / "mounts").write_text(f"/dev/mmcblk0p1 {point} vfat ro,relatime 0 0\n")
    setup.card.take_secrets_away()
    assert recorder.asked == [
        ("mount", "-o", "remount,rw", point),
        ("mount", "-o", "remount,ro", point),
    ]
    (tmp_path / "mounts").write_text(f"/dev/mmcblk0p1 {point} vfat rw,relatime 0 0\n")
    setup.card.report("all is well")
    assert len(recorder.asked) == 2


def test_no_time_is_believed_that_has_certainly_passed(tmp_path: Path) -> None:
    card_in(tmp_path)
    late = FakeTime(wall_ms=BUILT_AT_MS + 1)
    assert steps.clock(setup_of(tmp_path, Recorder(), late)) == "ok"
    early = FakeTime(wall_ms=BUILT_AT_MS - 86_400_000)
    assert steps.clock(setup_of(tmp_path, Recorder(), early)) == "+86400 s"
    epoch = tmp_path / "usr/lib/clock-epoch"
    epoch.parent.mkdir(parents=True)
    epoch.touch()
    os.utime(epoch, (BUILT_AT_MS // 1_000 + 50, BUILT_AT_MS // 1_000 + 50))
    assert steps.clock(setup_of(tmp_path, Recorder(), FakeTime(wall_ms=BUILT_AT_MS))) == "+50 s"


def test_the_program_is_translated_once_for_each_release(tmp_path: Path) -> None:
    """Planted break: leave the mark out; then each start translates anew."""
    card_in(tmp_path)
    setup = setup_of(tmp_path, Recorder())
    assert steps.program(setup) == "-"
    site = tmp_path / "data/onecard/releases/1/site"
    (site / "edge").mkdir(parents=True)
    (site / "edge/__init__.py").write_text("A = 1\n")
    (tmp_path / "data/onecard/current").symlink_to("releases/1")
    assert steps.program(setup) == VERSION
    (made,) = (site / "edge/__pycache__").iterdir()
    made.unlink()
    assert steps.program(setup) == VERSION
    assert not list((site / "edge/__pycache__").iterdir())


def test_a_secret_that_cannot_be_overwritten_is_no_secret_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(card_in(tmp_path))

    def broken(_handle: int) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(FileError, match="Read-only"):
        card.take_secrets_away()


def test_the_ticket_of_another_card_is_not_this_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that has joined before waits until it has joined with the ticket of the new card."""
    card_in(tmp_path)
    waited: list[float] = []

    class Enough(Exception):
        pass

    def enough(seconds: float) -> None:
        waited.append(seconds)
        raise Enough

    monkeypatch.setattr("time.sleep", enough)
    with a_node(tmp_path, ticket="OLD"), pytest.raises(Enough):
        main(["settle", "--root", str(tmp_path)])
    assert waited == [2.0]
    assert SECRET in (tmp_path / "boot/firmware/onecard/node.toml").read_text()
    assert not (tmp_path / STAMPS).exists()
