"""A map from numbers to values as a value of its own: replaced, never changed, and cheap to replace. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Generic, Self, TypeVar

ValueT = TypeVar("ValueT")
PARTS: Final = 256


class Parts(Generic[ValueT]):
    """The map in 256 parts by the number's last byte: what changes costs its own part, whatever the others hold."""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[dict[int, ValueT], ...] = ()) -> None:
        self._parts = parts

    def get(self, number: int) -> ValueT | None:
        """The value of this number."""
        return self._parts[number % PARTS].get(number) if self._parts else None

    def with_(self, number: int, value: ValueT) -> Self:
        """The map in which the number has this value."""
        return self.with_all({number: value})

    def with_all(self, changes: Mapping[int, ValueT | None]) -> Self:
        """The map after these changes; None takes a number out."""
        if not changes:
            return self
        parts = list(self._parts or ({},) * PARTS)
        for part in {number % PARTS for number in changes}:
            parts[part] = dict(parts[part])
        for number, value in changes.items():
            if value is None:
                parts[number % PARTS].pop(number, None)
            else:
                parts[number % PARTS][number] = value
        return type(self)(tuple(parts))

    def beside(self, number: int) -> Mapping[int, ValueT]:
        """The part of the map that this number belongs to."""
        return self._parts[number % PARTS] if self._parts else {}

    def items(self) -> Iterator[tuple[int, ValueT]]:
        """Every number with its value, in no order."""
        for part in self._parts:
            yield from part.items()

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parts) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]
