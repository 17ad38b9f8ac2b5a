"""Rows on disk: all of a change or nothing of it, never backwards, never believed when damaged (I6, I7)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge.cache.errors import CorruptedError, RefusedError, StorageDeadError, StorageFullError
from edge.cache.store import ConfigStore
from protocol.errors import ProtocolError
from protocol.ids import Stream
from protocol.reasons import Reason
from protocol.records import CardRow, Change, Digest, Kind, RestrictionRow, Revisions, delete, put
from protocol.view import View
from tests.support.crashvfs import Disk
from tests.support.facts import (
    WALL_MS,
    apply,
    card_number,
    cards,
    delta,
    first_configuration,
    one_door,
    whole,
)
from tests.support.read_only import lockable_folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.db"


def opened(path: Path) -> tuple[ConfigStore, View]:
    store = ConfigStore(path)
    return store, store.open()


LOST = put(card_number(2), RestrictionRow(Reason.CARD_LOST, 9, 0))


def test_an_empty_store_knows_nothing_and_denies_everything(path: Path) -> None:
    store, view = opened(path)
    assert store.revisions == Revisions()
    assert view.card(card_number(1)) is None
    assert not view.access_points


def test_a_snapshot_is_found_again_at_once_and_after_loading(path: Path) -> None:
    store, _ = opened(path)
    installed, digests = store.install(first_configuration([*one_door(), *cards(50)], [LOST]))
    store.close()
    store, quick = opened(path)
    assert store.digests == digests
    assert store.issued_at_ms == WALL_MS
    for view in (installed, quick, store.load()):
        assert view.revisions == store.revisions == Revisions(1, 1, 1, 1)
        assert view.card_count() == 50
        assert view.card(card_number(49)) == CardRow(50, 0, 0, 1, (1,))
        assert view.card(card_number(50)) is None
        assert view.restriction(card_number(2)) == RestrictionRow(Reason.CARD_LOST, 9, 0)
        assert set(view.access_points) == {1}


def test_commit_and_install_store_the_same(tmp_path: Path) -> None:
    one, _ = opened(tmp_path / "one.db")
    two, _ = opened(tmp_path / "two.db")
    first = first_configuration([*one_door(), *cards(20)])
    _, digests = one.install(first)
    assert two.commit(first) == digests
    assert dict(one.load()._base.items()) == dict(two.load()._base.items())


def test_a_delta_keeps_the_digest_of_the_rows(path: Path) -> None:
    store, _ = opened(path)
    rows = [*one_door(), *cards(20)]
    store.install(first_configuration(rows))
    changed = put(card_number(3), CardRow(99, 0, 0, 2, (1,)))
    changes = [
        changed,
        delete(Kind.CARD, card_number(4)),
        delete(Kind.CARD, card_number(77)),
        *cards(1, start=30),
    ]
    digests = store.commit(apply(delta(Stream.ACCESS, 1, 5, changes)))
    left = {(row.kind, row.key): row for row in [*rows, *cards(1, start=30), changed]}
    del left[Kind.CARD, card_number(4)]
    expected = Digest()
    for row in left.values():
        expected.add(row.kind, row.key, row.body)
    assert digests[Stream.ACCESS - 1] == expected.value
    assert store.revisions == Revisions(1, 1, 5, 1)
    view = store.load()  # checks the digest of every row
    assert view.card(card_number(3)) == CardRow(99, 0, 0, 2, (1,))
    assert view.card(card_number(4)) is None
    assert view.card_count() == 20


@pytest.mark.parametrize(
    "backwards",
    [
        apply(whole(Stream.ACCESS, 4, [])),
        apply(delta(Stream.ACCESS, 5, 5, [])),
        apply(delta(Stream.ACCESS, 4, 6, [])),
        apply(delta(Stream.ACCESS, 6, 7, [])),
        apply(whole(Stream.ACCESS, 9, []), config_epoch=0),
        apply(whole(Stream.ACCESS, 9, []), config_epoch=2),
        first_configuration([], revision=9, config_epoch=0),
    ],
    ids=[
        "older snapshot",
        "same delta",
        "older base",
        "newer base",
        "older epoch",
        "part of an epoch",
        "whole older epoch",
    ],
)
def test_what_would_go_back_is_refused(path: Path, backwards: object) -> None:
    store, _ = opened(path)
    store.install(first_configuration(cards(5), revision=5))
    with pytest.raises(RefusedError):
        store.commit(backwards)  # type: ignore[arg-type]
    with pytest.raises(RefusedError):
        store.install(backwards)  # type: ignore[arg-type]
    assert store.revisions == Revisions(1, 5, 5, 5)
    store.close()
    store, _ = opened(path)
    assert store.load().card_count() == 5


def test_a_new_epoch_may_count_from_one_again(path: Path) -> None:
    store, _ = opened(path)
    store.install(first_configuration(cards(5), revision=5))
    store.install(first_configuration(cards(6), revision=1, config_epoch=2))
    assert store.revisions == Revisions(2, 1, 1, 1)


def test_the_same_revision_may_come_whole_to_heal(path: Path) -> None:
    store, _ = opened(path)
    store.install(first_configuration(cards(5), revision=5))
    store.install(apply(whole(Stream.ACCESS, 5, cards(6))))
    assert store.load().card_count() == 6


def test_a_row_that_cannot_be_used_stores_nothing(path: Path) -> None:
    store, _ = opened(path)
    store.install(first_configuration(cards(5)))
    bad = Change(Kind.CARD, card_number(9), b"\x93garbage")
    with pytest.raises(ProtocolError):
        store.install(apply(whole(Stream.ACCESS, 2, [*cards(3), bad])))
    assert store.revisions == Revisions(1, 1, 1, 1)
    assert store.load().card_count() == 5


def test_a_full_disk_stores_nothing_and_goes_on_later(path: Path) -> None:
    disk = Disk()
    store = ConfigStore(path, disk.opener)
    store.open()
    store.install(first_configuration(cards(5)))
    disk.full = True
    with pytest.raises(StorageFullError):
        store.commit(apply(delta(Stream.ACCESS, 1, 2, cards(500, start=100))))
    assert store.revisions == Revisions(1, 1, 1, 1)
    disk.full = False
    store.commit(apply(delta(Stream.ACCESS, 1, 2, cards(500, start=100))))
    assert store.load().card_count() == 505
    store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM access WHERE key = (SELECT max(key) FROM access)",
        "UPDATE access SET body = x'95010000019101' WHERE key = (SELECT max(key) FROM access)",
        "UPDATE stream SET digest = zeroblob(16) WHERE stream = 2",
        "DELETE FROM restrictions",
    ],
)
def test_rows_that_differ_from_their_digest_are_not_believed(path: Path, damage: str) -> None:
    store, _ = opened(path)
    store.install(first_configuration(cards(5), [LOST]))
    store.close()
    connection = sqlite3.connect(path)
    connection.execute(damage)
    connection.commit()
    connection.close()
    store, _ = opened(path)
    with pytest.raises(CorruptedError):
        store.load()


def test_a_damaged_file_is_put_aside_and_everything_is_denied(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 400)
    store = ConfigStore(path)
    with pytest.raises(CorruptedError):
        store.open()
    kept = store.set_aside("damaged")
    assert store.open().card_count() == 0
    assert kept.exists()
    assert store.revisions == Revisions()


def test_rows_of_unknown_optional_kinds_are_kept_and_counted(path: Path) -> None:
    store, _ = opened(path)
    newer = Change(77, b"any key", b"any body")
    store.install(first_configuration([*cards(2), newer]))
    store.close()
    store, _ = opened(path)
    assert store.load().card_count() == 2
    store.commit(apply(delta(Stream.ACCESS, 1, 2, [Change(77, b"any key", b"")])))
    assert store.load().card_count() == 2


def test_a_card_that_can_only_be_read_any_more_still_says_who_may_enter(tmp_path: Path) -> None:
    with lockable_folder(tmp_path / "sd") as folder:
        store, _ = opened(folder.path / "config.db")
        store.install(first_configuration([*one_door(), *cards(5)]))
        store.commit(apply(delta(Stream.RESTRICTIONS, 1, 2, [LOST])))
        log = (folder.path / "config.db-wal").read_bytes()
        content = (folder.path / "config.db").read_bytes()
        store.close()
        (folder.path / "config.db").write_bytes(
            content
        )  # as it stood at a power cut: the newest rows are in the log
        (folder.path / "config.db-wal").write_bytes(log)
        folder.lock()
        store, view = opened(folder.path / "config.db")
        assert not store.is_durable
        assert view.revisions == Revisions(1, 2, 1, 1)
        assert store.load().restriction(card_number(2)) is not None
        with pytest.raises(StorageDeadError):
            store.commit(apply(delta(Stream.RESTRICTIONS, 2, 3, [])))
        store.close()
        folder.unlock()
        store, view = opened(folder.path / "config.db")
        assert store.is_durable
        assert view.revisions == Revisions(1, 2, 1, 1)
        store.close()


def test_opening_reads_no_card_whatever_their_number(path: Path) -> None:
    """A start must not wait for 100,000 rows of a slow card: the plan, not the time, is judged."""
    store, _ = opened(path)
    store.install(first_configuration([*one_door(), *cards(50)], [LOST]))
    asked: list[str] = []
    store._connection.set_trace_callback(asked.append)
    for stream in Stream:
        rows = list(store._rows(stream, and_cards=False))
        assert all(row.kind != Kind.CARD for row in rows)
    store._connection.set_trace_callback(None)
    assert len(asked) == len(Stream)
    for text in asked:
        plan = [row[3] for row in store._connection.execute(f"EXPLAIN QUERY PLAN {text}")]
        assert not [line for line in plan if line.startswith("SCAN")], plan


def test_the_last_change_of_a_row_in_a_delta_is_the_one_that_stays(path: Path) -> None:
    store, _ = opened(path)
    store.install(first_configuration([*one_door(), *cards(3)]))
    key = card_number(1)
    changes = [
        put(key, CardRow(1, 0, 0, 7, (1,))),
        delete(Kind.CARD, key),
        put(key, CardRow(1, 0, 0, 8, (1,))),
    ]
    store.commit(apply(delta(Stream.ACCESS, 1, 2, changes)))
    store.close()
    store, _ = opened(path)
    card = store.load().card(key)  # which also compares the rows with their digest
    assert card is not None
    assert card.issue_no == 8
