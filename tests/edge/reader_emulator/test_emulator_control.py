"""Commands for a running emulator, and cards as data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.reader.emulator import (
    Chip,
    ClassicCard,
    Field,
    MagicCard,
    RandomUidCard,
    VirtualClock,
    card_from_dict,
)
from edge.reader.emulator.catalogue import KINDS, load_cards, save_cards
from edge.reader.emulator.control import ACTIONS, handle

CARD = {"kind": "classic1k", "uid": "04A1B2C3", "name": "Wang Wei"}


class Desk:
    """Sends commands and checks that they are JSON both ways."""

    def __init__(self) -> None:
        self.field = Field(VirtualClock())
        self.chip = Chip(self.field)

    def ask(self, do: str, **fields) -> dict:
        command = json.loads(json.dumps({"do": do, **fields}))
        return json.loads(json.dumps(handle(command, self.field, self.chip)))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_card_is_placed_listed_and_taken_away_with_its_contents(desk: Desk) -> None:
    placed = desk.ask("place", card=CARD)
    assert placed["ok"]
    desk.field.cards[0].memory.blocks[4] = bytes(range(16))
    assert [card["name"] for card in desk.ask("list")["cards"]] == ["Wang Wei"]
    removed = desk.ask("remove", uid="04a1b2c3")
    assert removed["card"]["blocks"] == {"4": bytes(range(16)).hex().upper()}
    assert desk.ask("list")["cards"] == []
    assert desk.ask("place", card=removed["card"])["card"] == removed["card"]


def test_a_card_can_be_held_for_a_while(desk: Desk) -> None:
    desk.ask("place", card=CARD, hold_ms=800)
    desk.ask("advance", us=799_000)
    assert desk.ask("list")["cards"]
    desk.ask("advance", us=1_000)
    assert desk.ask("list")["cards"] == []


def test_a_second_card_with_the_same_uid_must_be_meant(desk: Desk) -> None:
    assert desk.ask("place", card=CARD)["ok"]
    assert not desk.ask("place", card=CARD)["ok"]
    assert desk.ask("place", card=CARD, clone=True)["ok"]
    assert len(desk.ask("clear")["cards"]) == 2


def test_a_card_with_a_random_uid_is_found_by_name(desk: Desk) -> None:
    desk.ask("place", card={"kind": "random", "name": "phone"})
    assert desk.ask("remove", name="phone")["ok"]


def test_faults_are_started_listed_and_stopped(desk: Desk) -> None:
    assert [fault["kind"] for fault in desk.ask("fault", fault={"kind": "late"})["faults"]] == ["late"]
    desk.ask("fault", fault={"kind": "lost", "value": 0})
    assert [fault["kind"] for fault in desk.ask("stop", kind="late")["faults"]] == ["lost"]
    assert desk.ask("stop")["faults"] == []


def test_registers_are_shown_without_being_changed(desk: Desk) -> None:
    desk.chip.write(0x09, 0x42)
    first, second = desk.ask("registers"), desk.ask("registers")
    assert first == second
    assert (first["registers"][0x37], first["registers"][0x0A], first["antenna"]) == (0x92, 1, False)
    assert desk.chip.read(0x09) == 0x42


@pytest.mark.parametrize(
    "command",
    [
        {"do": "dance"},
        {},
        [],
        None,
        "place",
        {"do": "place"},
        {"do": "place", "card": 7},
        {"do": "place", "card": {"kind": "classic1k"}},
        {"do": "place", "card": {"kind": "classic1k", "uid": 4}},
        {"do": "place", "card": {"kind": "classic1k", "uid": "04A1B2"}},
        {"do": "place", "card": {**CARD, "sak": 256}},
        {"do": "place", "card": {**CARD, "atqa": "4"}},
        {"do": "place", "card": {**CARD, "blocks": {"64": "00" * 16}}},
        {"do": "place", "card": {**CARD, "blocks": {"4": "00"}}},
        {"do": "place", "card": {**CARD, "blocks": [1]}},
        {"do": "place", "card": CARD, "hold_ms": -1},
        {"do": "place", "card": CARD, "hold_ms": True},
        {"do": "remove"},
        {"do": "remove", "uid": "00000000"},
        {"do": "fault"},
        {"do": "fault", "fault": {"kind": "gremlins"}},
        {"do": "advance"},
        {"do": "advance", "us": 1e9},
    ],
    ids=str,
)
def test_nonsense_is_answered_with_an_error_and_changes_nothing(desk: Desk, command: object) -> None:
    answer = handle(command, desk.field, desk.chip)
    assert answer["ok"] is False
    assert answer["error"]
    assert (desk.field.cards, desk.chip.faults) == ([], [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text("0aF zé", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "uid", "sak", "blocks", "4"]), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.dictionaries(
    st.sampled_from(["card", "uid", "name", "hold_ms", "fault", "kind", "us", "clone"]), JSON
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(do=st.sampled_from(list(ACTIONS)), fields=FIELDS)
def test_no_command_raises(do: str, fields: dict) -> None:
    assert isinstance(Desk().ask(do, **fields)["ok"], bool)


# Cards as data


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_card_survives_a_file(kind: str, tmp_path: Path) -> None:
    card = card_from_dict({"kind": kind, "uid": "04A1B2C3", "name": "x", "seed": 3})
    if isinstance(card, ClassicCard):
        card.memory.blocks[5] = b"kept for the file"[:16]
    path = tmp_path / "cards.json"
    save_cards(path, [card])
    (back,) = load_cards(path)
    assert type(back) is type(card)
    assert back.to_dict() == card.to_dict()


def test_no_file_means_no_cards(tmp_path: Path) -> None:
    assert load_cards(tmp_path / "missing.json") == []


def test_kinds_make_what_they_say() -> None:
    assert isinstance(card_from_dict({"kind": "magic1k", "uid": "04A1B2C3"}), MagicCard)
    assert isinstance(card_from_dict({"kind": "random"}), RandomUidCard)
    assert len(card_from_dict({"kind": "classic4k", "uid": "04A1B2C3"}).memory.blocks) == 256
