"""Which card keys are in force: versions of read keys by zone, of issuer keys, generations of signatures. Numbers, no key.

An exchange takes two acts: ``rotate`` puts a new version in front and keeps the old one, so that cards made before are
accepted and get the new keys when they come to the card desk; ``retire`` ends the old one. The numbers stand in the
database, the master from which the keys come does not (``central.security.card_master``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from central import settings
from central.errors import ConflictError, InvalidInputError, StorageError
from central.security import card_master
from central.security.card_master import CardMaster
from protocol.card_layout import credential
from protocol.card_layout.card_keys import CardKeys, card_keys
from protocol.card_layout.credential import Credential, Medium
from protocol.card_layout.door_keys import ReadKey, door_keys, read_key_number
from protocol.errors import LimitError
from protocol.limits import ZONES_MAX
from protocol.records import Change, IssuerKeyRow, ReadKeyRow, put

SETTING: Final = "cards.keys_in_force"
VERSION_MAX: Final = 0xFF
settings.DEFAULTS[SETTING] = None

Part = Literal["signing", "issuer"] | int
"""What is exchanged: the key of signatures, that of issuing devices, or the read key of a zone (its number)."""


@dataclass(frozen=True)
class KeysInForce:
    """Versions, the newest first, two at most.

    :ivar fingerprint: of the master to which all this belongs.
    :ivar printed: the sheet for the safe has been printed; it is not shown again.
    """

    fingerprint: str
    signing: tuple[int, ...] = (0,)
    issuer: tuple[int, ...] = (1,)
    zones: dict[int, tuple[int, ...]] = field(default_factory=lambda: {0: (1,)})
    printed: bool = False

    def versions(self, part: Part) -> tuple[int, ...]:
        """Of one part; empty for a zone that there is not."""
        if part == "signing":
            return self.signing
        return self.issuer if part == "issuer" else self.zones.get(part, ())

    def with_versions(self, part: Part, versions: tuple[int, ...]) -> KeysInForce:
        """The same with one part changed."""
        if part == "signing":
            return replace(self, signing=versions)
        if part == "issuer":
            return replace(self, issuer=versions)
        return replace(self, zones={**self.zones, part: versions})


def rotate(now: KeysInForce, part: Part) -> KeysInForce:
    """A new version in front; a zone that is new gets its first.

    :raises ConflictError: the last exchange is not over: two versions are in force.
    :raises InvalidInputError: no such zone, or the versions have run out.
    """
    versions = now.versions(part)
    if isinstance(part, int) and not 0 <= part < ZONES_MAX:
        raise InvalidInputError("Zones are numbered 0 to 15.")
    if len(versions) > 1:
        raise ConflictError("The last exchange of this key is not over; end the old key first.")
    newest = versions[0] + 1 if versions else 1
    if newest > VERSION_MAX:
        raise InvalidInputError("This key cannot be exchanged any more.")
    return now.with_versions(part, (newest, *versions))


def retire(now: KeysInForce, part: Part) -> KeysInForce:
    """End the older version: cards that still have it prove nothing any more.

    :raises ConflictError: there is one version only.
    """
    versions = now.versions(part)
    if len(versions) < 2:
        raise ConflictError("There is no older key that could be ended.")
    return now.with_versions(part, versions[:1])


def door_rows(now: KeysInForce, master: CardMaster, zones: Iterable[int]) -> list[Change]:
    """What a device with readers in these zones must hold: their read keys and no others, and the public keys."""
    assert master.fingerprint == now.fingerprint, "keys of another master"
    rows = [
        put(read_key_number(zone, version), ReadKeyRow(master.read_key(zone, version)))
        for zone in sorted(zones)
        for version in now.versions(zone)
    ]
    for generation in now.signing:
        public = master.signing_key(generation).public_key().public_bytes_raw()
        rows.append(put(generation, IssuerKeyRow(public)))
    return rows


def zones_of(now: KeysInForce, medium: Medium, most: int = ZONES_MAX) -> tuple[int, ...]:
    """The zones that a card is made for: all that there are, as far as the card has room.

    :param most: zones that a MIFARE Classic of that size can carry.
    """
    return tuple(sorted(now.zones)[: 1 if medium is Medium.NTAG424 else most])


def keys_for_card(
    now: KeysInForce, master: CardMaster, uid: bytes, medium: Medium, zones: Iterable[int]
) -> CardKeys:
    """What a device gets to write this one card: keys of no use for any other, and the public keys."""
    assert master.fingerprint == now.fingerprint, "keys of another master"
    chosen = tuple(zones)
    read = [
        ReadKey(zone, version, master.read_key(zone, version))
        for zone in chosen
        for version in now.versions(zone)
    ]
    public = {
        generation: master.signing_key(generation).public_key().public_bytes_raw()
        for generation in now.signing
    }
    issuer = tuple(master.issuer_key(version) for version in now.issuer)
    return card_keys(uid, medium, chosen, door_keys(read, public), issuer)


def signed_slot(
    now: KeysInForce, master: CardMaster, wanted: Credential, medium: Medium, uid: bytes
) -> bytes:
    """The credential as it stands on the card, signed with the newest key.

    :raises InvalidInputError: a number of it does not fit on a card.
    """
    assert master.fingerprint == now.fingerprint, "keys of another master"
    generation = now.signing[0]
    numbered = msgspec.structs.replace(wanted, generation=generation)
    try:
        return credential.sign(numbered, medium, uid, master.signing_key(generation))
    except LimitError:
        raise InvalidInputError("This card number cannot be written onto a card.") from None


# -- kept -------------------------------------------------------------------------------------------------------------


def current() -> KeysInForce | None:
    """What is in force; None before the first run. Inside ``db.read`` or ``db.write``."""
    stored = settings.get(SETTING)
    return None if stored is None else from_json(stored)


def from_json(stored: Mapping[str, Any]) -> KeysInForce:
    """What :func:`as_json` gave."""
    zones = {int(zone): tuple(versions) for zone, versions in stored["zones"].items()}
    return KeysInForce(
        stored["fingerprint"], tuple(stored["signing"]), tuple(stored["issuer"]), zones, stored["printed"]
    )


def keep(state: KeysInForce, now: datetime) -> None:
    """Inside ``db.write``; the caller records the change in the audit trail."""
    settings.put(SETTING, as_json(state), now)


def as_json(state: KeysInForce) -> dict[str, Any]:
    """Numbers and names, as they are stored."""
    return {
        "fingerprint": state.fingerprint,
        "signing": list(state.signing),
        "issuer": list(state.issuer),
        "zones": {str(zone): list(versions) for zone, versions in state.zones.items()},
        "printed": state.printed,
    }


def begin(folder: Path, now: datetime) -> tuple[CardMaster, KeysInForce]:
    """Master and keys in force; both are made at the first run. Inside ``db.write``.

    :raises StorageError: keys are in force, but their master is not in ``folder``, or another one is. A new one is never
        made then: it would turn every card into one of another site. The printed code brings the right one back.
    """
    state, master = current(), card_master.load(folder)
    if state is None:
        if master is None:
            master = card_master.create(folder)
        state = KeysInForce(master.fingerprint)
        keep(state, now)
    if master is None:
        raise StorageError("the master key of the cards is missing; bring it back with the printed code")
    if master.fingerprint != state.fingerprint:
        raise StorageError("the master key of the cards is not the one that the cards were made with")
    return master, state


def print_once(master: CardMaster, now: datetime) -> str:
    """The code for the safe; from then on it is not shown again. Inside ``db.write``.

    :raises ConflictError: it was printed before.
    """
    state = current()
    assert state is not None, "begin comes first"
    if state.printed:
        raise ConflictError("The code was printed before and is not shown again.")
    keep(replace(state, printed=True), now)
    return master.printed()


def bring_back(folder: Path, text: str) -> CardMaster:
    """Put the master back from the printed code. Inside ``db.read`` or ``db.write``.

    :raises InvalidInputError: misread, or the sheet of another site.
    :raises StorageError: there is a master already.
    """
    master, state = card_master.parse_printed(text), current()
    if state is not None and master.fingerprint != state.fingerprint:
        raise InvalidInputError("This is the code of another site.")
    return card_master.store(folder, master)
