"""What a message says, in the language of who gets it. No names and no card numbers: it leaves the house (I15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from central.access.alarm_kinds import KINDS, Severity
from central.paging.rules import Way
from central.web.catalogue import Language
from central.web.i18n import _, ngettext, using
from central.web.vocabulary import STATUSES

LINES_MAX: Final = {Way.EMAIL: 30, Way.SMS: 3, Way.WEBHOOK: 30}
"""Alarms that a message names; of the others it says how many they are."""
SMS_CHARS_MAX: Final = 300


@dataclass(frozen=True)
class Told:
    """One alarm in a message. ``count``: how often it is told with this message."""

    kind: str
    place: str
    raised_at: datetime
    is_over: bool
    zone: ZoneInfo
    count: int = 1


@dataclass(frozen=True)
class Message:
    """As it is sent."""

    subject: str
    text: str


def written(
    told: list[Told], way: Way, language: Language, *, organisation: str, url: str, times_max: int
) -> Message:
    """A message about these alarms, the gravest and newest first."""
    assert told
    ordered = sorted(told, key=lambda each: (-KINDS[each.kind].severity, -each.raised_at.timestamp()))
    with using(language):
        first = ordered[0]
        what = f"{KINDS[first.kind].text} · {first.place}"
        if len(ordered) > 1:
            what = ngettext(
                "%(n)s alarm, first: %(what)s", "%(n)s alarms, first: %(what)s", len(ordered), what=what
            )
        subject = f"[{organisation}] {what}" if organisation else what
        lines = [_line(each, way) for each in ordered[: LINES_MAX[way]]]
        if rest := len(ordered) - len(lines):
            lines.append(ngettext("and %(n)s more", "and %(n)s more", rest))
        count = max(each.count for each in ordered)
        again = _("Told %(count)s of %(most)s times.", count=count, most=times_max) if count > 1 else ""
        if way is Way.SMS:
            head = f"[{organisation}] " if organisation else ""
            return Message(subject, _cut(head + "; ".join(lines) + (f" ({again})" if again else "")))
        end = _("Nobody has acknowledged this yet.")
        where = _("Acknowledge it in the list of alarms: %(url)s", url=url) if url else ""
        return Message(subject, "\n".join([*lines, "", *filter(None, (end, again, where))]))


def trial(way: Way, language: Language, *, organisation: str) -> Message:
    """The test message."""
    with using(language):
        text = _("This is a test message. Alarms that nobody acknowledges are told here.")
        head = f"[{organisation}] " if organisation else ""
        return Message(head + _("Test message"), head + text if way is Way.SMS else text)


def _line(each: Told, way: Way) -> str:
    local = each.raised_at.astimezone(each.zone)
    kind = KINDS[each.kind]
    severity = STATUSES["severity"][Severity(kind.severity).word].text
    over = f" ({_('over')})" if each.is_over else ""
    if way is Way.SMS:
        return f"{kind.text} {each.place} {local:%m-%d %H:%M}{over}"
    return f"{local:%Y-%m-%d %H:%M:%S}  {severity}  {kind.text} · {each.place}{over}"


def _cut(text: str) -> str:
    return text if len(text) <= SMS_CHARS_MAX else text[: SMS_CHARS_MAX - 1] + "…"
