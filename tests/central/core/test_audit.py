"""The audit trail: one row per change, in its transaction, chained; what is changed or cut off is found (I14)."""

from __future__ import annotations

import pytest

from central.audit import (
    ACTING,
    SYSTEM,
    Actor,
    Audit,
    AuditEntry,
    AuditHead,
    AuditWitness,
    Head,
    act_on_many,
    drop_details,
    read_head,
    verify,
    witness,
)
from central.clock import FakeClock
from central.db import Database
from central.errors import AuditError
from central.settings import Setting, put

WHO = Actor("operator", 7, "0007 Zhou", "10.0.0.9")


@pytest.fixture
async def audit(database: Database) -> Audit:
    made = Audit(database, FakeClock())
    await made.start()
    return made


async def three(database: Database, audit: Audit) -> None:
    for number in range(3):
        await database.write(
            audit.record, WHO, "cards.lost", "card", number, {"a": 1}, {"a": 2}, "lost on the bus"
        )


async def test_rows_are_numbered_and_chained(database: Database, audit: Audit) -> None:
    await three(database, audit)
    assert await database.read(verify) == 3
    assert audit.head.seq == 3
    assert audit.head == await database.read(read_head)
    row = await database.read(lambda: AuditEntry.get(AuditEntry.seq == 2))
    assert row.detail["reason"] == "lost on the bus"
    assert row.detail["actor"] == "0007 Zhou"
    assert row.object_id == "1"


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (
            lambda: AuditEntry.update(action="cards.found").where(AuditEntry.seq == 2).execute(),
            "2 was changed",
        ),
        (lambda: AuditEntry.update(actor_id=8).where(AuditEntry.seq == 1).execute(), "1 was changed"),
        (
            lambda: AuditEntry.update(detail={"actor": "x"}).where(AuditEntry.seq == 2).execute(),
            "detail of row 2",
        ),
        (lambda: AuditEntry.delete().where(AuditEntry.seq == 2).execute(), "2 is missing"),
        (lambda: AuditEntry.delete().where(AuditEntry.seq == 3).execute(), "does not fit its head"),
        (lambda: AuditEntry.delete().execute(), "does not fit its head"),
        (lambda: AuditHead.update(seq=9).execute(), "does not fit its head"),
    ],
)
async def test_every_change_behind_its_back_is_found(database: Database, audit: Audit, attack, words) -> None:
    """Planted break: leave ``previous`` out of ``chain``."""
    await three(database, audit)
    await database.write(lambda: attack() and None)
    with pytest.raises(AuditError, match=words):
        await database.read(verify)


async def test_a_clean_cut_is_found_by_who_has_seen_more(database: Database, audit: Audit) -> None:
    """The newest rows and the head are taken away together: only a witness can tell."""
    await three(database, audit)
    seen = audit.head

    def cut() -> None:
        AuditEntry.delete().where(AuditEntry.seq == 3).execute()
        AuditHead.update(seq=2, hash=AuditEntry.get(AuditEntry.seq == 2).hash).execute()

    await database.write(cut)
    assert await database.read(verify) == 2
    with pytest.raises(AuditError, match="rows 3 to 3 were cut off"):
        await database.read(verify, [seen])


async def test_a_chain_that_was_written_anew_is_found_by_its_witness(
    database: Database, audit: Audit
) -> None:
    await three(database, audit)
    await database.write(witness, Head(2, bytes(32)), FakeClock().now())
    with pytest.raises(AuditError, match="2 is not the one that was witnessed"):
        await database.read(verify)
    await database.write(lambda: AuditWitness.delete().execute() and None)
    with pytest.raises(AuditError, match="two different heads"):
        await database.read(verify, [Head(1, bytes(32)), Head(1, b"x" * 32)])


async def test_a_change_taken_back_leaves_no_row_and_no_gap(database: Database, audit: Audit) -> None:
    def change() -> None:
        audit.record(WHO, "a", "b", 1)
        raise ValueError

    with pytest.raises(ValueError):
        await database.write(change)
    await three(database, audit)
    assert await database.read(verify) == 3


async def test_a_change_by_an_operator_has_exactly_one_row(database: Database, audit: Audit) -> None:
    """Planted break: leave ``audited_change`` out of the checks of the database."""
    now = FakeClock().now()

    def change(rows_count: int) -> None:
        put("zone", "Asia/Hong_Kong", now)
        for _ in range(rows_count):
            audit.record(WHO, "a", "b", 1)

    token = ACTING.set(WHO)
    try:
        for rows_count in (0, 2):
            with pytest.raises(AssertionError, match="; 1 due"):
                await database.write(change, rows_count)
        assert await database.read(lambda: Setting.select().count()) == 0
        await database.write(change, 1)
    finally:
        ACTING.reset(token)
    await database.write(change, 0)
    assert await database.read(verify) == 1


async def test_an_act_on_many_records_has_a_row_for_each_and_one_of_its_own(
    database: Database, audit: Audit
) -> None:
    now = FakeClock().now()

    def act(rows_count: int) -> None:
        act_on_many(2)
        put("zone", "Asia/Hong_Kong", now)
        for _ in range(rows_count):
            audit.record(WHO, "a", "b", 1)

    token = ACTING.set(WHO)
    try:
        for rows_count in (1, 2, 4):
            with pytest.raises(AssertionError, match="; 3 due"):
                await database.write(act, rows_count)
        await database.write(act, 3)
    finally:
        ACTING.reset(token)
    assert await database.read(verify) == 3


async def test_secrets_never_reach_the_trail(database: Database, audit: Audit) -> None:
    after = {"name": "x", "password": "hunter2", "api": {"token": "t0ken", "token_hash": "h"}, "pin": "1234"}
    after |= {"pinyin": "zdy", "has_password": True, "long": "y" * 9_000}
    await database.write(audit.record, SYSTEM, "a", "b", 1, None, after)
    detail = (await database.read(lambda: AuditEntry.get(AuditEntry.seq == 1))).detail["after"]
    assert (
        detail["password"] == detail["pin"] == detail["api"]["token"] == detail["api"]["token_hash"] == "***"
    )
    assert detail["pinyin"] == "zdy"
    assert detail["has_password"] is True
    assert len(detail["long"]) == 2_000


async def test_dropping_the_personal_part_keeps_the_chain_whole(database: Database, audit: Audit) -> None:
    clock = FakeClock()
    await three(database, audit)
    clock.advance(days=400)
    assert await database.write(drop_details, clock.now(), [2]) == 2
    assert await database.read(verify) == 3

    def left() -> list[int]:
        return [row.seq for row in AuditEntry.select() if row.detail is not None]

    assert await database.read(left) == [2]
