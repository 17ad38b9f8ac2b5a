"""Calendar days as people type them, and their first instant in the site's time zone."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, time

from central.web.i18n import _, current

DATE_MIN, DATE_MAX = date(1900, 1, 1), date(2199, 12, 31)


class FieldError(ValueError):
    """The input cannot be used; the message is for the operator and already translated."""


def parse_day(raw: str) -> date:
    """A day such as 2026-11-23. Raises FieldError for one that does not exist or lies outside 1900-2199."""
    try:
        on = date.fromisoformat(unicodedata.normalize("NFKC", raw).strip().replace("/", "-"))
    except ValueError:
        raise FieldError(_("Must be a date such as 2026-11-23.")) from None
    if not DATE_MIN <= on <= DATE_MAX:
        raise FieldError(_("Must lie between %(least)s and %(most)s.", least=DATE_MIN, most=DATE_MAX))
    return on


def parse_moment(raw: str) -> datetime:
    """A minute of wall time such as 2026-11-23 14:05, or a day's beginning, in the site's zone. Raises FieldError."""
    text = unicodedata.normalize("NFKC", raw).strip().replace("/", "-").replace("T", " ")
    day, _space, clock = text.partition(" ")
    on = parse_day(day)
    try:
        at = time.fromisoformat(clock) if clock else time(0)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        raise FieldError(_("Must be a time such as 2026-11-23 14:05."))
    return datetime.combine(on, at, current().zone)


def day_start(on: date) -> datetime:
    """The first instant of a day in the site's time zone."""
    return datetime.combine(on, time(0), current().zone)
