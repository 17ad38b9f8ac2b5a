"""Forms: what was typed becomes a typed value, or an error in the operator's language at its field."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from central.web.catalogue import Language
from central.web.days import FieldError
from central.web.fields import (
    CheckField,
    ChoiceField,
    ChoicesField,
    DateField,
    Field,
    FirstDayField,
    LastDayField,
    MoneyField,
    NoteField,
    NumberField,
    PasswordField,
    TextField,
    TimeField,
    ZoneField,
)
from central.web.formats import money
from central.web.forms import Form
from central.web.i18n import using

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Permit:
    name: str
    doors: tuple[str, ...] = ()
    until_at: datetime | None = None
    is_paid: bool = False
    kind: str | None = None


FORM = Form(
    Permit,
    TextField("name", "Name", length_max=10),
    ChoicesField("doors", "Doors", choices={"1": "East", "2": "West"}),
    LastDayField("until_at", "Last valid day", is_required=False),
    CheckField("is_paid", "Paid"),
    ChoiceField("kind", "Kind", is_required=False, choices={"a": "A"}),
)


def test_a_form_that_fits_becomes_its_result() -> None:
    sent = MultiDict(
        [
            ("name", " 张伟 "),
            ("doors", "1"),
            ("doors", "2"),
            ("until_at", "2026-11-23"),
            ("is_paid", "1"),
            ("x", "y"),
        ]
    )
    with using(zone=SHANGHAI):
        bound = FORM.bind(sent)
    assert bound.is_valid
    assert bound.value == Permit(
        name="张伟",
        doors=("1", "2"),
        until_at=datetime(2026, 11, 24, 0, 0, tzinfo=SHANGHAI),
        is_paid=True,
        kind=None,
    )


def test_errors_stand_at_their_fields_in_the_operators_language_and_input_stays() -> None:
    sent = MultiDict([("name", "x" * 11), ("doors", "9"), ("until_at", "2026-02-30"), ("kind", "z")])
    with using(Language.ZH_HANS):
        bound = FORM.bind(sent)
    assert not bound.is_valid
    assert [f.name for f in bound.error_fields] == ["name", "doors", "until_at", "kind"]
    assert bound["name"].error == "最多 10 个字符。"
    assert bound["name"].text == "x" * 11
    assert bound["until_at"].text == "2026-02-30"
    with pytest.raises(AssertionError):
        _ = bound.value


def test_an_empty_form_names_what_is_required() -> None:
    with using(Language.EN):
        bound = FORM.bind(MultiDict())
    assert {f.name: f.error for f in bound.error_fields} == {
        "name": "Required.",
        "doors": "Choose at least one.",
    }


def test_the_last_valid_day_is_shown_as_it_was_typed() -> None:
    """requirements: pages take the last valid day, the data keeps the exclusive end (design.md 6.10)."""
    for zone in (SHANGHAI, ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")):
        with using(zone=zone):
            for on in ("2026-03-07", "2026-03-28", "2026-10-24", "2026-12-31", "2028-02-29"):
                value = LastDayField("d", "D").parse(on)
                assert LastDayField("d", "D").text(value) == on
                assert LastDayField("d", "D").text(value.astimezone(UTC)) == on
                assert FirstDayField("d", "D").text(FirstDayField("d", "D").parse(on)) == on


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        (NumberField("n", "N", most=2_000), " １,２００ ", 1200),
        (NumberField("n", "N", least=-5), "-5", -5),
        (MoneyField("m", "M"), "12.5", 1250),
        (MoneyField("m", "M"), "¥1,234", 123400),
        (MoneyField("m", "M", least=-10_000), "-0.05", -5),
        (DateField("d", "D"), "2026/11/23", date(2026, 11, 23)),
        (TimeField("t", "T"), "08:30", time(8, 30)),
        (ZoneField("z", "Z"), "Asia/Shanghai", "Asia/Shanghai"),
        (NoteField("n", "N"), "one\r\ntwo", "one\ntwo"),
        (PasswordField("p", "P"), "  as typed ", "  as typed "),
        (TextField("t", "T"), "e\u0301", "é"),
    ],
)
def test_what_people_type_is_understood(field: Field, raw: str, value: Any) -> None:
    assert field.parse(raw) == value


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        (NumberField("n", "N"), "1.5"),
        (NumberField("n", "N"), "٣"),
        (NumberField("n", "N"), "-1"),
        (NumberField("n", "N", most=9), "10"),
        (NumberField("n", "N"), "9" * 400),
        (MoneyField("m", "M"), "1.234"),
        (MoneyField("m", "M"), "1e5"),
        (MoneyField("m", "M"), "--1"),
        (MoneyField("m", "M"), "."),
        (MoneyField("m", "M", most=100), "1.01"),
        (DateField("d", "D"), "2026-13-01"),
        (DateField("d", "D"), "1899-12-31"),
        (DateField("d", "D"), "2200-01-01"),
        (DateField("d", "D"), "20261123T00"),
        (TimeField("t", "T"), "24:00"),
        (ZoneField("z", "Z"), "../../etc/passwd"),
        (ZoneField("z", "Z"), "Mars/Olympus"),
        (TextField("t", "T"), "a\x00b"),
        (TextField("t", "T"), "a\nb"),
        (TextField("t", "T"), "\ud800"),
        (PasswordField("p", "P", length_min=8), "short"),
    ],
)
def test_what_cannot_be_used_is_said(field: Field, raw: str) -> None:
    with pytest.raises(FieldError):
        field.parse(raw)


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_money_survives_the_form(fen: int) -> None:
    field = MoneyField("m", "M", least=-(10**10), most=10**10)
    assert field.parse(field.text(fen)) == fen
    assert field.parse(money(abs(fen))) == abs(fen)


@given(st.text(max_size=200))
def test_no_input_does_anything_but_parse_or_be_refused(raw: str) -> None:
    for field in (
        TextField("a", "A"),
        NoteField("a", "A"),
        NumberField("a", "A"),
        MoneyField("a", "A"),
        DateField("a", "A"),
        LastDayField("a", "A"),
        TimeField("a", "A"),
        ZoneField("a", "A"),
    ):
        with contextlib.suppress(FieldError):
            field.parse(raw)


def test_a_rule_that_only_the_handler_knows_becomes_an_error_at_its_field() -> None:
    bound = FORM.bind(MultiDict([("name", "a"), ("doors", "1")]))

    def taken(permit: Permit) -> None:
        raise FieldError("taken")

    bound.check(taken, "name")
    assert bound["name"].error == "taken"
    assert not bound.is_valid


def test_a_form_must_fit_its_result() -> None:
    class Small(msgspec.Struct):
        name: str

    Form(Small, TextField("name", "Name"))
    with pytest.raises(AssertionError):
        Form(Small, TextField("other", "Other"))
    with pytest.raises(AssertionError):
        Form(Small, TextField("name", "Name"), TextField("name", "Name"))


def test_a_form_shows_the_values_of_a_row() -> None:
    with using(zone=SHANGHAI):
        bound = FORM.show(Permit("王芳", ("2",), datetime(2026, 11, 23, 16, 0, tzinfo=UTC), True, "a"))
    assert [(f.name, f.text, f.texts) for f in bound.fields] == [
        ("name", "王芳", ("王芳",)),
        ("doors", "", ("2",)),
        ("until_at", "2026-11-23", ("2026-11-23",)),
        ("is_paid", "1", ("1",)),
        ("kind", "a", ("a",)),
    ]


def test_choices_given_with_the_request_replace_those_of_the_form() -> None:
    bound = FORM.bind(MultiDict([("name", "a"), ("doors", "7")]), {"doors": {"7": "Roof"}})
    assert bound.value.doors == ("7",)
