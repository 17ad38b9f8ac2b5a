"""What a decision went by, in words: each rule as the device held it then, and what has become of it since (B6).

Names are those of today, since devices hold none. Runs inside ``db.read``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from central.access.model import AccessEvent, AccessLevel, Area, Schedule
from central.access.schedule_pages import describe
from central.access.special_days import GROUP_TEXT, Group
from central.access.then import Settings, Then, Verdict
from central.access.words import CLOCK_TEXT, MODE_TEXT, PASSBACK_TEXT, PERSONS_TEXT, REASON_TEXT, TIER_TEXT
from central.cards.rows import card_of_key
from central.nodes.model import Device
from central.sites.scope import Scope
from central.web.formats import minute
from central.web.i18n import LazyText, _, lazy
from protocol.ids import SubSystem
from protocol.records import (
    CLOSED,
    AreaRow,
    CardFlag,
    CardRow,
    DoorRow,
    DoorRulesRow,
    HoursRow,
    Kind,
    LevelRow,
    PinRow,
    PointRow,
    RestrictionRow,
    ScheduleRow,
    SiteRow,
    SpecialDayRow,
    StaleRightsRow,
    UsesRow,
)
from protocol.schedule import ALWAYS

SINCE: Final[dict[str, LazyText]] = {
    "added": lazy("added since"),
    "removed": lazy("taken away since"),
    "changed": lazy("changed since"),
    "closed": lazy("what is so now is not shown: the card belongs to another organisation"),
}
VERDICT_TEXT: Final[dict[Verdict, LazyText]] = {
    Verdict.SAME: lazy("Decided again by the settings of that moment, the same comes out."),
    Verdict.OTHER: lazy("Decided again by the settings of that moment, something else comes out."),
    Verdict.NO_REVISION: lazy(
        "The record does not say by which settings it was decided, or this centre never had them."
    ),
    Verdict.LOST: lazy(
        "It was decided by settings that were sent after the backup from which the centre was restored. They are not known any more."
    ),
    Verdict.PURGED: lazy("The settings of that moment are older than those kept: they went with a purge."),
    Verdict.NOT_SAID: lazy(
        "The program of the device did not record all that it decided by, so it cannot be decided again."
    ),
    Verdict.NO_CARD: lazy("The card was taken out of this record, so it cannot be decided again."),
    Verdict.NOT_OURS: lazy("No device of this centre recorded it, so nothing is known of its settings."),
}
assert VERDICT_TEXT.keys() == set(Verdict)


def badge_of(verdict: Verdict) -> str:
    """Its name in the vocabulary's group "again"."""
    return verdict.value if verdict in (Verdict.SAME, Verdict.OTHER) else "unknown"


@dataclass(frozen=True)
class Line:
    """One rule. ``now`` is empty and ``since`` None where it is as it was; ``since`` is a key of ``SINCE``. ``about``: kind and number
    of what the audit trail knows it as.
    """

    rule: str
    then: str
    now: str
    since: str | None
    about: tuple[str, int] | None = None


@dataclass(frozen=True)
class _Said:
    rule: str
    value: str
    about: tuple[str, int] | None = None
    mark: int = 0
    """Differs when something was changed that nobody may see."""


@dataclass(frozen=True)
class Sight:
    """What of an explanation an operator may be told: how the door is set; what is so now of the card."""

    door: bool = True
    card: bool = True


def sight_of(scope: Scope, event: AccessEvent) -> Sight:
    """The door for whoever sees its device, the card of now for whoever sees that: it may be another's by now (U1)."""
    device = Device.get_by_id(event.device_id)
    card = None if event.key is None else card_of_key(bytes(event.key))
    return Sight(
        scope.allows(device.site_id, device.organisation_id),
        card is None or scope.allows(card.site_id, card.organisation_id),
    )


def lines(found: Then, sight: Sight) -> list[Line]:
    """Every rule that held then or holds now, as far as it may be told; none where the settings of then are not known."""
    if found.then is None or found.now is None:
        return []
    then, now = _said(found, found.then, sight), _said(found, found.now, sight)
    made = []
    for name in [*then, *(name for name in now if name not in then)]:
        before, after = then.get(name), now.get(name)
        if not sight.card and (name[0] in _OF_CARD or before is None):
            if before is not None:
                made.append(Line(before.rule, before.value, "", "closed"))
            continue
        first = before or after
        assert first is not None
        is_same = before == after
        since = "added" if before is None else "removed" if after is None else "changed"
        made.append(
            Line(
                first.rule,
                "" if before is None else before.value,
                "" if is_same or after is None else after.value,
                None if is_same else since,
                first.about,
            )
        )
    return made


_OF_CARD: Final = frozenset(
    {
        "dead",
        "stale",
        "known",
        "issue",
        "from",
        "until",
        "flag",
        "credential",
        "hours",
        "uses",
        "pin",
        "level",
    }
)
"""The first part of the names of rules that are a card's own."""


def _said(found: Then, held: Settings, sight: Sight) -> dict[tuple[Any, ...], _Said]:
    """By rule what was so. Rules that do not hold are left out."""
    said = [
        *_of_restrictions(found, held),
        *_of_card(found, held),
        *_of_rights(found, held, sight),
        *(_of_door(found, held) if sight.door else ()),
    ]
    return dict(said)


_One = tuple[tuple[Any, ...], _Said]


def _of_restrictions(found: Then, held: Settings) -> Iterable[_One]:
    row = held.row(Kind.RESTRICTION, found.key)
    if isinstance(row, RestrictionRow):
        yield ("dead",), _Said(_("Card is on the hotlist"), str(REASON_TEXT[int(row.reason)]))
    stale = held.row(Kind.STALE_RIGHTS, found.key)
    if isinstance(stale, StaleRightsRow) and stale.access_revision > held.view.revisions.access:
        yield ("stale",), _Said(_("Rights of the card are being changed"), _("Yes"))


def _of_card(found: Then, held: Settings) -> Iterable[_One]:
    card = held.row(Kind.CARD, found.key)
    if not isinstance(card, CardRow):
        return
    yield ("known",), _Said(_("Card is known to the device"), _("Yes"))
    yield ("issue",), _Said(_("Issue of the card"), str(card.issue_no))
    if card.valid_from_s:
        yield ("from",), _Said(_("Valid from"), minute(card.valid_from_s * 1_000))
    if card.valid_until_s:
        yield ("until",), _Said(_("Valid before"), minute(card.valid_until_s * 1_000))
    for flag, rule in _FLAGS.items():
        if card.flags & flag:
            yield ("flag", flag), _Said(str(rule), _("Yes"))
    if card.zones & held.view.zones_read:
        yield ("credential",), _Said(_("The credential of the card is asked for"), _("Yes"))
    hours = held.row(Kind.HOURS, found.key)
    if isinstance(hours, HoursRow):
        yield ("hours",), _Said(_("Hours of the card itself"), _hours(hours.periods))
    uses = held.row(Kind.USES, found.key)
    if isinstance(uses, UsesRow):
        yield ("uses",), _Said(_("Number of uses"), str(uses.uses_max))
    if isinstance(held.row(Kind.PIN, found.key), PinRow):
        yield ("pin",), _Said(_("PIN of the card"), _("Yes"), mark=held.pin_since)


_FLAGS: Final[Mapping[CardFlag, LazyText]] = {
    CLOSED[SubSystem.ACCESS]: lazy("Doors are closed for the card"),
    CardFlag.EXTENDED_OPEN: lazy("Longer opening"),
    CardFlag.DURESS: lazy("Duress card"),
    CardFlag.NEEDS_ESCORT: lazy("Needs an escort"),
    CardFlag.MAY_ESCORT: lazy("May escort"),
}


def _of_rights(found: Then, held: Settings, sight: Sight) -> Iterable[_One]:
    point = found.fact.point
    told = None if sight.door else {each for of in (found.then, held) if of for each in _of_levels(of, point)}
    for number, row in sorted(held.of(Kind.LEVEL).items()):
        at_reader = (
            [schedule for of, schedule in row.entries if of == point] if isinstance(row, LevelRow) else []
        )
        if at_reader:
            level = AccessLevel.get_or_none(AccessLevel.id == number)
            rule = _(
                "Access level “%(name)s” at this reader", name=level.name if level is not None else number
            )
            value = _("; ").join(_schedule_name(schedule) for schedule in at_reader)
            yield ("level", number), _Said(rule, value, ("level", number))
    for number, row in sorted(held.of(Kind.SCHEDULE).items()):
        if isinstance(row, ScheduleRow) and (told is None or number in told):
            rule = _("Schedule “%(name)s”", name=_schedule_name(number))
            yield ("schedule", number), _Said(rule, _hours(row.periods), ("schedule", number))
    ordinal, _minute = held.view.calendar.day_and_minute(found.wall_ms)
    special = held.row(Kind.SPECIAL_DAY, ordinal)
    if isinstance(special, SpecialDayRow):
        text = GROUP_TEXT.get(Group(special.group)) if special.group in set(Group) else special.group
        rule = _("Special day %(day)s", day=date.fromordinal(ordinal).isoformat())
        yield ("day", ordinal), _Said(rule, str(text))
    site = held.row(Kind.SITE, 0)
    if isinstance(site, SiteRow):
        yield ("zone",), _Said(_("Time zone"), site.zone)


def _of_levels(held: Settings, point: int) -> Iterable[int]:
    """The schedules by which the card's levels open a reader."""
    for row in held.of(Kind.LEVEL).values():
        if isinstance(row, LevelRow):
            yield from (schedule for of, schedule in row.entries if of == point)


def _of_door(found: Then, held: Settings) -> Iterable[_One]:
    reader = held.row(Kind.POINT, found.fact.point)
    door = held.row(Kind.DOOR, reader.door) if isinstance(reader, PointRow) else None
    if not isinstance(reader, PointRow) or not isinstance(door, DoorRow):
        return
    yield ("tier",), _Said(_("What a card must prove"), str(TIER_TEXT[reader.tier_min]))
    if reader.leaving:
        yield ("leaving",), _Said(_("People who show their card here go out"), _("Yes"))
    yield ("mode",), _Said(_("Rule by the settings of the door"), str(MODE_TEXT[door.mode]))
    for name, label, schedule in (
        ("unlock", _("Held open during"), door.unlock_schedule),
        ("lock", _("Locked during"), door.lock_schedule),
        ("block", _("Blocked during"), door.block_schedule),
    ):
        if schedule:
            yield (name,), _Said(label, _schedule_name(schedule))
    yield ("clock",), _Said(_("When the device does not know the time"), str(CLOCK_TEXT[door.clock_policy]))
    yield ("release",), _Said(_("Release time"), _seconds(door.release_ms))
    yield ("extended",), _Said(_("Extended release time"), _seconds(door.extended_release_ms))
    rules = held.row(Kind.DOOR_RULES, reader.door)
    if not isinstance(rules, DoorRulesRow):
        return
    for name, label, area in (
        ("inside", _("Leads into the area"), rules.inside),
        ("outside", _("Comes from the area"), rules.outside),
    ):
        row = held.row(Kind.AREA, area)
        if isinstance(row, AreaRow):
            yield (name,), _Said(label, _area(area, row))
    if rules.interlock:
        yield ("interlock",), _Said(_("Interlock"), str(rules.interlock))
    if rules.persons > 1:
        yield ("persons",), _Said(_("Opens for"), str(PERSONS_TEXT[str(rules.persons)]))
    if rules.pin_schedule:
        yield ("ask_pin",), _Said(_("Card and PIN during"), _schedule_name(rules.pin_schedule))
    if rules.duress_pin:
        yield ("duress_pin",), _Said(_("Duress PIN"), _("Yes"))


def _area(number: int, row: AreaRow) -> str:
    area = Area.get_or_none(Area.id == number)
    parts = [str(number) if area is None else area.name, str(PASSBACK_TEXT[row.passback])]
    if row.forget_min:
        parts.append(_("forgotten after %(n)s minutes", n=row.forget_min))
    if row.occupancy_max:
        parts.append(_("at most %(n)s inside", n=row.occupancy_max))
    return _("; ").join(parts)


def _schedule_name(number: int) -> str:
    schedule = Schedule.get_or_none(Schedule.id == number)
    if schedule is None:
        return str(number)
    return _(schedule.name) if number == ALWAYS else str(schedule.name)


def _hours(periods: Iterable[tuple[int, int, int]]) -> str:
    return _("; ").join(" ".join(each) for each in describe(list(periods))) or _("never")


def _seconds(milliseconds: int) -> str:
    return _("%(n)s seconds", n=f"{milliseconds / 1_000:g}")
