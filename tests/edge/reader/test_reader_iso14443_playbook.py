"""Conversations as scripts: ``>>`` is a frame of the reader, ``<<`` the answer; what a card would never send is refused.

Answers: hex bytes; ``-`` silence; ``!`` garbled; ``hex@n`` a collision with CollPos n (0: the chip cannot say where).
The reader's frames are hex bytes, with ``/n`` for n valid bits in the last one.
"""

from __future__ import annotations

import pytest

from edge.reader.crc import with_crc
from edge.reader.errors import CardCollision, CardCorrupted, CardError, CardSilent
from edge.reader.iso14443 import Iso14443a, Selected
from edge.reader.radio import Answer

UID = bytes.fromhex("1A2B3C4D")
BCC = "1A2B3C4D40"


class ScriptedChip:
    """Compares every frame with the script and gives the answer that stands there."""

    def __init__(self, *script: tuple[str, str]) -> None:
        self.script = list(script)

    def plain(self) -> None:
        """Nothing to see on the air."""

    def transceive(
        self, data: bytes, *, last_bits: int = 0, allow_collision: bool = False, **_: int
    ) -> Answer:
        sent = data.hex().upper() + (f"/{last_bits}" if last_bits else "")
        assert self.script, f">> {sent} after the end of the script"
        expected, answer = self.script.pop(0)
        assert sent == expected, f">> {sent}, the script has >> {expected}"
        if answer == "-":
            raise CardSilent("-")
        if answer == "!":
            raise CardCorrupted("!")
        content, _, place = answer.partition("@")
        if place and not allow_collision:
            raise CardCollision(answer)
        if content.startswith("4bit:"):
            return Answer(bytes.fromhex(content[5:]), 4)
        return Answer(bytes.fromhex(content), 0, int(place) if place else None)


def crc(text: str) -> str:
    return with_crc(bytes.fromhex(text)).hex().upper()


SELECT = crc("9370" + BCC)
SAK = crc("08")


def air(*script: tuple[str, str]) -> Iso14443a:
    return Iso14443a(ScriptedChip(*script))  # type: ignore[arg-type]


def test_one_card() -> None:
    reader = air(("52/7", "0400"), ("9320", BCC), (SELECT, SAK))
    assert reader.wake_up() == 0x0004
    assert reader.select_any() == Selected(UID, 0x08)
    assert reader.chip.script == []


def test_three_levels() -> None:
    reader = air(
        ("9320", "880401028F"),
        (crc("9370880401028F"), crc("04")),
        ("9520", "880304058A"),
        (crc("9570880304058A"), crc("04")),
        ("9720", "0607080900"),
        (crc("97700607080900"), crc("20")),
    )
    assert reader.select_any() == Selected(bytes.fromhex("04010203040506070809"), 0x20)


@pytest.mark.parametrize(
    "script",
    [
        [("9320", "1A2B3C4D41")],
        [("9320", "1A2B3C4D")],
        [("9320", BCC), (SELECT, "080000")],
        [("9320", BCC), (SELECT, "08")],
        [("9320", BCC), (SELECT, "4bit:0A")],
        [("9320", BCC), (SELECT, crc("04"))],
        [("9320", "880401028F"), (crc("9370880401028F"), crc("08"))],
        [("9320", "!")] * 3,
    ],
    ids=[
        "BCC",
        "short",
        "SAK CRC",
        "short SAK",
        "NAK",
        "cascade without tag",
        "tag without cascade",
        "garbled",
    ],
)
def test_what_no_card_sends_is_refused_without_another_frame(script: list[tuple[str, str]]) -> None:
    reader = air(*script)
    with pytest.raises(CardCorrupted):
        reader.select_any()
    assert reader.chip.script == []


def test_a_fourth_level_does_not_exist() -> None:
    steps = []
    for code in ("93", "95", "97"):
        steps += [(f"{code}20", "880401028F"), (crc(f"{code}70880401028F"), crc("04"))]
    with pytest.raises(CardCorrupted):
        air(*steps).select_any()


def test_a_garbled_answer_to_anticollision_is_asked_for_again() -> None:
    assert air(("9320", "!"), ("9320", "!"), ("9320", BCC), (SELECT, SAK)).select_any().uid == UID


def test_a_collision_whose_place_is_unknown_is_found_bit_by_bit() -> None:
    """1A = 0101 1000 from the lowest bit on: ones are guessed, silence turns them round."""
    reader = air(
        ("9320", "@0"),
        ("932101/1", "-"),
        ("932100/1", "@0"),
        ("932202/2", BCC),
        (SELECT, SAK),
    )
    assert reader.select_any().uid == UID


def test_a_wrong_reading_of_the_place_is_met_by_silence_and_turned_round() -> None:
    """Known are 9 bits; CollPos 10 may be bit 9 of the UID or bit 17. The nearer is tried first."""
    reader = air(
        ("9320", "1A03@9"),
        ("93311A01/1", "2B3C@10"),
        ("93321A03/2", BCC[2:]),
        (SELECT, SAK),
    )
    assert reader.select_any().uid == UID


def test_cards_that_answer_nonsense_for_ever_are_given_up() -> None:
    class Endless(ScriptedChip):
        def transceive(self, data: bytes, **_: int) -> Answer:
            self.script.append(("", ""))
            return Answer(b"", 0, 0)

    chip = Endless()
    with pytest.raises(CardError):
        Iso14443a(chip).select_any()  # type: ignore[arg-type]
    assert len(chip.script) <= 80


def test_selecting_by_name_checks_the_cascade() -> None:
    seven = bytes.fromhex("0401020304050A")
    first, second = crc("9370880401028F"), crc("9570" + "0304050A08")
    assert air((first, crc("04")), (second, crc("20"))).select(seven) == 0x20
    with pytest.raises(CardCorrupted):
        air((first, crc("08"))).select(seven)
    with pytest.raises(CardCorrupted):
        air((SELECT, crc("04"))).select(UID)
    with pytest.raises(CardSilent):
        air((SELECT, "-")).select(UID)


@pytest.mark.parametrize(("answer", "atqa"), [("0400", 0x0004), ("4403", 0x0344), ("0000@3", 0), ("@0", 0)])
def test_answers_to_a_request(answer: str, atqa: int) -> None:
    assert air(("26/7", answer)).request() == atqa


@pytest.mark.parametrize("answer", ["04", "040000", "4bit:0A", "!"])
def test_odd_answers_to_a_request_are_garbled(answer: str) -> None:
    with pytest.raises(CardCorrupted):
        air(("26/7", answer)).request()


def test_halt_is_silence() -> None:
    assert air((crc("5000"), "-")).halt()
    assert not air((crc("5000"), "4bit:00")).halt()
    assert not air((crc("5000"), "!")).halt()


def test_the_back_door() -> None:
    assert air(("40/7", "4bit:0A"), (crc("5000"), "-")).obeys_back_door()
    assert not air(("40/7", "-")).obeys_back_door()
    assert not air(("40/7", "!")).obeys_back_door()
    assert not air(("40/7", "4bit:04"), (crc("5000"), "-")).obeys_back_door()
