"""A sign of life goes out only while everybody gets on (I9)."""

from __future__ import annotations

import socket
from pathlib import Path

from edge.watchdog import Notifier, Watchdog


def test_states_reach_the_socket_that_systemd_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"})
        assert notifier.watchdog_s == 3.0
        assert notifier.send("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_a_name_that_begins_with_an_at_sign_is_abstract() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0onecard-test-notify")
        assert Notifier({"NOTIFY_SOCKET": "@onecard-test-notify"}).send("STOPPING=1")
        assert systemd.recv(100) == b"STOPPING=1"


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    assert not Notifier({}).send("READY=1")
    assert Notifier({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}).watchdog_s == 0
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send("READY=1")


def test_one_thread_that_stands_still_withholds_the_food() -> None:
    fed: list[str] = []
    polls = {"reader 1": 1, "reader 2": 1}
    watchdog = Watchdog(fed.append, lambda: polls)
    assert watchdog.feed()
    polls["reader 1"] += 1
    assert not watchdog.feed()
    assert watchdog.stuck == ("reader 2",)
    polls["reader 1"] += 1
    polls["reader 2"] += 1
    assert watchdog.feed()
    assert (fed, watchdog.stuck) == (["WATCHDOG=1"] * 2, ())
