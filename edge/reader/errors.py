"""What can go wrong at a reader, from the wire inwards.

Law of this file: the branch says who has to act. ``BusError`` and ``ChipError`` are for the healing ladder
(``health.py``), ``CardError`` is for whoever talks to the card; none of them needs more than a new poll afterwards.
"""

from __future__ import annotations

from edge.errors import EdgeError


class ReaderError(EdgeError):
    """Root: a reader or a card in its field does not behave as it must."""


class BusError(ReaderError):
    """The wire to the chip: the device is gone, an echo is wrong, an answer is missing."""


class ChipError(ReaderError):
    """The chip: dead, reset behind our back, too hot, or a command that does not end."""


class CardError(ReaderError):
    """The card in the field; the chip is well."""


class CardSilent(CardError):
    """Nothing was received within the time that the standard gives the card."""


class CardCorrupted(CardError):
    """Something was received, but with a wrong parity, check sum, length or form. Somebody is there."""


class CardCollision(CardError):
    """Several cards answered differently at the same time."""


class CardRefused(CardError):
    """The card answered a MIFARE command with a NAK; ``code`` is its four bits."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the card refused with NAK {code:#x}")
        self.code = code


class AuthenticationFailed(CardError):
    """The key is not the one of this sector, or the card left while it was tried."""


class CardStatus(CardError):
    """The card's application answered a command with an error; ``status`` is the card's code for it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the card answered with status {status:#04x}")
        self.status = status


class CardDataError(CardError):
    """What stands on the card is not in the form that it must have: access bits, value block."""


class CardDamaged(CardDataError):
    """A write to the keys or access bits of this card was torn: neither old nor new keys work. It has to be swapped."""


class CardUnsuitable(CardError):
    """The card cannot carry the credential that was asked for: its kind, its size, or another application's sectors."""


class CardAhead(CardError):
    """The card has a credential with a later sequence than the one that was ordered."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"the card stands at sequence {seq} already")
        self.seq = seq
