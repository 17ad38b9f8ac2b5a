"""What other sub-systems do when a household leaves a unit: plates, deposits, fees. Each registers its part at import.

The part of a sub-system runs in the transaction of the change; what it raises takes the whole change back. A preview
runs the same code and takes everything back, so that it cannot promise anything else than what will happen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from central.cards.acts import By
from central.errors import InvalidInputError
from central.households.model import Household, Unit
from central.people.model import Person
from central.web.i18n import Text


@dataclass(frozen=True)
class Question:
    """Something that the operator decides for one record before the change: a choice, or a text without ``choices``."""

    name: str
    """Of the form's field: the same for the same record each time."""
    label: Text
    choices: Mapping[str, Text] = field(default_factory=dict)
    default: str = ""
    hint: Text = ""


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
    answers: Mapping[str, str] = field(default_factory=dict)
    """What was typed for the questions, by their names."""
    may_refund: bool = False
    """Whoever carries it out may pay deposits back; else they stay due."""

    def answer(self, question: Question) -> str:
        """What the operator decided.

        :raises InvalidInputError: none of the choices.
        """
        given = self.answers.get(question.name, question.default).strip()
        if question.choices and given not in question.choices:
            raise InvalidInputError("Choose one of the list.")
        return given


@dataclass(frozen=True)
class Changed:
    """One record that was changed: it gets an audit row of its own, a line in the preview and one on the sheet."""

    action: str
    """A key of ``central.security.audit_words.ACTIONS``."""
    object_kind: str
    object_id: int
    label: str
    """What it is, for people."""
    before: Any = None
    after: Any = None
    amounts: Mapping[str, int] = field(default_factory=dict)
    """Fen by a key of ``lines.AMOUNT_TEXT``."""


@dataclass(frozen=True)
class Owed:
    """What one of those who leave owes for the unit; it stays with the debtor."""

    debtor: Person
    label: str
    amount_fen: int
    object_kind: str
    object_id: int


@dataclass(frozen=True)
class Section:
    """What a sub-system shows on the page of a unit: rows of cells, the first one a link."""

    title: Text
    headings: Sequence[Text]
    rows: Sequence[tuple[str, Sequence[Any]]]
    """Address, cells."""
    more_href: str = ""
    more: Text = ""
    """Where something is added, and what that is called."""


class Part:
    """The part of one sub-system; what it does not need stays as it is here."""

    name: str
    title: Text = ""
    """Above its questions."""

    def questions(self, unit: Unit, leaving: Household) -> Sequence[Question]:
        """What is to be decided before this household leaves. Inside ``db``."""
        return ()

    def carry_out(self, change: Change) -> Sequence[Changed]:
        """Do what the change means for this sub-system. Inside ``db.write``.

        :raises ConflictError: it cannot be done; nothing of the whole change stands then.
        """
        return ()

    def lease_extended(self, household: Household, old_on: date, until_on: date | None) -> Sequence[Changed]:
        """A lease ends later, and what ended with it goes along. Inside ``db.write``."""
        return ()

    def debts(self, unit: Unit, people: Sequence[int]) -> Sequence[Owed]:
        """What these people owe for the unit. Inside ``db``."""
        return ()

    def section(self, unit: Unit) -> Section | None:
        """What stands on the page of the unit. Inside ``db.read``."""
        return None


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


def debts_of(unit: Unit, people: Sequence[int]) -> list[Owed]:
    """What these people owe for the unit, whatever it is owed for. Inside ``db``."""
    return [owed for part in parts() for owed in part.debts(unit, people)]
