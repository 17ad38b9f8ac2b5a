"""Filters of a list: parsed from the address of the page, applied in the database and to live rows alike.

Each filter names its parameters; a value that cannot be used is reported in the operator's language and the list
stays empty until it is corrected: a filter is never dropped silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from central.web import formats
from central.web.days import FieldError, day_start, parse_day, parse_moment
from central.web.fields import Choice, Choices, NumberField, TextField, choice_list
from central.web.i18n import Text, _
from central.web.limits import LIMITS


@dataclass(frozen=True)
class Filter:
    """A text that rows must contain, however ``where`` understands that (fold.py helps).

    :param where: from the text to a database expression on an index.
    :param matches: the same for a row of the live feed; without it live rows are not narrowed by this filter.
    """

    name: str
    title: Text
    _: KW_ONLY
    where: Callable[[Any], Any] | None = None
    field: Any = None
    matches: Callable[[Any, Any], bool] | None = None
    placeholder: Text = ""

    control: ClassVar[str] = "text"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names that this filter reads from the address."""
        return (self.name,)

    def parse(self, texts: Mapping[str, str], choices: list[Choice]) -> Any:
        """The value, or None when nothing was asked. Raises FieldError."""
        text = texts.get(self.name, "").strip()
        return TextField("", "", length_max=LIMITS.filter_text_max_chars).parse(text) if text else None

    def apply(self, query: Any, value: Any) -> Any:
        """The query narrowed to the value."""
        return query.where(self.where(value) if self.where is not None else self.field == value)

    def words(self, value: Any, choices: list[Choice]) -> str:
        """The value for people, on printed pages and above the list."""
        return str(value)

    def matches_row(self, row: Any, value: Any) -> bool:
        """True when a live row belongs into the filtered list."""
        return self.matches(row, value) if self.matches is not None else True


class TextFilter(Filter):
    """A text; the plain filter under its usual name."""


@dataclass(frozen=True)
class ChoiceFilter(Filter):
    """One of a list of at most some hundred entries; ``choices`` may be given per request."""

    choices: Choices = ()
    control: ClassVar[str] = "select"

    def parse(self, texts: Mapping[str, str], choices: list[Choice]) -> Any:
        text = texts.get(self.name, "")
        if text and text not in {c.value for c in choices}:
            raise FieldError(_("Choose one of the list."))
        return text or None

    def words(self, value: Any, choices: list[Choice]) -> str:
        return next((str(c.title) for c in choices if c.value == value), str(value))

    def matches_row(self, row: Any, value: Any) -> bool:
        if self.matches is not None:
            return self.matches(row, value)
        return bool(str(getattr(row, self.name)) == value)


@dataclass(frozen=True)
class DayRange:
    """A span of days, both included; either end may be open."""

    first: date | None
    last: date | None

    def start_at(self) -> datetime | None:
        """First instant of the span in the site's zone."""
        return day_start(self.first) if self.first else None

    def end_at(self) -> datetime | None:
        """The instant at which the span is over (exclusive)."""
        return day_start(self.last + timedelta(days=1)) if self.last else None


@dataclass(frozen=True)
class DayFilter(Filter):
    """A span of days: ``name_from`` and ``name_to``, both included; ``field`` holds instants, or days (is_day)."""

    is_day: bool = False
    control: ClassVar[str] = "days"

    @property
    def parameters(self) -> tuple[str, ...]:
        return (f"{self.name}_from", f"{self.name}_to")

    def parse(self, texts: Mapping[str, str], choices: list[Choice]) -> DayRange | None:
        first, last = (texts.get(p, "").strip() for p in self.parameters)
        span = DayRange(parse_day(first) if first else None, parse_day(last) if last else None)
        if span.first and span.last and span.last < span.first:
            raise FieldError(_("The last day lies before the first."))
        return span if first or last else None

    def apply(self, query: Any, value: DayRange) -> Any:
        low, high = (value.first, value.last) if self.is_day else (value.start_at(), value.end_at())
        if low is not None:
            query = query.where(self.field >= low)
        if high is not None:
            query = query.where(self.field <= high if self.is_day else self.field < high)
        return query

    def words(self, value: DayRange, choices: list[Choice]) -> str:
        return f"{value.first or '…'} – {value.last or '…'}"

    def matches_row(self, row: Any, value: DayRange) -> bool:
        if self.matches is not None:
            return self.matches(row, value)
        shown = getattr(row, self.name)
        on = shown if self.is_day else formats.local(shown).date()
        return (value.first is None or on >= value.first) and (value.last is None or on <= value.last)


@dataclass(frozen=True)
class AtFilter(Filter):
    """One minute, in the site's zone: ``name``."""

    control: ClassVar[str] = "moment"

    def parse(self, texts: Mapping[str, str], choices: list[Choice]) -> datetime | None:
        text = texts.get(self.name, "").strip()
        return parse_moment(text) if text else None

    def words(self, value: datetime, choices: list[Choice]) -> str:
        return formats.minute(value)


@dataclass(frozen=True)
class MomentRange:
    """A free span of time: from ``from_at`` until before ``until_at``; either end may be open."""

    from_at: datetime | None
    until_at: datetime | None


@dataclass(frozen=True)
class MomentFilter(Filter):
    """A free span of time to the minute: ``name_from`` and ``name_until`` (not included), at most ``days_max`` days."""

    days_max: int = 3_660
    control: ClassVar[str] = "moments"

    @property
    def parameters(self) -> tuple[str, ...]:
        return (f"{self.name}_from", f"{self.name}_until")

    def parse(self, texts: Mapping[str, str], choices: list[Choice]) -> MomentRange | None:
        first, last = (texts.get(p, "").strip() for p in self.parameters)
        span = MomentRange(parse_moment(first) if first else None, parse_moment(last) if last else None)
        if span.from_at and span.until_at:
            if span.until_at <= span.from_at:
                raise FieldError(_("The end lies before the beginning."))
            if span.until_at - span.from_at > timedelta(days=self.days_max):
                raise FieldError(_("At most %(n)s days at once.", n=self.days_max))
        return span if first or last else None

    def apply(self, query: Any, value: MomentRange) -> Any:
        if value.from_at is not None:
            query = query.where(self.field >= value.from_at)
        return query if value.until_at is None else query.where(self.field < value.until_at)

    def words(self, value: MomentRange, choices: list[Choice]) -> str:
        return " – ".join("…" if at is None else formats.minute(at) for at in (value.from_at, value.until_at))


WHOLE = NumberField("", "")


@dataclass(frozen=True)
class NumberFilter(Filter):
    """A span of whole numbers, both included: ``name_min`` and ``name_max``."""

    number: NumberField = WHOLE
    control: ClassVar[str] = "numbers"

    @property
    def parameters(self) -> tuple[str, ...]:
        return (f"{self.name}_min", f"{self.name}_max")

    def parse(self, texts: Mapping[str, str], choices: list[Choice]) -> tuple[int | None, int | None] | None:
        low, high = (
            self.number.parse(texts[p]) if texts.get(p, "").strip() else None for p in self.parameters
        )
        if low is not None and high is not None and high < low:
            raise FieldError(_("The largest value lies below the smallest."))
        return None if low is None and high is None else (low, high)

    def apply(self, query: Any, value: tuple[int | None, int | None]) -> Any:
        low, high = value
        if low is not None:
            query = query.where(self.field >= low)
        return query if high is None else query.where(self.field <= high)

    def words(self, value: tuple[int | None, int | None], choices: list[Choice]) -> str:
        return " – ".join("…" if v is None else self.number.text(v) for v in value)

    def matches_row(self, row: Any, value: tuple[int | None, int | None]) -> bool:
        if self.matches is not None:
            return self.matches(row, value)
        low, high = value
        shown = getattr(row, self.name)
        return (low is None or shown >= low) and (high is None or shown <= high)


@dataclass
class BoundFilter:
    """A filter with what the address says."""

    filter: Filter
    texts: dict[str, str]
    choices: list[Choice]
    value: Any = None
    error: str = ""

    @property
    def words(self) -> str:
        """``Door: East gate`` without the title."""
        return self.filter.words(self.value, self.choices)


def bind_filter(definition: Filter, query: Mapping[str, str], choices: Choices | None) -> BoundFilter:
    """Read one filter from the address."""
    if choices is None:
        choices = definition.choices if isinstance(definition, ChoiceFilter) else ()
    bound = BoundFilter(
        definition, {p: query.get(p, "")[:200] for p in definition.parameters}, choice_list(choices)
    )
    try:
        bound.value = definition.parse(bound.texts, bound.choices)
    except FieldError as error:
        bound.error = str(error)
    return bound
