"""Pages of patrol units: what an operator sees, and what becomes of an act as the unit answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from central.access.model import AlarmState
from central.audit import AuditEntry
from central.db import announce
from central.sync.status import CHANGED
from central.units.acts import COMMANDS_FROM
from central.units.model import UnitCommand
from protocol.facts import ClearedFact, CommandFact, CommandResult, Supply, TestFact
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

ACTS = "/patrol/units/act"


@pytest.fixture
async def estate(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """A checkpoint at a reader of the gate: its device is a patrol unit."""
    estate = await Estate.make(running_centre)
    form: dict[str, Any] = {"number": 1, "name": "点1", "point": estate.entrance}
    assert (await centre_client.post("/patrol/checkpoints/new", form)).status == 303
    return estate


async def ask(estate: Estate, client: Browser, act: str) -> int:
    """Ask the unit of the gate; the number of the act."""
    answer = await client.post(ACTS, {"act": act, "unit": str(estate.gate_device)})
    assert answer.status == 303, answer.text
    return int(answer.headers["Location"].rpartition("=")[2])


async def state(estate: Estate, act: int) -> str:
    return await estate.running.centre.db.read(lambda: str(UnitCommand.get_by_id(act).state))


async def answers(estate: Estate, *bodies: Any) -> None:
    """What the unit says, as the projections get it."""
    facts = [estate.fact(body, device=estate.gate_device) for body in bodies]

    def write() -> None:
        from central.units import facts as unit_facts

        unit_facts.apply(estate.gate_device, facts)
        unit_facts.apply(estate.gate_device, facts)  # once more: it changes nothing

    await estate.running.write(write)


async def test_what_a_unit_found_is_shown_in_words(estate: Estate, centre_client: Browser) -> None:
    act = await ask(estate, centre_client, "test")
    waiting = await centre_client.get(f"/patrol/units/acts?act={act}")
    assert "Waiting for the unit" in waiting.text
    readers = ((1, estate.entrance, True, "known 0x92"), (2, estate.exit, False, "not seen yet"))
    found = TestFact(
        COMMANDS_FROM + act, readers, True, 900, 1, 3, 0, -1_250, 15, 4_000, Supply.BATTERY, 83, 51
    )
    await answers(estate, CommandFact(COMMANDS_FROM + act, 0, CommandResult.DONE), found)
    shown = (await centre_client.get(f"/patrol/units/acts?act={act}", headers={"HX-Request": "true"})).text
    for said in (
        "Carried out",
        "Reader 东门进: works (chip 0x92)",
        "Reader 东门出: does not work",
        "-1.2 s",
        "900 MiB free",
        "Battery, 83 %",
        "51 °C",
    ):
        assert said in shown, shown


@pytest.mark.parametrize(
    ("result", "expected"), [(CommandResult.DONE, "done"), (CommandResult.NOT_CONFIRMED, "refused")]
)
async def test_a_clear_ends_as_the_unit_says(
    estate: Estate, centre_client: Browser, result: CommandResult, expected: str
) -> None:
    act = await ask(estate, centre_client, "clear")
    await answers(estate, ClearedFact(COMMANDS_FROM + act, result, 7, 8))
    assert await state(estate, act) == expected
    assert "Erased now: 7" in (await centre_client.get(f"/patrol/units/acts?act={act}")).text or result > 1


async def test_a_command_that_came_too_late_is_sent_again_and_not_for_ever(
    estate: Estate, centre_client: Browser
) -> None:
    act = await ask(estate, centre_client, "set_time")

    def sent() -> None:
        command = UnitCommand.get_by_id(act)
        command.state, command.tries = "sent", command.tries + 1
        command.save()

    states = []
    for _ in range(5):
        await estate.running.write(sent)
        await answers(estate, CommandFact(COMMANDS_FROM + act, 0, CommandResult.TOO_OLD))
        states.append(await state(estate, act))
    assert states == ["waiting"] * 4 + ["refused"]


async def test_an_act_that_waits_can_be_cancelled_and_one_that_ended_cannot(
    estate: Estate, centre_client: Browser
) -> None:
    act = await ask(estate, centre_client, "test")
    cancel = f"/patrol/units/acts/{act}/cancel"
    assert (await centre_client.post(cancel)).status == 303
    assert await state(estate, act) == "cancelled"
    assert (await centre_client.post(cancel)).status == 409
    actions = await estate.running.centre.db.read(lambda: [row.action for row in AuditEntry.select()])
    assert actions.count("units.test") == actions.count("units.cancel") == 1


async def test_programs_have_units_do_something_and_ask_what_became_of_it(
    estate: Estate, centre_client: Browser
) -> None:
    units = json.loads((await centre_client.get("/api/patrol/units")).text)["items"]
    assert [(one["number"], one["kind"]) for one in units] == [(1, "fixed_online")]
    for register in ("checkpoints", "guards", "routes", "carried", "event-cards"):
        found = json.loads((await centre_client.get(f"/api/patrol/{register}")).text)["items"]
        assert len(found) == (register == "checkpoints")
    wanted = {"act": "test", "units": [estate.gate_device]}
    asked = await centre_client.post("/api/patrol/units/acts", json=wanted)
    assert asked.status == 202, asked.text
    (act,) = json.loads(asked.text)["acts"]
    stands = json.loads((await centre_client.get(f"/api/patrol/units/acts/{act}")).text)
    assert (stands["unit"], stands["act"], stands["state"]) == (estate.gate_device, "test", "waiting")
    none = {"act": "clear", "units": [estate.desk_device]}
    assert (await centre_client.post("/api/patrol/units/acts", json=none)).status == 404


@pytest.mark.parametrize(
    "form", [{"act": "test"}, {"act": "explode", "all": "1"}, {"act": "test", "unit": "2"}]
)
async def test_nothing_is_asked_of_nobody_nor_of_what_is_no_unit(
    estate: Estate, centre_client: Browser, form: dict[str, str]
) -> None:
    assert (await centre_client.post(ACTS, form)).status in (400, 422)
    assert not await estate.running.centre.db.read(lambda: UnitCommand.select().count())
    assert (await centre_client.get(f"/patrol/units/{estate.desk_device}")).status == 404


async def test_a_unit_without_a_network_is_not_missed_when_it_is_away(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted breaks: ``_offline`` of the alarms or of the list without its look at ``without_network``."""

    async def open_alarms() -> int:
        def read() -> int:
            kind = (AlarmState.kind == "device_offline") & AlarmState.cleared_at.is_null()
            return AlarmState.select().where(kind).count()

        return await estate.running.centre.db.read(read)

    async def until_alarms(count: int) -> None:
        for _ in range(200):
            if await open_alarms() == count:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{await open_alarms()} alarms instead of {count}")

    path = f"/patrol/units/{estate.gate_device}"
    await estate.set_online(estate.gate_device, False)
    await estate.running.write(announce, CHANGED, {"ids": [estate.gate_device]})
    await until_alarms(1)
    assert "东门控制器" in (await centre_client.get("/devices?online=no")).text
    assert (await centre_client.post(path, {"kind": "fixed_offline"})).status == 303
    await until_alarms(0)
    assert "东门控制器" not in (await centre_client.get("/devices?online=no")).text
    assert (await centre_client.post(path, {"kind": "fixed_online"})).status == 303
    await until_alarms(1)
