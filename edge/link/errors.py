"""What can go wrong on the way to the centre. None of it stops a door."""

from __future__ import annotations

from edge.errors import EdgeError


class LinkError(EdgeError, ConnectionError):
    """Root: the centre was not reached, or what answered cannot be used. The text is for the installer."""


class NotTrustedError(LinkError):
    """What answered is not the centre that the card of this node was made for: another CA, name, or an expired certificate."""


class NoLiveRouteError(LinkError):
    """The centre is there but gives no WebSocket (an old one, or a proxy between): polls do the work."""
