"""What comes after the node has started: it has joined, holds everything, the card has lost its secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge.files import FileError
from edge.first_boot.steps import LOST, STAMPS, Setup, Stamps
from edge.identity import IdentityFiles
from edge.status import StatusError, ask

JOINED, SYNCED, SCRUBBED = "joined", "synced", "scrubbed"
LATER: Final = (JOINED, SYNCED, SCRUBBED)
LOOK_EVERY_S: Final = 2.0
Tell = Callable[[], object]


def settle(setup: Setup, wait: Callable[[float], object], tell: Tell) -> None:
    """Look until it is done; never gives up, the door works meanwhile by what it holds.

    :param wait: sleeps for that many seconds.
    :param tell: is called when ``setup.said`` has changed.
    """
    stamps = Stamps(setup.under(STAMPS), setup.card.fingerprint())
    for step, look in ((JOINED, _joined), (SYNCED, _synced), (SCRUBBED, _scrub)):
        while (text := stamps.text(step)) is None:
            done, text = look(setup)
            if done:
                stamps.put(step, text)
            if setup.said.get(step) != text:
                setup.said[step] = text
                tell()
            if not done:
                wait(LOOK_EVERY_S)
        setup.said[step] = text
    tell()


def _joined(setup: Setup) -> tuple[bool, str]:
    try:
        member = IdentityFiles(setup.data_dir).member()
    except FileError as error:
        return False, f"!! {error}"
    ticket = setup.config.ticket
    if member is not None and (ticket is None or member.ticket_id == ticket.ticket_id):
        return True, f"{member.node} #{member.node_epoch}"
    if member is None and ticket is not None and ticket.is_spent:
        return False, f"!! {LOST}"
    link = _status(setup).get("link", {})
    return False, str(link.get("detail") or link.get("problem") or "...")


def _synced(setup: Setup) -> tuple[bool, str]:
    held = _status(setup).get("configuration", {})
    # the hotlist comes first, and an estate that never barred a card has none: revision 0
    if held.get("config_epoch") and held.get("access") and not held.get("problem"):
        return True, f"{held['restrictions']}/{held['access']}, {held['cards']}"
    return False, str(held.get("problem") or "...")


def _scrub(setup: Setup) -> tuple[bool, str]:
    try:
        return True, f"{setup.card.take_secrets_away()}"
    except FileError as error:
        return False, f"!! {error}"


def _status(setup: Setup) -> dict[str, Any]:
    try:
        return ask(setup.data_dir / "status.sock")
    except StatusError:
        return {}
