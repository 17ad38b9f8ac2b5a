"""One root for every error that this package raises about what came from outside.

Mistakes of our own are asserted; the outside's mistakes are one of these. ``central.app`` turns them into pages and
JSON answers: the class decides the HTTP status, the message is for the operator (already in the operator's language
when a request raises it) and never carries a secret.
"""

from __future__ import annotations

from typing import ClassVar


class CentralError(Exception):
    """Root. ``status`` is the HTTP status of the answer."""

    status: ClassVar[int] = 400


class ConfigError(CentralError):
    """The configuration file or an option cannot be used; the message names the key and what is expected."""


class InvalidInputError(CentralError):
    """What was sent has the right shape but cannot be accepted; the message says why."""

    status: ClassVar[int] = 422


class NotFoundError(CentralError):
    """There is no such thing, or it lies outside the operator's scope: the two are told apart by nobody (U1)."""

    status: ClassVar[int] = 404


class ConflictError(CentralError):
    """The thing changed meanwhile, or exists already."""

    status: ClassVar[int] = 409


class SignInRequiredError(CentralError):
    """Nobody is signed in, or the session has ended."""

    status: ClassVar[int] = 401


class ForbiddenError(CentralError):
    """The permission that the route declares is missing (I13)."""

    status: ClassVar[int] = 403


class StepUpRequiredError(ForbiddenError):
    """The route asks for the password again before it acts."""


class CrossSiteError(ForbiddenError):
    """A change that did not come from one of our own pages (CSRF)."""


class TooLargeError(CentralError):
    """The body is over the limit of its route."""

    status: ClassVar[int] = 413


class TooManyError(CentralError):
    """Too many tries, or a queue is full: come again after ``retry_after_s`` seconds."""

    status: ClassVar[int] = 429

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StorageError(CentralError):
    """The database cannot be used as promised (wrong pragmas, disk full, connection lost)."""

    status: ClassVar[int] = 503


class OverloadedError(StorageError):
    """The write queue is at its limit; nothing was written."""


class BackupError(CentralError):
    """A backup file is not whole, not ours, or its passphrase is wrong."""


class AuditError(CentralError):
    """The audit chain does not fit its head, its signature or a witnessed head (I14)."""

    status: ClassVar[int] = 500
