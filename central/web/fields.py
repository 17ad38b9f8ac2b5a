"""Form fields: what a browser sends as text becomes a typed value, or an error in the operator's language.

A field says its name, title and limits; ``parse`` gives the value for a non-empty text, ``text`` gives the text back
for showing it again. Empty input of a field that is not required is ``None`` (an empty tuple for ``Choices``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from central.web.days import DATE_MAX, DATE_MIN, FieldError, day_start, parse_day, parse_moment
from central.web.i18n import Text, _, current, ngettext


@dataclass(frozen=True)
class Choice:
    """One option of a select box or radio group."""

    value: str
    title: Text


Choices = Sequence[Choice] | Mapping[str, Text]


def choice_list(choices: Choices) -> list[Choice]:
    """Both spellings of choices as a list."""
    if isinstance(choices, Mapping):
        return [Choice(value, title) for value, title in choices.items()]
    return list(choices)


@dataclass(frozen=True)
class Field:
    """A line of text."""

    name: str
    title: Text
    _kw: KW_ONLY
    hint: Text = ""
    is_required: bool = True
    length_max: int = 100
    length_min: int = 0
    autocomplete: str = "off"
    is_wide: bool = False

    control: ClassVar[str] = "text"
    is_multiple: ClassVar[bool] = False

    def parse(self, raw: str) -> Any:
        """The value. Raises FieldError."""
        return self.parse_text(raw)

    def parse_text(self, raw: str) -> str:
        """The text in one Unicode form, without control characters at all, within the length limits."""
        text = unicodedata.normalize("NFC", raw).strip()
        if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
            raise FieldError(_("Contains characters that cannot be stored."))
        if len(text) > self.length_max:
            raise FieldError(
                ngettext("At most %(n)s character.", "At most %(n)s characters.", self.length_max)
            )
        if len(text) < self.length_min:
            raise FieldError(
                ngettext("At least %(n)s character.", "At least %(n)s characters.", self.length_min)
            )
        return text

    def text(self, value: Any) -> str:
        """The value as the browser would send it."""
        return "" if value is None else str(value)

    def attributes(self) -> dict[str, str]:
        """HTML attributes of the input that follow from the limits."""
        return {"maxlength": str(self.length_max), "autocomplete": self.autocomplete}


class TextField(Field):
    """A line of text; no line breaks."""

    def parse(self, raw: str) -> str:
        text = self.parse_text(raw)
        if "\n" in text or "\t" in text:
            raise FieldError(_("Must be one line."))
        return text


@dataclass(frozen=True)
class NoteField(Field):
    """Several lines of text."""

    length_max: int = 1_000
    is_wide: bool = True
    control: ClassVar[str] = "note"

    def parse(self, raw: str) -> str:
        return self.parse_text(raw.replace("\r\n", "\n"))


@dataclass(frozen=True)
class PasswordField(Field):
    """A password: taken exactly as typed, never shown again. Its rules are for those who set it."""

    length_max: int = 200
    autocomplete: str = "current-password"
    control: ClassVar[str] = "password"

    def parse(self, raw: str) -> str:
        if len(raw) > self.length_max:
            raise FieldError(
                ngettext("At most %(n)s character.", "At most %(n)s characters.", self.length_max)
            )
        if len(raw) < self.length_min:
            raise FieldError(
                ngettext("At least %(n)s character.", "At least %(n)s characters.", self.length_min)
            )
        return raw

    def text(self, value: Any) -> str:
        return ""


@dataclass(frozen=True)
class NumberField(Field):
    """A whole number, both ends included."""

    least: int = 0
    most: int = 1_000_000_000
    unit: Text = ""
    length_max: int = 15
    control: ClassVar[str] = "number"

    def parse(self, raw: str) -> int:
        text = unicodedata.normalize("NFKC", raw).strip().replace(",", "")
        if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 15:
            raise FieldError(_("Must be a whole number."))
        return self.check(int(text))

    def check(self, value: int) -> int:
        """The value itself, when it lies between the limits."""
        if not self.least <= value <= self.most:
            raise FieldError(
                _(
                    "Must lie between %(least)s and %(most)s.",
                    least=self.text(self.least),
                    most=self.text(self.most),
                )
            )
        return value

    def attributes(self) -> dict[str, str]:
        return {"inputmode": "numeric", "maxlength": str(self.length_max), "autocomplete": "off"}


@dataclass(frozen=True)
class MoneyField(NumberField):
    """An amount in yuan with at most two decimals; the value is integer fen, as are the limits."""

    unit: Text = "¥"

    def parse(self, raw: str) -> int:
        text = unicodedata.normalize("NFKC", raw).strip().lstrip("¥").replace(",", "")
        yuan, _dot, rest = text.removeprefix("-").partition(".")
        digits = yuan + rest
        if not (yuan and digits.isascii() and digits.isdigit() and len(rest) <= 2 and len(yuan) <= 12):
            raise FieldError(_("Must be an amount such as 12.50."))
        fen = int(yuan) * 100 + int(rest.ljust(2, "0"))
        return self.check(-fen if text.startswith("-") else fen)

    def text(self, value: Any) -> str:
        if value is None:
            return ""
        yuan, rest = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}{yuan}.{rest:02d}"

    def attributes(self) -> dict[str, str]:
        return {"inputmode": "decimal", "maxlength": str(self.length_max), "autocomplete": "off"}


@dataclass(frozen=True)
class DateField(Field):
    """A calendar day."""

    control: ClassVar[str] = "date"

    def parse(self, raw: str) -> Any:
        return parse_day(raw)

    def text(self, value: Any) -> str:
        return "" if value is None else str(value.isoformat())

    def attributes(self) -> dict[str, str]:
        return {"min": DATE_MIN.isoformat(), "max": DATE_MAX.isoformat(), "autocomplete": "off"}


class FirstDayField(DateField):
    """The first day on which something holds; the value is its first instant in the site's zone."""

    def parse(self, raw: str) -> datetime:
        return day_start(parse_day(raw))

    def text(self, value: Any) -> str:
        return "" if value is None else f"{value.astimezone(current().zone):%Y-%m-%d}"


class LastDayField(DateField):
    """The last day on which something holds; the value is the exclusive end: the first instant of the next day."""

    def parse(self, raw: str) -> datetime:
        return day_start(parse_day(raw) + timedelta(days=1))

    def text(self, value: Any) -> str:
        if value is None:
            return ""
        return f"{value.astimezone(current().zone) - timedelta(microseconds=1):%Y-%m-%d}"


@dataclass(frozen=True)
class MomentField(Field):
    """A minute of wall time in the site's zone; the value is the instant."""

    control: ClassVar[str] = "datetime-local"

    def parse(self, raw: str) -> datetime:
        return parse_moment(raw)

    def text(self, value: Any) -> str:
        return "" if value is None else f"{value.astimezone(current().zone):%Y-%m-%dT%H:%M}"

    def attributes(self) -> dict[str, str]:
        return {"autocomplete": "off"}


@dataclass(frozen=True)
class TimeField(Field):
    """A time of day, to the minute."""

    control: ClassVar[str] = "time"

    def parse(self, raw: str) -> time:
        try:
            return time.fromisoformat(raw.strip()[:8])
        except ValueError:
            raise FieldError(_("Must be a time such as 08:30.")) from None

    def text(self, value: Any) -> str:
        return "" if value is None else f"{value:%H:%M}"

    def attributes(self) -> dict[str, str]:
        return {"autocomplete": "off"}


@dataclass(frozen=True)
class ChoiceField(Field):
    """One of a closed list; ``choices`` may be replaced when the form is bound."""

    choices: Choices = ()
    as_radio: bool = False
    control: ClassVar[str] = "select"

    def parse(self, raw: str) -> str:
        return raw

    def attributes(self) -> dict[str, str]:
        return {}


class ChoicesField(ChoiceField):
    """Any number of a closed list; the value is a tuple of texts."""

    control: ClassVar[str] = "checkboxes"
    is_multiple: ClassVar[bool] = True


@dataclass(frozen=True)
class CheckField(Field):
    """Yes or no."""

    is_required: bool = False
    control: ClassVar[str] = "check"

    def parse(self, raw: str) -> bool:
        return True

    def text(self, value: Any) -> str:
        return "1" if value else ""


@dataclass(frozen=True)
class ZoneField(Field):
    """An IANA time zone name."""

    length_max: int = 64

    def parse(self, raw: str) -> str:
        name = self.parse_text(raw)
        try:
            return ZoneInfo(name).key
        except (ValueError, OSError, KeyError):
            raise FieldError(_("Must be a time zone such as Asia/Shanghai.")) from None


@dataclass(frozen=True)
class HiddenField(Field):
    """A value that travels with the form unseen (the version of what is edited)."""

    control: ClassVar[str] = "hidden"
