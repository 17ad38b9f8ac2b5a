"""檢測: what kind of card lies here, and what it carries for us. Reads only, and asks no key twice that a card would count."""

from __future__ import annotations

from edge.reader.base import CardSession
from edge.reader.credential_reader import NTAG_SETTINGS, CredentialReader, diversified
from edge.reader.desfire import NO_SUCH_APPLICATION, Desfire
from edge.reader.errors import AuthenticationFailed, CardDataError, CardStatus, CardUnsuitable
from edge.reader.issuing import medium_of
from edge.reader.issuing_classic import TRANSPORT_KEY, attempted
from edge.reader.mifare import Key
from edge.reader.ntag424 import Ntag424, file_settings
from edge.reader.secure_messaging import Mode
from protocol.card_layout import credential, places
from protocol.card_layout.credential import Medium
from protocol.card_layout.door_keys import DoorKeys, ReadKey
from protocol.card_layout.keys import CLASSIC_KEY_LENGTH
from protocol.facts import Content, InspectionFact
from protocol.ids import is_random_uid

NTAG_DELIVERED = file_settings(Mode.PLAIN, 0xE, 0xE, 0xE, 0)
"""Of the file that phones read, on a tag as delivered."""


def inspect(session: CardSession, keys: DoorKeys) -> InspectionFact:
    """What the selected card is; ``point`` is left to the caller.

    :param keys: read keys and public keys, as doors have them; without any, only the kind of the card is found.
    :raises CardError: it could not be read this time.
    """
    try:
        medium = None if is_random_uid(session.uid) else medium_of(session)
    except CardUnsuitable:
        medium = None
    if medium is None:
        return InspectionFact(0, 0, Content.NONE, session.sak)
    content = None
    if keys.usable:
        session.select_again()
        found = CredentialReader(keys).read(session)
        if found is not None:
            body = credential.encode(found.credential)
            return InspectionFact(
                0, int(found.medium), Content.CREDENTIAL, session.sak, credential=body, has_keys=True
            )
        session.select_again()
        content = Content.ERASED if _has_our_keys(session, medium, keys) else None
    if content is None:
        session.select_again()
        content = Content.BLANK if _is_blank(session, medium) else Content.LOCKED
    return InspectionFact(0, int(medium), content, session.sak, has_keys=keys.usable)


def _has_our_keys(session: CardSession, medium: Medium, keys: DoorKeys) -> bool:
    """True when the first place of a credential opens with a read key of ours."""
    return any(_opens(session, medium, key) for key in keys.read)


def _opens(session: CardSession, medium: Medium, read_key: ReadKey) -> bool:
    if medium is Medium.CLASSIC:
        sector = places.slot_sectors(read_key.zone, 0)[0]
        key = diversified(read_key, session.uid, sector)[:CLASSIC_KEY_LENGTH]
        return attempted(lambda: session.classic.authenticate(sector * 4, key, Key.A), session.select_again)
    session.isodep.activate()
    key = diversified(read_key, session.uid, 0)
    try:
        if medium is Medium.DESFIRE:
            card = Desfire(session.isodep.exchange)
            card.select(places.aid_of(read_key.zone))
            card.authenticate(places.READ_KEY_NO, key)
        else:
            tag = Ntag424(session.isodep.exchange)
            tag.select()
            if tag.get_file_settings(places.NTAG_FILE)[1:4] != NTAG_SETTINGS:
                return False
            tag.authenticate_ev2(places.READ_KEY_NO, key)
    except (AuthenticationFailed, CardStatus):
        return False
    return True


def _is_blank(session: CardSession, medium: Medium) -> bool:
    """True when the first place of a credential is as it was delivered."""
    match medium:
        case Medium.CLASSIC:
            sector = places.slot_sectors(0, 0)[0]
            return attempted(
                lambda: session.classic.authenticate(sector * 4, TRANSPORT_KEY, Key.A), session.select_again
            )
        case Medium.DESFIRE:
            session.isodep.activate()
            card = Desfire(session.isodep.exchange)
            try:
                card.select(places.aid_of(0))
            except CardStatus as error:
                return error.status == NO_SUCH_APPLICATION
            return False
        case Medium.NTAG424:
            session.isodep.activate()
            tag = Ntag424(session.isodep.exchange)
            try:
                tag.select()
                return tag.get_file_settings(places.NTAG_FILE)[1:4] == NTAG_DELIVERED
            except (CardStatus, CardDataError):
                return False
