"""不得泄露業主個人信息: what is shown of a person, to whom, and what leaves a trace."""

from __future__ import annotations

import pytest

from central.audit import AuditEntry
from tests.support.centre import RunningCentre
from tests.support.estate_pages import Estate

PHONE = "13812345678"


@pytest.mark.requirement(12)
async def test_personal_data_is_masked_kept_to_its_role_and_organisation_and_leaves_with_a_record(
    running_centre: RunningCentre,
) -> None:
    """Data protection: mask, role rights, export log.

    Seen when the telephone number is masked in the list, in its file, on the page and in the API for everybody, whole only
    for who has that right, each look recorded, another organisation sees nothing of the person at all, a role without the right gets no file, and
    a file that was taken away stands in the audit trail with who, which rows and when. Planted break: give the
    column "phone" of the list of people its plain value.
    """
    estate = await Estate.make(running_centre)
    desk = await running_centre.as_role("card_centre", organisation=1)
    guard = await running_centre.as_role("guard", organisation=1)
    other = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    person = f"/people/{estate.person}"

    for browser in (desk, guard):
        for path in ("/people", "/api/people"):
            text = (await browser.get(path)).text
            assert PHONE not in text
            assert "138****5678" in text
    for browser in (desk, guard):
        assert PHONE not in (await browser.get(person)).text
    assert PHONE in (await desk.post(f"{person}/reveal")).text
    assert (await guard.post(f"{person}/reveal")).status == 403
    assert (await guard.get(f"{person}/edit")).status == 403
    assert (await other.get(person)).status == 404
    assert "张三" not in (await other.get("/people?q=zs")).text

    assert (await guard.get("/people/export?format=csv")).status == 403
    taken = await desk.get("/people/export?format=csv")
    assert "138****5678" in taken.text
    assert PHONE not in taken.text
    entries = await running_centre.read(
        lambda: list(AuditEntry.select().where(AuditEntry.action == "people.export"))
    )
    looks = await running_centre.read(
        lambda: [
            (entry.object_id, entry.detail["actor"])
            for entry in AuditEntry.select().where(AuditEntry.action == "people.reveal")
        ]
    )
    assert [(number, desk.number in actor) for number, actor in looks] == [(str(estate.person), True)]
    assert [(entry.detail["after"]["rows"], entry.at) for entry in entries] == [(1, estate.now)]
    assert desk.number in entries[0].detail["actor"]
