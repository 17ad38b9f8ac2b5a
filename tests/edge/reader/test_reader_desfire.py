"""Our driver and the emulated AES cards together: applications, files, keys, transactions, and power lost at any moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge.reader.base import CardSession
from edge.reader.desfire import DUPLICATE, NO_SUCH_APPLICATION, Desfire
from edge.reader.emulator.catalogue import card_from_dict
from edge.reader.emulator.desfire_card import KINDS, DesfireCard
from edge.reader.emulator.ntag424_card import Ntag424Card
from edge.reader.errors import AuthenticationFailed, CardError, CardSilent, CardStatus
from edge.reader.ntag424 import Ntag424, file_settings
from edge.reader.secure_messaging import Mode
from protocol.card_layout import sun

UID = bytes.fromhex("04A1B2C3D4E5F6")
AID = 0xF481C0
ZERO_KEY = bytes(16)
KEY = bytes(range(16))
DATA = bytes(range(1, 97))
OTHER = bytes(reversed(DATA))
RIGHTS = (1, 0, 0, 0)


@pytest.fixture(params=sorted(KINDS))
def card(request: pytest.FixtureRequest, bench) -> DesfireCard:
    card = DesfireCard(UID, kind=request.param)
    bench.show(card)
    return card


@pytest.fixture
def talk(bench) -> Callable[[Callable[[Desfire], Any]], Any]:
    def run(operation: Callable[[Desfire], Any]) -> Any:
        def in_session(session: CardSession) -> Any:
            session.isodep.activate()
            return operation(Desfire(session.isodep.exchange))

        return bench.reader.transact(UID, in_session)

    return run


def prepared(desfire: Desfire, *, backup: bool = True, mode: Mode = Mode.FULL) -> None:
    desfire.select(0)
    desfire.create_application(AID, 2)
    desfire.select(AID)
    desfire.authenticate(0, ZERO_KEY)
    desfire.create_file(1, 96, RIGHTS, mode, backup=backup)


def stored(desfire: Desfire, data: bytes) -> None:
    desfire.select(AID)
    desfire.authenticate(0, ZERO_KEY)
    desfire.write(1, 0, data)
    desfire.commit()


@pytest.mark.parametrize("mode", list(Mode))
def test_a_file_is_written_and_read_in_every_mode(talk, card, mode: Mode) -> None:
    def run(desfire: Desfire) -> bytes:
        prepared(desfire, backup=False, mode=mode)
        desfire.write(1, 0, DATA, mode)
        desfire.select(AID)
        desfire.authenticate(1, ZERO_KEY)
        return desfire.read(1, 0, 96, mode)

    assert talk(run) == DATA


def test_what_is_not_committed_is_not_there(talk, card) -> None:
    def run(desfire: Desfire) -> None:
        prepared(desfire)
        desfire.write(1, 0, DATA)

    talk(run)
    assert card.applications[AID].files[1].content == bytes(96)
    talk(lambda desfire: stored(desfire, DATA))
    assert card.applications[AID].files[1].content == DATA


def test_keys_are_changed_and_the_old_ones_end(talk, card) -> None:
    def run(desfire: Desfire) -> None:
        prepared(desfire)
        desfire.change_key(1, KEY, 5, ZERO_KEY)
        desfire.change_key(0, KEY, 5, ZERO_KEY)
        assert desfire.authenticated_as is None
        desfire.authenticate(1, KEY)
        desfire.authenticate(0, KEY)

    talk(run)
    assert card.applications[AID].versions == [5, 5]
    for number in (0, 1):
        with pytest.raises(AuthenticationFailed):
            talk(lambda desfire, number=number: (desfire.select(AID), desfire.authenticate(number, ZERO_KEY)))


def test_errors_are_told_by_their_status(talk, card) -> None:
    with pytest.raises(CardStatus) as missing:
        talk(lambda desfire: desfire.select(AID))
    talk(prepared)
    with pytest.raises(CardStatus) as twice:
        talk(lambda desfire: (desfire.select(0), desfire.create_application(AID, 2)))
    assert (missing.value.status, twice.value.status) == (NO_SUCH_APPLICATION, DUPLICATE)


@pytest.mark.parametrize("number", [1])
def test_the_reading_key_does_not_write(talk, card, number: int) -> None:
    def run(desfire: Desfire) -> None:
        prepared(desfire)
        desfire.authenticate(number, ZERO_KEY)
        desfire.write(1, 0, DATA)

    with pytest.raises(CardStatus):
        talk(run)


def test_power_lost_at_any_moment_of_write_and_commit_leaves_old_or_new(bench, talk, card) -> None:
    talk(prepared)
    talk(lambda desfire: stored(desfire, DATA))
    start_us = bench.clock.now_us()
    talk(lambda desfire: stored(desfire, DATA))
    whole_us = bench.clock.now_us() - start_us
    seen = set()
    for after_us in range(0, whole_us + 1_000, 397):
        bench.field.remove(card, bench.clock.now_us() + after_us)
        try:
            talk(lambda desfire: stored(desfire, OTHER))
        except CardError:
            pass
        bench.poll(5)
        content = card.applications[AID].files[1].content
        assert content in (DATA, OTHER)
        seen.add(content)
        bench.show(card)
        talk(lambda desfire: stored(desfire, DATA))
    assert seen == {DATA, OTHER}


def test_a_standard_file_is_torn_in_the_middle(bench, talk, card) -> None:
    """The negative control: without a transaction, the same sweep finds contents that are neither old nor new."""
    talk(lambda desfire: prepared(desfire, backup=False))

    def write(desfire: Desfire) -> None:
        desfire.select(AID)
        desfire.authenticate(0, ZERO_KEY)
        desfire.write(1, 0, OTHER)

    start_us = bench.clock.now_us()
    talk(write)
    whole_us = bench.clock.now_us() - start_us
    seen = set()
    for after_us in range(whole_us // 2, whole_us + 1_000, 397):
        card.applications[AID].files[1].content = DATA
        bench.field.remove(card, bench.clock.now_us() + after_us)
        try:
            talk(write)
        except CardError:
            pass
        bench.poll(5)
        seen.add(card.applications[AID].files[1].content)
        bench.show(card)
    assert seen - {DATA, OTHER}


def test_a_card_with_applications_is_kept_as_data(talk, card) -> None:
    talk(prepared)
    talk(lambda desfire: stored(desfire, DATA))
    copy = card_from_dict(card.to_dict())
    assert copy.to_dict() == card.to_dict()
    assert isinstance(copy, DesfireCard)
    assert copy.applications[AID].files[1].content == DATA


@pytest.mark.parametrize(
    "broken",
    [{"applications": {"F481C0": {}}}, {"applications": {"F481C0": {"keys": [], "files": {"1": 7}}}}],
)
def test_data_that_are_no_application_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        card_from_dict({"kind": "desfire_ev1", "uid": UID.hex(), **broken})


def test_a_random_uid_is_another_one_at_each_showing(bench) -> None:
    card = DesfireCard(UID, random_uid=True)
    (first,) = bench.show(card)
    bench.field.remove(card)
    bench.poll(5)
    (second,) = bench.show(card)
    assert first.uid != second.uid
    assert first.uid[0] == second.uid[0] == 0x08


# -- NTAG 424 DNA --------------------------------------------------------------------------------------------------


@pytest.fixture
def tag(bench) -> Ntag424Card:
    tag = Ntag424Card(UID)
    bench.show(tag)
    return tag


@pytest.fixture
def talk_to_tag(bench) -> Callable[[Callable[[Ntag424], Any]], Any]:
    def run(operation: Callable[[Ntag424], Any]) -> Any:
        def in_session(session: CardSession) -> Any:
            session.isodep.activate()
            tag = Ntag424(session.isodep.exchange)
            tag.select()
            return operation(tag)

        return bench.reader.transact(UID, in_session)

    return run


def test_a_tag_takes_keys_settings_and_data(tag, talk_to_tag) -> None:
    def run(driver: Ntag424) -> bytes:
        driver.authenticate_ev2(0, ZERO_KEY)
        assert driver.get_uid() == UID
        driver.change_key(1, KEY, 1, ZERO_KEY)
        driver.change_file_settings(2, file_settings(Mode.FULL, 1, 0, 0, 0))
        driver.write(2, 128, DATA)
        assert driver.get_file_settings(2).hex() == "0003001000" + "0100"
        driver.change_key(0, KEY, 1, ZERO_KEY)
        driver.authenticate_ev2(1, KEY)
        return driver.read(2, 128, 96)

    assert talk_to_tag(run) == DATA
    with pytest.raises(AuthenticationFailed):
        talk_to_tag(lambda driver: driver.authenticate_ev2(0, ZERO_KEY))
    with pytest.raises(CardStatus):
        talk_to_tag(lambda driver: driver.read(2, 128, 96))
    assert card_from_dict(tag.to_dict()).to_dict() == tag.to_dict()


def test_a_desfire_is_no_tag_and_a_tag_no_desfire(bench, tag, talk) -> None:
    with pytest.raises(CardError):
        talk(lambda desfire: desfire.select(AID))
    bench.field.clear()
    bench.poll(5)
    bench.show(DesfireCard(UID))

    def run(session: CardSession) -> None:
        session.isodep.activate()
        Ntag424(session.isodep.exchange).select()

    with pytest.raises(CardError):
        bench.reader.transact(UID, run)


def test_sun_of_the_emulated_tag_is_believed_once_per_reading(tag, talk_to_tag) -> None:
    """The settings of the example in AN12196; read as a phone does, without a key."""

    def set_up(driver: Ntag424) -> None:
        driver.authenticate_ev2(0, ZERO_KEY)
        driver.change_key(1, KEY, 1, ZERO_KEY)
        driver.change_file_settings(2, bytes.fromhex("4000E0C1F121200000430000430000"))

    talk_to_tag(set_up)
    counters = []
    for _ in range(3):
        content = talk_to_tag(lambda driver: driver.read(2, 0, 0x60, Mode.PLAIN))
        data = bytes.fromhex(content[0x20:0x40].decode())
        mac = bytes.fromhex(content[0x43:0x53].decode())
        found = sun.verify(data, mac, ZERO_KEY, lambda uid: KEY)
        assert found is not None
        assert found.uid == UID
        counters.append(found.counter)
    assert counters == [1, 2, 3]


def test_nobody_answers_for_a_tag_that_has_left(bench, tag, talk_to_tag) -> None:
    bench.field.remove(tag)
    with pytest.raises(CardSilent):
        talk_to_tag(lambda driver: driver.get_uid())
