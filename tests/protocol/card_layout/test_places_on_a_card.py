"""Sectors, files and the application directory (AN10787)."""

from __future__ import annotations

import pytest

from protocol.card_layout import mad
from protocol.card_layout.places import aid_of, slot_blocks, slot_sectors, zones_max
from protocol.errors import MalformedError

DOCUMENT = bytes.fromhex("01 0108 0108 0108 0000 0000 0000 0400 0310 0310 0210 0210 0000 0000 0000 1130")


def test_check_sum_of_the_documents_example() -> None:
    assert mad.crc_8(DOCUMENT) == 0x89


def test_the_documents_directory_is_read_and_written() -> None:
    aids = mad.decode(b"\x89" + DOCUMENT)
    assert aids[:4] == (0x0801, 0x0801, 0x0801, 0x0000)
    assert aids[-1] == 0x3011
    assert mad.encode(aids, info=1) == b"\x89" + DOCUMENT


@pytest.mark.parametrize("place", range(32))
def test_a_changed_byte_is_found(place: int) -> None:
    stored = bytearray(b"\x89" + DOCUMENT)
    stored[place] ^= 0x01
    with pytest.raises(MalformedError):
        mad.decode(bytes(stored))


@pytest.mark.parametrize(("sectors", "zones"), [(5, 1), (16, 3), (40, 7)])
def test_how_many_zones_fit(sectors: int, zones: int) -> None:
    assert zones_max(sectors) == zones


def test_slots_share_no_sector_and_no_trailer_is_data() -> None:
    used: list[int] = []
    for zone in range(7):
        for slot in range(2):
            blocks = slot_blocks(zone, slot)
            assert len(blocks) == 6
            assert {block // 4 for block in blocks} == set(slot_sectors(zone, slot))
            assert all(block % 4 != 3 for block in blocks)
            used += blocks
    assert len(set(used)) == len(used)
    assert min(used) == 4, "sector 0 belongs to the directory"


def test_every_zone_has_its_application() -> None:
    assert [f"{aid_of(zone):06X}" for zone in (0, 1, 15)] == ["F481C0", "F481C1", "F481CF"]
