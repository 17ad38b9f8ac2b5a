"""Base images brought in parts: what may be written where, and whose token is taken."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.nodes import base_store
from central.nodes.card_maker import BASES_FOLDER

Disk = namedtuple("Disk", "total used free")


def test_a_part_that_comes_twice_changes_nothing_and_none_may_be_left_out(tmp_path: Path) -> None:
    """Planted break: ``write_part`` not asking what is there."""
    token = base_store.begin(tmp_path, 7, "os.img.xz", 10)
    assert base_store.write_part(tmp_path, token, 0, b"01234") == 5
    assert base_store.write_part(tmp_path, token, 5, b"56789") == 10
    assert base_store.write_part(tmp_path, token, 5, b"56789") == 10
    with pytest.raises(ConflictError):
        base_store.write_part(tmp_path, token, 11, b"b")
    path = tmp_path / BASES_FOLDER / base_store.INCOMING / token
    assert path.read_bytes() == b"0123456789"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("token", ["", "7-short", "../../keys/ca.key", "7-" + "a" * 22])
def test_a_token_that_was_not_given_out_writes_nowhere(tmp_path: Path, token: str) -> None:
    base_store.begin(tmp_path, 7, "os.img", 10)
    with pytest.raises(NotFoundError):
        base_store.write_part(tmp_path, token, 0, b"x")


@pytest.mark.parametrize(
    "name", ["os.zip", ".img", "../os.img", "a/b.img", "os .img", "系统.img", "a" * 100 + ".img"]
)
def test_a_name_that_could_stand_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError):
        base_store.begin(tmp_path, 7, name, 10)


def test_without_room_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted break: the reserve left out."""
    free = base_store.RESERVE_BYTES + 9
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Disk(free, 0, free))
    base_store.begin(tmp_path, 7, "os.img", 9)
    with pytest.raises(ConflictError, match="4096 MB"):
        base_store.begin(tmp_path, 7, "os.img", 10)


def test_a_new_beginning_drops_the_old_one_of_the_same_operator_alone(tmp_path: Path) -> None:
    mine, other = (base_store.begin(tmp_path, number, "os.img", 5) for number in (7, 71))
    again = base_store.begin(tmp_path, 7, "os.img", 5)
    with pytest.raises(NotFoundError):
        base_store.write_part(tmp_path, mine, 0, b"x")
    for token in (other, again):
        assert base_store.write_part(tmp_path, token, 0, b"x") == 1
    base_store.sweep(tmp_path)
    with pytest.raises(NotFoundError):
        base_store.write_part(tmp_path, again, 0, b"x")
