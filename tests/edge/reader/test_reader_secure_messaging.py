"""Secure messaging by the published examples of NXP AN12343 (DESFire) and AN12196 (NTAG 424 DNA)."""

from __future__ import annotations

import pytest

from edge.reader.aes_card import AesCard
from edge.reader.desfire import Desfire
from edge.reader.errors import AuthenticationFailed, CardCorrupted, CardStatus
from edge.reader.ntag424 import Ntag424, wrap
from edge.reader.secure_messaging import Ev1Session, Ev2Session, Mode, card_crc, ev1_key, ev2_keys
from protocol.card_layout import sun


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


ZERO_KEY = bytes(16)


class Script:
    """A card that says what the document says, and expects to be asked what the document asks."""

    def __init__(self, *lines: str) -> None:
        self._lines = [unhex(line) for line in lines]

    def exchange(self, sent: bytes) -> bytes:
        assert sent == self._lines.pop(0)
        return self._lines.pop(0)

    @property
    def is_over(self) -> bool:
        return not self._lines


def fixed(text: str):
    return lambda count: unhex(text)


# -- AN12343: DESFire ----------------------------------------------------------------------------------------------

RND_A = "B04D0787C93EE0CC8CACC8E86F16C6FE"
RND_B = "FA659AD0DCA738DD65DC7DC38612AD81"


def test_an12343_session_keys() -> None:
    enciphering, mac = ev2_keys(ZERO_KEY, unhex(RND_A), unhex(RND_B))
    assert enciphering == unhex("63DC07286289A7A6C0334CA31C314A04")
    assert mac == unhex("774F26743ECE6AF5033B6AE8522946F6")


AUTHENTICATION = (
    "710000",
    "AF24677DDBD46349E623798FD729006E79",
    "AF3B50445F21D21D77D500794DEB245E5A754F5F901844259F4C9B31A5C7335ACD",
    "0004C6DBD67417ED0D31DDDE4D2E3FFAC2B4B074F638EEF7FFF9254963B65C7759",
)


def test_an12343_authenticate_ev2_first() -> None:
    script = Script(*AUTHENTICATION)
    card = Desfire(script.exchange, fixed(RND_A))
    card.authenticate(0, ZERO_KEY)
    assert script.is_over
    assert card.authenticated_as == 0


def test_a_card_that_proves_another_challenge_is_not_believed() -> None:
    other = fixed("B04D0787C93EE0CC8CACC8E86F16C6FF")
    script = Script(*AUTHENTICATION)
    card = Desfire(lambda sent: script.exchange(unhex(AUTHENTICATION[2]) if sent[0] == 0xAF else sent), other)
    with pytest.raises(AuthenticationFailed):
        card.authenticate(0, ZERO_KEY)
    assert card.authenticated_as is None


def test_an12343_write_and_read_in_mode_mac() -> None:
    session = Ev2Session(
        unhex("C4C9F2A734F32967FAC80A0F37C764F0"),
        unhex("9366FA195EB566F5BD2BAD4020B83002"),
        unhex("E2D3AF69"),
    )
    data = b"\x22" * 25
    header = unhex("00000000190000")
    assert session.command(0x8D, header, data, Mode.MAC) == header + data + unhex("68F2C28C575A1628")
    assert session.answer(unhex("0820F68898C2A7F1"), Mode.MAC) == b""
    header = unhex("00000000300000")
    assert session.command(0xAD, header, b"", Mode.MAC) == header + unhex("0D9BE191D5960834")
    plain = data + bytes(23)
    assert session.answer(plain + unhex("A49A44222D926666"), Mode.MAC, 48) == plain


FULL = (
    unhex("FFBCFE1F41840A09C9A88D0A4B10DF05"),
    unhex("37E7234B11BEBEFDE41A8F290090EF80"),
    unhex("CD73D8E5"),
)
FULL_ANSWER = unhex(
    "8848D0F9B9FD4495770C89925B2A85C7274D350FA9029C484D43804886662DC42D7F40A6D7A415E4A71EFF79EB8E5721"
    "AC3BF1CAAFE8EB2CAA2DC162E67A97A38ED7888F22B3A587"
)


def test_an12343_write_and_read_in_mode_full() -> None:
    session = Ev2Session(*FULL)
    wire = session.command(0x8D, unhex("00000000190000"), b"\x22" * 25, Mode.FULL)
    assert wire == unhex(
        "00000000190000D7446FBC912580C0A65E738D28B609E43ADBB8FB2B4CA68744D1BBEBB37EBD32700ADF7BB9F62A6C"
    )
    assert session.answer(unhex("B9A534A7A73EE0DD"), Mode.FULL) == b""
    wire = session.command(0xAD, unhex("00000000300000"), b"", Mode.FULL)
    assert wire == unhex("000000003000007CF94F122B3DB05F")
    assert session.answer(FULL_ANSWER, Mode.FULL, 48) == b"\x22" * 25 + bytes(23)


@pytest.mark.parametrize("place", [0, 15, 63, 64, 71])
def test_a_forged_answer_is_refused(place: int) -> None:
    session = Ev2Session(*FULL, counter=1)
    forged = bytearray(FULL_ANSWER)
    forged[place] ^= 1
    with pytest.raises(CardCorrupted):
        session.answer(bytes(forged), Mode.FULL, 48)


def test_an_answer_of_another_command_is_refused() -> None:
    with pytest.raises(CardCorrupted):
        Ev2Session(*FULL, counter=2).answer(FULL_ANSWER, Mode.FULL, 48)


@pytest.mark.parametrize("length", [0, 47, 49])
def test_an_answer_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(CardCorrupted):
        Ev2Session(*FULL, counter=1).answer(FULL_ANSWER, Mode.FULL, length)


# -- AN12196: NTAG 424 DNA -----------------------------------------------------------------------------------------


def test_an12196_authenticate_write_and_change_settings() -> None:
    """Tables 14, 18 and 19 in one conversation."""
    script = Script(
        "00A4040C07D276000085010100",
        "9000",
        "9071000002000000",
        "A04C124213C186F22399D33AC2A3021591AF",
        "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00",
        "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100",
        "908D00009F02000000800000421C73A27D827658AF481FDFF20A5025B559D0E3AA21E58D347F343CFFC768BFE596C706"
        "BC00F2176781D4B0242642A0FF5A42C461AAF894D9A1284B8C76BCFA658ACD40555D362E08DB15CF421B51283F9064BC"
        "BE20E96CAE545B407C9D651A3315B27373772E5DA2367D2064AE054AF996C6F1F669170FA88CE8C4E3A4A7BBBEF0FD97"
        "1FF532C3A802AF745660F2B4D1D9A8499661EBF300",
        "FC222E5F7A5424529100",
        "905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400",
        "57BFF87B1241E93D9100",
    )
    address = unhex("0051D1014D5504") + b"choose.url.com/ntag424?e=" + b"0" * 32 + b"&c=" + b"0" * 16
    tag = Ntag424(script.exchange, fixed("13C5DB8A5930439FC3DEF9A4C675360F"))
    tag.select()
    tag.authenticate_ev2(0, ZERO_KEY)
    tag.write(2, 0, address.ljust(128, b"\0"))
    tag.change_file_settings(2, unhex("4000E0C1F121200000430000430000"))
    assert script.is_over


NEW_KEY = unhex("F3847D627727ED3BC9C4CC050489B966")


def tag_in_session(script: Script, number: int, session: Ev2Session) -> Ntag424:
    tag = Ntag424(script.exchange)
    tag._session, tag.authenticated_as = session, number
    return tag


def test_an12196_change_key_of_another_number() -> None:
    assert card_crc(NEW_KEY) == unhex("789DFADC")
    session = Ev2Session(
        unhex("4CF3CB41A22583A61E89B158D252FC53"),
        unhex("5529860B2FC5FB6154B7F28361D30BF9"),
        unhex("7614281A"),
        counter=2,
    )
    script = Script(
        "90C4000029022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E600",
        "203BB55D1089D5879100",
    )
    tag = tag_in_session(script, 0, session)
    tag.change_key(2, NEW_KEY, 1, ZERO_KEY)
    assert script.is_over
    assert tag.authenticated_as == 0


def test_an12196_change_of_the_sessions_own_key_ends_it() -> None:
    session = Ev2Session(
        unhex("4CF3CB41A22583A61E89B158D252FC53"),
        unhex("5529860B2FC5FB6154B7F28361D30BF9"),
        unhex("7614281A"),
        counter=3,
    )
    script = Script(
        "90C400002900C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED643200",
        "9100",
    )
    tag = tag_in_session(script, 0, session)
    tag.change_key(0, unhex("5004BF991F408672B1EF00F08F9E8647"), 1, ZERO_KEY)
    assert script.is_over
    assert tag.authenticated_as is None


def test_an12196_get_file_settings_and_card_uid() -> None:
    session = Ev2Session(bytes(16), unhex("8248134A386E86EB7FAF54A52E536CB6"), unhex("7A21085E"))
    assert wrap(0xF5, session.command(0xF5, b"\x02", b"", Mode.MAC)) == unhex(
        "90F5000009026597A457C8CD442C00"
    )
    settings = unhex("0040EEEE000100D1FE001F00004400004400002000006A0000")
    assert session.answer(settings + unhex("2A474282E7A47986"), Mode.MAC, 25) == settings
    session = Ev2Session(
        unhex("2B4D963C014DC36F24F69A50A394F875"),
        unhex("379D32130CE61705DD5FD8C36B95D764"),
        unhex("DF055522"),
    )
    script = Script("90510000088E2C155ADDA99BE300", "70756055688505B52A5E26E59E329CD6595F672298EA41B79100")
    assert tag_in_session(script, 0, session).get_uid() == unhex("04958CAA5C5E80")


def test_an_error_status_ends_the_session() -> None:
    session = Ev2Session(*FULL)
    script = Script(
        "90510000" + "08" + wrap(0x51, Ev2Session(*FULL).command(0x51, b"", b"", Mode.FULL)).hex()[10:],
        "919D",
    )
    tag = tag_in_session(script, 0, session)
    with pytest.raises(CardStatus) as refused:
        tag.get_uid()
    assert refused.value.status == 0x9D
    assert tag.authenticated_as is None


SUN_DATA, SUN_MAC = unhex("EF963FF7828658A599F3041510671E88"), unhex("94EED9EE65337086")


def test_an12196_sun_is_verified() -> None:
    found = sun.verify(SUN_DATA, SUN_MAC, ZERO_KEY, lambda uid: ZERO_KEY)
    assert found == sun.Sun(unhex("04DE5F1EACC040"), 61)


@pytest.mark.parametrize(
    ("data", "mac", "meta", "file"),
    [
        (SUN_DATA, SUN_MAC[:-1] + b"\x87", ZERO_KEY, ZERO_KEY),
        (SUN_DATA[:-1] + b"\0", SUN_MAC, ZERO_KEY, ZERO_KEY),
        (SUN_DATA, SUN_MAC, NEW_KEY, ZERO_KEY),
        (SUN_DATA, SUN_MAC, ZERO_KEY, NEW_KEY),
        (SUN_DATA[:8], SUN_MAC, ZERO_KEY, ZERO_KEY),
        (SUN_DATA, b"", ZERO_KEY, ZERO_KEY),
    ],
)
def test_a_wrong_sun_proves_nothing(data: bytes, mac: bytes, meta: bytes, file: bytes) -> None:
    assert sun.verify(data, mac, meta, lambda uid: file) is None


# -- EV1: no trace is published; the emulated card is checked by an independent driver ------------------------------


def test_the_ev1_session_key_takes_both_ends_of_both_challenges() -> None:
    assert ev1_key(bytes(range(16)), bytes(range(16, 32))).hex() == "00010203101112130c0d0e0f1c1d1e1f"


def test_ev1_answers_depend_on_all_that_went_before() -> None:
    one, other = Ev1Session(NEW_KEY), Ev1Session(NEW_KEY)
    one.command(0x5A, b"", b"", Mode.PLAIN)
    assert one.command(0x3D, b"h", b"data", Mode.MAC) != other.command(0x3D, b"h", b"data", Mode.MAC)


def test_a_card_without_framing_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="_call"):
        AesCard(lambda sent: b"")  # type: ignore[abstract]
