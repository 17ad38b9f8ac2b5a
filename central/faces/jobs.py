"""One card to be drawn: everything that the drawing needs, read from the database at once; and the drawing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from PIL import Image

from central.cards.model import Card
from central.faces import template_service
from central.faces.card_fields import texts_of
from central.faces.drawing import Content, draw_card
from central.faces.fonts import typeface
from central.faces.layout import Face, Side, face_of
from central.faces.model import FacePicture, FacePrint, Photo
from central.web.i18n import LazyText, lazy

NO_TEMPLATE: Final = lazy("No template fits this card.")
NO_PHOTO: Final = lazy("There is no photo of the holder.")
NOT_ISSUED: Final = lazy("Nobody holds this card and it lies in no bag.")


@dataclass(frozen=True)
class Job:
    """One card. ``backgrounds``: the pictures that its sides name."""

    card_id: int
    card_no: str
    person_id: int | None
    version_id: int
    face: Face
    texts: dict[str, str]
    photo: bytes | None = None
    photo_digest: str = ""
    backgrounds: dict[str, bytes] = field(default_factory=dict)

    def draw(self, side: Side) -> Image.Image:
        """One side. Runs beside the event loop.

        :raises InvalidInputError: Chinese on it, and the server has no font for it.
        """
        face = typeface(self.face.script)
        face.check(*(box.text or self.texts.get(box.what, "") for box in side.boxes))
        content = Content(self.texts, self.photo, self.card_no)
        return draw_card(side, content, self.backgrounds.get(side.picture), face)


@dataclass(frozen=True)
class Refused:
    """A card that cannot be printed now, and why."""

    card_id: int
    card_no: str
    problem: LazyText


class Reader:
    """Reads cards into jobs; templates and backgrounds are read once. Inside ``db``."""

    def __init__(self, *, without_photo: bool = False) -> None:
        self._without_photo = without_photo
        self._looks: dict[int, tuple[int, Face]] = {}
        self._backgrounds: dict[int, dict[str, bytes]] = {}

    def new(self, card: Card) -> Job | Refused:
        """The card as it is now, by the template that fits it."""
        texts = texts_of(card)
        if card.person is None and not texts["unit"]:
            return Refused(card.id, card.card_no, NOT_ISSUED)
        template = template_service.template_for(card)
        if template is None:
            return Refused(card.id, card.card_no, NO_TEMPLATE)
        if template.id not in self._looks:
            version, face = template_service.version_of(template)
            self._looks[template.id] = (version.id, face)
        version_id, face = self._looks[template.id]
        photo = _photo(card.person_id)
        wants_photo = any(box.what == "photo" for side in face.sides for box in side.boxes)
        if wants_photo and photo is None and not self._without_photo:
            return Refused(card.id, card.card_no, NO_PHOTO)
        return Job(
            card.id,
            card.card_no,
            card.person_id,
            version_id,
            face,
            texts,
            bytes(photo.image) if wants_photo and photo is not None else None,
            photo.digest if wants_photo and photo is not None else "",
            self._pictures(template.id, face),
        )

    def again(self, printed: FacePrint) -> Job:
        """A card as it was printed; the photo only while it is still the same one."""
        version = printed.version
        face, photo = face_of(version.face), _photo(printed.person_id)
        is_same = photo is not None and photo.digest == printed.photo_digest
        return Job(
            printed.card_id,
            printed.card.card_no,
            printed.person_id,
            version.id,
            face,
            dict(printed.texts),
            bytes(photo.image) if photo is not None and is_same else None,
            printed.photo_digest,
            self._pictures(version.template_id, face),
        )

    def _pictures(self, template_id: int, face: Face) -> dict[str, bytes]:
        found = self._backgrounds.setdefault(template_id, {})
        for side in face.sides:
            if side.picture and side.picture not in found:
                row = FacePicture.get_or_none(
                    (FacePicture.template == template_id) & (FacePicture.digest == side.picture)
                )
                if row is not None:
                    found[side.picture] = bytes(row.image)
        return found


def _photo(person_id: int | None) -> Photo | None:
    found: Photo | None = Photo.get_or_none(Photo.person == person_id) if person_id is not None else None
    return found
