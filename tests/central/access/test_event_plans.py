"""The list of events stays on its indexes, however it is filtered and whoever looks."""

from __future__ import annotations

import pytest

from central.access.events import EVENTS
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from tests.support.estate import Estate
from tests.support.plans import plan_of

SCOPES = {
    "head office": HEAD_OFFICE,
    "one estate": Scope.of([Grant(site_id=1)]),
    "one organisation": Scope.of([Grant(organisation_id=1)]),
}
FILTERS = [
    {},
    {"at_from": "2026-07-01", "at_to": "2026-07-02"},
    {"door": "1"},
    {"department": "工程部"},
    {"result": "denied"},
    {"reason": "22"},
    {"direction": "out"},
    {"source": "remote"},
]


@pytest.fixture
def sqlite_estate(tmp_path):  # type: ignore[no-untyped-def]
    made = Estate(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("who", SCOPES)
@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: "+".join(filters) or "none")
def test_a_page_of_events_is_found_without_sorting(
    sqlite_estate: Estate, who: str, filters: dict[str, str]
) -> None:
    choices = {"door": {"1": "东门"}, "department": {"工程部": "工程部"}}
    view = EVENTS.view(filters, choices)
    plan = sqlite_estate.read(plan_of, view, SCOPES[who])
    assert "USE TEMP B-TREE" not in plan, plan
    assert "access_event" in plan or "t1 USING INDEX" in plan, plan
    assert "SCAN t1 |" not in plan, plan
