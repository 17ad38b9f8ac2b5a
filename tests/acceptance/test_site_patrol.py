"""The patrol at a whole site: guards, routes and their times set on the pages, and what a guard hears at a patrol point."""

from __future__ import annotations

import re

import pytest

from edge.core.feedback import Pattern
from provisioning.demo.browser import Page
from provisioning.demo.story import until
from tests.support import patrol
from tests.support.patrol import scan
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.requirement(75)
@pytest.mark.requirement(77)
async def test_a_guard_hears_whether_he_is_on_time(site: Site) -> None:
    """Seen when: at one checkpoint five cards are heard as on time, early, late, not on the route and not a guard's, each by
    the plan and the limits that were entered on the page of the route a moment before.

    Planted breaks that turn it red: ``publishing._row`` with early and late exchanged; ``patrol_changed`` not called by
    ``put_route``.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    walks, comes_early, comes_late, elsewhere = [await patrol.guard(site) for _ in range(4)]
    await patrol.route(site, [(here, "+0")], [walks])
    await patrol.route(site, [(here, "+0")], [comes_early], starts=patrol.clock(10), early="0")
    await patrol.route(site, [(here, "+0")], [comes_late], late="0")
    stranger = await site.resident()
    await site.until_joined()
    heard = {
        name: await scan(site, card.uid)
        for name, card in {
            "walks": walks,
            "early": comes_early,
            "late": comes_late,
            "elsewhere": elsewhere,
            "stranger": stranger,
        }.items()
    }
    assert heard == {
        "walks": Pattern.SCAN_ON_TIME,
        "early": Pattern.SCAN_EARLY,
        "late": Pattern.SCAN_LATE,
        "elsewhere": Pattern.SCAN_NOT_ON_ROUTE,
        "stranger": Pattern.SCAN_NOT_A_GUARD,
    }


@pytest.mark.requirement(77)
async def test_other_limits_and_times_reach_the_patrol_point_and_leave_today_as_it_was(site: Site) -> None:
    """Seen when: a route is given another time and other limits from tomorrow on; the patrol point holds today's visit with
    the old ones and tomorrow's with the new ones; a change of what has begun is refused; a deleted route is not walked
    tomorrow, and today still is.

    Planted breaks that turn it red: ``publishing._row`` with the limits of the route's newest plan; ``_check_day`` letting
    today pass; ``end_route`` deleting every plan.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    one = await patrol.guard(site)
    number = await patrol.route(site, [(here, "+0")], [one])
    await site.until_joined()
    before = patrol.held_visits(site, one)
    assert {visit[2:] for visit in before} == {(300, 300, 900, 900)}
    path = f"/patrol/routes/{number}"
    new = {
        **(await site.browser.get(path)).form(path).fields,
        "early": "2",
        "late": "3",
        "opens": "4",
        "closes": "6",
        "starts": patrol.clock(30),
    }
    kept = {
        name: text
        for name, text in new.items()
        if not name.startswith(("csrf", "days", "guards", "stop_", "at_"))
    }
    kept = {
        name: text for name, text in kept.items() if not re.match(r"(stay|early|late|opens|closes)_", name)
    }
    refused = await patrol.send_plan(
        site, path, {**kept, "valid_from_on": patrol.day()}, [(here, "+0")], [one]
    )
    assert refused.status == 422
    changed = await patrol.send_plan(
        site, path, {**kept, "valid_from_on": patrol.day(1)}, [(here, "+0")], [one]
    )
    assert changed.path.startswith("/patrol/routes"), changed.words[-600:]
    await site.until_joined()
    after = patrol.held_visits(site, one)
    assert after[0] == before[0]
    assert {visit[2:] for visit in after[1:]} == {(120, 180, 240, 360)}
    page = await site.browser.get(path)
    await site.browser.send(page, f"{path}/delete")
    await site.until_joined()
    assert patrol.held_visits(site, one) == before[:1]
    assert await scan(site, one.uid) is Pattern.SCAN_ON_TIME


@pytest.mark.requirement(74)
async def test_guards_are_entered_by_card_and_given_routes(site: Site) -> None:
    """Seen when: a guard is entered by the number of the card in hand; the page names person, card and routes; ticking a
    group's route there gives its visits to the card from tomorrow on, taking the tick away takes them back.

    Planted break that turns it red: ``set_routes`` without ``patrol_changed``.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    walks = await patrol.guard(site)
    number = await patrol.route(site, [(here, "+0")], [walks], is_group="1")
    second = await patrol.guard(site, by_card=True)
    path = f"/patrol/guards/{second.id}"
    page = await site.browser.get(path)
    assert page.facts["Card number"] == second.card_no
    assert page.facts["Person number"] == second.person_no
    assert str(number) in page.form(path).options["routes"]
    await site.browser.send(page, path, routes=str(number))
    await site.until_joined()
    given = patrol.held_visits(site, second)
    assert given == patrol.held_visits(site, walks)[1:]
    page = await site.browser.get(path)
    assert page.form(path).ticked["routes"] == [str(number)]
    fields = {name: text for name, text in page.form(path).fields.items() if name != "routes"}
    await site.browser.post(path, fields)
    await site.until_joined()
    assert patrol.held_visits(site, second) == []


@pytest.mark.requirement("U18")
async def test_a_round_with_a_carried_unit(site: Site) -> None:
    """Seen when: a location card scanned before a round is heard as "no round"; the guard's card opens the round, two
    location cards are on time and not on his route; the next guard's card opens hers, where the second one is on time, all of
    it with the network cut; with the network back all of it arrives.

    Planted breaks that turn it red: ``_wanted`` without the places; ``here`` without those of a carried unit.
    """
    unit = await patrol.carried_unit(site)
    number = site.next_number()
    pump, roof = f"04ED{number:010X}", f"04EC{number:010X}"
    here = await patrol.place(site, f"水泵房{number}", pump)
    above = await patrol.place(site, f"天台{number}", roof)
    one, two = await patrol.guard(site), await patrol.guard(site)
    await patrol.route(site, [(here, "+0")], [one])
    await patrol.route(site, [(above, "+0")], [two])
    await site.until_joined()
    await site.cut(unit)
    try:
        heard = [await scan(site, uid, unit) for uid in (pump, one.uid, pump, roof, two.uid, roof)]
    finally:
        await site.join(unit)
    assert heard == [
        Pattern.NO_ROUND,
        Pattern.ROUND_OPENED,
        Pattern.SCAN_ON_TIME,
        Pattern.SCAN_NOT_ON_ROUTE,
        Pattern.ROUND_OPENED,
        Pattern.SCAN_ON_TIME,
    ]


@pytest.mark.requirement(74)
async def test_a_guards_new_card_serves_and_who_walks_no_more_is_no_guard(site: Site) -> None:
    """Seen when: after a loss the old card is heard as not a guard's, and the new one as on time; the card of a guard who was
    taken out of the register is not a guard's.

    Planted breaks that turn it red: ``publish.cards_changed`` not telling its followers; ``guards_cards`` without its look
    at ``Guard.active``.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    loses, leaves = await patrol.guard(site), await patrol.guard(site)
    await patrol.route(site, [(here, "+0")], [loses])
    await patrol.route(site, [(here, "+0")], [leaves])
    await site.report_lost(loses.card_no)
    path = f"{(await site.card_page(loses.card_no)).path.partition('?')[0]}/replace"
    number = site.next_number()
    uid, card_no = f"04EF{number:010X}", f"81{number:06d}"
    await site.browser.send(await site.browser.get(path), path, uid=uid, card_no=card_no)
    await patrol.take_away_guard(site, leaves)
    await site.until_joined()
    assert await scan(site, loses.uid) is Pattern.SCAN_NOT_A_GUARD
    assert await scan(site, uid) is Pattern.SCAN_ON_TIME
    assert await scan(site, leaves.uid) is Pattern.SCAN_NOT_A_GUARD


async def test_a_call_for_help_by_an_event_card_is_an_alarm(site: Site) -> None:
    """Seen when: a card entered as "help" is heard as an event at the patrol point, and its alarm is on the page; deleted,
    the card is a stranger's.

    Planted breaks that turn it red: ``_wanted`` without the event cards; ``_card_shown`` taking it as a scan.
    """
    await patrol.join_patrol_point(site)
    await patrol.checkpoint(site, "地库一号点")
    uid = f"04EB{site.next_number():010X}"
    page = await site.browser.get("/patrol/event-cards/new")
    options = page.form("/patrol/event-cards/new").options
    place = {name: options[name][-1] for name in ("site", "organisation")}
    await site.browser.send(
        page, "/patrol/event-cards/new", name=f"求助卡{uid}", event="HELP", uid=uid, **place
    )
    await site.until_joined()
    assert await scan(site, uid) is Pattern.EVENT_SENT
    await site.until_page("/alarms?state=open", lambda page: "Guard calls for help" in page.words)
    listed = await site.browser.get(f"/patrol/event-cards?q={uid}")
    (row,) = listed.rows_of("event_cards")
    await site.browser.send(await site.browser.get(row.links[0]), f"{row.links[0]}/delete")
    await site.until_joined()
    assert await scan(site, uid) is Pattern.SCAN_NOT_A_GUARD


@pytest.mark.requirement(18)
async def test_one_workstation_is_card_centre_and_patrol_console(site: Site) -> None:
    """Seen when: one operator of the card centre (js1) reads a card that lies on the issuer, issues it to a guard, and sees
    on the patrol monitor at which checkpoint that guard was; the settings of the doors stay closed to that desk.

    Planted break that turns it red: the role of the card centre without its rights on the patrol.
    """
    await patrol.join_patrol_point(site)
    await patrol.checkpoint(site, "地库一号点")
    number = site.next_number()
    uid, person_no = f"04DE{number:010X}", f"8{number:03d}"
    person = await site.enter_person(person_no)
    await site.lay({"kind": "uid", "uid": uid})
    async with site.operator("card_centre") as js1:

        async def shown() -> Page | None:
            page = await js1.get("/cards/desk/presented")
            return page if uid in page.html.replace(" ", "") else None

        assert "New card" in (await until(shown, "the card on the issuer")).words
        await site.lift(uid)
        form = await js1.get(f"/cards/issue?person={person}")
        await js1.send(form, "/cards/issue", uid=uid, card_no=f"98{number:06d}", levels="1")
        form = await js1.get("/patrol/guards/new")
        await js1.send(form, "/patrol/guards/new", number=person_no)
        await site.until_joined()
        assert await scan(site, uid) is Pattern.SCAN_NOT_ON_ROUTE

        async def seen() -> Page | None:
            page = await js1.get("/patrol/monitor")
            return page if f"住户{person_no}" in page.words else None

        assert "地库一号点" in (await until(seen, "the scan on the monitor")).words
        assert (await js1.get("/doors/1/edit")).status == 403
