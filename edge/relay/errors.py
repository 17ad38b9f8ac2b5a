"""What can be wrong with a board."""

from __future__ import annotations

from edge.errors import EdgeError


class BoardError(EdgeError):
    """The pins do not obey, or the board was closed."""


class ProfileError(BoardError):
    """A board profile that must not be used; ``problems`` has every reason, in the installer's language."""

    def __init__(self, name: str, problems: list[str]) -> None:
        super().__init__(f"{name}: " + "; ".join(problems))
        self.name = name
        self.problems = problems
