"""Lets a card prove what it can, with the keys that this node holds just now.

What does the work (and ``cryptography`` under it) is loaded with the first key: a node without card keys never pays for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.reader.base import CardSession, Proof
from protocol.card_layout.door_keys import DoorKeys

if TYPE_CHECKING:
    from edge.reader.credential_reader import CredentialReader


class CardVerifier:
    """A ``Verify``; called in the reader's thread.

    :param keys: the keys in force; called for each card that comes, must be quick and thread-safe.
    """

    def __init__(self, keys: Callable[[], DoorKeys]) -> None:
        self._keys = keys
        self._reader: CredentialReader | None = None

    def __call__(self, session: CardSession) -> Proof:
        """What the card in the field proves; its UID alone when there is no key, no credential or no valid one.

        :raises CardError: it could not be read this time.
        """
        keys = self._keys()
        if not keys.usable:
            return Proof()
        if self._reader is None or self._reader.keys is not keys:
            from edge.reader.credential_reader import CredentialReader

            self._reader = CredentialReader(keys)
        return self._reader(session)
