"""The audit trail: one row per operator change, chained by hashes, in the transaction of the change itself (I14).

    hash_n = BLAKE2b-256(hash_{n-1} || canonical JSON of the row's public part, which holds the hash of its detail)

The *detail* (who by name, from which address, before, after, reason) may hold personal data: it is hashed with a salt
of its own and may be dropped when its retention ends, without breaking the chain. The head of the chain is handed to
every node (:attr:`Audit.head`); a chain that does not reach a witnessed head was cut.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

import peewee

from central.clock import Clock
from central.db import (
    Database,
    Model,
    Transaction,
    after_commit,
    announce,
    current_engine,
    current_transaction,
)
from central.errors import AuditError
from central.fields import InstantField, JsonField, canonical_json

HASH_BYTES: Final = 32
START: Final = bytes(HASH_BYTES)
HEAD_TOPIC: Final = "audit.head"
TEXT_CHARS_MAX: Final = 2_000
"""A longer text of before, after or reason is cut."""
_SECRET_WORDS: Final = frozenset({"password", "secret", "token", "key", "totp", "pin", "verifier", "hash"})


@dataclass(frozen=True)
class Actor:
    """Who acts. ``id`` is the row of the operator or integration; ``name`` is what pages show."""

    kind: Literal["operator", "integration", "command", "system"]
    id: int | None = None
    name: str = ""
    address: str = ""


SYSTEM: Final = Actor("system")
COMMAND: Final = Actor("command", name="onecard-central")
"""A command typed on the host."""

ACTING: Final[ContextVar[Actor | None]] = ContextVar("acting", default=None)
"""The operator or integration whose request is running; set by the middleware, seen by :func:`audited_change`."""


class AuditEntry(Model):
    """One row of the trail. ``seq`` has no gaps; rows are never updated, except that ``detail`` may be dropped."""

    seq = peewee.BigIntegerField(primary_key=True)
    at = InstantField(index=True)
    actor_kind = peewee.TextField()
    actor_id = peewee.IntegerField(null=True)
    action = peewee.TextField(index=True)
    """What was done: ``cards.lost``, ``operators.disable``."""
    object_kind = peewee.TextField()
    object_id = peewee.TextField()
    site_id = peewee.IntegerField(null=True)
    organisation_id = peewee.IntegerField(null=True)
    detail = JsonField(null=True)
    salt = peewee.BlobField(null=True)
    detail_hash = peewee.BlobField()
    hash = peewee.BlobField()

    class Meta:
        table_name = "audit_entry"
        indexes = ((("object_kind", "object_id"), False), (("actor_kind", "actor_id"), False))

    def public_part(self) -> list[Any]:
        """What the chain covers, in a fixed order."""
        at_ms = AuditEntry.at.db_value(self.at)
        who = [self.actor_kind, self.actor_id, self.action, self.object_kind, self.object_id]
        return [self.seq, at_ms, *who, self.site_id, self.organisation_id, bytes(self.detail_hash).hex()]


class AuditHead(Model):
    """The one row that says where the chain ends; locked by every change, so that processes take turns."""

    seq = peewee.BigIntegerField()
    hash = peewee.BlobField()

    class Meta:
        table_name = "audit_head"


class AuditWitness(Model):
    """A head that left this database (in a node's bundle, in a backup): the chain must still contain it."""

    seq = peewee.BigIntegerField(primary_key=True)
    hash = peewee.BlobField()
    at = InstantField()

    class Meta:
        table_name = "audit_witness"


@dataclass(frozen=True)
class Head:
    """The newest row of the chain."""

    seq: int = 0
    hash: bytes = START


def chain(previous: bytes, public_part: list[Any]) -> bytes:
    """The hash of a row."""
    return blake2b(previous + canonical_json(public_part).encode(), digest_size=HASH_BYTES).digest()


def commit_to(detail: Mapping[str, Any], salt: bytes) -> bytes:
    """The hash that stands for the detail once it is dropped."""
    return blake2b(canonical_json(detail).encode(), key=salt, digest_size=HASH_BYTES).digest()


class Audit:
    """Writes and checks the trail. :meth:`start` after the database is open."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._clock = clock
        self._db = db
        self._head = Head()
        db.checks.append(audited_change)

    @property
    def head(self) -> Head:
        """The newest committed row as far as this process has heard; what nodes are given to witness."""
        return self._head

    async def start(self) -> None:
        """Read the head and follow it."""
        self._db.subscribe(
            HEAD_TOPIC, lambda told: self._advance(Head(told["seq"], bytes.fromhex(told["hash"])))
        )
        self._advance(await self._db.read(read_head))

    def record(
        self,
        actor: Actor,
        action: str,
        object_kind: str,
        object_id: object,
        before: Any = None,
        after: Any = None,
        reason: str = "",
        *,
        site_id: int | None = None,
        organisation_id: int | None = None,
    ) -> int:
        """Add the row of one change; called inside ``db.write``, once per transaction. Returns its ``seq``.

        ``before`` and ``after`` are JSON-able and hold what changed; keys that name secrets are blanked. A bulk act
        is one change with one row. ``site_id`` and ``organisation_id`` decide who may read the row.
        """
        head = _lock_head()
        salt = secrets.token_bytes(16)
        detail = {
            "actor": actor.name,
            "address": actor.address,
            "before": _clean(before),
            "after": _clean(after),
            "reason": reason[:TEXT_CHARS_MAX],
        }
        entry = AuditEntry(
            seq=head.seq + 1,
            at=self._clock.now(),
            actor_kind=actor.kind,
            actor_id=actor.id,
            action=action,
            object_kind=object_kind,
            object_id=str(object_id),
            site_id=site_id,
            organisation_id=organisation_id,
            detail=detail,
            salt=salt,
            detail_hash=commit_to(detail, salt),
        )
        entry.at = AuditEntry.at.python_value(AuditEntry.at.db_value(entry.at))  # as it will be read back
        entry.hash = chain(bytes(head.hash), entry.public_part())
        entry.save(force_insert=True)
        AuditHead.update(seq=entry.seq, hash=entry.hash).execute()
        current_transaction().audit_rows_count += 1
        new = Head(entry.seq, entry.hash)
        after_commit(lambda: self._advance(new))
        announce(HEAD_TOPIC, {"seq": new.seq, "hash": new.hash.hex()})
        return new.seq

    def _advance(self, head: Head) -> None:
        if head.seq > self._head.seq:
            self._head = head


def read_head() -> Head:
    """The head as it stands in the database; inside ``db.read`` or ``db.write``."""
    row = AuditHead.select().first()
    return Head() if row is None else Head(row.seq, bytes(row.hash))


def _lock_head() -> Any:
    query = AuditHead.select()
    if current_engine.for_update:
        query = query.for_update()
    row = query.first()
    return row if row is not None else AuditHead.create(seq=0, hash=START)


def witness(head: Head, at: Any) -> None:
    """Note that this head left the database; inside ``db.write``."""
    AuditWitness.insert(seq=head.seq, hash=head.hash, at=at).on_conflict_ignore().execute()


def verify(witnessed: Iterable[Head] = ()) -> int:
    """Walk the whole chain; inside ``db.read``. Returns the number of rows.

    :param witnessed: heads that others hold (nodes, backups), besides those of :class:`AuditWitness`.
    :raises AuditError: a row is missing, changed or added, or the chain does not reach a witnessed head.
    """
    expected = {row.seq: bytes(row.hash) for row in AuditWitness.select()}
    for head in witnessed:
        if expected.setdefault(head.seq, head.hash) != head.hash:
            raise AuditError(f"audit: two different heads were witnessed at row {head.seq}")
    previous, seq = START, 0
    for entry in AuditEntry.select().order_by(AuditEntry.seq).iterator():
        seq += 1
        if entry.seq != seq:
            raise AuditError(f"audit: row {seq} is missing")
        if chain(previous, entry.public_part()) != bytes(entry.hash):
            raise AuditError(f"audit: row {seq} was changed")
        if entry.detail is not None and commit_to(entry.detail, bytes(entry.salt)) != bytes(
            entry.detail_hash
        ):
            raise AuditError(f"audit: the detail of row {seq} was changed")
        previous = bytes(entry.hash)
        if expected.pop(seq, previous) != previous:
            raise AuditError(f"audit: row {seq} is not the one that was witnessed")
    if any(later > 0 for later in expected):
        raise AuditError(f"audit: rows {seq + 1} to {max(expected)} were cut off")
    if read_head() != Head(seq, previous):
        raise AuditError("audit: the end of the chain does not fit its head")
    return seq


def drop_details(before: Any, keep: Iterable[int] = ()) -> int:
    """Drop the personal part of rows older than an instant (retention); the chain stays whole. Returns how many."""
    query = AuditEntry.update(detail=None, salt=None).where(
        (AuditEntry.at < before) & AuditEntry.detail.is_null(False)
    )
    if kept := list(keep):
        query = query.where(AuditEntry.seq.not_in(kept))
    return int(query.execute())


def drop_details_of(object_kind: str, object_id: object, since: Any = None, until: Any = None) -> int:
    """Drop the personal part of every row about one thing (erasure); the chain stays whole. Returns how many.

    :param since: and ``until`` (inclusive): only rows of that time; None for no limit.
    """
    query = AuditEntry.update(detail=None, salt=None).where(
        (AuditEntry.object_kind == object_kind)
        & (AuditEntry.object_id == str(object_id))
        & AuditEntry.detail.is_null(False)
    )
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at <= until)
    return int(query.execute())


_OWN_TABLES: Final = {"audit_entry", "audit_head", "audit_witness"}
_UNAUDITED: Final[set[str]] = set(_OWN_TABLES)


def unaudited(model: type[Model]) -> type[Model]:
    """Class decorator for tables that are no one's decision: sessions, counters of wrong tries, one-time links' use."""
    _UNAUDITED.add(model._meta.table_name)
    return model


def act_on_many(records_count: int) -> None:
    """This transaction is one act on several records: a row for each of them, beside the row of the act itself."""
    current_transaction().audit_rows_due = records_count + 1


def audited_change(transaction: Transaction) -> None:
    """The rule, checked before every commit: a change made by an operator's request has exactly one audit row, or as
    many as :func:`act_on_many` has asked for.

    An AssertionError takes the change back: it is a mistake of ours, and no change goes unrecorded.
    """
    actor = ACTING.get()
    if actor is None or actor.kind not in ("operator", "integration"):
        return
    changed = transaction.tables - _UNAUDITED
    if changed and transaction.audit_rows_count != transaction.audit_rows_due:
        raise AssertionError(
            f"{transaction.audit_rows_count} audit rows for a change of {', '.join(sorted(changed))}; "
            f"{transaction.audit_rows_due} due"
        )


def _clean(value: Any, key: str = "") -> Any:
    """The value without secrets and without endless texts."""
    if _SECRET_WORDS & set(key.lower().split("_")) and value not in (None, "", False, True):
        return "***"
    if isinstance(value, Mapping):
        return {str(k): _clean(v, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, key) for item in value]
    if isinstance(value, str):
        return value[:TEXT_CHARS_MAX]
    return value if isinstance(value, int | float | bool | None) else str(value)
