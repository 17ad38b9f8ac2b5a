"""Photo and printed cards among what is held of one person: handed out on request, deleted by an erasure (I15)."""

from __future__ import annotations

from central.faces import photos, printing
from central.faces.model import Photo
from central.people.dossier import Section
from central.people.model import Person
from central.web.i18n import lazy


def forget(person: Person) -> None:
    """Delete the photo, and what the faces of cards said."""
    photos.erase(person.id)
    printing.erase(person.id)


def photo_of(person: Person) -> Section:
    """The photo, and when and by whom it was taken; inside ``db.read``."""
    photo = Photo.get_or_none(Photo.person == person.id)
    headings = (lazy("Taken"), lazy("Operator"))
    if photo is None:
        return Section(lazy("Photo"), headings)
    return Section(lazy("Photo"), headings, [(photo.taken_at, photo.operator_name)], bytes(photo.image))
