"""Erasing at an operator's word keeps I1: only what the centre's signed word covers, and only those very records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cache.drafts import draft
from edge.cache.outbox import Outbox
from edge.health import Machine
from edge.upholding import erase
from protocol.decide import Trust
from protocol.facts import CommandFact, CommandResult, ExitFact, Supply
from protocol.messages import ClearRecords


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    found = Outbox(tmp_path / "outbox.db")
    found.begin(3, bytes(16))
    for number in range(8):
        found.append([draft(ExitFact(1, number), number, number, Trust.TRUSTED)])
    yield found
    found.close()


def clear(outbox: Outbox, through: int, *, node_epoch: int = 3, head: bytes | None = None) -> ClearRecords:
    return ClearRecords(
        1, "gate", bytes(16), 1, node_epoch, through, head or outbox.hash_at(through) or bytes(16)
    )


def kept(outbox: Outbox) -> list[int]:
    return [entry.fact.seq for entry in outbox.read(0, 100)]


def test_what_the_backup_has_is_erased_and_counted(outbox: Outbox) -> None:
    outbox.back_up(6, b"word")
    assert erase(clear(outbox, 5), outbox) == (CommandResult.DONE, 5, 6)
    assert kept(outbox) == [6, 7, 8]
    assert erase(clear(outbox, 5), outbox) == (CommandResult.DONE, 0, 6), "once more: nothing is left of them"


def test_nothing_is_erased_that_no_backup_has(outbox: Outbox) -> None:
    """Planted break: compare with ``last_seq`` instead of ``backed_up_through``."""
    outbox.back_up(4, b"word")
    assert erase(clear(outbox, 5), outbox) == (CommandResult.NOT_CONFIRMED, 0, 1)
    assert len(kept(outbox)) == 8


@pytest.mark.parametrize("wrong", [{"head": bytes(range(16))}, {"node_epoch": 2}])
def test_records_that_are_not_those_are_kept(outbox: Outbox, wrong: dict[str, object]) -> None:
    outbox.back_up(6, b"word")
    assert erase(clear(outbox, 5, **wrong), outbox) == (CommandResult.OTHER_RECORDS, 0, 1)  # type: ignore[arg-type]
    beyond = ClearRecords(1, "gate", bytes(16), 1, 3, 9, bytes(16))
    assert erase(beyond, outbox)[0] is CommandResult.OTHER_RECORDS
    assert len(kept(outbox)) == 8


def test_an_opening_whose_outcome_is_not_known_stays(outbox: Outbox) -> None:
    outbox.append([draft(CommandFact(9, 1, CommandResult.DONE, 3_000), 9, 9, Trust.TRUSTED)])
    outbox.append([draft(ExitFact(1, 9), 9, 9, Trust.TRUSTED)])
    outbox.back_up(10, b"word")
    assert erase(clear(outbox, 10), outbox) == (CommandResult.DONE, 8, 9)
    assert kept(outbox) == [9, 10]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (Supply.UNKNOWN, -1)),
        ({"hwmon/hwmon0/name": "rpi_volt", "hwmon/hwmon0/in0_lcrit_alarm": "0"}, (Supply.MAINS, -1)),
        ({"hwmon/hwmon0/name": "rpi_volt", "hwmon/hwmon0/in0_lcrit_alarm": "1"}, (Supply.LOW, -1)),
        (
            {"power/b/type": "Battery", "power/b/capacity": "61", "power/b/status": "Discharging"},
            (Supply.BATTERY, 61),
        ),
        ({"power/b/type": "Battery", "power/b/capacity": "61", "power/b/status": "Full"}, (Supply.MAINS, 61)),
        (
            {"power/b/type": "Battery", "power/b/capacity": "15", "power/b/status": "Discharging"},
            (Supply.LOW, 15),
        ),
        ({"power/a/type": "Mains"}, (Supply.UNKNOWN, -1)),
    ],
)
def test_what_the_board_says_of_its_supply(
    tmp_path: Path, files: dict[str, str], expected: tuple[Supply, int]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert Machine(supplies=tmp_path / "power", sensors=tmp_path / "hwmon").supply() == expected
