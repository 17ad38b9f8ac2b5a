"""The part of a form that says what a card is for: class, validity, entitlements. For issuing and for rewriting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from central.cards import entitlements
from central.cards.acts import Terms
from central.cards.model import Card, CardClass
from central.web.fields import (
    ChoiceField,
    Choices,
    ChoicesField,
    Field,
    FirstDayField,
    LastDayField,
    NumberField,
)
from central.web.i18n import lazy
from protocol.limits import USES_MAX

TERM_FIELDS: Final[tuple[Field, ...]] = (
    ChoiceField("card_class", lazy("Card class"), is_required=False),
    FirstDayField("valid_from", lazy("First valid day"), is_required=False),
    LastDayField("valid_until", lazy("Last valid day"), is_required=False, hint=lazy("Empty: no end.")),
    NumberField(
        "uses_max",
        lazy("Number of uses"),
        is_required=False,
        least=1,
        most=USES_MAX,
        hint=lazy("For visitors and temporary cards; going out is not counted. Empty: no limit."),
    ),
    ChoicesField("levels", lazy("Access levels"), is_required=False),
)
"""Used by every form that sets the terms. A new sub-system adds its entitlements here and in ``terms``."""


def term_choices(site_id: int, organisation_id: int, keep: Card | None = None) -> dict[str, Choices]:
    """Choices of the term fields; ``keep``: a card whose present class and levels stay on offer. Inside ``db.read``."""
    classes = (
        CardClass.select().where((CardClass.site == site_id) & CardClass.active).order_by(CardClass.name)
    )
    class_names = {str(row.id): row.name for row in classes}
    if keep is not None and keep.card_class is not None:
        class_names[str(keep.card_class_id)] = keep.card_class.name
    options: dict[str, Choices] = {"card_class": class_names}
    for provider in entitlements.providers():
        offered = {str(choice.value): choice.label for choice in provider.choices(site_id, organisation_id)}
        if keep is not None:
            offered |= {
                str(value): f"#{value}" for value in provider.chosen(keep.id) if str(value) not in offered
            }
        options[provider.name] = offered
    return options


def terms(value: Any) -> Terms:
    """The terms out of a form's result."""
    return make_terms(
        value.card_class, value.valid_from, value.valid_until, value.levels, value.uses_max or 0
    )


def make_terms(
    card_class: str | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
    levels: Sequence[str],
    uses_max: int = 0,
) -> Terms:
    """The terms out of form texts."""
    return Terms(
        int(card_class) if card_class else None,
        valid_from,
        valid_until,
        {"levels": [int(level) for level in levels]},
        uses_max,
    )
