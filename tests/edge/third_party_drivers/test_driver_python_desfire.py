"""python-desfire 0.1.5, a driver that knows nothing of ours, talks to the emulated DESFire through chip and blocks.

It shows that the emulated card is a card and not a mirror of our own driver: authentication, running IV, MACs, check sums,
keys and files are those that somebody else's reader expects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from desfire import DESFire, DESFireKey
from desfire.devices.base import Device
from desfire.enums import DESFireCommunicationMode, DESFireFileType, DESFireKeySettings, DESFireKeyType
from desfire.exceptions import DESFireAuthException, DESFireCommunicationError
from desfire.schemas import FilePermissions, FileSettings, KeySettings

from edge.reader.base import CardSession
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.desfire_card import DesfireCard
from edge.reader.isodep import IsoDep
from tests.edge.reader.conftest import Bench

UID = bytes.fromhex("04A1B2C3D4E5F6")
PICC_KEY = bytes(range(16))
AID = [0xC0, 0x81, 0xF4]
ZERO_KEY = bytes(16)
NEW_KEY = bytes(range(100, 116))


class OverIsoDep(Device):
    """What python-desfire takes for a reader."""

    def __init__(self, isodep: IsoDep) -> None:
        self._isodep = isodep

    def transceive(self, data: list[int]) -> list[int]:
        return list(self._isodep.exchange(bytes(data)))


@pytest.fixture(params=["desfire_ev1", "desfire_ev2", "desfire_ev3"])
def card(request: pytest.FixtureRequest) -> DesfireCard:
    return DesfireCard(UID, kind=request.param, picc_key=PICC_KEY)


@pytest.fixture
def talk(card: DesfireCard) -> Callable[[Callable[[DESFire], Any]], Any]:
    bench = Bench(Chip())
    bench.reader.open()
    bench.show(card)

    def run(operation: Callable[[DESFire], Any]) -> Any:
        def in_session(session: CardSession) -> Any:
            session.isodep.activate()
            return operation(DESFire(OverIsoDep(session.isodep)))

        return bench.reader.transact(UID, in_session)

    return run


def aes_key(key: bytes) -> DESFireKey:
    return DESFireKey(KeySettings(key_type=DESFireKeyType.DF_KEY_AES), key)


def application_keys(peer: DESFire, key: bytes, number: int = 0) -> None:
    peer.select_application(AID)
    peer.authenticate(number, aes_key(key))


def make_application(peer: DESFire) -> None:
    peer.authenticate(0, aes_key(PICC_KEY))
    settings = KeySettings(
        key_type=DESFireKeyType.DF_KEY_AES,
        settings=[
            DESFireKeySettings.KS_ALLOW_CHANGE_MK,
            DESFireKeySettings.KS_LISTING_WITHOUT_MK,
            DESFireKeySettings.KS_CONFIGURATION_CHANGEABLE,
        ],
    )
    peer.create_application(AID, settings, 2)


def test_version_and_uid(talk, card) -> None:
    def run(peer: DESFire) -> tuple[Any, list[int]]:
        version = peer.get_card_version()
        peer.authenticate(0, aes_key(PICC_KEY))
        return version, peer.get_real_uid()

    version, uid = talk(run)
    assert bytes(version.uid) == bytes(uid) == UID
    assert (
        version.hardware_major_version
        == {"desfire_ev1": 0x01, "desfire_ev2": 0x12, "desfire_ev3": 0x33}[card.kind]
    )


def test_version_in_a_session_carries_a_mac(talk) -> None:
    def run(peer: DESFire) -> Any:
        peer.authenticate(0, aes_key(PICC_KEY))
        return peer.get_card_version()

    assert bytes(talk(run).uid) == UID


def test_a_wrong_key_is_refused(talk) -> None:
    with pytest.raises((DESFireAuthException, DESFireCommunicationError)):
        talk(lambda peer: peer.authenticate(0, aes_key(NEW_KEY)))


def test_applications_and_key_settings(talk) -> None:
    def run(peer: DESFire) -> tuple[Any, Any]:
        make_application(peer)
        applications = peer.get_application_ids()
        application_keys(peer, ZERO_KEY)
        return applications, peer.get_key_setting()

    applications, settings = talk(run)
    assert applications == [AID]
    assert settings.max_keys == 2
    assert settings.key_type is DESFireKeyType.DF_KEY_AES


@pytest.mark.parametrize("mode", list(DESFireCommunicationMode), ids=lambda mode: mode.name)
def test_files_in_every_mode(talk, card, mode: DESFireCommunicationMode) -> None:
    """The peer sends the last eight bytes of a CMAC where it checks the first eight of the card's: its mistake (libfreefare
    sends the first), so in this mode it only reads."""
    content = list(range(50))

    def run(peer: DESFire) -> tuple[Any, ...]:
        make_application(peer)
        application_keys(peer, ZERO_KEY)
        settings = FileSettings(
            encryption=mode,
            file_type=DESFireFileType.MDFT_STANDARD_DATA_FILE,
            permissions=FilePermissions(1, 0, 0, 0),
            file_size=100,
        )
        peer.create_standard_file(1, settings)
        if mode is DESFireCommunicationMode.CMAC:
            card.applications[0xF481C0].files[1].content = bytes(10) + bytes(content[:40]) + bytes(50)
        else:
            peer.write_file_data(1, 10, mode, list(content[:40]))
        found = peer.get_file_ids(), peer.get_file_settings(1)
        application_keys(peer, ZERO_KEY, 1)
        reading = peer.get_file_settings(1)
        return *found, peer.read_file_data(1, reading)

    ids, settings, data = talk(run)
    assert ids == [1]
    assert (settings.file_size, settings.encryption) == (100, mode)
    if mode is DESFireCommunicationMode.PLAIN:
        # The card adds a MAC to every answer of a session; the peer leaves it there.
        data = data[:48] + data[56:104] + data[112:116]
    elif mode is DESFireCommunicationMode.ENCRYPTED:
        assert [byte for byte in data if byte] == [byte for byte in content[:40] if byte]
        return
    assert data == [0] * 10 + content[:40] + [0] * 50


def test_keys_are_changed(talk) -> None:
    def run(peer: DESFire) -> int:
        make_application(peer)
        application_keys(peer, ZERO_KEY)
        peer.change_key(1, aes_key(ZERO_KEY), aes_key(NEW_KEY), 7)
        version = peer.get_key_version(1)
        peer.change_key(0, aes_key(ZERO_KEY), aes_key(PICC_KEY), 3)
        application_keys(peer, PICC_KEY, 0)
        application_keys(peer, NEW_KEY, 1)
        return version

    assert talk(run) == 7


def test_without_the_right_nothing_is_read_or_changed(talk) -> None:
    def run(peer: DESFire) -> None:
        make_application(peer)
        application_keys(peer, ZERO_KEY, 1)
        peer.change_key(0, aes_key(ZERO_KEY), aes_key(NEW_KEY), 1)

    with pytest.raises(DESFireCommunicationError):
        talk(run)
    talk(lambda peer: application_keys(peer, ZERO_KEY, 0))
