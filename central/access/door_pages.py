"""Pages of the doors: three facts about each, remote open and modes by hand, settings (23, 60, 62)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.access import commands, door_service
from central.access.command_rules import FINAL, RESULT_TEXT, CommandKind
from central.access.commands import Wish, shown_of
from central.access.door_lines import door_lines
from central.access.door_service import INTERLOCK_MAX, DoorInput, PointInput
from central.access.model import AccessPoint, Area, Door, DoorCommand, Schedule
from central.access.tier_counts import TierCounts, counts_at
from central.access.words import CLOCK_TEXT, MODE_TEXT, PERSONS_TEXT, STORAGE_TEXT, TIER_TEXT
from central.cards.credentials import TIER_WORD
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.people.inputs import one_line, path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.fields import CheckField, ChoiceField, Choices, HiddenField, NumberField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle
from protocol.facts import CommandResult
from protocol.ids import Tier
from protocol.limits import UNITS_MAX
from protocol.records import ClockPolicy, Mode, StoragePolicy

RECENT_COMMANDS: Final = 20


class DoorForm(msgspec.Struct, kw_only=True):
    """The settings of a door as they are typed: seconds, choices as texts."""

    label: str
    location: str | None
    mode: str
    unlock_schedule: str | None
    lock_schedule: str | None
    block_schedule: str | None
    first_card: bool
    release_s: int
    extended_release_s: int
    held_open_s: int
    pre_alarm_s: int
    storage_policy: str
    clock_policy: str
    unit: str | None
    inside: str | None
    outside: str | None
    interlock: int | None
    persons: str
    pin_schedule: str | None
    duress_pin: bool
    contact_fitted: bool
    exit_fitted: bool
    enabled: bool
    version: str


SECONDS: Final = lazy("seconds")
FORM: Final = Form(
    DoorForm,
    TextField("label", lazy("Door"), length_max=60),
    TextField("location", lazy("Location"), is_required=False),
    ChoiceField("mode", lazy("Rule"), choices={str(int(mode)): text for mode, text in MODE_TEXT.items()}),
    ChoiceField(
        "unlock_schedule",
        lazy("Held open during"),
        is_required=False,
        hint=lazy("The door stands open in these hours. Empty: never."),
    ),
    CheckField(
        "first_card",
        lazy("Held open from the first card on"),
        hint=lazy("In these hours the door stays shut until somebody comes in with a card."),
    ),
    ChoiceField(
        "lock_schedule",
        lazy("Locked during"),
        is_required=False,
        hint=lazy("In these hours nothing holds the door open; cards with a right open it. Empty: never."),
    ),
    ChoiceField(
        "block_schedule",
        lazy("Blocked during"),
        is_required=False,
        hint=lazy(
            "In these hours no card opens the door, the exit button does. Where hours overlap, blocked stands before locked, "
            "locked before held open. Without an exit button nobody gets out by card. Empty: never."
        ),
    ),
    NumberField("release_s", lazy("Release time"), least=1, most=60, unit=SECONDS),
    NumberField(
        "extended_release_s",
        lazy("Extended release time"),
        least=1,
        most=120,
        unit=SECONDS,
        hint=lazy("For cards of a class with longer opening."),
    ),
    NumberField("held_open_s", lazy("Open too long after"), least=1, most=600, unit=SECONDS),
    NumberField("pre_alarm_s", lazy("Warning before that"), least=0, most=600, unit=SECONDS),
    ChoiceField(
        "storage_policy",
        lazy("When the device cannot record"),
        choices={str(int(policy)): text for policy, text in STORAGE_TEXT.items()},
    ),
    ChoiceField(
        "clock_policy",
        lazy("When the device does not know the time"),
        choices={str(int(policy)): text for policy, text in CLOCK_TEXT.items()},
    ),
    ChoiceField(
        "unit",
        lazy("Lock output on the device"),
        is_required=False,
        choices={str(unit): str(unit) for unit in range(1, UNITS_MAX + 1)},
        hint=lazy(
            "The door contact and the exit button have the same number. Empty: the device takes a free one."
        ),
    ),
    ChoiceField(
        "inside",
        lazy("Leads into the area"),
        is_required=False,
        hint=lazy("Areas say what happens when a card goes in twice. Empty: no area."),
    ),
    ChoiceField(
        "outside",
        lazy("Comes from the area"),
        is_required=False,
        hint=lazy("For a door between two areas. Empty: from outside."),
    ),
    NumberField(
        "interlock",
        lazy("Interlock"),
        least=1,
        most=INTERLOCK_MAX,
        is_required=False,
        hint=lazy(
            "Works among the doors of one device only: of those with the same number one opens only while the others are "
            "shut. Empty: none."
        ),
    ),
    ChoiceField("persons", lazy("Opens for"), choices=PERSONS_TEXT),
    ChoiceField(
        "pin_schedule",
        lazy("Card and PIN during"),
        is_required=False,
        hint=lazy(
            "In these hours a card opens inwards with its PIN only. Needs a keypad at the reader. Empty: never."
        ),
    ),
    CheckField(
        "duress_pin",
        lazy("Duress PIN"),
        hint=lazy(
            "The PIN with its last digit one higher (9 becomes 0) opens as ever, and an alarm goes up here."
        ),
    ),
    CheckField("contact_fitted", lazy("A door contact is fitted")),
    CheckField("exit_fitted", lazy("An exit button is fitted")),
    CheckField("enabled", lazy("In use")),
    HiddenField("version", ""),
)


class PointForm(msgspec.Struct, kw_only=True):
    """The settings of a reader as they are typed."""

    label: str
    leaving: bool
    tier_min: str


POINT_FORM: Final = Form(
    PointForm,
    TextField("label", lazy("Reader"), length_max=60),
    CheckField("leaving", lazy("People who show their card here go out")),
    ChoiceField(
        "tier_min",
        lazy("What a card must prove"),
        choices={str(int(tier)): text for tier, text in TIER_TEXT.items()},
    ),
)


async def list_doors(request: web.Request) -> web.Response:
    """GET /doors"""
    lines = await centre_of(request).db.read(door_lines, scope_of(request))
    template = "access/door_rows.html" if request.headers.get("HX-Request") else "access/doors.html"
    context = {"doors": lines, "may_act": principal_of(request).may("access", "approve")}
    return await render(request, template, context)


async def show_door(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /doors/{id}"""
    centre, scope, door_id = centre_of(request), scope_of(request), path_id(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        scope.get(Door, door_id)
        points = AccessPoint.select().where(AccessPoint.door == door_id).order_by(AccessPoint.reader)
        recent = (
            DoorCommand.select()
            .where(DoorCommand.door == door_id)
            .order_by(DoorCommand.created_at.desc())
            .limit(RECENT_COMMANDS)
        )
        row = Door.get_by_id(door_id)
        return {
            "door": door_lines(scope, door_id)[0],
            "row": row,
            "held_open": row.unlock_schedule.name if row.unlock_schedule_id else "",
            "locked": row.lock_schedule.name if row.lock_schedule_id else "",
            "blocked": row.block_schedule.name if row.block_schedule_id else "",
            "is_alone": row.interlock > 0 and not _has_partner(row),
            "inside": row.inside.name if row.inside_id else "",
            "outside": row.outside.name if row.outside_id else "",
            "persons": PERSONS_TEXT[str(row.persons)],
            "asks_pin": row.pin_schedule.name if row.pin_schedule_id else "",
            "points": [(point, TIER_WORD[Tier(point.tier_min)]) for point in points],
            "commands": [(command, shown_of(command, now).value) for command in recent],
        }

    context = await centre.db.read(read)
    principal = principal_of(request)
    context |= {
        "mode_text": MODE_TEXT,
        "modes": MODE_TEXT,
        "kinds": KIND_TEXT,
        "may_act": principal.may("access", "approve"),
        "may_set": principal.may("access", "edit"),
        "problem": problem,
        "reason_max": commands.REASON_CHARS_MAX,
    }
    return await render(request, "access/door.html", context, status=status)


def _has_partner(door: Door) -> bool:
    """Another door of the same device, in use, is in the interlock of this one."""
    same = (Door.device == door.device_id) & (Door.interlock == door.interlock) & Door.enabled
    return bool(Door.select().where(same & (Door.id != door.id)).exists())


async def show_facts(request: web.Request) -> web.Response:
    """GET /doors/{id}/facts: the fragment that is loaded again when the door reports something."""
    scope, door_id = scope_of(request), path_id(request)

    def read() -> Any:
        scope.get(Door, door_id)
        return door_lines(scope, door_id)[0]

    return await render(request, "access/door_facts.html", {"door": await centre_of(request).db.read(read)})


# -- acting ---------------------------------------------------------------------------------------------------------

KIND_TEXT: Final = {
    CommandKind.OPEN.value: lazy("Remote open"),
    CommandKind.SET_MODE.value: lazy("Rule by hand"),
    CommandKind.CLEAR_MODE.value: lazy("Back to the settings"),
}


async def open_door(request: web.Request) -> web.Response:
    """POST /doors/{id}/open"""
    posted = await request.post()
    return await _command(
        request, Wish(CommandKind.OPEN, one_line(posted.get("reason", ""), commands.REASON_CHARS_MAX))
    )


async def set_mode(request: web.Request) -> web.Response:
    """POST /doors/{id}/mode: by hand, until it is taken back."""
    posted = await request.post()
    reason = one_line(posted.get("reason", ""), commands.REASON_CHARS_MAX)
    text = str(posted.get("mode", ""))
    if text == "":
        return await _command(request, Wish(CommandKind.CLEAR_MODE, reason))
    if text not in {str(int(mode)) for mode in Mode}:
        raise InvalidInputError("There is no such rule.")
    return await _command(request, Wish(CommandKind.SET_MODE, reason, Mode(int(text))))


async def _command(request: web.Request, wish: Wish) -> web.Response:
    try:
        command_id = await ask_door(request, path_id(request), wish)
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await show_door(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/doors/commands/{command_id}")


async def ask_door(request: web.Request, door_id: int, wish: Wish) -> int:
    """Write a command down, for the page and the API; returns its number."""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    return await centre.db.write(
        lambda: commands.ask(scope.get(Door, door_id), wish, actor, centre.audit, centre.clock.now())
    )


async def show_command(request: web.Request) -> web.Response:
    """GET /doors/commands/{id}: sent -> accepted -> confirmed, timed out or failed. Loads itself until it is final."""
    centre, scope, command_id = centre_of(request), scope_of(request), path_id(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        command = scope.get(DoorCommand, command_id)
        state = shown_of(command, now)
        return {
            "command": command,
            "door_label": command.door.label,
            "state": state.value,
            "is_final": state in FINAL,
            "kind": KIND_TEXT[command.kind],
            "mode": MODE_TEXT[Mode(command.mode)] if command.kind == CommandKind.SET_MODE.value else "",
            "result": RESULT_TEXT[CommandResult(command.result)] if command.result is not None else "",
            "trouble": lazy(command.trouble) if command.trouble else "",
        }

    context = await centre.db.read(read)
    template = "access/command_state.html" if request.headers.get("HX-Request") else "access/command.html"
    return await render(request, template, context)


# -- settings -------------------------------------------------------------------------------------------------------


async def edit_door(request: web.Request) -> web.Response:
    """GET and POST /doors/{id}/edit"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    door_id = path_id(request)
    door, choices = await centre.db.read(_door_and_choices, scope, door_id)
    if request.method == "GET":
        form = FORM.blank(choices, **_form_values(door))
        return await render(request, "access/door_edit.html", {"form": form, "door": door})
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value

        def write() -> None:
            found = scope.get(Door, door_id)
            before = door_service.snapshot(found)
            version = row_id(value.version)
            door_service.change_door(found, _given(value), version)
            centre.audit.record(
                actor,
                "access.door_change",
                "door",
                found.id,
                before,
                door_service.snapshot(found),
                site_id=found.site_id,
                organisation_id=found.organisation_id,
            )

        try:
            await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/doors/{door_id}")
    return await render(request, "access/door_edit.html", {"form": form, "door": door}, status=422)


def _door_and_choices(scope: Scope, door_id: int) -> tuple[Door, dict[str, Choices]]:
    door = scope.get(Door, door_id)
    schedules = Schedule.select().where((Schedule.site == door.site_id) | Schedule.site.is_null())
    areas = Area.select(Area.id, Area.name).where(Area.site == door.site_id).order_by(Area.name).tuples()
    named: Choices = {str(number): name for number, name in areas}
    hours: Choices = {str(row.id): _(row.name) for row in schedules.order_by(Schedule.id)}
    return door, {
        "unlock_schedule": hours,
        "lock_schedule": hours,
        "block_schedule": hours,
        "pin_schedule": hours,
        "inside": named,
        "outside": named,
    }


def _form_values(door: Door) -> dict[str, Any]:
    return {
        "label": door.label,
        "location": door.location,
        "mode": door.mode,
        "unlock_schedule": door.unlock_schedule_id,
        "lock_schedule": door.lock_schedule_id,
        "block_schedule": door.block_schedule_id,
        "first_card": door.first_card,
        "release_s": door.release_ms // 1_000,
        "extended_release_s": door.extended_release_ms // 1_000,
        "held_open_s": door.held_open_ms // 1_000,
        "pre_alarm_s": door.pre_alarm_ms // 1_000,
        "storage_policy": door.storage_policy,
        "clock_policy": door.clock_policy,
        "unit": door.unit,
        "inside": door.inside_id,
        "outside": door.outside_id,
        "interlock": door.interlock or None,
        "persons": door.persons,
        "pin_schedule": door.pin_schedule_id,
        "duress_pin": door.duress_pin,
        "contact_fitted": door.contact_fitted,
        "exit_fitted": door.exit_fitted,
        "enabled": door.enabled,
        "version": door.version,
    }


def _given(value: DoorForm) -> DoorInput:
    return DoorInput(
        label=value.label,
        location=value.location or "",
        enabled=value.enabled,
        mode=Mode(int(value.mode)),
        unlock_schedule=int(value.unlock_schedule) if value.unlock_schedule else None,
        lock_schedule=int(value.lock_schedule) if value.lock_schedule else None,
        block_schedule=int(value.block_schedule) if value.block_schedule else None,
        release_ms=value.release_s * 1_000,
        extended_release_ms=value.extended_release_s * 1_000,
        held_open_ms=value.held_open_s * 1_000,
        pre_alarm_ms=value.pre_alarm_s * 1_000,
        storage_policy=StoragePolicy(int(value.storage_policy)),
        clock_policy=ClockPolicy(int(value.clock_policy)),
        contact_fitted=value.contact_fitted,
        exit_fitted=value.exit_fitted,
        unit=int(value.unit) if value.unit else None,
        inside=int(value.inside) if value.inside else None,
        outside=int(value.outside) if value.outside else None,
        interlock=value.interlock or 0,
        first_card=value.first_card,
        persons=int(value.persons),
        pin_schedule=int(value.pin_schedule) if value.pin_schedule else None,
        duress_pin=value.duress_pin,
    )


async def edit_point(request: web.Request) -> web.Response:
    """GET and POST /doors/readers/{id}/edit"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    point_id = path_id(request)

    def read() -> tuple[AccessPoint, TierCounts]:
        found = point_in(scope, point_id)
        return found, counts_at(found)

    point, counts = await centre.db.read(read)
    back = f"/doors/{point.door_id}" if point.door_id else "/devices"
    context = {
        "point": point,
        "back": back,
        "cards_count": counts.cards_count,
        "refused": [(TIER_TEXT[tier], count) for tier, count in counts.refused.items()],
    }
    if request.method == "GET":
        form = POINT_FORM.blank(label=point.label, leaving=point.leaving, tier_min=point.tier_min)
        return await render(request, "access/point_edit.html", {**context, "form": form})
    form = POINT_FORM.bind(await request.post())
    if form.is_valid:
        value = form.value

        def write() -> None:
            found = point_in(scope, point_id)
            before = door_service.point_snapshot(found)
            given = PointInput(label=value.label, leaving=value.leaving, tier_min=Tier(int(value.tier_min)))
            door_service.change_point(found, given)
            centre.audit.record(
                actor,
                "access.reader_change",
                "reader",
                found.id,
                before,
                door_service.point_snapshot(found),
                site_id=found.device.site_id,
                organisation_id=found.device.organisation_id,
            )

        await centre.db.write(write)
        raise web.HTTPSeeOther(back)
    return await render(request, "access/point_edit.html", {**context, "form": form}, status=422)


def point_in(scope: Scope, point_id: int) -> AccessPoint:
    """A reader of a device in the scope.

    :raises NotFoundError: no such reader, or outside the scope.
    """
    point = AccessPoint.get_or_none(AccessPoint.id == point_id)
    scope.get(Device, point.device_id if point is not None else 0)
    assert point is not None
    return point


NAV: Final = [NavItem("access", lazy("Doors"), "/doors", order=20)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/doors", list_doors, ("access", "view")),
    Route("GET", r"/doors/{id:\d+}", show_door, ("access", "view")),
    Route("GET", r"/doors/{id:\d+}/facts", show_facts, ("access", "view")),
    Route(
        "POST",
        r"/doors/{id:\d+}/open",
        open_door,
        ("access", "approve"),
        step_up=True,
        step_up_lasts="shift",
    ),
    Route(
        "POST",
        r"/doors/{id:\d+}/mode",
        set_mode,
        ("access", "approve"),
        step_up=True,
        step_up_lasts="shift",
    ),
    Route("GET", r"/doors/commands/{id:\d+}", show_command, ("access", "view")),
    Route("GET", r"/doors/{id:\d+}/edit", edit_door, ("access", "edit")),
    Route("POST", r"/doors/{id:\d+}/edit", edit_door, ("access", "edit")),
    Route("GET", r"/doors/readers/{id:\d+}/edit", edit_point, ("access", "edit")),
    Route("POST", r"/doors/readers/{id:\d+}/edit", edit_point, ("access", "edit")),
]
