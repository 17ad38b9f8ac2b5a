"""From doors to levels, held against a slow reading of the same words: nobody gets more, nobody loses more, hours stay."""

from __future__ import annotations

from random import Random

from central.access_list.rights import Entries, change_of, layers

ALWAYS, OFFICE = 1, 2
DOORS = 6
DOOR_OF = {point: point // 2 for point in range(2 * DOORS)}
"""Two readers at each door; readers 100 and up are of terminals."""
READERS = {door: [2 * door, 2 * door + 1] for door in range(DOORS)}


def drawn(random: Random) -> dict[int, Entries]:
    levels = {}
    for number in range(1, random.randint(2, 9)):
        points = random.sample([*DOOR_OF, 100, 101], random.randint(1, 6))
        levels[number] = frozenset((point, random.choice((ALWAYS, OFFICE))) for point in points)
    return levels


def given_by(levels: dict[int, Entries], numbers: set[int]) -> set[tuple[int, int]]:
    return set().union(*(levels[number] for number in numbers if number in levels))


def test_a_card_gets_exactly_the_doors_that_are_asked_for_and_keeps_the_hours_of_the_others() -> None:
    """Planted breaks: ``kept`` of every level; ``fitting`` without ``allowed``; ``wanted`` without the rest of a broken level."""
    random = Random(20260101)
    for _round in range(4_000):
        levels = drawn(random)
        present = {number for number in levels if random.random() < 0.4} | {77}
        offered = {number for number in levels if random.random() < 0.7}
        before = given_by(levels, present)
        opens = {DOOR_OF[point] for point, _at in before if point in DOOR_OF}
        taken = {door for door in opens if random.random() < 0.4}
        given = {door: READERS[door] for door in range(DOORS) if door not in opens and random.random() < 0.4}
        hours = random.choice((ALWAYS, OFFICE))
        change = change_of(levels, offered, present, DOOR_OF, given, taken, hours)
        expected = {entry for entry in before if DOOR_OF.get(entry[0]) not in taken}
        expected |= {(point, hours) for points in given.values() for point in points}
        after = (present | change.added) - change.removed
        assert 77 in after, "a level out of use is left alone"
        assert change.added <= offered
        assert not change.added & present
        assert change.removed <= present
        assert given_by(levels, after).union(*change.made) == expected
        assert change.count_after(present) == len(after) + len(change.made)
        for made in change.made:
            assert len({point for point, _at in made}) == len(made), "one schedule for each reader"
        if not given and not taken:
            assert (change.added, change.removed, change.made) == (set(), set(), ())


def test_a_level_that_is_there_is_taken_before_one_is_made() -> None:
    """Planted break: ``fitting`` empty."""
    hall = frozenset({(0, ALWAYS), (1, ALWAYS)})
    change = change_of({1: hall}, {1}, (), DOOR_OF, {0: READERS[0]}, (), ALWAYS)
    assert (change.added, change.made) == ({1}, ())
    later = change_of({1: hall}, {1}, (), DOOR_OF, {0: READERS[0]}, (), OFFICE)
    assert (later.added, later.made) == (set(), (frozenset({(0, OFFICE), (1, OFFICE)}),))


def test_two_hours_of_one_reader_are_two_levels() -> None:
    """Planted break: ``layers`` of one part."""
    assert [len(part) for part in layers({(0, ALWAYS), (0, OFFICE), (1, OFFICE)})] == [2, 1]
