"""When a unit is done, told from the frames that pass; and what the command takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.collect.bus import Bus
from edge.collect.carrier import Carrier
from edge.collect.collector import Collector
from edge.collect.watched import Watched
from protocol.decide import Trust
from protocol.envelope import Channel, write_signed
from protocol.line import Primary
from protocol.messages import (
    Applied,
    FactAck,
    Hello,
    Message,
    Poll,
    PollReply,
    Pong,
    RefusalCode,
    Refused,
    TestNode,
    Welcome,
)
from protocol.records import Revisions
from provisioning.collect.cli import addresses_of, main
from tests.protocol.memory_stores import private_key

OLD, NEW = Revisions(1, 1, 1, 1), Revisions(1, 2, 2, 2)
KEY, NONCE = private_key(1), bytes(16)
CHANNELS = {is_node: Channel(bytes(8), b"a" * 32, b"b" * 32, is_node=is_node) for is_node in (True, False)}
HELLO = Hello((1,), "unit", 1, OLD, (), 1, 5, bytes(16), 1, 9, "1", (), Trust.NONE, bytes(32), NONCE)
WELCOME = Welcome(bytes(8), bytes(32), NONCE, 1, 9, 9, 30, "unit", NEW, 2, bytes(16))


def say(watched: Watched, *messages: Message) -> Watched:
    """Let these pass, in order."""
    for message in messages:
        match message:
            case Hello():
                watched.up(write_signed(message, KEY, sender="unit", epoch=1, counter=0))
            case Poll() | Applied():
                watched.up(CHANNELS[True].write(message))
            case Welcome() | Refused() | TestNode():
                watched.down(write_signed(message, KEY, sender="", epoch=0, counter=0))
            case _:
                watched.down(CHANNELS[False].write(message))
    return watched


DONE: list[Message] = [
    HELLO,
    WELCOME,
    FactAck(1, 5, bytes(16)),
    Applied(NEW, True),
    Poll(NEW, 9, NONCE, 5),
    PollReply(9, 9, NEW),
    Pong(9, 9),
]


def test_a_unit_is_done_when_all_is_here_and_in_force_and_nothing_waits() -> None:
    watched = say(Watched(), *DONE)
    assert watched.is_complete
    assert (watched.name, watched.new_count, watched.received_through) == ("unit", 3, 5)


@pytest.mark.parametrize("left_out", [1, 2, 3, 4, 6])
def test_it_is_not_done_without_any_part_of_that(left_out: int) -> None:
    """Planted break: any line of ``is_complete`` left out."""
    messages = DONE[:left_out] + DONE[left_out + 1 :]
    if left_out == 3:
        messages[3] = Poll(OLD, 9, NONCE, 5)
    assert not say(Watched(), *messages).is_complete


def test_a_command_is_waited_for_until_its_answer_is_at_the_centre() -> None:
    watched = say(Watched(), *DONE, TestNode(1, "unit", NONCE, 9), Poll(NEW, 9, NONCE, 5), Pong(9, 9))
    assert not watched.is_complete
    say(watched, FactAck(1, 6, bytes(16)), Poll(NEW, 9, NONCE, 6), Pong(9, 9))
    assert watched.is_complete
    assert watched.commands_count == 1


def test_what_was_loaded_after_the_last_record_needs_no_further_word_about_records() -> None:
    """Else a unit would wait for its next poll, half a minute away. Planted break: ``Applied`` as work on records."""
    loaded_last = [
        HELLO,
        WELCOME,
        FactAck(1, 5, bytes(16)),
        Poll(OLD, 9, NONCE, 5),
        Applied(NEW, True),
        Pong(9, 9),
    ]
    assert say(Watched(), *loaded_last).is_complete


def test_a_record_made_meanwhile_is_waited_for() -> None:
    assert not say(Watched(), *DONE, Poll(NEW, 9, NONCE, 6), Pong(9, 9)).is_complete


def test_asking_again_is_no_progress_and_a_refusal_is_kept() -> None:
    watched = say(Watched(), *DONE)
    steps_count = watched.steps_count
    say(watched, HELLO, WELCOME, Poll(NEW, 9, NONCE, 5), Pong(9, 9), Refused(RefusalCode.REVOKED))
    assert (watched.steps_count, watched.refusal) == (steps_count, "REVOKED")


def test_what_is_no_frame_changes_nothing() -> None:
    watched = Watched()
    watched.up(b"\x00")
    watched.down(b"\xff" * 40)
    assert not watched.has_begun


@pytest.mark.parametrize("name", ["\x1b[2Junit", "unit\r1", "unit\u202e"])
def test_a_name_that_would_steer_the_terminal_is_no_name(name: str) -> None:
    """Planted break: ``up`` taking any name."""
    watched = Watched()
    watched.up(write_signed(HELLO, KEY, sender=name, epoch=1, counter=0))
    assert watched.name == ""
    assert watched.last_seq == 5
    assert say(watched, HELLO).name == "unit"


def test_addresses_are_numbers_and_spans_of_the_line() -> None:
    assert addresses_of("") == ()
    assert addresses_of("3,1-2,2") == (3, 1, 2)
    for wrong in ("0", "248", "x", "1-300"):
        with pytest.raises(ValueError):
            addresses_of(wrong)


def test_without_a_centre_nothing_is_begun(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "/nowhere"]) == 2
    assert "--centre" in capsys.readouterr().err


async def test_frames_of_a_turn_whose_end_was_lost_go_to_the_centre_all_the_same() -> None:
    """They are acknowledged to the unit, which sends them no more. Planted break: ``_turn`` returning before it passes them on."""
    collector = Collector("", 115_200, (), "", (1,), named=True, wait_s=1)
    (unit,) = collector.units
    passed: list[bytes] = []

    class CutBus(Bus):
        def __init__(self) -> None:
            """No port."""

        async def turn(self, primary: Primary, units_count: int, took: Callable[[bytes], None]) -> bool:
            took(b"first")
            return False

    class Kept(Carrier):
        problem = ""

        def __init__(self) -> None:
            """No connection."""

        def put(self, frame: bytes) -> None:
            passed.append(frame)

        def take(self) -> list[bytes]:
            return []

    unit.carrier = Kept()
    await collector._turn(CutBus(), unit, 1)
    assert passed == [b"first"]
    assert not unit.is_here
