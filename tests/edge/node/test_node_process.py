"""The program as its installer meets it: starts, answers, refuses, ends at once, comes back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cache.outbox import Outbox
from protocol.facts import AccessFact, Alarm, AlarmFact, BootFact, Outcome, OutcomeFact
from protocol.reasons import Reason
from protocol.records import DoorRow, StoragePolicy
from tests.support.facts import card_number, cards, granted, one_door
from tests.support.node_process import DEADLINE_S, ROOT, NodeProcess
from tests.support.read_only import lockable_folder

CARD = {"kind": "classic1k", "uid": card_number(1)[1:].hex()}
OTHER = {"kind": "classic1k", "uid": card_number(2)[1:].hex()}


def command(*arguments: str, language: str = "en_GB.UTF-8") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "LANG": language, "LC_ALL": language},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_within_a_second_with_its_outputs_at_rest(node: NodeProcess, number: int) -> None:
    node.seed([*one_door(), *cards(5)])
    node.start()
    line = node.line()
    line.watch()
    line.do("tap", reader=1, card=CARD)
    line.until_output("lock.1", True)
    began = time.monotonic()
    assert node.process is not None
    node.process.send_signal(number)
    line.until_output("lock.1", False, 2)
    assert node.wait() == 0
    assert time.monotonic() - began < 1.0
    outcomes = [fact for fact in node.facts() if isinstance(fact, OutcomeFact)]
    assert [fact.outcome for fact in outcomes] == [Outcome.RELEASED]


def test_a_clean_end_is_not_a_crash_and_a_crash_is_told(node: NodeProcess) -> None:
    for end in (node.stop, node.kill, node.stop):
        node.start()
        node.line()
        end()
    boots = [fact for fact in node.facts() if isinstance(fact, BootFact)]
    assert [boot.unclean for boot in boots] == [False, False, True]
    assert len({boot.boot_id for boot in boots}) == 3


def test_power_off_is_as_sudden_as_it_sounds(node: NodeProcess) -> None:
    node.start()
    node.line().do("power_off")
    assert node.wait() == 137


def test_two_processes_cannot_be_the_same_node(node: NodeProcess) -> None:
    node.start()
    node.line()
    second = command("run", "--config", str(node.config))
    assert second.returncode == 1
    assert "running already" in second.stderr


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en_GB.UTF-8", "Device east-gate"),
        ("zh_CN.UTF-8", "设备 east-gate"),
        ("zh_TW.UTF-8", "設備 east-gate"),
    ],
)
def test_the_status_in_the_installer_s_language(node: NodeProcess, language: str, words: str) -> None:
    node.seed([*one_door(), *cards(5)])
    node.start()
    node.until_status(lambda status: status["storage"]["last_seq"] > 0)
    answer = command("status", "--config", str(node.config), language=language)
    assert answer.returncode == 0
    assert words in answer.stdout
    assert "Reader 1" in answer.stdout


def test_no_node_no_status(node: NodeProcess) -> None:
    answer = command("status", "--config", str(node.config))
    assert answer.returncode == 1
    assert "no node is running here" in answer.stderr


def test_bad_configuration_is_refused_with_every_reason(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text('period_s = 0\nlanguage = "fr"\n')
    answer = command("run", "--config", str(tmp_path / "node.toml"), language="zh_CN.UTF-8")
    assert answer.returncode == 2
    assert "缺少 name" in answer.stderr
    assert len(answer.stderr.splitlines()) == 3


def test_an_unknown_key_is_only_a_warning(make_node: Callable[..., NodeProcess]) -> None:
    node = make_node(more='colour = "blue"')
    node.start()
    node.line()
    assert "unknown key: colour" in node.log.read_text()


def test_a_node_without_a_board_profile_is_refused_when_nothing_is_emulated(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text('name = "a"\n')
    answer = command("run", "--config", str(tmp_path / "node.toml"))
    assert answer.returncode == 2
    assert "board" in answer.stderr


def test_two_readers_on_two_buses(make_node: Callable[..., NodeProcess]) -> None:
    node = make_node(more='[[readers]]\nbus = "uart"\n[[readers]]\nbus = "spi"\n')
    node.seed([*one_door(points=2), *cards(5)])
    node.start()
    line = node.line()
    node.until_status(lambda status: all(reader["chip"] == "known 0x92" for reader in status["readers"]))
    line.watch()
    for reader, card in ((1, CARD), (2, OTHER)):
        line.do("tap", reader=reader, card=card)
        line.until_output(f"buzzer.{reader}", True)
    assert node.stop() == 0
    facts = [fact for fact in node.facts() if isinstance(fact, AccessFact)]
    assert [(fact.point, fact.reason) for fact in facts] == [(1, Reason.GRANTED), (2, Reason.GRANTED)]


def test_a_node_that_is_killed_takes_its_emulators_with_it(make_node: Callable[..., NodeProcess]) -> None:
    node = make_node(more='[[readers]]\nbus = "uart"\n')
    node.start()
    node.line()
    device = node.data_dir / "uart-1"
    assert device.exists()
    node.kill()
    deadline = time.monotonic() + DEADLINE_S
    while device.exists():  # the emulator takes it away when it ends
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_crash_between_the_record_and_the_door_is_unknown_never_opened(node: NodeProcess) -> None:
    node.seed([*one_door(), *cards(5)])
    outbox = Outbox(node.data_dir / "outbox.db")
    outbox.open()
    outbox.start_run()
    outbox.append([granted(1)])
    outbox.close()
    node.start()
    line = node.line()
    line.watch()
    assert not any(event.get("line") == "lock.1" and event["on"] for event in line.events)
    node.stop()
    facts = node.facts()
    assert OutcomeFact(1, Outcome.UNKNOWN) in facts
    assert OutcomeFact(1, Outcome.RELEASED) not in facts


def test_somebody_sets_the_clock_of_the_machine(node: NodeProcess) -> None:
    node.start()
    line = node.line()
    line.do("clock", shift_ms=-3_600_000)
    node.until_status(lambda status: status["storage"]["last_seq"] >= 2)
    node.stop()
    assert AlarmFact(Alarm.CLOCK_JUMPED, True, 0, "wall clock -3600 s") in node.facts()


def test_a_card_that_can_only_be_read_any_more_opens_by_the_door_s_policy(tmp_path: Path) -> None:
    """A worn-out SD card is read-only from one day to the next: the doors go on as they are told to."""
    with lockable_folder(tmp_path / "sd") as folder:
        node = NodeProcess(folder.path)
        try:
            door = DoorRow("East gate", storage_policy=StoragePolicy.GRANT_FROM_MEMORY)
            node.seed([*one_door(door=door), *cards(5)])
            (node.data_dir / "control.json").touch()
            control = tmp_path / "control.sock"
            node.config.write_text(
                f'name = "east-gate"\ndata_dir = "data"\n[emulator]\ncontrol = "{control}"\n'
            )
            folder.lock()
            node.log = tmp_path / "node.log"
            node.start_as_it_is()
            line = node.line_at(control)
            line.watch()
            line.do("tap", reader=1, card=CARD)
            line.until_output("lock.1", True)
            line.do("tap", reader=1, card={"kind": "classic1k", "uid": "04FFFFFFFFFFFF"})
            line.until_output("led_red.1", True)
            assert node.stop() == 0
        finally:
            node.close()


def test_systemd_is_told_when_it_is_ready_and_that_it_lives(node: NodeProcess, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(DEADLINE_S)
        node.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        node.start()
        assert systemd.recv(100) == b"READY=1"
        assert [systemd.recv(100) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        node.stop()
        assert systemd.recv(100) == b"STOPPING=1"


def test_a_tap_ends_once_the_card_was_read_also_for_a_card_without_a_fixed_number(node: NodeProcess) -> None:
    node.seed([*one_door(), *cards(5)])
    node.start()
    line = node.line()
    line.watch()
    line.do("tap", reader=1, card={"kind": "random"})
    line.until(lambda event: event.get("event") == "cards" and len(event["uids"]) == 1)
    line.until(lambda event: event.get("event") == "cards" and event["uids"] == [])
    node.stop()
    assert [fact.reason for fact in node.facts() if isinstance(fact, AccessFact)] == [Reason.RANDOM_UID]
