"""One node, no centre, no network: the real program over an emulated chip, from power-up (14, 6, B1, B5, B4)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from protocol.decide import Trust
from protocol.facts import (
    AccessFact,
    Alarm,
    AlarmFact,
    BootFact,
    DoorEvent,
    DoorFact,
    ExitFact,
    OutcomeFact,
    decode_body,
)
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, ClockPolicy, DoorRow, RestrictionRow, put
from tests.support.facts import WALL_MS, card_number, cards, one_door
from tests.support.node_process import Line, NodeProcess

NORMAL, LOST, EXPIRED, OFFICE, OTHER_OFFICE = (card_number(number)[1:] for number in range(1, 6))
STRANGER = b"\x04\xee\xee\xee\xee\xee\xee"
START_S = WALL_MS // 1_000


def configured(node: NodeProcess, door: DoorRow | None = None) -> None:
    """A door; a card for always, a lost one, an expired one, one that is valid until some day, two that are valid for some days."""
    rows = [
        *one_door(door=door),
        *cards(3, start=1),
        put(card_number(3), CardRow(3, 0, START_S - 86_400, 1, (1,))),
        *(
            put(card_number(number), CardRow(number, START_S - 86_400, START_S + 10 * 86_400, 1, (1,)))
            for number in (4, 5)
        ),
    ]
    rows = list({(row.kind, row.key): row for row in rows}.values())
    node.seed(rows, [put(card_number(2), RestrictionRow(Reason.CARD_LOST, 9, START_S))])


def show(node: NodeProcess, line: Line, uid: bytes) -> bool:
    """Hold a card to the reader until it has answered; True when the lock opened, False when it stayed shut."""
    line.forget()
    line.do("place", reader=1, card={"kind": "classic1k", "uid": uid.hex()})
    answer = line.until(lambda event: event.get("on") is True and event.get("line") in ("lock.1", "buzzer.1"))
    line.do("remove", reader=1)
    if answer["line"] == "lock.1":
        line.do("walk", unit=1, ms=100)
        line.until_output("lock.1", False)
    node.until_status(lambda status: status["readers"][0]["shows"] == "idle")
    return bool(answer["line"] == "lock.1")


def accesses(node: NodeProcess) -> list[tuple[bytes, Reason]]:
    """Who was shown, and what came of it."""
    found = []
    for entry in node.entries():
        body = decode_body(entry.fact)
        if isinstance(body, AccessFact):
            found.append((entry.fact.personal, body.reason))
    return found


@pytest.mark.requirement(14)
@pytest.mark.requirement(1)
def test_a_door_works_from_power_up_without_any_network(node: NodeProcess) -> None:
    """Seen when: with no centre at all the right card opens, the lost one does not, the exit button opens, all is recorded.

    Planted break that turns it red: in ``protocol.decide._judge`` a schedule that always holds counted only on a trusted
    clock (a door that waits for its centre).
    """
    configured(node)
    node.start()
    line = node.line()
    line.watch()
    assert show(node, line, NORMAL)
    assert not show(node, line, LOST)
    line.do("press", unit=1)
    line.until_output("lock.1", True)
    node.stop()
    assert accesses(node) == [(uid_key(NORMAL), Reason.GRANTED), (uid_key(LOST), Reason.CARD_LOST)]
    facts = node.facts()
    assert any(isinstance(fact, ExitFact) for fact in facts)
    assert DoorFact(1, DoorEvent.OPENED) in facts


@pytest.mark.requirement(6)
def test_who_is_not_known_does_not_come_in(make_node: Callable[..., NodeProcess]) -> None:
    """Seen when: an unknown card, any card at a node that knows nothing, and any card at a node whose rows are damaged
    are refused and recorded.

    Planted break that turns it red: in ``protocol.decide`` an unknown card answered with GRANTED.
    """
    known, empty, damaged = make_node("known"), make_node("empty"), make_node("damaged")
    configured(known)
    configured(damaged)
    database = damaged.data_dir / "config.db"
    content = bytearray(database.read_bytes())
    content[4_096:] = b"\xff" * len(content[4_096:])
    database.write_bytes(content)
    for node, uid, reason in (
        (known, STRANGER, Reason.UNKNOWN_CARD),
        (empty, NORMAL, Reason.NOT_CONFIGURED),
        (damaged, NORMAL, Reason.NOT_CONFIGURED),
    ):
        node.start()
        line = node.line()
        line.watch()
        assert not show(node, line, uid)
        node.stop()
        assert accesses(node) == [(uid_key(uid), reason)]


@pytest.mark.requirement("B1")
def test_no_event_is_lost_and_the_chain_proves_it(node: NodeProcess) -> None:
    """Seen when: after three power cuts every event that was seen at the door is there, numbered without a gap, each
    chained to the one before, and what was there before a cut is there after it unchanged.

    Planted break that turns it red: ``Outbox.append`` leaving its transaction open.
    """
    configured(node)
    known = []
    for _ in range(3):
        node.start()
        line = node.line()
        line.watch()
        assert show(node, line, NORMAL)
        assert not show(node, line, STRANGER)
        line.do("power_off")
        assert node.wait() == 137
        found = node.entries()  # reads every fact and checks number and chain
        assert found[: len(known)] == known
        assert [entry.fact.seq for entry in found] == list(range(1, len(found) + 1))
        known = found
    granted = [
        seq for seq, fact in enumerate(node.facts(), 1) if isinstance(fact, AccessFact) and fact.reason == 1
    ]
    assert len(granted) == 3
    outcomes = {fact.intent_seq for fact in node.facts() if isinstance(fact, OutcomeFact)}
    assert set(granted) <= outcomes
    assert sum(isinstance(fact, BootFact) and fact.unclean for fact in node.facts()) == 2


@pytest.mark.requirement("B5")
def test_a_clock_that_is_not_trusted_grants_nothing_that_hangs_on_it(
    make_node: Callable[..., NodeProcess],
) -> None:
    """Seen when: after a power cut without a clock, a secure door refuses cards with a time limit, a home door lets them
    in and says so, a card past its end by the last known time is refused at both, one without limits opens both, and every
    event says how far its time is to be trusted.

    Planted break that turns it red: ``Timekeeper.instant`` always TRUSTED.
    """
    expected = {
        ClockPolicy.SECURE: {NORMAL: Reason.GRANTED, EXPIRED: Reason.EXPIRED, OFFICE: Reason.TIME_UNKNOWN},
        ClockPolicy.HOME: {
            NORMAL: Reason.GRANTED,
            EXPIRED: Reason.EXPIRED,
            OFFICE: Reason.GRANTED_TIME_NOT_CHECKED,
        },
    }
    for policy, answers in expected.items():
        node = make_node(policy.name.lower())
        configured(node, DoorRow("East gate", clock_policy=policy))
        # the last trusted time that the run before the power cut had kept
        (node.data_dir / "clock.json").write_text(json.dumps({"trusted_ms": WALL_MS}))
        node.start()
        line = node.line()
        line.watch()
        for uid, reason in answers.items():
            assert show(node, line, uid) == (reason <= Reason.GRANTED_TIME_NOT_CHECKED)
        node.stop()
        assert accesses(node) == [(uid_key(uid), reason) for uid, reason in answers.items()]
        for entry in node.entries():
            assert entry.fact.clock is Trust.FLOOR_ONLY


@pytest.mark.requirement("B5")
def test_setting_the_machine_s_clock_opens_nothing_and_is_told(node: NodeProcess) -> None:
    """Seen when: with the wall clock set into the validity of a card the card is still refused, the jump is an alarm, and
    events keep their order.

    Planted breaks that turn it red: ``Timekeeper.instant`` always TRUSTED; ``_find_jump`` finding nothing.
    """
    configured(node)
    node.start()
    line = node.line()
    line.watch()
    assert not show(node, line, OFFICE)
    before = node.status()
    line.do("clock", shift_ms=WALL_MS - before["clock"]["utc_ms"])
    node.until_status(lambda status: abs(status["clock"]["utc_ms"] - WALL_MS) < 60_000)
    node.until_status(lambda status: status["storage"]["last_seq"] > before["storage"]["last_seq"])
    assert not show(node, line, OTHER_OFFICE)
    node.stop()
    alarms = [fact for fact in node.facts() if isinstance(fact, AlarmFact)]
    assert [alarm.alarm for alarm in alarms] == [Alarm.CLOCK_JUMPED]
    boottimes = [entry.fact.boottime_ms for entry in node.entries()]
    assert boottimes == sorted(boottimes)


@pytest.mark.requirement("B4")
@pytest.mark.requirement(24)
def test_a_dead_reader_is_an_alarm_within_five_seconds_and_comes_back_by_itself(node: NodeProcess) -> None:
    """Seen when: the chip is gone, within five seconds the alarm stands and is recorded; the chip is back, and without any
    restart cards are read again and the alarm is over.

    Planted break that turns it red: ``Node`` not telling the role of a ``ReaderFault``.
    """
    configured(node)
    node.start()
    line = node.line()
    line.watch()
    assert show(node, line, NORMAL)
    line.do("fault", reader=1, fault={"kind": "lost"})
    began = time.monotonic()
    node.until_status(lambda status: [alarm["alarm"] for alarm in status["alarms"]] == ["reader_fault"])
    assert time.monotonic() - began < 5.0
    line.do("mend", reader=1)
    node.until_status(lambda status: not status["alarms"])
    assert show(node, line, NORMAL)
    node.stop()
    alarms = [fact for fact in node.facts() if isinstance(fact, AlarmFact)]
    assert [(alarm.alarm, alarm.raised, alarm.where) for alarm in alarms] == [
        (Alarm.READER_FAULT, True, 1),
        (Alarm.READER_FAULT, False, 1),
    ]
