"""Which session a frame belongs to, when it does not come on a connection of its own (HTTPS, serial).

One node has one session that counts: the newest that has been heard. A Hello opens another beside it, because anyone
could repeat a recorded Hello; the new one takes over with its first valid frame.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocol.centre_peer import CentrePeer
from protocol.envelope import is_session_frame, peek, session_of


class Sessions:
    """Open sessions: at most two of each node, one heard and one new."""

    def __init__(self) -> None:
        self._by_id: dict[bytes, CentrePeer] = {}
        self._heard: dict[str, CentrePeer] = {}
        self._new: dict[str, CentrePeer] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[CentrePeer]:
        return iter(list(self._by_id.values()))

    def add(self, peer: CentrePeer) -> None:
        """A Hello was answered. An earlier one that nobody followed up is forgotten."""
        forgotten = self._new.get(peer.record.node)
        if forgotten is not None:
            self.remove(forgotten)
        self._new[peer.record.node] = self._by_id[peer.session] = peer

    def find(self, frame: bytes) -> CentrePeer | None:
        """The session of a frame, or None: then it is refused with SESSION_UNKNOWN.

        :raises ProtocolError: it has no header.
        """
        if is_session_frame(frame):
            return self._by_id.get(session_of(frame))
        node = peek(frame).sender
        return self._heard.get(node) or self._new.get(node)

    def heard(self, peer: CentrePeer) -> None:
        """To be called for the effect ``Alive``: the session takes the place of the node's older ones."""
        node = peer.record.node
        older = self._heard.get(node)
        if older is not None and older is not peer:
            self.remove(older)
        if self._new.get(node) is peer:
            del self._new[node]
        self._heard[node] = peer

    def of_node(self, node: str) -> CentrePeer | None:
        """The node's session that was heard last, or None."""
        return self._heard.get(node)

    def remove(self, peer: CentrePeer) -> None:
        """The session is over (connection lost, node revoked, silent for too long)."""
        self._by_id.pop(peer.session, None)
        for table in (self._heard, self._new):
            if table.get(peer.record.node) is peer:
                del table[peer.record.node]
