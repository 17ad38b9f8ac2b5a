"""A patrol at a running site, set up through its pages: a patrol point of its own, checkpoints, guards, routes, scans.

Shared by all acceptance tests of the patrol. Each test enters guards and routes of its own; the patrol point is joined once.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from central.security.guard import STEP_UP_FIELD
from edge.cache.store import ConfigStore
from edge.core.feedback import SIGNALS, Pattern
from protocol.ids import uid_key
from provisioning.demo.browser import Page
from provisioning.demo.site import ZONE, DemoDevice
from tests.support.site import Site

POINT: Final = "patrol-point"
LABEL: Final = "巡更点控制器"
UNIT: Final = "carried-unit"
UNIT_LABEL: Final = "一号巡更棒"
SCANS: Final = (
    Pattern.SCAN_ON_TIME,
    Pattern.SCAN_EARLY,
    Pattern.SCAN_LATE,
    Pattern.SCAN_NOT_ON_ROUTE,
    Pattern.SCAN_NOT_A_GUARD,
    Pattern.SCAN_NOT_OPENED,
    Pattern.SCAN_PLAN_UNKNOWN,
    Pattern.ROUND_OPENED,
    Pattern.ROUND_CLOSED,
    Pattern.NO_ROUND,
    Pattern.EVENT_SENT,
)
_QUIET_S: Final = 1.2
_BLINKS_MS: Final = 700
"""Red so soon after the only beep: "recorded, the plan is not known"."""
_HEARD_WITHIN_S: Final = 60.0
_CLOCK_MS: Final = 5
"""Two looks at a clock in whole milliseconds, and the timers of the loop, which may be early by its resolution."""


@dataclass(frozen=True)
class GuardAtSite:
    """A guard with a card that works. ``id``: as forms choose the guard."""

    id: int
    person: int
    person_no: str
    uid: str
    card_no: str


async def join_patrol_point(site: Site, name: str = POINT, label: str = LABEL, number: str = "21") -> str:
    """A patrol point without a door; its name. Once per site."""
    return await join_device(site, name, label, number, "patrol", ("读卡器",))


async def join_device(
    site: Site, name: str, label: str, number: str, purpose: str, readers: tuple[str, ...]
) -> str:
    """A device without a door, entered by form and joined by its file as a process of its own; its name. Once per site."""
    if name in site.demo.nodes:
        return name
    page = await site.browser.get("/devices/new")
    options = page.form("/devices/new").options
    made = await site.browser.send(
        page,
        "/devices/new",
        site=options["site"][-1],
        organisation=options["organisation"][-1],
        number=number,
        label=label,
        name=name,
        location="地库",
        purpose=purpose,
    )
    action = next(form.action for form in made.forms if form.action.endswith("/ticket"))
    file = await site.browser.send(made, action, **{STEP_UP_FIELD: site.demo.password})
    found = re.search(r'ticket = (?:"|&#34;|&quot;)([^"&]+)', file.html)
    assert found is not None, file.words
    demo = site.demo
    assert demo.site is not None
    device = DemoDevice(name, label, readers, "simulated", "door", found[1])
    demo.nodes[name] = node = demo._node(device)
    demo.site = replace(demo.site, devices=(*demo.site.devices, device))
    await node.child.start()
    node.line.start()
    await demo.until(lambda: node.line.is_connected, name)
    await site.until_joined()
    return name


async def checkpoint(site: Site, name: str, device: str = LABEL, **values: str) -> int:
    """Make the first reader of a device (by its label) a checkpoint, unless it is one; the checkpoint's id."""
    listed = (await site.browser.get("/patrol/checkpoints")).rows_of("checkpoints")
    page = await site.browser.get("/patrol/checkpoints/new")
    offered = re.findall(r'<option value="(\d+)"[^>]*>([^<]*)', page.html)
    point = next(value for value, text in offered if device in text)
    for row in listed:
        if row.cells[1] == name:
            return int(row.links[0].rpartition("/")[2])
    await site.browser.send(
        page,
        "/patrol/checkpoints/new",
        **{"number": str(500 + site.next_number()), "name": name, "point": point, **values},
    )
    listed = (await site.browser.get("/patrol/checkpoints")).rows_of("checkpoints")
    return next(int(row.links[0].rpartition("/")[2]) for row in listed if row.cells[1] == name)


async def place(site: Site, name: str, uid: str) -> int:
    """A checkpoint with a location card; its id."""
    page = await site.browser.get("/patrol/checkpoints/new")
    options = page.form("/patrol/checkpoints/new").options
    await site.browser.send(
        page,
        "/patrol/checkpoints/new",
        number=str(500 + site.next_number()),
        name=name,
        point="",
        place_card=uid,
        site=options["site"][-1],
        organisation=options["organisation"][-1],
    )
    listed = (await site.browser.get(f"/patrol/checkpoints?q={name}")).rows_of("checkpoints")
    return int(listed[0].links[0].rpartition("/")[2])


async def carried_unit(site: Site, name: str = UNIT, label: str = UNIT_LABEL) -> str:
    """A device of its own whose reader guards carry; its name. Once per site."""
    if name in site.demo.nodes:
        return name
    await join_patrol_point(site, name, label, "22")
    page = await site.browser.get("/patrol/carried/new")
    offered = re.findall(r'<option value="(\d+)"[^>]*>([^<]*)', page.html)
    point = next(value for value, text in offered if label in text)
    await site.browser.send(page, "/patrol/carried/new", name=label, point=point, idle_min="60")
    await site.until_joined()
    return name


async def guard(site: Site, *, by_card: bool = False) -> GuardAtSite:
    """A new person with a card, entered as a guard by the person's number or the card's."""
    number = site.next_number()
    uid, person_no, card_no = f"04EE{number:010X}", f"8{number:03d}", f"8{number:07d}"
    person = await site.enter_person(person_no, name=f"保安{number}", kind="staff")
    await site.issue(person, uid, card_no)
    page = await site.browser.get("/patrol/guards/new")
    estate = page.form("/patrol/guards/new").options["site"][-1]
    typed = card_no if by_card else person_no
    made = await site.browser.send(page, "/patrol/guards/new", site=estate, number=typed)
    return GuardAtSite(int(made.path.rpartition("/")[2]), person, person_no, uid, card_no)


async def take_away_guard(site: Site, one: GuardAtSite) -> None:
    """A guard walks no more rounds."""
    page = await site.browser.get(f"/patrol/guards/{one.id}")
    await site.browser.send(page, f"/patrol/guards/{one.id}/delete")


def local_now() -> datetime:
    """The time on the wall of the site."""
    return datetime.now(ZoneInfo(ZONE))  # noqa: TID251  (the site's processes run by the real clock)


def day(after: int = 0) -> str:
    """The date of the site, or so many days later, as a form has it."""
    return (local_now() + timedelta(days=after)).date().isoformat()


def clock(after_min: int = 0) -> str:
    """The minute that runs, or so many later, as a form has it."""
    return f"{local_now() + timedelta(minutes=after_min):%H:%M}"


def minute(least_s: float) -> datetime:
    """The first whole minute that is at least so far away: what is planned for it is entered before it begins."""
    return (local_now() + timedelta(seconds=least_s + 60)).replace(second=0, microsecond=0)


async def route(
    site: Site, stops: Sequence[tuple[int, str]], guards: Iterable[GuardAtSite], **values: str
) -> int:
    """A route of (checkpoint, time as typed), walked every day from today on by these guards; its id.

    Starts this minute and is on time 5 minutes before and after, missed after 15, unless ``values`` says otherwise.
    """
    number = str(500 + site.next_number())
    given = {
        "number": number,
        "name": f"路线{number}",
        "valid_from_on": day(),
        "order": "FLAG",
        "starts": clock(),
        "early": "5",
        "late": "5",
        "opens": "15",
        "closes": "15",
        **values,
    }
    made = await send_plan(site, "/patrol/routes/new", given, stops, guards)
    assert made.path.startswith("/patrol/routes"), made.words[-800:]
    rows = (await site.browser.get(f"/patrol/routes?q={given['name']}")).rows_of("routes")
    return int(rows[0].links[0].rpartition("/")[2])


async def send_plan(
    site: Site,
    path: str,
    given: dict[str, str],
    stops: Sequence[tuple[int, str]],
    guards: Iterable[GuardAtSite],
) -> Page:
    """Fill the form of a route in; the page that follows."""
    csrf = (await site.browser.get(path)).form("/logout").fields["csrf"]
    fields = [("csrf", csrf), *given.items(), *(("days", str(bit)) for bit in range(7))]
    fields += [("guards", str(one.id)) for one in guards]
    for place, (number, at) in enumerate(stops):
        fields += [(f"stop_{place}", str(number)), (f"at_{place}", at), (f"stay_{place}", "")]
        fields += [(f"{bound}_{place}", "") for bound in ("early", "late", "opens", "closes")]
    return await site.browser.post(path, fields)


def held_visits(site: Site, one: GuardAtSite, node: str = POINT) -> list[tuple[int, int, int, int, int, int]]:
    """The visits that a device holds for a guard's card, as ``protocol.records.GuardRow`` has them; from its medium."""
    medium = site.demo.folder / node / "data" / "config.db"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "config.db"
        source, target = sqlite3.connect(f"file:{medium}?mode=ro", uri=True), sqlite3.connect(copy)
        source.backup(target)
        source.close()
        target.close()
        store = ConfigStore(copy)
        row = store.open().guard(uid_key(bytes.fromhex(one.uid)))
        store.close()
    return [] if row is None else list(row.visits)


Beep = tuple[float, bool]
"""How long it sounded in ms, and whether red was lit meanwhile."""


def sounds_of(pattern: Pattern) -> tuple[Beep, ...]:
    """The beeps of a pattern."""
    return tuple((step.ms, step.frame.red) for step in SIGNALS[pattern] if step.frame.buzzer)


def told_by(heard: tuple[Beep, ...], patterns: Iterable[Pattern] = SCANS) -> Pattern | None:
    """The pattern with as many beeps, red at the same ones, that is nearest in their lengths: a busy machine makes them longer,
    never shorter."""
    fits = []
    for pattern in patterns:
        sounds = sounds_of(pattern)
        if [is_red for _ms, is_red in sounds] == [is_red for _ms, is_red in heard]:
            longer_ms = [ms - wanted for (ms, _), (wanted, _) in zip(heard, sounds, strict=True)]
            if min(longer_ms) >= -_CLOCK_MS:
                fits.append((sum(longer_ms), pattern))
    return min(fits)[1] if fits else None


def _heard(beeps: list[tuple[int, bool]], reds: list[tuple[int, bool]]) -> tuple[Beep, ...]:
    """The length of each beep in milliseconds, and whether red was lit in the middle of it."""

    def is_red(at_ms: float) -> bool:
        return [is_on for changed_ms, is_on in reds if changed_ms <= at_ms][-1]

    return tuple(
        (float(end - begin), is_red((begin + end) / 2))
        for (begin, _on), (end, _off) in zip(beeps[::2], beeps[1::2], strict=True)
    )


async def scan(
    site: Site, uid: str, node: str = POINT, reader: int = 1, patterns: Iterable[Pattern] = SCANS
) -> Pattern:
    """Hold a card to a patrol point; which of these was heard, told by its beeps and by whether red was lit."""
    control = site.demo.nodes[node].line
    beeps: list[tuple[int, bool]] = []
    reds = [(0, True)]
    pass_on = control._on_event

    def listen(event: Mapping[str, Any]) -> None:
        if event.get("line") == f"buzzer.{reader}":
            beeps.append((int(event["at_ms"]), bool(event["on"])))
        if event.get("line") == f"led_red.{reader}":
            reds.append((int(event["at_ms"]), bool(event["on"])))
        pass_on(event)

    control._on_event = listen
    try:
        await site.tap(node, uid, reader)
        loop = asyncio.get_running_loop()
        until = loop.time() + _HEARD_WITHIN_S
        while not beeps:
            assert loop.time() < until, f"{node}: nothing was heard"
            await asyncio.sleep(0.05)
        found, heard = None, ()
        while (
            found is None and loop.time() < until
        ):  # a busy machine may make a pause longer than this silence
            count = -1
            while len(beeps) != count or beeps[-1][1]:
                count = len(beeps)
                await asyncio.sleep(_QUIET_S)
            heard = _heard(beeps, reds)
            found = told_by(heard, patterns)
    finally:
        control._on_event = pass_on
    assert found is not None, f"{node}: {heard} is none of the patterns"
    blinked = any(
        is_on and beeps[0][0] < changed_ms < beeps[-1][0] + _BLINKS_MS for changed_ms, is_on in reds
    )
    if found is Pattern.SCAN_ON_TIME and blinked:
        return Pattern.SCAN_PLAN_UNKNOWN
    return found
