"""A card that was ordered before an exchange of keys, and written after it, never counts as one with the new key."""

from __future__ import annotations

from pathlib import Path

from central.cards import keys_in_force
from central.cards.acts import Terms
from central.cards.credentials import old_cards_count
from central.cards.model import CardCredential, CardZone, WriteOrder
from central.cards.write_acts import carry_on, terms_to_wish
from central.cards.write_orders import Blank, Wish, order_write
from protocol.card_layout.credential import Medium
from tests.support.estate import NOON, Estate, by

UID = bytes.fromhex("04A1B2C3D4E5F6")


def test_what_is_recorded_is_what_the_card_may_have_got(estate: Estate, tmp_path: Path) -> None:
    """Too many are counted rather than too few: who ends the old key must not lock anyone out unknowingly.

    Planted break: ``written_of`` with the keys in force when the card was written.
    """

    def order() -> WriteOrder:
        WriteOrder.create_table(safe=True)
        keys_in_force.begin(tmp_path, NOON)
        details = {**terms_to_wish(Terms()), "person": estate.person, "for_unit": False, "waived": {}}
        wish = Wish("issue", estate.site, estate.organisation, card_no="00000001", details=details)
        blank = Blank(UID, Medium.DESFIRE, 0x20, estate.desk_device, estate.desk)
        return order_write(by(), blank, wish, tmp_path)

    ordered = estate.write(order)

    def exchange() -> None:
        state = keys_in_force.current()
        assert state is not None
        for part in (0, "signing", "issuer"):
            state = keys_in_force.rotate(state, part)  # type: ignore[arg-type]
        keys_in_force.keep(state, NOON)

    estate.write(exchange)
    estate.write(lambda: carry_on(WriteOrder.get_by_id(ordered.id), NOON))
    written = estate.read(lambda: (CardCredential.get(), CardZone.get()))
    assert (written[0].generation, written[0].issuer_version, written[1].version) == (0, 1, 1)
    parts = ((0, 2), ("signing", 1), ("issuer", 2))
    assert [estate.read(old_cards_count, part, newest) for part, newest in parts] == [1, 1, 1]
