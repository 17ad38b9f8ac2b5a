"""PINs of cards at the centre: set on a page, kept so that nobody reads them, given to the devices that ask for them, handed over."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from central.access.explain import ask
from central.access.model import AccessPoint, Door
from central.access.openers import openers_of, openings_of
from central.cards import acts, pins
from central.cards.model import Card, CardPin
from central.cards.personal import forget
from central.cards.rows import card_rows, keys_of
from central.errors import InvalidInputError
from central.people.model import Person
from central.security.keys import PUBLISHED_SECRETS, Keys, load_or_create
from central.sync import key_rows, publish, storage
from central.sync.model import PublishedRow
from protocol.ids import Stream, uid_key
from protocol.pin import PinCheck, checked, proof_of
from protocol.reasons import Reason
from protocol.records import Kind, PinRow
from protocol.schedule import ALWAYS
from tests.support.card_acts import UID, act_on, card, issue
from tests.support.centre import Browser, RunningCentre
from tests.support.estate import NOON, Estate, by
from tests.support.estate_pages import Estate as RunningEstate

PIN = "135790"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return load_or_create(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def kept(keys: Keys) -> bytes:
    return pins.sealed(keys, PIN)


def put(estate: Estate, card_id: int, kept: bytes) -> None:
    def write() -> None:
        pins.put(Card.get_by_id(card_id), kept, "王芳", NOON)
        publish.card_changed(card_id)

    estate.write(write)


def asks(estate: Estate, schedule: int | None = ALWAYS) -> None:
    def write() -> None:
        Door.update(pin_schedule=schedule).where(Door.id == estate.gate).execute()
        publish.door_changed(estate.gate)

    estate.write(write)


def sent(estate: Estate, keys: Keys, device: str = "east-gate") -> list[PinRow]:
    """The PINs that a device holds, as it stores them."""
    opened = key_rows.opener(keys)
    rows = estate.read(lambda: list(storage.rows_of_scope(device, Stream.ACCESS, opened)))
    return [msgspec.msgpack.decode(row.body, type=PinRow) for row in rows if row.kind == Kind.PIN]


def body(estate: Estate) -> bytes:
    rows = estate.read(lambda: list(PublishedRow.select().where(PublishedRow.kind == Kind.PIN.value)))
    return bytes(rows[0].body) if rows else b""


@pytest.mark.parametrize(
    ("pin", "problem"),
    [("123", "4 to 8"), ("123456789", "4 to 8"), ("12a4", "4 to 8"), ("１２３５", "4 to 8")]
    + [
        (weak, "first that somebody") for weak in ("1111", "123456", "9876", "1212", "121212", "0123", "7890")
    ],
)
def test_what_is_no_pin_or_is_tried_first_is_refused(pin: str, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        pins.check(pin)


def test_a_drawn_pin_has_its_digits_and_is_not_weak() -> None:
    for digits in (4, 6, 8):
        drawn = {pins.draw(digits) for _ in range(200)}
        assert {len(pin) for pin in drawn} == {digits}
        assert not any(pins.is_weak(pin) for pin in drawn)
        assert len(drawn) > 150


def test_nothing_that_is_stored_tells_the_pin_without_the_keys_of_the_centre(
    estate: Estate, keys: Keys, kept: bytes
) -> None:
    """Planted break that turns it red: ``pins.sealed`` returning the row as it is."""
    card_id = issue(estate)
    put(estate, card_id, kept)
    plain = keys.unseal(PUBLISHED_SECRETS, kept)
    row = msgspec.msgpack.decode(plain, type=PinRow)
    assert checked(row, proof_of(PIN, row.salt, row.cost), with_duress=True) is PinCheck.RIGHT
    assert checked(row, proof_of("135791", row.salt, row.cost), with_duress=True) is PinCheck.DURESS
    for stored in (body(estate), bytes(estate.read(lambda: CardPin.get().sealed))):
        assert stored == kept
        assert row.proofs not in stored
        assert row.salt not in stored


def test_only_a_device_with_a_door_that_asks_is_given_pins(estate: Estate, keys: Keys, kept: bytes) -> None:
    """Planted break that turns it red: ``_rescope`` giving the tag to each level of a device."""
    card_id = issue(estate)
    put(estate, card_id, kept)
    assert sent(estate, keys) == []
    asks(estate)
    assert len(sent(estate, keys)) == 1
    assert sent(estate, keys, "desk") == []
    asks(estate, None)
    assert sent(estate, keys) == []


def test_a_pin_that_is_set_anew_makes_the_devices_forget_the_old_one_at_once(
    estate: Estate, keys: Keys, kept: bytes
) -> None:
    card_id = issue(estate)

    def stale() -> int:
        return estate.read(
            lambda: PublishedRow.select().where(PublishedRow.kind == Kind.STALE_RIGHTS.value).count()
        )

    put(estate, card_id, kept)
    assert stale() == 0, "a first PIN takes nothing away"
    put(estate, card_id, pins.sealed(keys, "864209"))
    assert stale() == 1


def test_the_card_in_place_of_a_lost_one_has_its_pin_and_a_new_issue_has_none(
    estate: Estate, kept: bytes
) -> None:
    """Planted break that turns it red: ``replacing`` without ``pins.hand_over``."""
    card_id = issue(estate)
    put(estate, card_id, kept)
    act_on(estate, card_id, lambda found: acts.report_lost(by(), found, reporter="张三", channel="desk"))
    new_uid = bytes.fromhex("04A1B2C9")
    change = act_on(estate, card_id, lambda found: acts.replace(by(), found, new_uid, "00000009"))
    assert change.new_card is not None
    assert estate.read(lambda: pins.of_card(Card.get_by_id(card_id))) is None
    (entry,) = estate.read(card_rows, change.new_card.id)
    assert entry.pin == kept
    estate.write(lambda: Card.update(issue_no=9).where(Card.id == change.new_card.id).execute())
    assert estate.read(lambda: pins.of_card(Card.get_by_id(change.new_card.id))) is None


def test_a_returned_card_has_no_pin_row_and_who_is_forgotten_has_none_at_all(
    estate: Estate, kept: bytes
) -> None:
    card_id = issue(estate)
    put(estate, card_id, kept)
    assert body(estate) == kept
    act_on(estate, card_id, lambda found: acts.cancel(by(), found, reason="搬走", cause=""))
    assert body(estate) == b""
    estate.write(lambda: forget(Person.get_by_id(estate.person)))
    assert estate.read(lambda: CardPin.select().count()) == 0


def test_what_if_knows_the_hours_and_whether_there_is_a_pin(estate: Estate, kept: bytes) -> None:
    card_id = issue(estate)
    asks(estate, estate.office_hours)
    key = keys_of(card(estate, card_id))[0]
    assert key == uid_key(UID)
    monday_morning = NOON.replace(hour=2) - timedelta(days=NOON.weekday())  # 10:00 in Shanghai
    night = monday_morning + timedelta(hours=12)
    for at, had, then in (
        (monday_morning, Reason.PIN_NOT_SET, Reason.PIN_MISSING),
        (night, Reason.GRANTED, Reason.GRANTED),
    ):
        estate.write(lambda: pins.remove(Card.get_by_id(card_id)))
        assert estate.read(ask, key, estate.entrance, at).reason is had
        put(estate, card_id, kept)
        assert estate.read(ask, key, estate.entrance, at).reason is then
    estate.write(publish.everything_changed, estate.site)
    at = monday_morning
    who = list(estate.read(lambda: openers_of(AccessPoint.get_by_id(estate.entrance), at)))
    assert who == [card_id], "with its PIN it opens"
    assert {way.reason for _card, way in estate.read(openings_of, [card_id], at)} == {
        Reason.PIN_MISSING,
        Reason.GRANTED,
    }
    estate.write(lambda: _without(card_id))
    assert estate.read(lambda: openers_of(AccessPoint.get_by_id(estate.entrance), at)) == {}


def _without(card_id: int) -> None:
    pins.remove(Card.get_by_id(card_id))
    publish.card_changed(card_id)


# -- the page -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def running(running_centre: RunningCentre) -> RunningEstate:
    return await RunningEstate.make(running_centre)


async def _issued(running: RunningEstate, browser: Browser) -> str:
    given = {"uid": "04A1B2C3", "card_no": "00000001", "person": str(running.person)}
    given |= {"card_class": str(running.card_class), "levels": str(running.level)}
    answer = await browser.post("/cards/issue", given)
    assert answer.status == 303, answer.text[-400:]
    return str(answer.headers["Location"]).partition("?")[0]


async def test_a_drawn_pin_is_shown_once_and_a_typed_one_never(
    running: RunningEstate, centre_client: Browser
) -> None:
    """Planted break that turns it red: the audit row with the PIN; the slip with what was typed."""
    path = await _issued(running, centre_client)
    version = re.search(r'name="version" value="(\d+)"', (await centre_client.get(f"{path}/pin")).text)
    assert version is not None
    form: dict[str, Any] = {"digits": "4", "version": version[1]}
    answer = await centre_client.post(f"{path}/pin", form)
    found = re.search(r'id="drawn-pin">(\d{4})<', answer.text)
    assert found is not None
    assert answer.headers["Cache-Control"] == "no-store"
    for page in (f"{path}/pin", path):
        assert f">{found[1]}<" not in (await centre_client.get(page)).text
    assert "set " in (await centre_client.get(path)).text
    assert "differ" in (await centre_client.post(f"{path}/pin", {**form, "pin": PIN, "again": "1357"})).text
    assert (
        "somebody would try"
        in (await centre_client.post(f"{path}/pin", {**form, "pin": "1234", "again": "1234"})).text
    )
    assert (await centre_client.post(f"{path}/pin", {**form, "version": "99"})).status == 422
    typed = await centre_client.post(f"{path}/pin", {**form, "pin": PIN, "again": PIN})
    assert typed.status == 200
    assert PIN not in typed.text
    audit = await centre_client.get("/audit")
    assert "Set the PIN of a card" in audit.text
    assert PIN not in audit.text
    assert (await centre_client.post(f"{path}/pin/remove", {})).status == 303
    assert await running.running.read(lambda: CardPin.select().count()) == 0
    lost = await centre_client.post(f"{path}/lose", {"version": version[1], "reporter": "张三"})
    assert lost.status == 303
