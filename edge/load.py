"""``onecard-edge load``: what a unit without a network is to hold, brought as a file of the centre, given to the running node.

The file is sealed for this unit (it holds read keys of its zones) and made of the centre's signed snapshots, so who brought it
does not matter; an older one than what the unit holds is refused.
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
from protocol.node_peer import NodePeer
from protocol.unit_box import box_secret_of

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
ANSWER_WITHIN_S: Final = 120.0
"""A large file on a slow board."""


class LoadError(EdgeError):
    """The file was not loaded; nothing has changed."""


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
        raw = await asyncio.to_thread(read_whole, path, FILE_BYTES_MAX)
        if raw is None:
            raise LoadError(_("%(path)s is not there", path=path))
        frames = list(frames_of(open_bundle(raw, box_secret_of(files.key().private_bytes_raw()))))
        effects = peer.load(frames, now_ms())
    except FileError as error:
        raise LoadError(str(error)) from error
    except StateError:
        raise LoadError(
            _("the centre was restored from a backup since; this device must be read over a line first")
        ) from None
    except SignatureError:
        raise LoadError(_("this file is damaged, or not for this device")) from None
    except ProtocolError as error:
        raise LoadError(_("this file is not usable: %(error)s", error=error)) from error
    for effect in effects:
        if isinstance(effect, Rejected):
            if isinstance(effect.error, ReplayError):
                raise LoadError(_("this file is older than what the device holds"))
            raise LoadError(_("this file is not usable: %(error)s", error=effect.error))
        if isinstance(effect, Apply):
            await correspondence.apply(effect)
        else:
            correspondence.handle(effect)
    held = peer.downlink.stored
    if held != peer.downlink.memory:
        raise LoadError(_("the device could not store it"))
    return {"restrictions": held.restrictions, "access": held.access}
