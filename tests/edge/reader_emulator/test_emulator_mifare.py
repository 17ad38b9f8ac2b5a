"""MIFARE Classic: authentication, access conditions, values, refusals, the counterfeit."""

from __future__ import annotations

import itertools

import pytest

from edge.reader.emulator import ClassicCard, MagicCard
from edge.reader.emulator.mifare_memory import group_of, sector_of, trailer_of
from edge.reader.emulator.mifare_value import decode_value, encode_value
from tests.support.slow_reader import FACTORY_KEY, CardTalk, with_crc

UID = bytes.fromhex("04A1B2C3")
UID_7 = bytes.fromhex("04A1B2C3D4E5F6")
KEY_A, KEY_B = b"AAAAAA", b"BBBBBB"
DATA = bytes(range(16))
ACK = (b"\x0a", 4)

# MF1S50YYX_V1 data sheet, table 7 (data blocks) and table 8 (sector trailer), typed from the tables:
# "AB" either key, "-" never.
TABLE_8_DATA = """
C1 C2 C3  read write increment decrement
0  0  0   AB   AB    AB        AB
0  1  0   AB   -     -         -
1  0  0   AB   B     -         -
1  1  0   AB   B     B         AB
0  0  1   AB   -     -         AB
0  1  1   B    B     -         -
1  0  1   B    -     -         -
1  1  1   -    -     -         -
"""
TABLE_7_TRAILER = """
C1 C2 C3  write_a read_access write_access read_b write_b
0  0  0   A       A           -            A      A
0  1  0   -       A           -            A      -
1  0  0   B       AB          -            -      B
1  1  0   -       AB          -            -      -
0  0  1   A       A           A            A      A
0  1  1   B       AB          B            -      B
1  0  1   -       AB          B            -      -
1  1  1   -       AB          -            -      -
"""


def rows(table: str) -> list[tuple[tuple[int, ...], dict[str, str]]]:
    header, *lines = [line.split() for line in table.strip().splitlines()]
    return [
        (tuple(int(bit) for bit in line[:3]), dict(zip(header[3:], line[3:], strict=True))) for line in lines
    ]


def access_bytes(conditions: list[tuple[int, ...]]) -> bytes:
    """Bytes 6 to 8 of a trailer as figure 10 of the data sheet lays them out."""
    c1, c2, c3 = (
        sum(condition[place] << group for group, condition in enumerate(conditions)) for place in range(3)
    )
    return bytes([(c2 ^ 15) << 4 | (c1 ^ 15), c1 << 4 | (c3 ^ 15), c3 << 4 | c2])


def card_with(
    data: tuple[int, ...] = (0, 0, 0), trailer: tuple[int, ...] = (0, 1, 1), **arguments
) -> ClassicCard:
    """Sector 1 has the keys A and B; its blocks have these conditions."""
    card = ClassicCard(UID, **arguments)
    card.memory.blocks[7] = KEY_A + access_bytes([data, data, data, trailer]) + b"\x69" + KEY_B
    return card


def session(card: ClassicCard, which: str, block: int = 4) -> CardTalk:
    talk = CardTalk(card)
    talk.select()
    assert talk.authenticate(block, KEY_A if which == "A" else KEY_B, which)
    return talk


def test_the_factory_trailer_is_the_transport_configuration() -> None:
    assert access_bytes([(0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 1)]) == bytes.fromhex("FF0780")
    assert ClassicCard(UID).memory.blocks[3] == bytes.fromhex("FFFFFFFFFFFF FF078069 FFFFFFFFFFFF")


def test_the_known_configuration_08778f_is_decrement_with_any_key_and_write_with_b() -> None:
    assert access_bytes([(1, 1, 0), (1, 1, 0), (1, 1, 0), (0, 1, 1)]) == bytes.fromhex("08778F")


@pytest.mark.parametrize("which", ["A", "B"])
@pytest.mark.parametrize(("condition", "rights"), rows(TABLE_8_DATA), ids=str)
def test_data_blocks_allow_what_the_table_allows(
    condition: tuple[int, ...], rights: dict, which: str
) -> None:
    value = encode_value(100, 4)

    def fresh() -> CardTalk:
        card = card_with(condition)
        card.memory.blocks[4] = value
        card.memory.blocks[5] = value
        return session(card, which)

    assert (fresh().read(4) == value) is (which in rights["read"])
    assert fresh().write(4, DATA) is (which in rights["write"])
    assert fresh().count(0xC1, 4, 1) is (which in rights["increment"])
    assert fresh().count(0xC0, 4, 1) is (which in rights["decrement"])
    assert fresh().count(0xC2, 4, 0) is (which in rights["decrement"])
    if which in rights["decrement"]:
        talk = fresh()
        assert talk.count(0xC0, 4, 1)
        assert talk.transfer(5)


@pytest.mark.parametrize("which", ["A", "B"])
@pytest.mark.parametrize(("condition", "rights"), rows(TABLE_7_TRAILER), ids=str)
def test_trailers_allow_what_the_table_allows(condition: tuple[int, ...], rights: dict, which: str) -> None:
    card = card_with(trailer=condition)
    before = card.memory.blocks[7]
    talk = session(card, which)
    if which == "B" and rights["read_b"] != "-":
        assert talk.read(7) is None, "key B can be read, so it opens nothing"
        return
    seen = talk.read(7)
    assert seen is not None
    assert seen[:6] == bytes(6), "key A can never be read"
    assert seen[6:10] == (before[6:10] if which in rights["read_access"] else bytes(4))
    assert seen[10:] == (before[10:] if which in rights["read_b"] else bytes(6))
    new = b"aaaaaa" + bytes.fromhex("FF078000") + b"bbbbbb"
    may_write = [which in rights[part] for part in ("write_a", "write_access", "write_b")]
    assert talk.write(7, new) is any(may_write)
    after = card.memory.blocks[7]
    for part, allowed in zip((slice(0, 6), slice(6, 10), slice(10, 16)), may_write, strict=True):
        assert after[part] == (new if allowed else before)[part]


@pytest.mark.parametrize("bit", range(24))
def test_one_flipped_access_bit_blocks_the_sector_for_good(bit: int) -> None:
    card = card_with()
    trailer = bytearray(card.memory.blocks[7])
    trailer[6 + bit // 8] ^= 1 << bit % 8
    card.memory.blocks[7] = bytes(trailer)
    talk = CardTalk(card)
    talk.select()
    assert not talk.authenticate(4, KEY_A)
    talk.select()
    assert talk.authenticate(0), "the other sectors still work"


def test_writing_illegal_access_bits_locks_out_whoever_did_it() -> None:
    card = card_with(trailer=(0, 1, 1))
    talk = session(card, "B")
    assert talk.write(7, KEY_A + bytes(4) + KEY_B)
    assert talk.read(4) is None
    talk.select()
    assert not talk.authenticate(4, KEY_B, "B")


# Sessions


def test_a_wrong_key_is_met_with_silence_and_the_card_goes_home(rig) -> None:
    card = card_with()
    rig.place(card)
    rig.reader.select(UID)
    assert not rig.reader.authenticate(4, UID, b"XXXXXX")
    assert rig.bus.read(0x04) & 0x11 == 0x01, "only the timer tells"
    assert rig.bus.read(0x01) & 0x0F == 0x0E, "the command never ends by itself"
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID, KEY_A)


def test_the_uid_is_part_of_the_authentication(rig) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    assert not rig.reader.authenticate(4, b"\x00" * 4)


def test_a_long_uid_authenticates_with_its_last_four_bytes(rig) -> None:
    rig.place(ClassicCard(UID_7))
    rig.reader.select(UID_7)
    assert rig.reader.authenticate(4, UID_7[3:])


def test_without_a_card_the_command_waits_for_ever(rig) -> None:
    assert not rig.reader.authenticate(4, UID)
    assert rig.bus.read(0x04) & 0x70 == 0
    assert rig.bus.read(0x01) & 0x0F == 0x0E


def test_the_fifo_is_closed_during_authentication(rig) -> None:
    rig.reader.authenticate(4, UID)
    rig.bus.write_fifo(b"\x00")
    assert rig.bus.read(0x06) & 0x80


def test_success_sets_the_cipher_bit_that_no_host_can_set(rig) -> None:
    rig.bus.write(0x08, 0x08)
    assert not rig.bus.read(0x08) & 0x08
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    assert rig.bus.read(0x04) & 0x70 == 0x10, "IdleIRq; RxIRq and TxIRq are blocked"
    rig.reader.stop_crypto()
    assert not rig.bus.read(0x08) & 0x08


def test_authentication_takes_two_milliseconds(rig) -> None:
    """2.06 ms by the frames of the three passes."""
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    start_us = rig.clock.now_us()
    rig.reader.authenticate(4, UID)
    assert rig.clock.now_us() - start_us == pytest.approx(2_060 + 250, abs=150)


def test_a_forgotten_cipher_makes_every_card_deaf(rig) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    assert rig.reader.wake_up() == b""
    assert rig.reader.wake_up() == b""
    rig.reader.stop_crypto()
    assert rig.reader.wake_up()


def test_a_plain_frame_ends_the_session(rig) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    session_of_chip = rig.chip.session
    rig.reader.stop_crypto()
    rig.reader.command(0x30, 4)
    rig.chip.session = session_of_chip
    assert rig.reader.read_block(4) is None


def test_a_second_sector_is_opened_from_within_the_first(rig) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    assert rig.reader.authenticate(8, UID)
    assert rig.reader.read_block(8) == bytes(16)
    assert rig.reader.read_block(4) is None


def test_halt_ends_the_session(rig) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    rig.reader.halt()
    rig.reader.stop_crypto()
    assert rig.reader.request() == b""
    assert rig.reader.wake_up()


@pytest.mark.parametrize(
    ("command", "code"),
    [(b"\x30\x08", 0x4), (b"\x77\x04", 0x4), (b"\xb0\x04", 0x4), (b"\xc0\x05", 0x4), (b"\x30\x04\x00", 0x4)],
    ids=["other sector", "unknown", "nothing to transfer", "no value block", "too long"],
)
def test_what_cannot_be_done_is_refused_and_ends_the_session(command: bytes, code: int) -> None:
    card = card_with()
    talk = session(card, "A")
    assert talk.frame(with_crc(command)) == (bytes([code]), 4)
    assert talk.read(4) is None


def test_a_damaged_command_is_refused_with_another_code() -> None:
    talk = session(card_with(), "A")
    assert talk.frame(b"\x30\x04\x00\x00") == (b"\x05", 4)


def test_the_codes_tell_whether_the_transfer_buffer_holds_something() -> None:
    for command, code in ((with_crc(b"\x30\x08"), 0x0), (b"\x30\x04\x00\x00", 0x1)):
        card = card_with()
        card.memory.blocks[4] = encode_value(5, 4)
        talk = session(card, "A")
        assert talk.count(0xC0, 4, 1)
        assert talk.frame(command) == (bytes([code]), 4)


def test_reading_without_a_key_is_refused() -> None:
    talk = CardTalk(ClassicCard(UID))
    talk.select()
    assert talk.command(0x30, 4) == (b"\x04", 4)


# Blocks


def test_block_0_holds_the_uid_and_cannot_be_written() -> None:
    card = ClassicCard(UID)
    talk = CardTalk(card)
    talk.select()
    assert talk.authenticate(0)
    assert talk.read(0)[:5] == UID + bytes([0xD4])
    assert not talk.write(0, DATA)
    assert card.memory.blocks[0][:4] == UID


@pytest.mark.parametrize(
    ("kind", "sectors", "blocks"), [("classic_mini", 5, 20), ("classic1k", 16, 64), ("classic4k", 40, 256)]
)
def test_every_block_of_every_layout_can_be_read(kind: str, sectors: int, blocks: int) -> None:
    talk = CardTalk(ClassicCard(UID, kind=kind))
    for block in range(blocks):
        talk.select()
        assert talk.authenticate(block, FACTORY_KEY)
        assert talk.read(block) is not None
    if blocks < 256:
        talk.select()
        assert not talk.authenticate(blocks, FACTORY_KEY)
    assert {sector_of(block) for block in range(blocks)} == set(range(sectors))


def test_the_large_sectors_of_the_4k_card_have_five_blocks_to_a_condition() -> None:
    assert [group_of(block) for block in range(128, 144)] == [0] * 5 + [1] * 5 + [2] * 5 + [3]
    assert (sector_of(127), sector_of(128), trailer_of(32), trailer_of(39)) == (31, 32, 143, 255)


# Values


def test_the_value_block_of_the_data_sheet() -> None:
    """Value 1234567 with address 17."""
    block = bytes.fromhex("87D61200 7829EDFF 87D61200 11EE11EE")
    assert encode_value(1234567, 17) == block
    assert decode_value(block) == (1234567, 17)


@pytest.mark.parametrize("value", [0, 1, -1, 2**31 - 1, -(2**31)])
def test_values_are_signed(value: int) -> None:
    assert decode_value(encode_value(value, 0)) == (value, 0)


@pytest.mark.parametrize("place", range(16))
def test_any_damaged_byte_makes_a_value_block_invalid(place: int) -> None:
    block = bytearray(encode_value(1234567, 17))
    block[place] ^= 0x10
    assert decode_value(bytes(block)) is None


@pytest.mark.parametrize(
    ("operation", "operand", "result"), [(0xC1, 20, 120), (0xC0, 20, 80), (0xC2, 20, 100), (0xC0, 150, -50)]
)
def test_the_result_stands_only_after_transfer_and_keeps_the_address(
    operation: int, operand: int, result: int
) -> None:
    card = card_with()
    card.memory.blocks[4] = encode_value(100, 17)
    talk = session(card, "A")
    assert talk.count(operation, 4, operand)
    assert decode_value(card.memory.blocks[4]) == (100, 17)
    assert talk.transfer(5)
    assert decode_value(card.memory.blocks[5]) == (result, 17)
    assert decode_value(card.memory.blocks[4]) == (100, 17)


def test_without_transfer_nothing_has_happened() -> None:
    card = card_with()
    card.memory.blocks[4] = encode_value(100, 17)
    talk = session(card, "A")
    assert talk.count(0xC0, 4, 20)
    card.power_down(talk.now_us)
    assert decode_value(card.memory.blocks[4]) == (100, 17)
    talk = session(card, "A")
    assert talk.command(0xB0, 4) == (b"\x04", 4), "the transfer buffer is lost"


def test_a_trailer_is_no_purse() -> None:
    talk = session(card_with(), "B")
    assert not talk.count(0xC0, 7, 1)


# The counterfeit


def test_a_genuine_card_ignores_the_back_door() -> None:
    for state in ("idle", "halt"):
        talk = CardTalk(ClassicCard(UID))
        if state == "halt":
            talk.select()
            talk.command(0x50, 0x00)
        assert talk.frame(b"\x40", 7) is None
        assert talk.frame(b"\x43") is None


@pytest.mark.parametrize("halted", [False, True])
def test_a_magic_card_opens_every_block_without_a_key(halted: bool) -> None:
    card = MagicCard(UID)
    talk = CardTalk(card)
    if halted:
        talk.select()
        talk.command(0x50, 0x00)
    assert talk.frame(b"\x40", 7) == ACK
    assert talk.frame(b"\x43") == ACK
    assert talk.write(0, DATA)
    assert talk.read(0) == DATA
    assert talk.read(7) == card.memory.blocks[7]


def test_the_back_door_needs_both_knocks() -> None:
    for first, second in itertools.permutations([(b"\x40", 7), (b"\x43", None)], 2):
        talk = CardTalk(MagicCard(UID))
        opened = talk.frame(*first) == ACK and talk.frame(*second) == ACK
        assert opened is (first[0] == b"\x40")
        assert (talk.read(0) is not None) is opened


def test_a_magic_card_is_otherwise_a_classic_card(rig) -> None:
    rig.place(MagicCard(UID))
    assert rig.reader.select(UID) == 0x08
    assert rig.reader.authenticate(4, UID)
    assert rig.reader.write_block(4, DATA)
    assert rig.reader.read_block(4) == DATA
