"""Cards that cannot be cloned, at the doors of a whole site: written at the desk, shown over SPI and UART, copied (B11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from edge.reader.emulator.catalogue import card_from_dict
from edge.reader.emulator.mifare_classic import ClassicCard
from protocol.card_layout import places
from protocol.ids import Tier
from protocol.reasons import Reason
from tests.support.credential_cards import issued_card
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
BUSES = {"east-gate": "spi", "hall": "uart", "card-desk": "spi"}
KINDS = ("classic1k", "desfire_ev1", "desfire_ev2", "desfire_ev3", "ntag424")


@dataclass
class Written:
    """A card with a credential, and whose it is."""

    uid: str
    query: str
    path: str
    content: dict[str, Any]


async def written(site: Site, kind: str) -> Written:
    """A blank card, laid on the issuer and issued to a new person."""
    number = site.next_number()
    uid, person_no = f"04B2{number:010X}", f"5{number:03d}"
    person = await site.enter_person(person_no)
    await site.lay({"kind": kind, "uid": uid})
    await site.inspected(uid)
    order = await site.order_issue(person, uid, f"55{number:06d}")
    await site.until_order(order, "written and read back")
    content = dict(await site.lift(uid))
    await site.until_joined()
    path = (await site.card_page(f"55{number:06d}")).path.partition("?")[0]
    return Written(uid, f"person={person_no}", path, content)


async def tier_at(site: Site, door: str, tier: Tier) -> None:
    """Set what every card must prove at a door, and wait until its device knows."""
    doors = await site.browser.get("/doors")
    (path,) = [row.links[0] for row in doors.rows if row.cells and row.cells[0].startswith(door)]
    readers = {link for link in (await site.browser.get(path)).links if link.startswith("/doors/readers/")}
    for reader in sorted(readers):
        page = await site.browser.get(reader)
        await site.browser.send(page, reader, tier_min=str(int(tier)))
    await site.until_joined()


async def opens(site: Site, node: str, card: Written) -> None:
    site.written[card.uid] = card.content
    await site.opens(node, card.uid)
    await site.shuts(node)


async def is_refused(site: Site, node: str, content: dict[str, Any], query: str, reason: Reason) -> None:
    """A card with this content is refused, with that reason on the page of the events."""
    site.written[content["uid"]] = content
    await site.is_refused(node, content["uid"], f"{query}&reason={reason.value}".lstrip("&"))


@pytest.mark.requirement("B11")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_genuine_card_opens_and_a_copy_of_its_uid_does_not(site: Site, kind: str) -> None:
    """Seen when: at a door above UID-only (over UART) and, for one kind, at one where the number would do (over SPI) the
    card that was written at the desk opens, and a blank card with its UID is refused, under the holder's name, with a reason
    of its own and an alarm.

    Planted break that turns it red: in ``decide`` no look at ``card.zones``; ``key_rows.keys_changed`` not called.
    """
    await tier_at(site, "大堂", Tier.CLASSIC_MAC if kind == "classic1k" else Tier.AES)
    card = await written(site, kind)
    copy = {"kind": "classic1k", "uid": card.uid}
    for node in ("hall", "east-gate") if kind == "ntag424" else ("hall",):
        await opens(site, node, card)
        await is_refused(site, node, copy, card.query, Reason.CREDENTIAL_MISSING)
    alarms = await site.until_page(
        "/alarms?state=open", lambda page: "Card shown without its key" in page.words
    )
    assert alarms.status == 200


@pytest.mark.requirement("B11")
async def test_what_a_copier_can_buy_stays_outside(site: Site) -> None:
    """Seen when: a "magic" card with the whole memory of a genuine one is refused as a copy, with its alarm, and is not
    written at the desk; a card of another site with the resident's UID, and a card without a key at a door that needs one,
    are refused each with its own reason.

    Planted break that turns it red: ``Presence`` not knocking at the back door; ``decide`` without its look at ``tier_min``.
    """
    await tier_at(site, "大堂", Tier.AES)
    card = await written(site, "classic1k")
    magic = {**card.content, "kind": "magic1k"}
    await is_refused(site, "hall", magic, card.query, Reason.CLONE_SUSPECTED)
    await site.until_page("/alarms?state=open", lambda page: "Copied card suspected" in page.words)
    await site.lay(magic)
    await site.until_page("/cards/desk/presented", lambda page: "copy card (gen1a)" in page.words)
    await site.lift(card.uid)
    foreign = issued_card("desfire_ev3", uid=bytes.fromhex(card.uid)).to_dict()
    await is_refused(site, "hall", foreign, card.query, Reason.CREDENTIAL_MISSING)
    await is_refused(site, "hall", card.content, card.query, Reason.TIER_TOO_LOW)
    unknown = issued_card("desfire_ev3", uid=bytes.fromhex("04AAAAAAAAAAAA")).to_dict()
    await is_refused(site, "hall", unknown, "", Reason.UNKNOWN_CARD)


def torn(content: dict[str, Any]) -> dict[str, Any]:
    """The card after a write of its trailers, or of its key, was torn off."""
    card = card_from_dict(content)
    if isinstance(card, ClassicCard):
        for slot in range(places.SLOTS):
            for sector in places.slot_sectors(0, slot):
                trailer = bytearray(card.memory.blocks[sector * 4 + 3])
                trailer[0] ^= 0x5A
                card.memory.blocks[sector * 4 + 3] = bytes(trailer)
    else:
        application = card.applications[places.aid_of(0)]  # type: ignore[attr-defined]
        application.keys[places.READ_KEY_NO] = bytes(16)
    return card.to_dict()


@pytest.mark.requirement("B11")
@pytest.mark.parametrize("kind", ["classic1k", "desfire_ev2"])
async def test_a_damaged_card_is_called_so_and_opens_nothing(site: Site, kind: str) -> None:
    """Seen when: a card whose keys were torn is refused at a door where the number alone would do; the event says copied or
    damaged, and the desk says damaged.

    Planted break that turns it red: ``inspected._verdict`` without its look at what the card should carry.
    """
    card = await written(site, kind)
    broken = torn(card.content)
    await is_refused(site, "east-gate", broken, card.query, Reason.CREDENTIAL_MISSING)
    event = await site.browser.get(f"/access/events?{card.query}")
    assert "Card did not show its key: copied or damaged" in event.words
    await site.lay(broken)
    await site.until_page(
        "/cards/desk/presented", lambda page: "damaged, or a copy of its number" in page.words
    )
    await site.lift(card.uid)


@pytest.mark.requirement("B11")
async def test_while_a_key_is_exchanged_old_and_new_cards_open(site: Site) -> None:
    """Seen when: after the exchange a card written before and one written after open; the page counts the old one; once the
    old key is ended that card is refused and the new one opens.

    Planted break that turns it red: ``rotate`` replacing the version instead of putting the new one in front.
    """
    old = await written(site, "desfire_ev3")
    page = await site.browser.get("/keys")
    form = next(form for form in page.forms if form.fields.get("part") == "0")
    await site.browser.post(form.action, form.fields)
    await site.until_joined()
    new = await written(site, "classic1k")
    await opens(site, "east-gate", old)
    await opens(site, "east-gate", new)
    page = await site.browser.get("/keys")
    (form,) = [form for form in page.forms if form.action == "/keys/end"]
    assert "still have the old key" in page.words or "still has the old key" in page.words
    await site.browser.post(form.action, form.fields)
    await site.until_joined()
    await is_refused(site, "east-gate", old.content, old.query, Reason.CREDENTIAL_MISSING)
    await opens(site, "east-gate", new)
