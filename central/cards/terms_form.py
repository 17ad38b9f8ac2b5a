"""The part of a form that says what a card is for: class, validity, entitlements. For issuing and for rewriting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from central.cards import entitlements
from central.cards.acts import Terms
from central.cards.model import Card, CardClass
from central.web.fields import (
    ChoiceField,
    Choices,
    ChoicesField,
    Field,
    FirstDayField,
    HiddenField,
    LastDayField,
    NumberField,
    choice_list,
)
from central.web.i18n import current, lazy
from protocol.limits import USES_MAX


class TermsForm(msgspec.Struct, kw_only=True):
    """What every form gives that sets the terms of a card."""

    card_class: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    uses_max: int | None
    levels: tuple[str, ...]
    sub_systems: tuple[str, ...]
    devices: tuple[str, ...]
    limits: str | None


RIGHT_FIELDS: Final[tuple[Field, ...]] = (
    ChoicesField("sub_systems", lazy("Sub-systems"), is_required=False),
    ChoicesField("levels", lazy("Access levels"), is_required=False),
    ChoicesField(
        "devices",
        lazy("Only at these devices"),
        is_required=False,
        hint=lazy("None ticked: everywhere where the rights reach."),
    ),
    HiddenField("limits", "", is_required=False),
)
"""What a card is good for, and where; ``limits`` says that the form had fields for the limits."""
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
    *RIGHT_FIELDS,
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


def chosen_terms(card: Card) -> dict[str, Any]:
    """The card's own terms as the form begins with them. Inside ``db.read``."""
    validity = {
        "card_class": card.card_class_id,
        "valid_from": card.valid_from,
        "valid_until": card.valid_until,
        "uses_max": card.uses_max or None,
    }
    return {**validity, **entitlements.chosen(card.id), "limits": "1"}


def proposed_terms(wanted: str, choices: Mapping[str, Choices], now: datetime) -> dict[str, Any]:
    """What the form of a new card begins with: all that its class gives (40). Inside ``db.read``.

    :param wanted: the class that somebody chose; without one, the only class that there is.
    """
    fresh = fresh_rights()
    classes = _values(choices, "card_class")
    class_id = wanted if wanted in classes else classes[0] if len(classes) == 1 else ""
    if not class_id:
        return {**fresh, "limits": "1"}
    card_class = CardClass.get_by_id(int(class_id))
    rights = {
        name: [value for value in values if str(value) in _values(choices, name)]
        for name, values in card_class.defaults.items()
    }
    return {**fresh, **rights, **_suggested_validity(card_class, now), "card_class": class_id, "limits": "1"}


def _values(choices: Mapping[str, Choices], name: str) -> list[str]:
    return [choice.value for choice in choice_list(choices.get(name, {}))]


def _suggested_validity(card_class: CardClass, now: datetime) -> dict[str, Any]:
    if not card_class.valid_days:
        return {}
    today = now.astimezone(current().zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"valid_from": today, "valid_until": today + timedelta(days=card_class.valid_days)}


def terms(value: TermsForm) -> Terms:
    """The terms out of a form's result. A form without the fields of the limits leaves them as they are."""
    return Terms(
        int(value.card_class) if value.card_class else None,
        value.valid_from,
        value.valid_until,
        chosen_rights(value),
        value.uses_max or 0,
    )


def chosen_rights(value: Any) -> dict[str, list[int]]:
    """The values of ``RIGHT_FIELDS`` by name of their provider."""
    rights: dict[str, tuple[str, ...]] = {"levels": value.levels}
    if value.limits:
        rights |= {entitlements.SUB_SYSTEMS: value.sub_systems, entitlements.DEVICES: value.devices}
    return {name: [int(text) for text in texts] for name, texts in rights.items()}


def right_choices(site_id: int) -> dict[str, Choices]:
    """Choices of ``RIGHT_FIELDS`` that every organisation of an estate has. Inside ``db.read``."""
    return {
        provider.name: {str(choice.value): choice.label for choice in provider.choices(site_id, 0)}
        for provider in entitlements.providers()
    }


def fresh_rights() -> dict[str, list[int]]:
    """What a card has of which nothing was said, by name of the provider."""
    return {provider.name: provider.fresh() for provider in entitlements.providers()}
