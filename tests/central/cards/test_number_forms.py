"""Numbers of cards in every form that people have them: golden values, the way there and back, what is ambiguous (U4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.cards.number_forms import NumberForm, fitting, fitting_all, readings, write

FOUR = bytes.fromhex("04A1B2C3")
SEVEN = bytes.fromhex("04112233445566")
GOLDEN = [
    # Worked by hand: 0x04A1B2C3 = 77,705,923; 0xC3B2A104 = 3,283,263,748; 0xA1 = 161, 0xB2C3 = 45,763; 0xB2 = 178, 0xA104 = 41,220.
    (FOUR, NumberForm.HEX, "04A1B2C3"),
    (FOUR, NumberForm.HEX_REVERSED, "C3B2A104"),
    (FOUR, NumberForm.DECIMAL, "0077705923"),
    (FOUR, NumberForm.DECIMAL_REVERSED, "3283263748"),
    (FOUR, NumberForm.WIEGAND, "161,45763"),
    (FOUR, NumberForm.WIEGAND_REVERSED, "178,41220"),
    # Seven bytes: the lowest four are 0x33445566 = 860,116,326 and, the other way round, 0x33221104 = 857,870,596.
    (SEVEN, NumberForm.HEX, "04112233445566"),
    (SEVEN, NumberForm.HEX_REVERSED, "66554433221104"),
    (SEVEN, NumberForm.DECIMAL, "0860116326"),
    (SEVEN, NumberForm.DECIMAL_REVERSED, "0857870596"),
    (SEVEN, NumberForm.WIEGAND, "068,21862"),
    (SEVEN, NumberForm.WIEGAND_REVERSED, "034,04356"),
]
UIDS = st.sampled_from([4, 7, 10]).flatmap(lambda length: st.binary(min_size=length, max_size=length))
FROM_CHIP = [form for form in NumberForm if form is not NumberForm.SERIAL]


@pytest.mark.parametrize(("uid", "form", "text"), GOLDEN)
def test_a_uid_has_this_number_in_this_form(uid: bytes, form: NumberForm, text: str) -> None:
    assert write(uid, form) == text
    assert form in fitting(uid, text)


def test_a_serial_number_does_not_come_from_the_chip() -> None:
    assert write(FOUR, NumberForm.SERIAL) == ""
    assert fitting(FOUR, "A-0001") == ()
    assert readings("A-0001") == ()


@given(UIDS, st.sampled_from(FROM_CHIP))
def test_every_form_leads_back_to_its_card(uid: bytes, form: NumberForm) -> None:
    assert form in fitting(uid, write(uid, form))
    assert all(reading.matches(uid) for reading in readings(write(uid, form)) if reading.form is form)


@given(st.binary(min_size=4, max_size=4), st.sampled_from(FROM_CHIP[:4]))
def test_four_bytes_come_back_whole_from_all_forms_but_3_plus_5(uid: bytes, form: NumberForm) -> None:
    (reading,) = [reading for reading in readings(write(uid, form)) if reading.form is form]
    assert reading.part == uid


@given(st.text(max_size=50))
def test_whatever_is_typed_is_read_or_not(text: str) -> None:
    for reading in readings(text):
        if not reading.is_whole:
            uid = reading.part + bytes(4) if reading.form.is_reversed else bytes(4) + reading.part
            assert reading.matches(uid)


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        # Eight digits are everything at once: nobody may guess.
        ("16145763", "hex hex_reversed decimal decimal_reversed wiegand wiegand_reversed"),
        ("0077705923", "decimal decimal_reversed"),
        ("77705923", "hex hex_reversed decimal decimal_reversed"),  # 777 is no facility
        ("4294967295", "decimal decimal_reversed"),
        ("4294967296", ""),
        ("00077705923", ""),
        ("161,45763", "wiegand wiegand_reversed"),
        ("161 45763", "hex hex_reversed wiegand wiegand_reversed"),  # grouped hexadecimal, too
        ("1,5", "wiegand wiegand_reversed"),
        ("256,00001", ""),
        ("255,65536", ""),
        ("04:A1:B2:C3", "hex hex_reversed"),
        ("04a1b2c3", "hex hex_reversed"),
        ("００７７７０５９２３", "decimal decimal_reversed"),
        ("04A1B2", ""),
        ("-5", ""),
        ("", ""),
    ],
)
def test_all_readings_of_a_text_are_named(text: str, forms: str) -> None:
    assert [reading.form.value for reading in readings(text)] == forms.split()


def test_a_second_sample_tells_apart_what_one_card_cannot() -> None:
    same_both_ways = bytes.fromhex("A1B2B2A1")
    assert fitting(same_both_ways, "A1B2B2A1") == (NumberForm.HEX, NumberForm.HEX_REVERSED)
    assert fitting_all([(same_both_ways, "A1B2B2A1"), (FOUR, "C3B2A104")]) == (NumberForm.HEX_REVERSED,)
    assert fitting_all([(FOUR, "C3B2A104"), (FOUR, "0000000001")]) == ()
    assert fitting_all([]) == ()
