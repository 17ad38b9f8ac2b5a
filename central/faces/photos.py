"""Keeping, reading and erasing photos. Runs inside ``db``; the caller writes the audit row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from central.faces.model import Photo
from central.people.model import Person
from central.sites.scope import Scope

DIGEST_SHOWN: Final = 12
"""So many characters of the digest stand in addresses: another photo has another address."""


def put(person_id: int, pictures: tuple[bytes, bytes], operator: tuple[int | None, str], at: datetime) -> str:
    """Set the photo of a person, in the place of an older one; its digest. Inside ``db.write``."""
    image, thumb = pictures
    digest = hashlib.sha256(image).hexdigest()
    row: Mapping[str, Any] = {
        "digest": digest,
        "image": image,
        "thumb": thumb,
        "taken_at": at,
        "operator_id": operator[0],
        "operator_name": operator[1],
    }
    Photo.delete().where(Photo.person == person_id).execute()
    Photo.create(person=person_id, **row)
    return digest


def digest_of(person_id: int) -> str:
    """The digest of a person's photo, empty without one."""
    found = Photo.select(Photo.digest).where(Photo.person == person_id).tuples().first()
    return found[0] if found else ""


def picture_of(scope: Scope, person_id: int, *, is_thumb: bool) -> tuple[str, bytes] | None:
    """Digest and JPEG of a person's photo, None without one.

    :raises NotFoundError: there is no such person in the scope.
    """
    scope.get(Person, person_id)
    column = Photo.thumb if is_thumb else Photo.image
    found = Photo.select(Photo.digest, column).where(Photo.person == person_id).tuples().first()
    return None if found is None else (found[0], bytes(found[1]))


def erase(person_id: int) -> bool:
    """Delete the photo of a person, for an erasure too; False when there was none. Inside ``db.write``."""
    return bool(Photo.delete().where(Photo.person == person_id).execute())


def thumb_path(person_id: int, digest: str) -> str:
    """Where the small photo is; the address changes with the photo, so that browsers may keep it."""
    return f"/people/{person_id}/thumb.jpg?v={digest[:DIGEST_SHOWN]}"
