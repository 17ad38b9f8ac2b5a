"""The access list as a file: cards that work, a Y for each door where they have a right."""

from __future__ import annotations

from central.access.access_list import OPEN_END, lines
from central.access.model import AccessLevel, Door
from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card, CardClass, CardDevice, CardSwitchedOff
from central.people.model import Person
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from tests.support.estate import NOON, Estate, by, later


def listed(estate: Estate, scope: Scope = HEAD_OFFICE) -> list[list[str]]:
    return estate.read(lambda: list(lines(scope, NOON)))


def issue(estate: Estate, number: int, **terms: object) -> int:
    def act() -> int:
        CardClass.update(active_max_count=50).execute()
        holder = Person.get_by_id(estate.person)
        return acts.issue(by(), bytes([4, 1, 2, number]), f"{number:08d}", holder, Terms(**terms)).card.id

    return estate.write(act)


def test_each_card_that_works_has_a_line(estate: Estate) -> None:
    """Planted breaks: a lost card with a line; an end that has come taken for open."""
    always = {"levels": [estate.level]}
    issue(estate, 1, entitlements=always)
    issue(estate, 2, valid_from=later(days=2), valid_until=later(days=3), entitlements=always)
    issue(estate, 3)
    lost = issue(estate, 4, entitlements=always)
    estate.write(lambda: acts.report_lost(by(), Card.get_by_id(lost)) and None)
    issue(estate, 5, valid_until=NOON, entitlements=always)
    assert listed(estate) == [
        ["Card Number", "From", "To", "东门"],
        ["00000001", "2026-07-01", OPEN_END.isoformat(), "Y"],
        ["00000002", "2026-07-03", "2026-07-04", "Y"],
        ["00000003", "2026-07-01", OPEN_END.isoformat(), "N"],
    ]
    assert len(listed(estate, Scope.of([Grant(estate.site, estate.other_organisation)]))) == 1


def test_limits_and_levels_out_of_use_take_the_right_away(estate: Estate) -> None:
    cards = [issue(estate, number, entitlements={"levels": [estate.level]}) for number in (1, 2, 3)]

    def limit() -> None:
        CardDevice.create(card=cards[0], device=estate.desk_device)
        CardDevice.create(card=cards[1], device=estate.gate_device)
        CardSwitchedOff.create(card=cards[2], sub_system="access")

    estate.write(limit)
    assert [line[3] for line in listed(estate)[1:]] == ["N", "Y", "N"]
    estate.write(lambda: AccessLevel.update(active=False).execute())
    assert {line[3] for line in listed(estate)[1:]} == {"N"}
    estate.write(lambda: Door.update(label="东门\t门", enabled=True).execute())
    assert listed(estate)[0][3] == "东门 门"
