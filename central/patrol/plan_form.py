"""A plan as it is typed, and what it means: form fields to ``RouteVersion`` and back. Pure.

A stop's time is written as ``22:10`` (wall time) or ``+15`` (minutes after the start of the round).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from typing import Any, Final

import msgspec

from central.errors import InvalidInputError
from protocol.errors import PlanError
from protocol.rules.patrol.plan import (
    AtRandom,
    EveryHours,
    OnDates,
    OnDays,
    Order,
    Rounds,
    RouteVersion,
    Stop,
    Times,
    Tolerance,
    check,
)

LINES_MAX: Final = 100
"""Stops that the page offers; the rule allows more, for who enters them by another way."""
EMPTY_LINES: Final = 4
MINUTE_S: Final = 60
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")
_OFFSET: Final = re.compile(r"[+＋]?(\d{1,4})")
_BOUNDS: Final = ("early", "late", "opens", "closes")


class Line(msgspec.Struct, frozen=True):
    """One stop as typed. ``bounds``: minutes early and late, and of the window before and after; empty: the route's."""

    checkpoint: str = ""
    at: str = ""
    stay: str = ""
    bounds: tuple[str, str, str, str] = ("", "", "", "")

    @property
    def is_empty(self) -> bool:
        """Nothing chosen or typed: the line is passed over."""
        return not (self.checkpoint or self.at or self.stay or any(self.bounds))


class PlanForm(msgspec.Struct, kw_only=True):
    """The fields of a plan beside its stops; tolerances and windows in minutes."""

    number: int
    name: str
    valid_from_on: date
    order: str
    start_required: bool
    is_group: bool
    guards: tuple[str, ...] | None
    days: tuple[str, ...] | None
    dates: str | None
    starts: str | None
    every_hours: int | None
    least_min: int | None
    most_min: int | None
    first: time | None
    until: time | None
    early: int
    late: int
    opens: int
    closes: int


def lines_posted(posted: Mapping[str, Any]) -> list[Line]:
    """The lines of the grid: ``stop_0``, ``at_0``, ``stay_0``, ``early_0`` ..."""
    lines = []
    for number in range(LINES_MAX):
        if f"stop_{number}" not in posted:
            break
        texts = {
            name: str(posted.get(f"{name}_{number}", "")).strip()[:10] for name in ("stop", "at", "stay")
        }
        early, late, opens, closes = (str(posted.get(f"{name}_{number}", "")).strip()[:4] for name in _BOUNDS)
        lines.append(Line(texts["stop"], texts["at"], texts["stay"], (early, late, opens, closes)))
    return lines


def lines_of(plan: RouteVersion) -> list[Line]:
    """The grid's lines of a plan."""
    return [
        Line(
            str(stop.checkpoint),
            f"+{stop.offset_s // MINUTE_S}" if stop.clock_min is None else _clock(stop.clock_min),
            str(stop.stay_s // MINUTE_S) if stop.stay_s else "",
            ("", "", "", "") if stop.tolerance is None else _minutes(stop.tolerance),
        )
        for stop in plan.stops
    ]


def to_plan(form: PlanForm, lines: Iterable[Line], route: int, version: int, seed: str = "") -> RouteVersion:
    """What was typed, as the rule has it.

    :param seed: the secret by which random times are drawn.
    :raises InvalidInputError: a time cannot be read, or the round cannot be walked.
    """
    stops = tuple(_stop(line) for line in lines if not line.is_empty)
    guards = tuple(sorted(int(guard) for guard in form.guards or ()))
    plan = RouteVersion(
        route,
        version,
        form.valid_from_on.toordinal(),
        stops,
        tuple(Rounds(times, guards) for times in _times(form, seed)),
        Tolerance(*(value * MINUTE_S for value in (form.early, form.late, form.opens, form.closes))),
        Order[form.order],
        form.start_required,
        form.is_group,
    )
    if not stops:
        raise InvalidInputError("A route needs a checkpoint.")
    if not form.is_group and len(guards) != 1:
        raise InvalidInputError("An individual tour has one guard; tick the group tour for several.")
    if form.least_min and any(stop.clock_min is not None for stop in stops):
        raise InvalidInputError(
            "Rounds at random times have their checkpoints in minutes after the start, for example +15."
        )
    try:
        check(plan)
    except PlanError:
        raise InvalidInputError(
            "This round cannot be walked: stops stand in the order of their times, within a day, and a window is not "
            "narrower than its tolerance nor wider than 12 hours."
        ) from None
    return plan


def values_of(plan: RouteVersion) -> dict[str, Any]:
    """What the form shows of a plan (guards, times, tolerances, marks)."""
    bounds = dict(zip(_BOUNDS, map(int, _minutes(plan.tolerance)), strict=True))
    values: dict[str, Any] = {
        "order": plan.order.name,
        "start_required": plan.start_required,
        "is_group": plan.is_group,
        **bounds,
    }
    for rounds in plan.rounds:
        values["guards"] = [str(guard) for guard in rounds.guards]
        times = rounds.times
        if isinstance(times, OnDates):
            values["dates"] = " ".join(date.fromordinal(on).isoformat() for on in times.dates)
        else:
            values["days"] = [str(bit) for bit in range(times.days.bit_length()) if times.days >> bit & 1]
        if isinstance(times, EveryHours):
            values |= {
                "every_hours": times.hours,
                "first": _time(times.first_min),
                "until": _time(times.until_min),
            }
        elif isinstance(times, AtRandom):
            values |= {
                "least_min": times.least_min,
                "most_min": times.most_min,
                "first": _time(times.first_min),
                "until": _time(times.until_min),
            }
        else:
            values["starts"] = " ".join(_clock(start) for start in times.starts)
    return values


def _times(form: PlanForm, seed: str) -> list[Times]:
    """Rounds on the ticked days or at the dates; nothing typed: the route rests."""
    found: list[Times] = []
    days = sum(1 << int(bit) for bit in form.days or ())
    starts = tuple(
        dict.fromkeys(
            _clock_min(word) for word in (form.starts or "").replace("，", " ").replace(",", " ").split()
        )
    )
    if form.dates:
        found.append(
            OnDates(
                tuple(
                    sorted({_day(word) for word in form.dates.replace("，", " ").replace(",", " ").split()})
                ),
                starts,
            )
        )
    if days and starts:
        found.append(OnDays(days, starts))
    if form.every_hours:
        if form.first is None or form.until is None or not days:
            raise InvalidInputError("Rounds every so many hours need days, a first and a last start.")
        found.append(EveryHours(days, _minute(form.first), form.every_hours, _minute(form.until)))
    if form.least_min or form.most_min:
        if form.least_min is None or form.most_min is None or form.every_hours:
            raise InvalidInputError(
                "Rounds at random times need the shortest and the longest time between two, and no fixed hours."
            )
        if form.first is None or form.until is None or not days:
            raise InvalidInputError("Rounds at random times need days, a first and a last start.")
        window = _minute(form.first), _minute(form.until)
        found.append(AtRandom(days, *window, form.least_min, form.most_min, seed))
    if not found and (days or starts):
        raise InvalidInputError("Rounds need days or dates, and the times at which they start.")
    return found


def _stop(line: Line) -> Stop:
    if not (line.checkpoint.isascii() and line.checkpoint.isdigit()):
        raise InvalidInputError("Choose the checkpoint of each stop.")
    clock, offset = _CLOCK.fullmatch(line.at), _OFFSET.fullmatch(line.at)
    if clock is None and offset is None:
        raise InvalidInputError("A stop's time is written as 22:10, or as +15 for minutes after the start.")
    return Stop(
        int(line.checkpoint),
        None if clock is None else int(clock[1]) * 60 + int(clock[2]),
        0 if offset is None else int(offset[1]) * MINUTE_S,
        _whole(line.stay) * MINUTE_S,
        _tolerance(line.bounds),
    )


def _tolerance(bounds: Sequence[str]) -> Tolerance | None:
    if not any(bounds):
        return None
    if not all(bounds):
        raise InvalidInputError("A stop with limits of its own needs all four of them.")
    return Tolerance(*(_whole(text) * MINUTE_S for text in bounds))


def _whole(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise InvalidInputError("Minutes are a whole number.")
    return int(text)


def _clock_min(word: str) -> int:
    found = _CLOCK.fullmatch(word)
    if found is None:
        raise InvalidInputError("The starts are written as 22:00 00:30, with a space between.")
    return int(found[1]) * 60 + int(found[2])


def _day(word: str) -> int:
    try:
        return date.fromisoformat(word).toordinal()
    except ValueError:
        raise InvalidInputError("The dates are written as 2026-10-01 2026-10-02.") from None


def _minutes(given: Tolerance) -> tuple[str, str, str, str]:
    return (
        str(given.early_s // MINUTE_S),
        str(given.late_s // MINUTE_S),
        str(given.outer_early_s // MINUTE_S),
        str(given.outer_late_s // MINUTE_S),
    )


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
