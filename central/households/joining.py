"""What other sub-systems do when a household leaves a unit: plates, deposits, fees. Each registers its part at import.

The part of a sub-system runs in the transaction of the change; what it raises takes the whole change back. A preview
runs the same code and takes everything back, so that it cannot promise anything else than what will happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Protocol

from central.cards.acts import By
from central.households.model import Household, Unit


@dataclass(frozen=True)
class Change:
    """A household leaves a unit, another enters it; either may be None."""

    unit: Unit
    leaving: Household | None
    entering: Household | None
    cut_off_on: date
    """The first day that is the new household's."""
    by: By
    reason: str


@dataclass(frozen=True)
class Changed:
    """One record that was changed: it gets an audit row of its own, and a line in the preview."""

    action: str
    """A key of ``central.security.audit_words.ACTIONS``."""
    object_kind: str
    object_id: int
    label: str
    """What it is, for people."""
    before: Any = None
    after: Any = None


class Part(Protocol):
    """The part of one sub-system."""

    name: str

    def carry_out(self, change: Change) -> Sequence[Changed]:
        """Do what the change means for this sub-system. Inside ``db.write``.

        :raises ConflictError: it cannot be done; nothing of the whole change stands then.
        """


_parts: Final[dict[str, Part]] = {}


def register(part: Part) -> None:
    """Add a sub-system's part; the same name again replaces it."""
    _parts[part.name] = part


def unregister(name: str) -> None:
    """Take a part out."""
    _parts.pop(name, None)


def parts() -> list[Part]:
    """Every registered part, in the order of their names."""
    return [_parts[name] for name in sorted(_parts)]
