"""A release is put in place, judged, kept or rolled back; the power is cut before every step that touches the medium."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.update import launcher, place
from edge.update.place import NotPlacedError
from edge.update.trial import SYNC_TRIES_MAX, Seen, Verdict, is_healthy, judge
from protocol.enrolment import raw_public
from protocol.messages import ReleaseOffer
from protocol.updating import UpdateReason
from tests.support.releases import KEY, PROGRAM, release

PUBLIC = raw_public(KEY)
STEPS = ("replace", "rename", "unlink", "symlink", "fsync", "mkdir", "rmdir")
NEW, OLD = "0.3.0", "0.2.0"


class PowerCut(BaseException):
    """The process is gone: nothing that catches errors sees it."""


class Medium:
    """Counts what touches the medium, and cuts the power before the nth time."""

    def __init__(self, patch: pytest.MonkeyPatch, cut_before: int) -> None:
        self.count, self._cut_before = 0, cut_before
        for name in STEPS:
            patch.setattr(os, name, self._guarded(getattr(os, name)))

    def _guarded(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            self.count += 1
            if self.count == self._cut_before:
                raise PowerCut
            return real(*arguments, **more)

        return step


def data_with(folder: Path, version: str) -> Path:
    """A data folder in which this release runs, with a configuration."""
    data = folder / "data"
    data.mkdir(parents=True)
    with sqlite3.connect(data / "config.db") as config:
        config.execute("create table held (card)")
    config.close()
    place.place(release(folder / "old.tar.gz", version), PUBLIC, data, version)
    launcher.switch(data, version)
    return data


def put(archive: Path, data: Path) -> None:
    place.place(archive, PUBLIC, data, NEW)
    place.switch(data, data, ReleaseOffer(7, NEW), {"faulted": []})


def starts(data: Path) -> str:
    """What the launcher would run now; its tree is whole."""
    launcher.settle(data)
    version = launcher.running(data)
    assert place.check_tree(data / "current", PUBLIC).version == version
    return version


def test_a_power_cut_at_any_step_leaves_the_old_release_or_the_new_one(tmp_path: Path) -> None:
    """Seen when: an update is begun, the power cut before each of its steps in turn, and the node started again: whatever
    runs is whole; the update is then made again and runs. The database is never without its copy once the new one runs.

    Planted breaks that turn it red: ``launcher.switch`` unlinking ``current`` first; ``switch`` before ``place``.
    """
    seen = set()
    for cut in range(1, 1_000):
        folder = tmp_path / str(cut)
        folder.mkdir()
        data, archive = data_with(folder, OLD), release(folder / "new.tar.gz", NEW)
        with pytest.MonkeyPatch.context() as patch:
            medium = Medium(patch, cut)
            try:
                put(archive, data)
            except PowerCut:
                pass
        seen.add(version := starts(data))
        assert version in (OLD, NEW), cut
        if version == OLD:
            put(archive, data)
            assert starts(data) == NEW
        assert (data / place.KEPT / "config.db").exists()
        if medium.count < cut:
            break
    assert seen == {OLD, NEW}
    assert 20 < cut < 999


def test_a_power_cut_at_any_step_of_a_roll_back_ends_with_the_old_release(tmp_path: Path) -> None:
    """Planted break: remove ``pending.json`` before ``current`` is switched."""
    for cut in range(1, 100):
        folder = tmp_path / str(cut)
        folder.mkdir()
        data = data_with(folder, OLD)
        put(release(folder / "new.tar.gz", NEW), data)
        for _ in range(launcher.ATTEMPTS):
            assert starts(data) == NEW
        with pytest.MonkeyPatch.context() as patch:
            medium = Medium(patch, cut)
            try:
                launcher.settle(data)
            except PowerCut:
                pass
        assert starts(data) == OLD
        back = launcher.read(data / "rolled_back.json")
        assert back is not None
        assert (back["version"], back["reason"], back["offer"]) == (NEW, "crashed", 7)
        assert launcher.read(data / "pending.json") is None
        if medium.count < cut:
            break
    assert 5 < cut < 99


def test_a_power_cut_while_an_attempt_is_counted_loses_no_release(tmp_path: Path) -> None:
    data = data_with(tmp_path, OLD)
    put(release(tmp_path / "new.tar.gz", NEW), data)
    for cut in range(1, 20):
        with pytest.MonkeyPatch.context() as patch:
            medium = Medium(patch, cut)
            try:
                launcher.settle(data)
            except PowerCut:
                pass
        assert launcher.running(data) in (OLD, NEW)
        if medium.count < cut:
            break


def test_the_system_s_own_program_is_what_is_before_the_first_release(tmp_path: Path) -> None:
    """Seen when: the first release of a device crashes: ``current`` is gone again, and nothing else."""
    data = tmp_path
    put(release(tmp_path / "new.tar.gz", NEW), data)
    assert starts(data) == NEW
    for _ in range(launcher.ATTEMPTS):
        launcher.settle(data)
    assert not (data / "current").exists()
    assert place.running_version(data) == place.VERSION


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"version": 3, "attempts_left": 1}', '{"version": "0.3.0"}']
)
def test_a_word_that_is_not_ours_is_passed_over(content: str, tmp_path: Path) -> None:
    data = data_with(tmp_path, OLD)
    (data / "pending.json").write_text(content)
    assert starts(data) == OLD


def test_a_switch_that_never_happened_is_forgotten(tmp_path: Path) -> None:
    data = data_with(tmp_path, OLD)
    (data / "pending.json").write_text(json.dumps({"version": NEW, "previous": OLD, "attempts_left": 3}))
    assert starts(data) == OLD
    assert not (data / "pending.json").exists()


@pytest.mark.parametrize(
    ("what", "more", "reason"),
    [
        ("another machine", {"arch": "riscv64"}, UpdateReason.WRONG_MACHINE),
        ("another Python", {"python": ("3.1",)}, UpdateReason.WRONG_MACHINE),
        ("a newer node.toml", {"node_schema": (9, 9)}, UpdateReason.WRONG_MACHINE),
        ("another version than offered", {"version": "0.4.0"}, UpdateReason.DAMAGED),
        ("another key", {"key": Ed25519PrivateKey.generate()}, UpdateReason.DAMAGED),
    ],
)
def test_what_may_not_run_here_is_refused(
    what: str, more: dict[str, Any], reason: UpdateReason, tmp_path: Path
) -> None:
    data = data_with(tmp_path, OLD)
    archive = release(tmp_path / "new.tar.gz", **{"version": NEW, "files": PROGRAM, **more})
    with pytest.raises(NotPlacedError) as caught:
        place.prove(archive, ReleaseOffer(1, NEW), PUBLIC, data)
    assert caught.value.reason is reason, what


def test_no_older_release_takes_the_place_of_one_that_forbids_it(tmp_path: Path) -> None:
    """Planted break: leave ``_least_version`` out."""
    data = tmp_path / "data"
    data.mkdir()
    place.place(release(tmp_path / "a.tar.gz", NEW, min_version="0.2.5"), PUBLIC, data, NEW)
    launcher.switch(data, NEW)
    with pytest.raises(NotPlacedError) as caught:
        place.prove(release(tmp_path / "b.tar.gz", OLD), ReleaseOffer(1, OLD), PUBLIC, data)
    assert caught.value.reason is UpdateReason.TOO_OLD
    place.prove(release(tmp_path / "c.tar.gz", "0.2.6"), ReleaseOffer(1, "0.2.6"), PUBLIC, data)


def test_only_what_runs_and_what_may_come_back_is_kept(tmp_path: Path) -> None:
    data = data_with(tmp_path, "0.1.5")
    place.place(release(tmp_path / "b.tar.gz", OLD), PUBLIC, data, OLD)
    launcher.switch(data, OLD)
    put(release(tmp_path / "new.tar.gz", NEW), data)
    place.clear_away(data)
    assert sorted(folder.name for folder in (data / "releases").iterdir()) == [OLD, NEW]
    place.keep(data)
    place.clear_away(data)
    assert [folder.name for folder in (data / "releases").iterdir()] == [NEW]


def test_a_medium_without_room_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.check_room(tmp_path, 1)
    monkeypatch.setattr(place, "ROOM_BYTES", 1 << 60)
    with pytest.raises(NotPlacedError, match="no_room"):
        place.check_room(tmp_path, 1)


def seen(
    uptime_s: int = 400, synced: bool = True, failed: int = 0, readers: bool = True, relays: bool = True
) -> Seen:
    return Seen(uptime_s, readers, relays, synced, failed)


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        (seen(), (Verdict.KEEP, UpdateReason.NONE)),
        (seen(uptime_s=299), (Verdict.WAIT, UpdateReason.NONE)),
        (seen(uptime_s=10**7, synced=False), (Verdict.WAIT, UpdateReason.NONE)),
        (seen(synced=False, failed=SYNC_TRIES_MAX - 1), (Verdict.WAIT, UpdateReason.NONE)),
        (seen(uptime_s=1, synced=False, failed=SYNC_TRIES_MAX), (Verdict.ROLL_BACK, UpdateReason.NO_SYNC)),
        (seen(readers=False), (Verdict.WAIT, UpdateReason.NONE)),
        (seen(uptime_s=600, readers=False), (Verdict.ROLL_BACK, UpdateReason.READER)),
        (seen(uptime_s=600, relays=False), (Verdict.ROLL_BACK, UpdateReason.RELAY)),
        (seen(uptime_s=10**7, synced=False, readers=False), (Verdict.WAIT, UpdateReason.NONE)),
    ],
)
def test_a_release_is_judged_only_while_the_centre_can_be_reached(
    how: Seen, wanted: tuple[Verdict, UpdateReason]
) -> None:
    """Planted break: roll back for a reader without asking ``synced``."""
    assert judge(how, 300) == wanted


def test_what_ran_long_enough_is_in_no_crash_loop() -> None:
    assert is_healthy(seen(synced=False), 300)
    assert not is_healthy(seen(uptime_s=299), 300)
    assert not is_healthy(seen(readers=False), 300)
