"""Who is in the field: turns frames into arrivals and departures.

Law of this file: a card is told of when its UID was read twice, once by anticollision and once by a SELECT that names it;
it counts as gone after ``MISSES_MAX`` polls in which it kept *silent*. A garbled answer is an answer, and the silence of a
chip that has lost its set-up is none. A card that lay among others and was left alone is told of once more, alone.

Between polls every known card is halted, so one REQA tells whether somebody new has come. Cards that lose an
anticollision in state HALT would stay hidden, so the field is cycled before cards are told apart anew.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, structs

from edge.reader.base import (
    CARDS_IN_FIELD_MAX,
    CardPresented,
    CardRemoved,
    CardSession,
    Event,
    Proof,
    SeveralCards,
    Verify,
)
from edge.reader.errors import CardError, CardSilent
from edge.reader.iso14443 import Iso14443a
from edge.reader.isodep import IsoDep
from edge.reader.mifare import MifareClassic
from protocol.ids import is_random_uid

MISSES_MAX: Final = 3
"""Silent polls before a card is gone: 0.3 s at ten polls a second."""
UNSURE_MAX: Final = 30
"""Polls with nothing but garbled answers before a card is gone all the same: noise must not hold it for ever."""
MEETINGS_MAX: Final = 3
"""Times that the cards are told apart anew while one of them was garbled, before what is sure is told."""
SELECTS_FAILED_MAX: Final = 3


class _Stay(Struct):
    card: CardPresented
    misses: int = 0
    unsure: int = 0
    told_alone: bool = False


class Presence:
    """The cards in one field, over all polls.

    :ivar disturbed_count: frames that were answered, but garbled.
    """

    def __init__(self, air: Iso14443a, verify: Verify | None = None) -> None:
        self.disturbed_count = 0
        self._air = air
        self._verify = verify
        self._stays: dict[bytes, _Stay] = {}
        self._field_is_fresh = True
        self._awake = False
        self._isodep = IsoDep(air.chip)
        self._hidden = False
        """Somebody who is not known may lie in the field, halted, since it was cycled last."""
        self._events: list[Event] = []

    @property
    def empty(self) -> bool:
        """True when no card is known to be there."""
        return not self._stays

    def field_was_cycled(self) -> None:
        """The chip was reset: every card starts anew."""
        self._field_is_fresh = True
        self._awake = self._hidden = False
        self._isodep.lost()

    def forget(self, at_ms: int) -> None:
        """Take leave of every card, when the reader is too ill to know. One that stays is told of anew afterwards."""
        for uid in list(self._stays):
            self._leave(uid, at_ms)

    def take(self) -> list[Event]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def poll(self, at_ms: int) -> None:
        """Look once into the field.

        :raises BusError, ChipError: what had been found before can be taken all the same.
        """
        self._rest()
        if self._stays:
            self._watch(at_ms)
            return
        try:
            self._air.wake_up()
        except CardSilent:
            return
        except CardError:
            self.disturbed_count += 1
        self._meet(at_ms, called=self._field_is_fresh)

    def converse(self, uid: bytes) -> CardSession:
        """Wake and select the card with this UID for a conversation. ``end`` must follow, whatever happens.

        :raises CardError: it is not there.
        """
        self._rest()
        self._air.wake_up()
        self._awake = True
        self._field_is_fresh = False
        return self._session(uid, self._air.select(uid))

    def end(self) -> None:
        """After a conversation: the card is halted, enciphered if the conversation was; the next call ends the cipher.

        A card that was spoken to in blocks is deselected; one that does not say that it went loses its power.
        """
        self._rest()

    # --- one poll -------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        if not self._awake:
            return
        self._awake = False
        if not self._isodep.active:
            self._air.halt()
        elif not self._isodep.deselect():
            self._refresh()

    def _watch(self, at_ms: int) -> None:
        for stay in self._stays.values():
            self._visit(stay)
        new = self._somebody_new()
        if new:
            self._meet(at_ms, called=False)
        gone = [uid for uid, stay in self._stays.items() if self._is_gone(stay)]
        if gone:
            self._air.chip.check()  # or is it the chip that has fallen silent?
            for uid in gone:
                self._leave(uid, at_ms)
            # Whatever is left there in state HALT, or in doubt, starts anew.
            self._refresh()
            for stay in self._stays.values():
                self._visit(stay)
            new = self._somebody_new()
            if new:
                self._meet(at_ms, called=True)
        if not new:
            self._tell_left_alone(at_ms)

    def _visit(self, stay: _Stay) -> None:
        self._field_is_fresh = False
        try:
            self._air.wake_up()
            self._air.select(stay.card.uid)
        except CardSilent:
            stay.misses += 1
        except CardError:
            self.disturbed_count += 1
            stay.unsure += 1
            stay.misses = 0
        else:
            stay.misses = stay.unsure = 0
        self._air.halt()

    def _somebody_new(self) -> bool:
        try:
            self._air.request()
        except CardSilent:
            return False
        except CardError:
            self.disturbed_count += 1
        return True

    @staticmethod
    def _is_gone(stay: _Stay) -> bool:
        return stay.misses >= MISSES_MAX or stay.unsure >= UNSURE_MAX

    def _leave(self, uid: bytes, at_ms: int) -> None:
        del self._stays[uid]
        self._events.append(CardRemoved(uid, at_ms))

    def _refresh(self) -> None:
        self._air.chip.cycle_field()
        self.field_was_cycled()

    # --- telling cards apart --------------------------------------------------------------------------------------

    def _meet(self, at_ms: int, *, called: bool) -> None:
        """Find out who is there and tell what has changed. ``called``: the cards have just answered a call."""
        for attempt in range(MEETINGS_MAX):
            if not (called and attempt == 0):
                self._refresh()
                if not self._somebody_new():
                    return
            self._field_is_fresh = False
            found, sure = self._enumerate()
            cards: list[CardPresented] = []
            for uid in list(found)[:CARDS_IN_FIELD_MAX]:
                card = self._confirm(uid, found[uid], at_ms)
                if card is not None:
                    cards.append(card)
                else:
                    sure = False
            if sure:
                break
        more = len(found) > CARDS_IN_FIELD_MAX
        self._hidden = more or not sure
        self._tell(cards, more, at_ms, sure=sure)

    def _enumerate(self) -> tuple[dict[bytes, tuple[int, bool]], bool]:
        """UID -> (SAK, obeys the back door) of everybody, and whether nobody can have been missed."""
        found: dict[bytes, tuple[int, bool]] = {}
        sure = True
        failed_count = 0
        while len(found) <= CARDS_IN_FIELD_MAX:
            try:
                selected = self._air.select_any()
            except CardSilent:
                failed_count += 1
            except CardError:
                self.disturbed_count += 1
                failed_count += 1
                sure = False
            else:
                # A card that did not take the halt is found again.
                failed_count += selected.uid in found
                self._air.halt()
                found[selected.uid] = (selected.sak, self._air.obeys_back_door())
            if failed_count >= SELECTS_FAILED_MAX:
                return found, False
            if not self._somebody_new():
                break
        return found, sure

    def _confirm(self, uid: bytes, seen: tuple[int, bool], at_ms: int) -> CardPresented | None:
        """Read the UID a second time, by name, and let ``verify`` have the card; None when that fails."""
        self._rest()
        known = self._stays.get(uid)
        try:
            atqa = self._air.wake_up()
            self._awake = True
            sak = self._air.select(uid)
            if known is not None:
                return known.card
            proof = self._verify(self._session(uid, sak)) if self._verify else Proof()
        except CardError:
            self.disturbed_count += 1
            return None
        return CardPresented(uid, atqa, sak, at_ms, proof, clone_suspected=seen[1])

    def _tell(self, cards: list[CardPresented], more: bool, at_ms: int, *, sure: bool) -> None:
        there = {card.uid for card in cards}
        for uid, stay in list(self._stays.items()):
            if uid in there:
                stay.misses = stay.unsure = 0
            elif sure and (is_random_uid(uid) or self._has_just_gone(stay)):
                # A card that takes another random UID with every new field, or gone within one poll.
                self._leave(uid, at_ms)
        joined = [card for card in cards if card.uid not in self._stays]
        for card in joined:
            self._stays[card.uid] = _Stay(card)
        if not joined:
            return
        if len(self._stays) == 1 and not more:
            self._stays[joined[0].uid].told_alone = True
            self._events.append(joined[0])
            return
        everybody = tuple(stay.card for stay in self._stays.values())
        self._events.append(SeveralCards(everybody, tuple(card.uid for card in joined), at_ms, more))

    def _has_just_gone(self, stay: _Stay) -> bool:
        """Not found among the others: does it keep silent to its name too?"""
        if not stay.misses:
            self._rest()
            self._visit(stay)
        return stay.misses > 0

    def _tell_left_alone(self, at_ms: int) -> None:
        """The others have gone, and nobody else has answered: whoever is left is alone for the first time."""
        if len(self._stays) != 1 or self._hidden:
            return
        (stay,) = self._stays.values()
        if stay.told_alone or stay.misses or stay.unsure:
            return
        stay.told_alone = True
        self._events.append(structs.replace(stay.card, at_ms=at_ms, left_alone=True))

    def _session(self, uid: bytes, sak: int) -> CardSession:
        def select_again() -> None:
            self._rest()
            self._air.wake_up()
            self._awake = True
            self._air.select(uid)

        return CardSession(uid, sak, MifareClassic(self._air.chip, uid), self._isodep, select_again)
