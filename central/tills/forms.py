"""The form of a till: its shop, meals with the prices of card classes, limits."""

from __future__ import annotations

from datetime import time
from functools import lru_cache
from typing import Any, Final

import msgspec

from central.tills.model import Till
from central.tills.settings import MEALS_SHOWN, Limits, Meal, limits_in, meals_in
from central.web.fields import Field, HiddenField, MoneyField, NumberField, TextField, TimeField
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, _, lazy
from protocol.limits import FEN_MAX

PRICE_MAX: Final = 1_000_000
"""Fen; no meal costs more than ten thousand yuan."""
Classes = tuple[tuple[int, str], ...]
"""(id, name) of the card classes of an estate."""
SLOTS: Final = range(1, MEALS_SHOWN + 1)


def _limit(name: str, title: LazyText, **more: Any) -> Field:
    return MoneyField(name, title, is_required=False, least=1, most=FEN_MAX, **more)


LIMIT_FIELDS: Final[tuple[Field, ...]] = (
    _limit("transaction_max_fen", lazy("One payment at most")),
    _limit("day_max_fen", lazy("One card a day at most")),
    NumberField("day_count_max", lazy("Payments of one card a day"), is_required=False, least=1, most=1_000),
    NumberField(
        "gap_s",
        lazy("Between two payments of one card"),
        is_required=False,
        least=1,
        most=3_600,
        unit=lazy("seconds"),
    ),
    TimeField("cut_over", lazy("The day of the till begins at"), is_required=False),
)
OFFLINE_FIELDS: Final[tuple[Field, ...]] = (
    NumberField(
        "balances_age_max_h",
        lazy("Balances may be as old as"),
        is_required=False,
        least=1,
        most=8_760,
        unit=lazy("hours"),
    ),
    NumberField(
        "hotlist_age_max_h",
        lazy("Loss list may be as old as"),
        is_required=False,
        least=1,
        most=8_760,
        unit=lazy("hours"),
    ),
    _limit("offline_meal_max_fen", lazy("One card in one meal at most")),
    _limit("offline_total_max_fen", lazy("All cards together at most")),
)


def meal_fields(slot: int, classes: Classes) -> tuple[Field, ...]:
    """The fields of one meal; without a name it is none."""
    return (
        TextField(f"name_{slot}", lazy("Meal"), is_required=False, length_max=20),
        TimeField(f"from_{slot}", lazy("From"), is_required=False),
        TimeField(f"until_{slot}", lazy("Until"), is_required=False),
        MoneyField(f"price_{slot}", lazy("Price"), is_required=False, most=PRICE_MAX),
        NumberField(f"count_{slot}", lazy("Times a card"), is_required=False, least=1, most=100),
        *(
            MoneyField(f"class_{slot}_{number}", name, is_required=False, most=PRICE_MAX)
            for number, name in classes
        ),
    )


@lru_cache(maxsize=64)
def form_of(classes: Classes) -> Form[Any]:
    """The form for an estate with these card classes."""
    fields = (
        TextField(
            "shop",
            lazy("Merchant"),
            length_max=40,
            hint=lazy("What is sold here is owed to it, for example: canteen."),
        ),
        *(field for slot in SLOTS for field in meal_fields(slot, classes)),
        *LIMIT_FIELDS,
        *OFFLINE_FIELDS,
        HiddenField("version", ""),
    )
    result = msgspec.defstruct("TillForm", [(field.name, Any) for field in fields], kw_only=True)
    return Form(result, *fields)


def initial(till: Till | None) -> dict[str, Any]:
    """What the form begins with: the defaults, for a till that nobody has set up."""
    limits = Limits() if till is None else limits_in(till.limits)
    found: dict[str, Any] = {
        name: value or None
        for name, value in msgspec.structs.asdict(limits).items()
        if name != "cut_over_min"
    }
    found["cut_over"] = _clock(limits.cut_over_min) if limits.cut_over_min else None
    found |= {"shop": "" if till is None else till.shop.name, "version": 0 if till is None else till.version}
    for slot, meal in enumerate(() if till is None else meals_in(till.meals), start=1):
        found |= {
            f"name_{slot}": meal.name,
            f"from_{slot}": _clock(meal.start_min),
            f"until_{slot}": _clock(meal.end_min),
            f"price_{slot}": meal.price_fen,
            f"count_{slot}": meal.count_max or None,
            **{f"class_{slot}_{number}": fen for number, fen in meal.prices},
        }
    return found


def meals_of(form: BoundForm[Any], classes: Classes, before: Till | None) -> tuple[Meal, ...]:
    """The meals that were typed, in the order of the form; one that keeps its name keeps its number.

    What is missing is said at its field: look at ``form.is_valid`` afterwards.
    """
    old = {meal.name: meal.number for meal in meals_in(before.meals)} if before is not None else {}
    used, found = set(old.values()), list[Meal]()
    for slot in SLOTS:
        name = getattr(form.value, f"name_{slot}")
        values = {part: getattr(form.value, f"{part}_{slot}") for part in ("from", "until", "price", "count")}
        if not name:
            if any(value is not None for value in values.values()):
                form.fail(_("Required."), f"name_{slot}")
            continue
        for part in ("from", "until", "price"):
            if values[part] is None:
                form.fail(_("Required."), f"{part}_{slot}")
        if not form.is_valid:
            continue
        number = old.pop(name, 0) or next(number for number in range(1, 1_000) if number not in used)
        used.add(number)
        prices = [(number_, getattr(form.value, f"class_{slot}_{number_}")) for number_, _name in classes]
        found.append(
            Meal(
                number=number,
                name=name,
                start_min=_minute(values["from"]),
                end_min=_minute(values["until"]),
                price_fen=values["price"],
                count_max=values["count"] or 0,
                prices=tuple((number_, fen) for number_, fen in prices if fen is not None),
            )
        )
    return tuple(found)


def limits_of(value: Any) -> Limits:
    """The limits that were typed; empty: none."""
    names = [name for name in Limits.__struct_fields__ if name != "cut_over_min"]
    limits = {name: getattr(value, name) or 0 for name in names}
    return Limits(cut_over_min=_minute(value.cut_over or time()), **limits)


def _clock(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute
