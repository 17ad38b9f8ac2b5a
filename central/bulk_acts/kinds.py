"""What can be done to many cards at once. A sub-system adds a kind of its own (補貼發放, 清零) with :func:`register`.

A kind says beforehand whom it would refuse (``refusal``, without changing anything) and then acts on one card
(``carry_out``, one of the acts of the card centre). Both run inside ``db``; parameters are plain JSON values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from central.cards import acts, entitlements
from central.cards.acts import By, Change, Terms
from central.cards.entitlements import EntitlementProvider
from central.cards.model import Card, CardClass
from central.cards.rules import Act, CardState, Disable, Holding, IllegalActError, step
from central.routes import SubSystem
from central.web.fields import ChoiceField, Choices, Field, FirstDayField, LastDayField, choice_list
from central.web.formats import last_day
from central.web.i18n import LazyText, Text, _, lazy

Parameters = Mapping[str, Any]


@dataclass
class Given:
    """What a form of a kind gives; each kind asks for some of it."""

    right: str | None = None
    card_class: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    amount_fen: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a kind that is no act of the card centre did to one card, for the audit row."""

    action: str
    card: Card
    before: dict[str, Any]
    after: dict[str, Any]


class Kind(Protocol):
    """One thing that can be done to many cards."""

    name: str
    fields: tuple[Field, ...]
    """Of the form, one at most a choice; names of :class:`Given`."""

    @property
    def title(self) -> Text: ...

    def choices(self, site_id: int, organisation_ids: Sequence[int]) -> Choices:
        """What the choice of its form offers for cards of these organisations."""

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        """What is kept of the form, with ``choices`` as they were offered.

        :raises InvalidInputError: it cannot be.
        """

    def words(self, parameters: Parameters) -> str:
        """The parameters for people."""

    def refusal(self, card: Card, parameters: Parameters) -> str:
        """Why this card would be refused (English msgid); empty when it would be done."""

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Change | Outcome:
        """Do it; raises what the act raises."""


def sub_system_of(kind: Kind) -> SubSystem:
    """Whose permission it needs beside that of bulk acts: a kind may have a ``sub_system``, money has."""
    found: SubSystem = getattr(kind, "sub_system", "cards")
    return found


def needs_approval(kind: Kind) -> bool:
    """It waits for a second operator however few the cards are: a kind may have ``needs_approval``, money has."""
    return bool(getattr(kind, "needs_approval", False))


def is_chosen(kind: Kind) -> bool:
    """Operators enter it for the cards of a list; not a kind with ``is_chosen = False``, which gives each card something else."""
    return bool(getattr(kind, "is_chosen", True))


def total_fen(kind: Kind, cards: Sequence[int], parameters: Parameters) -> int | None:
    """What it moves altogether, for the preview; None: no money."""
    total = getattr(kind, "total_fen", None)
    return None if total is None else int(total(cards, parameters))


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Add a kind; the same name again replaces it."""
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    """Every kind: the rights that sub-systems give, then the others in the order in which they were added."""
    rights: list[Kind] = [
        _Right(provider, adds)
        for provider in entitlements.providers()
        if provider.name != entitlements.DEVICES  # none means all there: one more would take the others away
        for adds in (True, False)
    ]
    return [*rights, *_kinds.values()]


def kind_of(name: str) -> Kind | None:
    """The kind of that name."""
    return next((kind for kind in kinds() if kind.name == name), None)


NOTHING_CHANGES: Final = lazy("Nothing would change.").message

NOT_OFFERED: Final = lazy("This right cannot be given to this card.").message
NOT_LATER: Final = lazy("The new last day must lie behind the old one.").message

NOT_IN_USE: Final = lazy("This card is not in use.").message
IS_LOST: Final = lazy("This card is reported lost.").message
SUSPENSION: Final = {
    Act.SUSPEND: lazy("This card is suspended already.").message,
    Act.RESUME: lazy("This card is not suspended.").message,
}


def illegal(card: Card, act: Act) -> str:
    """Why the state machine refuses this act (English msgid); empty when it allows it."""
    state: CardState = card.state
    try:
        step(state, act)
    except IllegalActError as error:
        if state.holding is not Holding.IN_USE:
            return NOT_IN_USE
        if state.reasons & {Disable.LOST, Disable.STOLEN}:
            return IS_LOST
        return SUSPENSION.get(act, str(error))
    return ""


def own_terms(card: Card, **changes: Any) -> Terms:
    """The card's own terms with changes; rights that are not named stay."""
    own = {
        "card_class_id": card.card_class_id,
        "valid_from": card.valid_from,
        "valid_until": card.valid_until,
        "entitlements": {},
        "uses_max": card.uses_max,
    }
    return Terms(**{**own, **changes})


class _Right:
    """Give a right of one sub-system (an access level, later a car park), or take it away."""

    def __init__(self, provider: EntitlementProvider, adds: bool) -> None:
        self.provider, self.adds = provider, adds
        self.name = f"{'add' if adds else 'remove'}_{provider.name}"
        self.fields: tuple[Field, ...] = (ChoiceField("right", provider.title),)

    @property
    def title(self) -> Text:
        if self.adds:
            return _("Give: %(right)s", right=str(self.provider.title))
        return _("Take away: %(right)s", right=str(self.provider.title))

    def choices(self, site_id: int, organisation_ids: Sequence[int]) -> Choices:
        offered = (self.provider.choices(site_id, number) for number in organisation_ids)
        return {str(choice.value): choice.label for choices in offered for choice in choices}

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        right = given.right or ""
        return {"right": int(right), "label": _label(choices, right)}

    def words(self, parameters: Parameters) -> str:
        return str(parameters["label"])

    def refusal(self, card: Card, parameters: Parameters) -> str:
        right = parameters["right"]
        offered = self.provider.choices(card.site_id, card.organisation_id)
        if why := illegal(card, Act.REWRITE):
            return why
        if self.adds and not any(choice.value == right for choice in offered):
            return NOT_OFFERED
        return NOTHING_CHANGES if (right in self.provider.chosen(card.id)) is self.adds else ""

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Change:
        has = set(self.provider.chosen(card.id))
        wanted = has | {parameters["right"]} if self.adds else has - {parameters["right"]}
        rights = {self.provider.name: sorted(wanted)}
        return acts.rewrite(by, card, own_terms(card, entitlements=rights), reason=reason)


class _CardClass:
    """Another card class."""

    name: str = "card_class"
    title: LazyText = lazy("Change the card class")
    fields: tuple[Field, ...] = (ChoiceField("card_class", lazy("Card class")),)

    def choices(self, site_id: int, organisation_ids: Sequence[int]) -> Choices:
        classes = CardClass.select().where((CardClass.site == site_id) & CardClass.active)
        return {str(row.id): row.name for row in classes.order_by(CardClass.name)}

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        wanted = given.card_class or ""
        return {"card_class": int(wanted), "label": _label(choices, wanted)}

    def words(self, parameters: Parameters) -> str:
        return str(parameters["label"])

    def refusal(self, card: Card, parameters: Parameters) -> str:
        same = card.card_class_id == parameters["card_class"]
        return illegal(card, Act.REWRITE) or (NOTHING_CHANGES if same else "")

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Change:
        return acts.rewrite(by, card, own_terms(card, card_class_id=parameters["card_class"]), reason=reason)


def _label(choices: Choices, value: str) -> str:
    return next((str(choice.title) for choice in choice_list(choices) if choice.value == value), value)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class _Validity:
    """First and last valid day, whatever they were."""

    name: str = "validity"
    title: LazyText = lazy("Set the validity")
    fields: tuple[Field, ...] = (
        FirstDayField("valid_from", lazy("First valid day"), is_required=False),
        LastDayField("valid_until", lazy("Last valid day"), is_required=False, hint=lazy("Empty: no end.")),
    )

    def choices(self, site_id: int, organisation_ids: Sequence[int]) -> Choices:
        return {}

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        Terms(None, given.valid_from, given.valid_until).check()
        return {
            name: None if at is None else at.isoformat()
            for name, at in (("valid_from", given.valid_from), ("valid_until", given.valid_until))
        }

    def words(self, parameters: Parameters) -> str:
        first, end = _moment(parameters["valid_from"]), _moment(parameters["valid_until"])
        return f"{FirstDayField('', '').text(first) or '…'} – {last_day(end) if end else '…'}"

    def refusal(self, card: Card, parameters: Parameters) -> str:
        same = (card.valid_from, card.valid_until) == self._span(parameters)
        return illegal(card, Act.REWRITE) or (NOTHING_CHANGES if same else "")

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Change:
        start, end = self._span(parameters)
        return acts.rewrite(by, card, own_terms(card, valid_from=start, valid_until=end), reason=reason)

    @staticmethod
    def _span(parameters: Parameters) -> tuple[datetime | None, datetime | None]:
        return _moment(parameters["valid_from"]), _moment(parameters["valid_until"])


class _Extend:
    """延期: a later last valid day; a card that is valid longer already is refused."""

    name: str = "extend"
    title: LazyText = lazy("Extend")
    fields: tuple[Field, ...] = (LastDayField("valid_until", lazy("Last valid day")),)

    def choices(self, site_id: int, organisation_ids: Sequence[int]) -> Choices:
        return {}

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        assert given.valid_until is not None, "the field is required"
        return {"valid_until": given.valid_until.isoformat()}

    def words(self, parameters: Parameters) -> str:
        end = _moment(parameters["valid_until"])
        return "" if end is None else str(last_day(end))

    def refusal(self, card: Card, parameters: Parameters) -> str:
        later = acts.is_extension(card.valid_until, _moment(parameters["valid_until"]))
        return illegal(card, Act.EXTEND) or ("" if later else NOT_LATER)

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Change:
        return acts.extend(by, card, _moment(parameters["valid_until"]), reason=reason)


class _State:
    """Suspend or resume."""

    fields: tuple[Field, ...] = ()

    def __init__(self, name: str, title: LazyText, act: Act) -> None:
        self.name, self.title, self.act = name, title, act

    def choices(self, site_id: int, organisation_ids: Sequence[int]) -> Choices:
        return {}

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        return {}

    def words(self, parameters: Parameters) -> str:
        return ""

    def refusal(self, card: Card, parameters: Parameters) -> str:
        return illegal(card, self.act)

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Change:
        act = acts.suspend if self.act is Act.SUSPEND else acts.resume
        return act(by, card, reason=reason)


for _kind in (
    _CardClass(),
    _Validity(),
    _Extend(),
    _State("suspend", lazy("Suspend"), Act.SUSPEND),
    _State("resume", lazy("Resume"), Act.RESUME),
):
    register(_kind)
