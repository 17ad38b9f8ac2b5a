"""The interface of a role."""

from __future__ import annotations

from typing import Protocol, TypeVar

from edge.core.actions import Action
from edge.core.stimuli import Now, Stimulus
from protocol.view import View

StateT = TypeVar("StateT")


class Role(Protocol[StateT]):
    """A role has no state of its own: what it remembers it hands back, and gets again with the next stimulus."""

    def initial(self) -> StateT:
        """The state before ``Started``."""
        ...

    def step(self, state: StateT, stimulus: Stimulus, view: View, now: Now) -> tuple[StateT, list[Action]]:
        """What follows from a stimulus; pure, and total over everything that ``core.stimuli`` promises.

        The order of the actions is policy: see ``core.actions``.
        """
        ...
