"""How dates, times, money and numbers are written: one fixed pattern each, the same in every language.

Babel's Chinese patterns give a 12-hour clock and ``CN¥``; staff expect 2026-11-23 14:05:09 and ¥1,234.50.
Instants come as aware datetimes or epoch milliseconds and are shown in the site's time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from central.web.i18n import _, current

Instant = datetime | int
"""An aware datetime, or milliseconds since 1970-01-01 UTC."""


def local(at: Instant) -> datetime:
    """The instant in the site's time zone."""
    if isinstance(at, int):
        at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)
    assert at.tzinfo is not None, "an instant needs its time zone"
    return at.astimezone(current().zone)


def moment(at: Instant) -> str:
    """``2026-11-23 14:05:09``."""
    return local(at).strftime("%Y-%m-%d %H:%M:%S")


def minute(at: Instant) -> str:
    """``2026-11-23 14:05``."""
    return local(at).strftime("%Y-%m-%d %H:%M")


def clock(at: Instant) -> str:
    """``14:05:09``."""
    return local(at).strftime("%H:%M:%S")


def day(on: date | Instant) -> str:
    """``2026-11-23``."""
    if isinstance(on, (int, datetime)):
        on = local(on).date()
    return on.isoformat()


def weekday(on: date | Instant) -> str:
    """The short name of the day of the week."""
    if isinstance(on, (int, datetime)):
        on = local(on).date()
    return [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")][on.weekday()]


def money(fen: int) -> str:
    """Integer fen as ``¥1,234.50``; a negative amount as ``-¥1.00``."""
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}¥{yuan:,}.{rest:02d}"


def number(value: int | float) -> str:
    """``12,345`` or ``1.5``."""
    return f"{value:,}"


def hours_text(hours: Iterable[Sequence[int]]) -> str:
    """Times of the day, given as minutes: ``09:00–12:00, 14:00–18:00``."""
    return ", ".join("–".join(f"{at // 60:02d}:{at % 60:02d}" for at in pair) for pair in hours)


def duration(seconds: int) -> str:
    """A length of time in its two largest units: ``3 min 20 s``; below one second ``0 s``."""
    seconds = max(0, int(seconds))
    if seconds < 60:
        return _("%(s)s s", s=seconds)
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return _("%(min)s min %(s)s s", min=minutes, s=rest)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(h)s h %(min)s min", h=hours, min=minutes)
    return _("%(d)s d %(h)s h", d=hours // 24, h=hours % 24)


def utc_text(at: Instant) -> str:
    """ISO 8601 in UTC with milliseconds, for the JSON API: ``2026-11-23T06:05:09.000Z``."""
    return local(at).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def last_day(until_at: Instant) -> str:
    """The last valid day of an exclusive end."""
    return (local(until_at) - timedelta(milliseconds=1)).date().isoformat()


def yes_or_no(value: bool) -> str:
    """The word for a truth value."""
    return _("Yes") if value else _("No")
