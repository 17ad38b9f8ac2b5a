"""One definition of a list gives the page, its filters, its files, its print view and its JSON answer."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from python_calamine import CalamineWorkbook

from central.centre import CENTRE
from central.routes import Route
from central.web import exports
from central.web.columns import MOMENT, MONEY, Column, neutral
from central.web.cursors import decode_cursor, encode_cursor
from central.web.fields import Choice
from central.web.filters import ChoiceFilter, DayFilter, NumberFilter, TextFilter
from central.web.i18n import lazy
from central.web.limits import WebLimits
from central.web.lists import list_export, list_json, list_page
from central.web.openapi import describes
from central.web.tables import Table
from tests.support.pages import Passage
from tests.support.plans import plan_of

START = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
LIMITS = WebLimits(
    page_rows=10, counted_rows_max=60, export_rows_max=50, print_rows_max=20, export_chunk_rows=7
)

TABLE = Table(
    name="passages",
    title=lazy("Access events"),
    query=lambda scope: Passage.select(
        Passage.id, Passage.at, Passage.person, Passage.door, Passage.fen
    ).where(Passage.door != scope),
    key=Passage.id,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=Passage.at, sorts_down_first=True),
        Column("person", lazy("Person"), sort=Passage.person, href=lambda row: f"/people/{row.id}"),
        Column("door", lazy("Door")),
        Column("fen", lazy("Amount"), MONEY, sort=Passage.fen, total=Passage.fen),
        Column("secret", lazy("Note"), value=lambda row: "screen only", is_exported=False),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Person"),
            where=lambda text: Passage.person == text,
            matches=lambda row, text: row.person == text,
        ),
        ChoiceFilter("door", lazy("Door"), field=Passage.door),
        DayFilter("at", lazy("Day"), field=Passage.at),
        NumberFilter("fen", lazy("Amount"), field=Passage.fen),
    ),
    empty=lazy("Nothing here yet"),
    limits=LIMITS,
)
CHOICES = {"door": [Choice("east", "东门"), Choice("west", "西门")]}
seen_exports: list[tuple[str, int]] = []


async def page(request: web.Request) -> web.Response:
    return await list_page(request, TABLE, "hidden", choices=CHOICES, export_path="/passages/export")


async def export(request: web.Request) -> web.StreamResponse:
    async def note(request: web.Request, view: object, file_format: str, count: int) -> None:
        seen_exports.append((file_format, count))

    return await list_export(request, TABLE, "hidden", choices=CHOICES, on_export=note)


@describes("List passages", rows=TABLE)
async def api(request: web.Request) -> web.Response:
    return await list_json(request, TABLE, "hidden", choices=CHOICES)


@pytest.fixture
def extra_routes() -> list[Route]:
    return [
        Route("GET", "/passages", page, ("access", "view")),
        Route("GET", "/passages/export", export, ("access", "export")),
        Route("GET", "/api/passages", api, ("access", "view")),
    ]


def make_rows(count: int, **changes: object) -> list[dict[str, object]]:
    """Rows a minute apart, every third at the same instant as the one before; one more that the scope hides."""
    rows: list[dict[str, object]] = [
        {
            "at": START + timedelta(minutes=n - (n % 3 == 2)),
            "person": f"person {n % 4}",
            "door": ("east", "west")[n % 2],
            "fen": (n * 37) % 100 - 20,
            **changes,
        }
        for n in range(count)
    ]
    return [*rows, {"at": START, "person": "nobody", "door": "hidden", "fen": 1_000_000}]


@pytest.fixture
async def filled(site):
    await site.database.write(lambda: Passage.insert_many(make_rows(35)).execute())
    return site


async def walk(site, first: str, forward: str = "next") -> list[list[str]]:
    """The ids of every page, following the links as a browser does."""
    pages, address = [], first
    while address:
        text = await (await site.get("/passages" + address)).text()
        pages.append(re.findall(r'href="/people/(\d+)"', text))
        found = re.search(rf'rel="{forward}" href="([^"]+)"', text)
        address = found.group(1).replace("&amp;", "&") if found else ""
        assert len(pages) < 20
    return pages


@pytest.mark.parametrize("sort", ["-at", "at", "person", "-person", "fen", "-fen"])
async def test_pages_show_every_row_once_in_order_in_both_directions(filled, sort: str) -> None:
    """Planted break: compare the sort value only and rows with equal values are lost or doubled."""
    pages = await walk(filled, f"?sort={sort}")
    assert [len(p) for p in pages] == [10, 10, 10, 5]
    name, direction = sort.lstrip("-"), -1 if sort.startswith("-") else 1

    def rows() -> list[str]:
        field = getattr(Passage, name)
        order = [field, Passage.id] if direction > 0 else [field.desc(), Passage.id.desc()]
        return [str(r.id) for r in Passage.select().where(Passage.door != "hidden").order_by(*order)]

    expected = await filled.database.read(rows)
    assert [row for p in pages for row in p] == expected

    last = encode_cursor(await filled.database.read(lambda: _place(expected[-5], name)))
    back = await walk(filled, f"?sort={sort}&before={last}", "prev")
    assert back == [expected[20:30], expected[10:20], expected[0:10]]


def _place(row_id: str, name: str):
    row = Passage.get_by_id(int(row_id))
    value = getattr(row, name)
    return (int(value.timestamp() * 1000) if name == "at" else value, row.id)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 35),
        ("?door=east", 18),
        ("?q=person+1", 9),
        ("?door=west&q=person+1", 9),
        ("?door=east&q=person+1", 0),
        ("?at_from=2026-07-01&at_to=2026-07-01", 35),
        ("?at_to=2026-06-30", 0),
        ("?fen_min=0", 28),
        ("?fen_min=5&fen_max=5", 1),
    ],
)
async def test_filters_narrow_page_and_api_alike(filled, query: str, count: int) -> None:
    answer = await (await filled.get("/api/passages" + query)).json()
    assert answer["count"] == count
    text = await (await filled.get("/passages" + query)).text()
    assert text.count('href="/people/') == min(count, 10)


async def test_the_last_day_of_a_filter_is_included_in_site_time(filled) -> None:
    """30 June 16:00 UTC is 1 July in Shanghai; the row at 15:59 belongs to 30 June."""
    edge = [START - timedelta(hours=8), START - timedelta(hours=8, minutes=1)]
    rows = [{"at": at, "person": "edge", "door": "east", "fen": 0} for at in edge]
    await filled.database.write(lambda: Passage.insert_many(rows).execute())

    async def count(span: str) -> int:
        return (await (await filled.get(f"/api/passages?q=edge&{span}")).json())["count"]

    assert await count("at_to=2026-06-30") == 1
    assert await count("at_from=2026-07-01") == 1
    assert await count("at_from=2026-06-30&at_to=2026-07-01") == 2


@pytest.mark.parametrize(
    "query",
    ["at_from=2026-02-30", "at_from=2026-07-02&at_to=2026-07-01", "door=north", "fen_min=x", "q=" + "x" * 81],
)
async def test_a_filter_that_cannot_be_used_is_explained_and_never_ignored(filled, query: str) -> None:
    answer = await filled.get("/passages?" + query)
    text = await answer.text()
    assert answer.status == 422
    assert 'aria-invalid="true"' in text
    assert 'href="/people/' not in text
    api_answer = await filled.get("/api/passages?" + query)
    assert api_answer.status == 422
    assert (await api_answer.json())["error"]["fields"]
    assert (await filled.get("/passages/export?" + query)).status == 422


@pytest.mark.parametrize(
    "query",
    [
        "sort=secret",
        "sort=nothing",
        "after=!!!",
        "after=" + encode_cursor((1, "x")),
        "after=" + encode_cursor(("x", 1)),
        "after=W10",
        "before=" + "A" * 5000,
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=x",
        "format=exe",
    ],
)
async def test_an_impossible_address_is_refused_not_an_accident(filled, query: str) -> None:
    path = "/passages/export" if query.startswith("format") else "/api/passages"
    assert (await filled.get(f"{path}?{query}")).status == 422


def test_a_cursor_comes_back_as_it_was() -> None:
    for cursor in [(1_782_864_000_000, 5), ("张伟", 7)]:
        assert decode_cursor(encode_cursor(cursor)) == cursor


async def test_counting_stops_at_its_limit(filled) -> None:
    await filled.database.write(lambda: Passage.insert_many(make_rows(100)).execute())
    answer = await (await filled.get("/api/passages")).json()
    assert (answer["count"], answer["is_count_capped"]) == (60, True)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1"])
def test_a_text_cannot_become_a_formula(text: str) -> None:
    assert neutral(text) == "'" + text


def test_ordinary_texts_stay_as_they_are() -> None:
    assert [neutral(t) for t in ("", "张伟", "A-12", "0012", "a=b")] == ["", "张伟", "A-12", "0012", "a=b"]


async def test_csv_is_read_by_spreadsheet_programs_and_starts_no_formula(filled) -> None:
    """Planted break: write the value without ``neutral``."""
    rows = make_rows(1, person='=HYPERLINK("http://evil.example","x")', fen=-150)[:1]
    await filled.database.write(lambda: Passage.insert_many(rows).execute())
    seen_exports.clear()
    answer = await filled.get("/passages/export?format=csv&sort=at", headers={"Accept-Language": "en"})
    body = await answer.read()
    assert body.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="passages-20260701-100000.csv"'
    )
    lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert lines[0] == ["Time", "Person", "Door", "Amount"]
    assert len(lines) == 37
    assert any(line[1].startswith("'=HYPERLINK") and line[3] == "-1.50" for line in lines)
    assert seen_exports == [("csv", 36)]


async def test_xlsx_has_real_numbers_and_dates_and_no_formulas(filled, tmp_path: Path) -> None:
    rows = make_rows(1, person="=1+1")[:1]
    await filled.database.write(lambda: Passage.insert_many(rows).execute())
    answer = await filled.get("/passages/export?format=xlsx&sort=at", headers={"Accept-Language": "en"})
    path = tmp_path / "x.xlsx"
    path.write_bytes(await answer.read())
    book = CalamineWorkbook.from_path(str(path))
    assert book.sheet_names == ["Access events", "About this file"]
    sheet = book.get_sheet_by_index(0).to_python()
    assert sheet[0] == ["Time", "Person", "Door", "Amount"]
    assert len(sheet) == 37
    assert sheet[1][0] == datetime(2026, 7, 1, 8, 0)  # noqa: DTZ001 (spreadsheets know no zones)
    assert sheet[1][3] == -0.2
    assert "'=1+1" in [row[1] for row in sheet]
    import zipfile

    assert b"<f>" not in zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("开门查询", "开门查询"),
        ("In/out: [doors]?", "In out   doors"),
        ("'quoted' *", "quoted"),
        ("x" * 40, "x" * 31),
    ],
)
def test_a_sheet_is_named_as_spreadsheets_take_it(title: str, name: str) -> None:
    assert exports.sheet_name(title) == name


async def test_an_export_over_its_limit_is_refused_before_anything_is_sent(filled) -> None:
    await filled.database.write(lambda: Passage.insert_many(make_rows(40)).execute())
    assert (await filled.get("/passages/export?format=csv")).status == 422
    assert (await filled.get("/passages/export?format=csv&door=east")).status == 200
    assert (await filled.get("/passages/export?format=print&door=east")).status == 422


async def test_the_print_view_names_organisation_filters_operator_time_and_total(filled) -> None:
    """Planted break: leave the filters out of ``send_print``."""
    answer = await filled.get("/passages/export?format=print&door=east&at_from=2026-07-01")
    text = await answer.text()
    for part in (
        "阳光花园物业",
        "东门",
        "2026-07-01 – …",
        "0001 王芳",
        "2026-07-01 10:00:00 (Asia/Shanghai)",
        "<tfoot>",
    ):
        assert part in text, part
    total = sum(r["fen"] for r in make_rows(35)[:35] if r["door"] == "east")
    assert f"¥{total / 100:,.2f}".replace("¥-", "-¥") in text
    assert text.count("<tr>") == 1 + 18 + 1
    assert "西门" not in text


async def test_live_rows_are_filtered_like_stored_ones(filled) -> None:
    """Planted break: let ``matches_row`` of a filter return True always."""

    def stored(query: dict[str, str]) -> tuple[set[int], set[int]]:
        view, everything = TABLE.view(query, CHOICES), TABLE.view({}, CHOICES)
        by_query = {r.id for r in view.rows("hidden", None, 1000)}
        by_match = {r.id for r in everything.rows("hidden", None, 1000) if view.matches(r)}
        return by_query, by_match

    for query in (
        {"door": "east"},
        {"q": "person 2"},
        {"at_from": "2026-07-01", "at_to": "2026-07-01"},
        {"at_to": "2026-06-30"},
        {"fen_min": "10", "fen_max": "30"},
    ):
        by_query, by_match = await filled.database.read(stored, query)
        assert by_query == by_match, query


async def test_a_page_deep_in_a_large_list_reads_only_its_own_rows(filled) -> None:
    """Planted break: page with OFFSET. The plan must be a search on the index, without sorting in a temporary tree."""

    place = encode_cursor((int(START.timestamp() * 1000) + 60_000, 5))
    for query in ({}, {"after": place}, {"sort": "at", "after": place}, {"sort": "person"}):
        found = await filled.database.read(lambda query=query: plan_of(TABLE.view(query), "hidden"))
        assert "USING INDEX" in found, (query, found)
        assert "TEMP B-TREE" not in found, (query, found)
        if "after" in query:
            assert "SEARCH" in found, (query, found)


def test_the_writers_are_those_that_the_page_offers(site) -> None:
    assert set(exports.WRITERS) == {"csv", "xlsx", "print"}
    assert CENTRE in site.app
