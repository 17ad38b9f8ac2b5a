"""The search for a person in the events: theirs, and those of a card that was theirs and is nobody's any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from central.access.events import EVENTS, rows_after
from central.cards import acts
from central.cards.acts import By, Terms
from central.cards.model import Card
from central.people.model import Person
from central.sites.scope import HEAD_OFFICE
from tests.support.estate import NOON, Estate

UID = "04A1B2C3"


def by(minutes: int) -> By:
    return By(None, "0001", later(minutes))


def later(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def hold(estate: Estate, person: int, issued: int, returned: int) -> None:
    """The card is given to a person, and handed in again at the desk."""

    def issue() -> None:
        if found := Card.get_or_none():
            acts.restock(by(issued), found)
        acts.issue(by(issued), bytes.fromhex(UID), "00000077", Person.get_by_id(person), Terms())

    estate.write(issue)
    estate.show_at_desk(UID, at=later(returned))
    estate.write(lambda: acts.take_back(by(returned), Card.get()))


def found(estate: Estate, text: str) -> list[int]:
    """Minutes after noon of the events that the list and, row by row, the live feed find for a search."""
    view = EVENTS.view({"person": text}, {"door": {}, "department": {}})
    listed = estate.read(view.rows, HEAD_OFFICE, None, 100)
    live = [row for row in estate.read(rows_after, 0, 100) if view.matches(SimpleNamespace(**row))]
    minutes = sorted((row.at - NOON) // timedelta(minutes=1) for row in listed)
    assert minutes == sorted((row["at"] - NOON) // timedelta(minutes=1) for row in live)
    return minutes


@pytest.mark.parametrize("again", [False, True], ids=["nobody's for good", "issued again and returned"])
def test_a_search_for_a_person_finds_the_card_after_it_was_given_back(estate: Estate, again: bool) -> None:
    """Planted breaks: search only by who holds the card; by everybody who ever held it."""

    hold(estate, estate.person, 0, 20)
    if again:
        hold(estate, estate.stranger, 40, 60)
    estate.project(*(estate.shown(UID, at=later(minutes)) for minutes in (10, 25, 50, 70)))
    mine, theirs = ([10, 25], [50, 70]) if again else ([10, 25, 50, 70], [])
    assert found(estate, "张三") == mine
    assert found(estate, "0001") == mine
    assert found(estate, "李四") == theirs
