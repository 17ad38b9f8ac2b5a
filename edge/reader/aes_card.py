"""What DESFire and NTAG 424 DNA have in common: authentication, files, keys. How commands are framed is the subclass's.

Law of this file: any error ends the session; ``authenticate_ev2`` or ``authenticate_ev1`` opens another.
"""

from __future__ import annotations

import hmac
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from edge.reader.errors import AuthenticationFailed, CardCorrupted, CardError, CardStatus
from edge.reader.secure_messaging import (
    CHANGE_KEY,
    OK,
    Ev1Session,
    Ev2Session,
    Mode,
    Session,
    ev1_key,
    ev2_keys,
)
from protocol.card_layout import aes

MORE: Final = 0xAF
"""Status: the card has, or wants, a further frame. Command: here it is, or give it."""
ILLEGAL_COMMAND: Final = 0x1C
AUTHENTICATION_ERROR: Final = 0xAE
_AUTHENTICATE_EV2_FIRST: Final = 0x71
_AUTHENTICATE_AES: Final = 0xAA
_CHALLENGE_LENGTH: Final = 16

Exchange = Callable[[bytes], bytes]
Random = Callable[[int], bytes]


class AesCard(ABC):
    """Commands over ``exchange``, which carries whole commands to the card and whole answers back.

    :ivar authenticated_as: number of the key of the open session; None without one.
    """

    READ_DATA = 0xAD
    WRITE_DATA = 0x8D

    def __init__(self, exchange: Exchange, random: Random = secrets.token_bytes) -> None:
        self.authenticated_as: int | None = None
        self._exchange = exchange
        self._random = random
        self._session: Session | None = None

    # -- framing ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def _call(self, code: int, payload: bytes) -> tuple[int, bytes]:
        """One command as it is; status and data of its answer."""

    def _run(self, code: int, payload: bytes) -> bytes:
        """The data of a command that must succeed, over as many frames as it takes.

        :raises CardStatus: the card reports an error.
        """
        status, data = self._call(code, payload)
        while status == MORE:
            status, more = self._call(MORE, b"")
            data += more
        if status != OK:
            self.forget()
            raise CardStatus(status)
        return data

    def forget(self) -> None:
        """There is no session any more."""
        self._session = None
        self.authenticated_as = None

    # -- authentication --------------------------------------------------------------------------------------------

    def authenticate_ev2(self, number: int, key: bytes) -> None:
        """AuthenticateEV2First.

        :raises AuthenticationFailed: the card has another key, or is none of ours.
        :raises CardStatus: the card has no such key, or does not know the command.
        """
        rnd_b = aes.decrypt(key, self._challenge(_AUTHENTICATE_EV2_FIRST, bytes((number, 0))))
        rnd_a = self._random(_CHALLENGE_LENGTH)
        proof = self._prove(aes.encrypt(key, rnd_a + rnd_b[1:] + rnd_b[:1]), 32)
        plain = aes.decrypt(key, proof)
        if not hmac.compare_digest(plain[4:20], rnd_a[1:] + rnd_a[:1]):
            raise AuthenticationFailed("the card does not know the key")
        self._session = Ev2Session(*ev2_keys(key, rnd_a, rnd_b), plain[:4])
        self.authenticated_as = number

    def authenticate_ev1(self, number: int, key: bytes) -> None:
        """AuthenticateAES, for DESFire EV1. Errors as ``authenticate_ev2``."""
        challenge = self._challenge(_AUTHENTICATE_AES, bytes((number,)))
        rnd_b = aes.decrypt(key, challenge)
        rnd_a = self._random(_CHALLENGE_LENGTH)
        token = aes.encrypt(key, rnd_a + rnd_b[1:] + rnd_b[:1], challenge)
        plain = aes.decrypt(key, self._prove(token, _CHALLENGE_LENGTH), token[-aes.BLOCK :])
        if not hmac.compare_digest(plain, rnd_a[1:] + rnd_a[:1]):
            raise AuthenticationFailed("the card does not know the key")
        self._session = Ev1Session(ev1_key(rnd_a, rnd_b))
        self.authenticated_as = number

    def _challenge(self, code: int, payload: bytes) -> bytes:
        self.forget()
        status, challenge = self._call(code, payload)
        if status != MORE:
            raise CardStatus(status)
        if len(challenge) != _CHALLENGE_LENGTH:
            raise CardCorrupted("a challenge of a wrong length")
        return challenge

    def _prove(self, token: bytes, length: int) -> bytes:
        status, proof = self._call(MORE, token)
        if status == AUTHENTICATION_ERROR:
            raise AuthenticationFailed("the card has another key")
        if status != OK:
            raise CardStatus(status)
        if len(proof) != length:
            raise CardCorrupted("a proof of a wrong length")
        return proof

    # -- files and keys --------------------------------------------------------------------------------------------

    def read(self, file: int, offset: int, length: int, mode: Mode = Mode.FULL) -> bytes:
        """``length`` bytes of a data file."""
        header = bytes((file,)) + offset.to_bytes(3, "little") + length.to_bytes(3, "little")
        return self._secured(self.READ_DATA, header, b"", mode, length)

    def write(self, file: int, offset: int, data: bytes, mode: Mode = Mode.FULL) -> None:
        """Write into a data file; into a backup file it counts from ``commit`` on."""
        header = bytes((file,)) + offset.to_bytes(3, "little") + len(data).to_bytes(3, "little")
        self._secured(self.WRITE_DATA, header, data, mode)

    def change_key(self, number: int, new: bytes, version: int, old: bytes) -> None:
        """Give the card another key. Changing the key of the session ends it.

        :param old: the key that it has now.
        """
        assert self._session is not None, "keys are changed in a session"
        own = number == self.authenticated_as
        answer = self._run(CHANGE_KEY, self._session.change_key(number, new, version, None if own else old))
        if own:
            self.forget()
        else:
            self._checked(answer, Mode.MAC, 0)

    def _secured(self, code: int, header: bytes, data: bytes, mode: Mode, length: int | None = 0) -> bytes:
        """A command in the session, if there is one, else as it is."""
        if self._session is None:
            answer = self._run(code, header + data)
            if length is not None and len(answer) != length:
                raise CardCorrupted(f"an answer of {len(answer)} bytes instead of {length}")
            return answer
        return self._checked(self._run(code, self._session.command(code, header, data, mode)), mode, length)

    def _checked(self, wire: bytes, mode: Mode, length: int | None) -> bytes:
        assert self._session is not None, "asked in a session"
        try:
            return self._session.answer(wire, mode, length)
        except CardError:
            self.forget()
            raise
