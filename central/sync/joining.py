"""Requests to join, as the hub passes them on: one frame in, one frame out; what looks like an attack is told."""

from __future__ import annotations

from collections import Counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.clock import Clock
from central.db import Database
from central.sync import spares, suspicion, tickets
from central.sync.spares import NotJoined
from protocol import enrolment
from protocol.centre_peer import write_refused
from protocol.ids import UNASSIGNED
from protocol.messages import RefusalCode


class Joining:
    """See the module.

    :param counts: refusals by name, for the figures of the service.
    """

    def __init__(
        self, db: Database, clock: Clock, key: Ed25519PrivateKey, box_key: bytes, counts: Counter[str]
    ) -> None:
        self._db = db
        self._clock = clock
        self._key = key
        self._box_key = box_key
        self._counts = counts

    async def answer(self, frame: bytes, address: str, note: suspicion.Note) -> bytes:
        """Take a node in, or say why not.

        :param address: the network address that it called from.
        :param note: writes an audit row for what looks like an attack.
        :raises ProtocolError: not a request to join.
        """
        request, now = enrolment.read_enrol(frame), self._clock.now()
        outcome: tickets.Joined | NotJoined | None = None
        if request.node == UNASSIGNED:  # a shelf of boards that wait must not keep the writer busy
            outcome = await self._db.read(spares.settled, request, now)
        if outcome is None:
            centre_key = enrolment.raw_public(self._key)
            outcome = await self._db.write(tickets.join, request, now, centre_key, self._box_key, address)
        if isinstance(outcome, tickets.Joined):
            return enrolment.write_enrolled(outcome.answer, outcome.verifier, self._key)
        self._counts[f"enrol {outcome.code.name}"] += 1
        if outcome.code is RefusalCode.TICKET_USED and outcome.device_id is not None:
            await self._db.write(suspicion.ticket_reused, outcome.device_id, now, note)
        if outcome.code is RefusalCode.TICKET_USED and outcome.spare_id is not None:
            who = f"{spares.said(request.board_serial)} {address}".strip()
            await self._db.write(suspicion.spare_reused, outcome.spare_id, who, now, note)
        return write_refused(frame, outcome.code, self._key, retry_after_s=outcome.retry_after_s)
