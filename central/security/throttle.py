"""Back-off after wrong passwords, per account and per address. It is kept in the database and survives a restart.

After ``free_tries_count`` wrong tries the wait doubles with each further one: 2, 4, 8 s ... up to the limit. A day
without a wrong try forgets them. An address from which this operator has signed in before has a count of its own, so
that a stranger who guesses at an account cannot keep its owner out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from central.config import SecurityConfig
from central.security.model import KnownAddress, Operator, Throttle

FORGET_AFTER: Final = timedelta(days=1)
KNOWN_FOR: Final = timedelta(days=90)
KNOWN_ADDRESSES_MAX: Final = 20


@dataclass(frozen=True)
class Count:
    """Wrong tries of one key, and the longest wait that they may cause."""

    failures_count: int
    last_at: datetime
    wait_s_max: int


@dataclass(frozen=True)
class Try:
    """One try: its counters, the seconds to wait (0: it is taken), and the account's count with it."""

    keys: list[tuple[str, int]]
    wait_s: int
    count: int


def wait_until(count: Count, now: datetime, free_tries_count: int) -> datetime | None:
    """Until when no try is taken, or ``None``. Pure."""
    beyond = count.failures_count - free_tries_count
    if beyond <= 0 or now - count.last_at >= FORGET_AFTER:
        return None
    until = count.last_at + timedelta(seconds=min(2 ** min(beyond, 20), count.wait_s_max))
    return until if until > now else None


def keys_for(number: str, address: str, now: datetime, config: SecurityConfig) -> list[tuple[str, int]]:
    """The counters that a try at this account from this address belongs to, with their limits; inside ``db``."""
    known = (
        KnownAddress.select()
        .join(Operator)
        .where(
            (Operator.number == number)
            & (KnownAddress.address == address)
            & (KnownAddress.last_at > now - KNOWN_FOR)
        )
        .exists()
    )
    account = f"account {number} from {address}" if known else f"account {number}"
    return [(account, config.account_wait_s_max), (f"address {address}", config.address_wait_s_max)]


def wait_s(keys: Sequence[tuple[str, int]], now: datetime, config: SecurityConfig) -> int:
    """Seconds until the next try is taken, 0 when at once; inside ``db``."""
    limits = dict(keys)
    ends = [now]
    for row in Throttle.select().where(Throttle.key.in_(list(limits))):
        until = wait_until(
            Count(row.failures_count, row.last_at, limits[row.key]), now, config.free_tries_count
        )
        if until is not None:
            ends.append(until)
    return -((now - max(ends)) // timedelta(seconds=1))


def begin(number: str, address: str, now: datetime, config: SecurityConfig) -> Try:
    """A try begins; inside ``db.write``. It counts as wrong until :func:`was_right`, so that many at once are no way round.

    Returns how long to wait instead, when no try is taken now.
    """
    keys = keys_for(number, address, now, config)
    wait = wait_s(keys, now, config)
    return Try(keys, wait, 0 if wait > 0 else count_failure(keys, now, config))


def was_right(keys: Sequence[tuple[str, int]]) -> None:
    """Take back what :func:`begin` counted; inside ``db.write``."""
    names = [key for key, _limit in keys]
    Throttle.update(failures_count=Throttle.failures_count - 1).where(Throttle.key.in_(names)).execute()
    Throttle.delete().where(Throttle.key.in_(names) & (Throttle.failures_count <= 0)).execute()


def count_failure(keys: Sequence[tuple[str, int]], now: datetime, config: SecurityConfig) -> int:
    """One more wrong try; inside ``db.write``. Returns the account's count.

    The table holds ``throttle_rows_max`` rows: rows older than a day go first, then the oldest.
    """
    Throttle.delete().where(Throttle.last_at <= now - FORGET_AFTER).execute()
    for key, _limit in keys:
        Throttle.insert(key=key, failures_count=1, last_at=now).on_conflict(
            conflict_target=[Throttle.key],
            update={Throttle.failures_count: Throttle.failures_count + 1, Throttle.last_at: now},
        ).execute()
    surplus = Throttle.select().count() - config.throttle_rows_max
    if surplus > 0:
        oldest = [row.key for row in Throttle.select().order_by(Throttle.last_at).limit(surplus)]
        Throttle.delete().where(Throttle.key.in_(oldest)).execute()
    row = Throttle.get_or_none(Throttle.key == keys[0][0])
    return 0 if row is None else row.failures_count


def forgive(keys: Sequence[tuple[str, int]], operator: Operator, address: str, now: datetime) -> None:
    """The right password was given; inside ``db.write``. The address is remembered."""
    Throttle.delete().where(Throttle.key.in_([key for key, _limit in keys])).execute()
    KnownAddress.insert(operator=operator, address=address, last_at=now).on_conflict(
        conflict_target=[KnownAddress.operator, KnownAddress.address], update={KnownAddress.last_at: now}
    ).execute()
    recent = (
        KnownAddress.select(KnownAddress.id)
        .where(KnownAddress.operator == operator)
        .order_by(KnownAddress.last_at.desc())
        .limit(KNOWN_ADDRESSES_MAX)
    )
    keep = [row.id for row in recent]
    KnownAddress.delete().where((KnownAddress.operator == operator) & KnownAddress.id.not_in(keep)).execute()
