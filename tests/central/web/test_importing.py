"""Uploaded tables: headings and words in every language, encodings, spreadsheets, mistakes with row and column."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from central.errors import InvalidInputError
from central.people.table import KIND_WORDS
from central.web.catalogue import Language
from central.web.fields import ChoiceField, DateField, MoneyField, TextField
from central.web.i18n import lazy, using
from central.web.importing import ImportColumn, Layout, ReadTable
from central.web.sheets import COLUMNS_MAX, FILE_BYTES_MAX

LAYOUT = Layout(
    ImportColumn(TextField("number", lazy("Person number"), length_max=8), sample="0001"),
    ImportColumn(ChoiceField("kind", lazy("Kind of person"), choices=KIND_WORDS), sample="staff"),
    ImportColumn(TextField("phone", lazy("Telephone"), is_required=False), sample="138", also=("手机",)),
    ImportColumn(MoneyField("deposit", lazy("Deposit"), is_required=False)),
    ImportColumn(DateField("since", lazy("Day"), is_required=False)),
    key=("number",),
)


def read(text: str, encoding: str = "utf-8") -> ReadTable:
    return LAYOUT.read(text.encode(encoding))


def xlsx(*lines: tuple[object, ...]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    for at, line in enumerate(lines):
        sheet.write_row(at, 0, line)
    book.close()
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize(
    "head", ["人员编号,人员类别,手机", "人員編號,人員類別,手机", "Person number,KIND OF PERSON,phone?"]
)
def test_encodings_and_headings_of_every_language_give_the_same_rows(encoding: str, head: str) -> None:
    table = read(f"{head}\r\n0001,员工,13800000000\r\n0002,員工,\r\n0003,Staff,\r\n0004,staff,\r\n", encoding)
    assert not table.mistakes
    assert [row.values["kind"] for row in table.rows] == ["staff"] * 4
    assert [row.line for row in table.rows] == [2, 3, 4, 5]


def test_a_missing_column_says_nothing_and_an_empty_cell_says_none() -> None:
    with using(language=Language.EN):
        (row,) = read("Person number,Kind of person,Deposit,Shoe size\n0001,staff,,43\n").rows
        assert row.values == {"number": "0001", "kind": "staff", "deposit": None}
        assert read("Person number,Kind of person,Shoe size\n1,staff,43\n").ignored == ["Shoe size"]


def test_numbers_and_dates_of_a_spreadsheet_are_read_as_people_write_them() -> None:
    import datetime

    raw = xlsx(
        ("Person number", "Kind of person", "Telephone", "Deposit", "Day"),
        (7, "staff", 13800000000.0, 12.5, datetime.datetime(2026, 11, 28)),  # noqa: DTZ001 (spreadsheets know no zone)
    )
    (row,) = LAYOUT.read(raw).rows
    assert row.cells[4] in ("2026-11-28", "46354")  # without a date format it is a number, and then no date
    assert (row.values["number"], row.values["phone"], row.values["deposit"]) == ("7", "13800000000", 1250)


def test_each_mistake_names_its_row_and_column_in_the_operators_language() -> None:
    with using(language=Language.EN):
        table = read(
            "Person number,Kind of person,Deposit\n0001,king,1.234\n,staff,\n123456789,staff,\n0001,staff,\n"
        )
        said = [(m.line, m.column) for m in table.mistakes]
        assert said == [
            (2, "Kind of person"),
            (2, "Deposit"),
            (3, "Person number"),
            (4, "Person number"),
            (5, "Person number"),
        ]
        assert "“king” is not one of the words" in table.mistakes[0].message
        assert "line 2" in table.mistakes[-1].message


def test_the_file_of_failed_rows_can_be_corrected_and_uploaded_again() -> None:
    with using(language=Language.EN):
        table = read("Person number,Kind of person,Mood\n0001,king,=1+1\n0002,staff,\n")
        failed = LAYOUT.failed(table).decode("utf-8-sig")
        assert failed.splitlines()[0] == "Person number,Kind of person,Mood,What is wrong"
        assert len(failed.splitlines()) == 2
        assert "'=1+1" in failed
        again = read(failed.replace("king", "staff"))
        assert not again.mistakes
        assert again.rows[0].cells[2] == "=1+1"
        assert again.ignored == ["Mood"]


@pytest.mark.parametrize("language", list(Language))
def test_the_template_is_a_file_that_can_be_imported(language: Language) -> None:
    with using(language=language):
        for raw in (LAYOUT.template_csv(), LAYOUT.template_xlsx()):
            (row,) = LAYOUT.read(raw).rows
            assert row.is_good
            assert row.values["number"] == "0001"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no rows"),
        ("Kind of person\nstaff\n", "The column Person number is missing"),
        ("Person number,Person number,Kind of person\n1,2,staff\n", "comes twice"),
        ("Person number,Kind of person\n" + "1,staff\n" * 10_001, "too many rows"),
        ("Person number,Kind of person" + ",x" * COLUMNS_MAX + "\n", "too many columns"),
    ],
)
def test_what_is_no_table_of_ours_is_refused_as_a_whole(text: str, complaint: str) -> None:
    with using(language=Language.EN), pytest.raises(InvalidInputError, match=complaint):
        read(text)


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="too large"):
        LAYOUT.read(b"x" * (FILE_BYTES_MAX + 1))


def test_an_archive_that_unpacks_to_a_giant_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(65 * 2**20))
    with pytest.raises(InvalidInputError, match="too large"):
        LAYOUT.read(buffer.getvalue())


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_an_archive_that_claims_to_be_small_is_measured(part: str) -> None:
    """The reader of spreadsheets unpacks what is there, whatever size the archive's directory names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(part, bytes(65 * 2**20))
    raw, size = buffer.getvalue(), struct.pack("<I", 65 * 2**20)
    assert raw.count(size) == 2
    with pytest.raises(InvalidInputError, match="too large"):
        LAYOUT.read(raw.replace(size, struct.pack("<I", 100)))


@pytest.mark.parametrize("row", [1_048_575, 30_000])
def test_one_cell_at_the_far_end_of_a_sheet_is_refused_before_it_is_unpacked(row: int) -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write(0, 0, "Person number")
    sheet.write(row, 16_383 if row > 30_000 else 0, "x")
    book.close()
    with pytest.raises(InvalidInputError, match="too many rows"):
        LAYOUT.read(buffer.getvalue())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_whatever_is_uploaded_is_read_or_refused(raw: bytes, as_archive: bool) -> None:
    try:
        LAYOUT.read(b"PK\x03\x04" + raw if as_archive else raw)
    except InvalidInputError:
        pass


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4_000), st.integers(0, 255))
def test_a_damaged_spreadsheet_is_read_or_refused(at: int, byte: int) -> None:
    raw = bytearray(xlsx(("Person number", "Kind of person"), ("1", "staff")))
    raw[at % len(raw)] = byte
    try:
        LAYOUT.read(bytes(raw))
    except InvalidInputError:
        pass
