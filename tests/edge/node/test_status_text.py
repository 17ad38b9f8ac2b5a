"""The status in words: every state of every part has its own, in all three languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from edge.i18n import LANGUAGES, use_language
from edge.status_text import lines

STATUS: dict[str, Any] = {
    "name": "east-gate",
    "software": "0.1.0",
    "uptime_s": 93_784,
    "boot": 3,
    "node_epoch": 1,
    "clock": {"trust": "trusted", "source": "centre", "utc_ms": 0, "error_ms": 21},
    "configuration": {
        "config_epoch": 1,
        "restrictions": 4,
        "access": 40,
        "balances": 0,
        "cards": 1_024,
        "problem": "",
    },
    "storage": {
        "state": "usable",
        "free_mib": 812,
        "last_seq": 48_213,
        "first_seq": 3,
        "acked_through": 48_201,
    },
    "readers": [
        {
            "unit": 1,
            "points": {1: "East gate in"},
            "state": "working",
            "chip": "known 0x92",
            "fault": "",
            "last_error": "",
        },
        {
            "unit": 2,
            "points": {},
            "state": "faulted",
            "chip": "dead 0x00",
            "fault": "no answer",
            "last_error": "",
        },
    ],
    "doors_without_lock": {},
    "alarms": [],
    "link": {"state": "online"},
    "trouble": {},
}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use_language("en")
    yield
    use_language("en")


def test_the_whole_status_in_english() -> None:
    assert lines(STATUS) == [
        "Device east-gate, release 0.1.0, running for 1 d 2 h",
        "Time: trusted (centre, error below 21 ms)",
        "Storage: usable, 812 MiB free",
        "Records: 48213 in all, 12 not yet uploaded, kept from 3 on",
        "Configuration: revision 1.4.40, 1024 cards",
        "Centre: connected",
        "Reader 1 (East gate in): working, known 0x92",
        "Reader 2 (not set up at the centre): FAULT, dead 0x00",
        "    no answer",
    ]


def test_a_spare_card_says_what_an_operator_compares() -> None:
    link = {"state": "not_enrolled", "detail": "waits", "board": "10a2b3c4", "fingerprint": "1234 5678 9012"}
    said = "Centre: not joined yet: waits (board 10a2b3c4, fingerprint 1234 5678 9012)"
    assert said in lines({**STATUS, "link": link})


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("clock.trust", ["trusted", "holdover", "floor_only", "none"]),
        ("storage.state", ["usable", "slow", "unusable"]),
        ("link.state", ["off", "not_enrolled", "online", "offline"]),
        ("uptime_s", [59, 3_700, 200_000]),
        ("configuration.problem", ["", "read-only"]),
        (
            "alarms",
            [
                [{"alarm": name, "where": where, "detail": "x"}]
                for name, where in (("forced_open", 1), ("fire", 0), ("reader_fault", 2), ("temperature", 0))
            ],
        ),
        ("doors_without_lock", [{}, {"Back door": 2}, {"Back door": 0}]),
        ("trouble", [{}, {"outbox": "outbox.db.damaged-1"}]),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_words_of_its_own(language: str, part: str, values: list[Any]) -> None:
    use_language(language)
    seen = set()
    for value in values:
        name, _, inner = part.partition(".")
        changed = {**STATUS[name], inner: value} if inner else value
        text = "\n".join(lines({**STATUS, name: changed}))
        assert "%(" not in text
        seen.add(text)
    assert len(seen) == len(values)


def test_alarms_are_named_as_on_the_pages_of_the_centre() -> None:
    use_language("zh_Hans")
    status = {**STATUS, "alarms": [{"alarm": "forced_open", "where": 1, "detail": ""}]}
    assert any("强行开门" in line for line in lines(status))
