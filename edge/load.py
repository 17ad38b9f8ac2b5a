"""``onecard-edge load``: what a unit without a network is to hold, brought as a file of the centre, given to the running node.

The file is sealed for this unit (it holds read keys of its zones) and made of the centre's signed snapshots, so who brought it
does not matter; an older one than what the unit holds, or ever held, is refused. It is checked in a thread and taken in part
by part, so that the doors decide meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edge.correspondence import Correspondence
from edge.errors import EdgeError
from edge.files import FileError, read_whole
from edge.i18n import _
from edge.identity import IdentityFiles
from protocol.bundle import frames_of, open_bundle
from protocol.downlink import Apply, Rejected
from protocol.errors import ProtocolError, ReplayError, SignatureError, StateError
from protocol.node_peer import NodePeer, PeerEffect
from protocol.unit_box import box_secret_of
from protocol.unit_file import UnitFile

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
ANSWER_WITHIN_S: Final = 120.0
"""A large file on a slow board."""


class LoadError(EdgeError):
    """The file was not loaded, or not all of it; what was taken of it is in force, and nothing has gone back."""


async def load(
    path: Path,
    files: IdentityFiles,
    peer: NodePeer,
    correspondence: Correspondence,
    now_ms: Callable[[], int],
) -> dict[str, Any]:
    """Take a file in; returns what the unit holds when it is safe from a power cut.

    :raises LoadError: see the class; or it is used, but could not be stored.
    """
    try:
        file = await asyncio.to_thread(_read, path, files, peer)
        for effects in peer.load(file, now_ms(), correspondence.highest):
            for effect in effects:
                await _carry_out(effect, correspondence)
            await asyncio.sleep(0)
    except FileError as error:
        raise LoadError(str(error)) from error
    except StateError:
        raise LoadError(
            _("the centre was restored from a backup since; this device must be read over a line first")
        ) from None
    except SignatureError:
        raise LoadError(_("this file is damaged, or not for this device")) from None
    except ReplayError:
        raise LoadError(_("this file is older than what the device holds")) from None
    except ProtocolError as error:
        raise LoadError(_("this file is not usable: %(error)s", error=error)) from error
    held = peer.downlink.stored
    if held != peer.downlink.memory:
        raise LoadError(_("the device could not store it"))
    return {"restrictions": held.restrictions, "access": held.access}


def _read(path: Path, files: IdentityFiles, peer: NodePeer) -> UnitFile:
    raw = read_whole(path, FILE_BYTES_MAX)
    if raw is None:
        raise LoadError(_("%(path)s is not there", path=path))
    return peer.read_file(frames_of(open_bundle(raw, box_secret_of(files.key().private_bytes_raw()))))


async def _carry_out(effect: PeerEffect, correspondence: Correspondence) -> None:
    """:raises ProtocolError: the effect is that something was rejected."""
    if isinstance(effect, Rejected):
        raise effect.error
    if isinstance(effect, Apply):
        await correspondence.apply(effect)
    else:
        correspondence.handle(effect)
