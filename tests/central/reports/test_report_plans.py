"""Every filter of every report stands on an index, whoever looks, and each is answered by both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from central.reports.pages import REPORTS, Report
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from tests.support.estate import NOON, Estate
from tests.support.plans import plan_of

SCOPES = {
    "head office": HEAD_OFFICE,
    "one estate": Scope.of([Grant(site_id=1)]),
    "one organisation": Scope.of([Grant(organisation_id=1)]),
    "both": Scope.of([Grant(site_id=1, organisation_id=1)]),
}
FILTERS: dict[str, list[dict[str, str]]] = {
    "issues": [
        {},
        {"at_from": "2026-07-01", "at_to": "2026-07-02"},
        {"operator": "1"},
        {"class": "1"},
        {"department": "工程部"},
        {"sub_system": "access"},
        {"kind": "staff"},
    ],
    "balances": [
        {},
        {"at_from": "2026-07-01", "at_to": "2026-07-02"},
        {"class": "1"},
        {"department": "工程部"},
        {"balance_min": "1", "balance_max": "100"},
        {"state": "lost"},
        {"state": "in_use"},
    ],
    "extensions": [
        {},
        {"at_from": "2026-07-01", "at_to": "2026-07-02"},
        {"operator": "1"},
        {"class": "1"},
    ],
    "losses": [
        {},
        {"reported_at_from": "2026-07-01", "reported_at_to": "2026-07-02"},
        {"status": "open"},
        {"department": "工程部"},
    ],
    "holders": [
        {},
        {"person": "zs"},
        {"place": "1栋"},
        {"place": "1栋 101"},
        {"department": "工程部"},
        {"organisation": "1"},
    ],
    "stock": [{}, {"site": "1"}, {"organisation": "1"}, {"class": "1"}],
}
CHOICES = {
    "operator": {"1": "值班员"},
    "class": {"1": "业主卡"},
    "department": {"工程部": "工程部"},
    "organisation": {"1": "和谐物业"},
    "site": {"1": "锦绣花园"},
}
CASES = [
    pytest.param(report, filters, id="-".join([report.path, *filters]))
    for report in REPORTS
    for filters in FILTERS[report.path]
]


@pytest.fixture
def sqlite_estate(tmp_path: Path) -> Iterator[Estate]:
    made = Estate(tmp_path)
    yield made
    made.close()


def test_every_filter_of_every_report_is_tried() -> None:
    """A filter that is added must be added here."""
    for report in REPORTS:
        tried = {name for filters in FILTERS[report.path] for name in filters}
        assert tried == {p for f in report.make(NOON).filters for p in f.parameters}, report.path


@pytest.mark.parametrize("who", SCOPES)
@pytest.mark.parametrize(("report", "filters"), CASES)
def test_a_page_of_a_report_is_found_on_an_index(
    sqlite_estate: Estate, report: Report, filters: dict[str, str], who: str
) -> None:
    """Only the estates of the stock report, or the people of one department or building, may be sorted.

    Planted break: take ``(("holding", "card_no"), False)`` out of the model, or sort by a column without an index.
    """
    view = report.make(NOON).view(filters, CHOICES)
    plan = sqlite_estate.read(plan_of, view, SCOPES[who])
    assert " INDEX" in plan, plan
    assert "SCAN t1 |" not in plan, plan
    sorts_few = report.path == "stock" or "department=?" in plan or "building=?" in plan
    sorts = plan.replace("USE TEMP B-TREE FOR count(DISTINCT)", "")
    assert sorts_few or "USE TEMP B-TREE" not in sorts, plan


def test_a_filter_of_the_acts_has_an_index_that_begins_with_it(sqlite_estate: Estate) -> None:
    """The day of a rare value is found without walking over everybody else's."""
    for name in ("operator", "class", "department", "kind"):
        view = REPORTS[0].make(NOON).view({name: FILTERS_OF[name]}, CHOICES)
        plan = sqlite_estate.read(plan_of, view, HEAD_OFFICE)
        assert f"(act=? AND {COLUMN_OF[name]}=?" in plan, plan


FILTERS_OF = {"operator": "1", "class": "1", "department": "工程部", "kind": "staff"}
COLUMN_OF = {"operator": "operator_id", "class": "card_class_id", "department": "department", "kind": "kind"}
