"""Passwords: argon2id in threads of its own, so that no other request waits for a hash (50 to 140 ms each)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import argon2

from central.config import SecurityConfig
from central.errors import InvalidInputError, TooManyError
from central.web.i18n import _, ngettext

T = TypeVar("T")
LENGTH_MAX: Final = 200
"""Characters; a longer text costs time and adds nothing."""


class Hasher:
    """Makes and checks password hashes.

    ``hashes_at_once`` of the configuration run at the same time (each takes ``argon2_memory_kib``), and
    ``hashes_waiting_max`` may wait; more are sent away.
    """

    def __init__(self, config: SecurityConfig) -> None:
        self._config = config
        self._argon2 = argon2.PasswordHasher(
            time_cost=config.argon2_time_cost,
            memory_cost=config.argon2_memory_kib,
            parallelism=config.argon2_parallelism,
            type=argon2.Type.ID,
        )
        self._threads = ThreadPoolExecutor(config.hashes_at_once, thread_name_prefix="argon2")
        self._waiting_count = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The text to store.

        :raises TooManyError: too many hashes are waiting.
        """
        return await self._run(lambda: self._argon2.hash(password))

    async def verify(self, stored: str, password: str) -> bool:
        """True when the password fits. ``stored == ""`` (no such operator) takes the same time and is false.

        :raises TooManyError: too many hashes are waiting.
        """
        return await self._run(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """True when the configuration asks for a stronger hash than this one."""
        return self._argon2.check_needs_rehash(stored)

    def hash_now(self, password: str) -> str:
        """As :meth:`hash`, in this thread; for commands."""
        return self._argon2.hash(password)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        if self._nobody is None:
            self._nobody = self._argon2.hash(secrets.token_hex(16))
        try:
            return self._argon2.verify(stored or self._nobody, password[: LENGTH_MAX + 1]) and bool(stored)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting_count >= self._config.hashes_waiting_max:
            raise TooManyError(_("Too many people sign in at once. Try again in a moment."), retry_after_s=2)
        self._waiting_count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting_count -= 1


def check_new_password(password: str, number: str, length_min: int) -> None:
    """The rules for a new password: long enough, not the operator number, not one character repeated.

    :raises InvalidInputError: saying what is wrong.
    """
    if len(password) < length_min:
        raise InvalidInputError(
            ngettext("At least %(n)s character.", "At least %(n)s characters.", length_min)
        )
    if len(password) > LENGTH_MAX:
        raise InvalidInputError(ngettext("At most %(n)s character.", "At most %(n)s characters.", LENGTH_MAX))
    if len(set(password)) < 4 or (number and number in password and len(password) - len(number) < 6):
        raise InvalidInputError(_("Too easy to guess: use a sentence or several words."))
