"""From "this card shall open these doors" to access levels (權限組): pure.

Rights are given by levels, a level leads to readers of several doors, each at its hours. So a door that is given or taken
becomes a change of levels, by this rule:

1. A level that leads to no door that is taken stays.
2. What the others gave beside the taken doors stays too, at the same hours, as do the readers of a given door, at the hours of
   new rights: levels that give nothing beyond that are taken, the largest first.
3. What is left becomes a level of its own, the same for every card that lacks the same.

So a card never has more or less than asked for, whatever levels there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

Entry = tuple[int, int]
"""A reader and the schedule in which it opens."""
Entries = frozenset[Entry]


@dataclass(frozen=True)
class LevelChange:
    """What a card's levels become; ``made``: levels that are not there yet, by what they give."""

    added: frozenset[int]
    removed: frozenset[int]
    made: tuple[Entries, ...] = ()

    def count_after(self, present: Collection[int]) -> int:
        """How many levels the card has then."""
        return len((set(present) | self.added) - self.removed) + len(self.made)


def change_of(
    levels: Mapping[int, Entries],
    offered: Collection[int],
    present: Collection[int],
    door_of: Mapping[int, int],
    given: Mapping[int, Iterable[int]],
    taken: Collection[int],
    hours: int,
) -> LevelChange:
    """The change of a card's levels.

    :param levels: every level in use with what it gives; a level of the card that is not here is left alone.
    :param offered: levels that may be given to this card.
    :param present: the levels that it has.
    :param door_of: the door of each reader; readers of terminals have none.
    :param given: doors to give, each with its readers.
    :param taken: doors to take.
    :param hours: the schedule of new rights.
    """
    lost = set(taken)
    standing = [number for number in present if number in levels]
    broken = {
        number for number in standing if any(door_of.get(point) in lost for point, _at in levels[number])
    }
    kept: set[Entry] = set().union(*(levels[number] for number in standing if number not in broken))
    wanted = {(point, hours) for points in given.values() for point in points}
    for number in broken:
        wanted |= {entry for entry in levels[number] if door_of.get(entry[0]) not in lost}
    allowed, missing = wanted | kept, wanted - kept
    fitting = sorted(
        (number for number in offered if number in levels and levels[number] and levels[number] <= allowed),
        key=lambda number: (-len(levels[number]), number),
    )
    added: set[int] = set()
    for number in fitting:
        if missing & levels[number]:
            missing -= levels[number]
            added.add(number)
    return LevelChange(frozenset(added - set(present)), frozenset(broken - added), tuple(layers(missing)))


def layers(entries: Iterable[Entry]) -> Iterable[Entries]:
    """The entries in as few parts as can be: a level has one schedule for each reader."""
    parts: list[dict[int, int]] = []
    for point, schedule in sorted(entries):
        part = next((part for part in parts if point not in part), None)
        if part is None:
            parts.append(part := {})
        part[point] = schedule
    return [frozenset(part.items()) for part in parts]
