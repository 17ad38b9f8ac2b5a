"""Printing faces: which cards, what each of them says, what was printed when (25)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from central.cards.acts import By
from central.cards.model import Card
from central.errors import InvalidInputError
from central.faces import pdf
from central.faces.drawing import pixels_digest
from central.faces.jobs import Job, Reader, Refused
from central.faces.model import FaceBatch, FacePrint
from central.faces.pdf import Encoded
from central.sites.scope import Scope

CARDS_MAX: Final = 100
"""Cards of one batch: some seconds of drawing."""


@dataclass(frozen=True)
class Printed:
    """One card with the digests of its sides."""

    job: Job
    front_digest: str
    back_digest: str


def read_jobs(scope: Scope, card_ids: list[int], *, without_photo: bool) -> tuple[list[Job], list[Refused]]:
    """What can be printed of these cards, by card number, and what cannot. Inside ``db.read``.

    :raises NotFoundError: one of them is not there, or outside the scope.
    :raises InvalidInputError: none, too many, or cards of several organisations.
    """
    if not 1 <= len(card_ids) <= CARDS_MAX:
        raise InvalidInputError("Choose at least one card, and at most 100 at a time.")
    cards = sorted((scope.get(Card, card_id) for card_id in card_ids), key=lambda card: card.card_no)
    if len({(card.site_id, card.organisation_id) for card in cards}) > 1:
        raise InvalidInputError("Print the cards of one organisation at a time.")
    reader = Reader(without_photo=without_photo)
    read = [reader.new(card) for card in cards]
    return [found for found in read if isinstance(found, Job)], [
        found for found in read if isinstance(found, Refused)
    ]


def digest(job: Job) -> Printed:
    """Draw a card once and say what it looks like. Beside the event loop; raises as :meth:`Job.draw`."""
    front, *rest = (pixels_digest(job.draw(side)) for side in job.face.sides)
    return Printed(job, front, rest[0] if rest else "")


def record(scope: Scope, printed: list[Printed], by: By) -> FaceBatch:
    """Keep what is printed. Inside ``db.write``."""
    first = scope.get(Card, printed[0].job.card_id)
    batch: FaceBatch = FaceBatch.create(
        site=first.site_id,
        organisation=first.organisation_id,
        made_at=by.at,
        cards_count=len(printed),
        operator_id=by.operator_id,
        operator_name=by.operator_name,
    )
    for one in printed:
        FacePrint.create(
            batch=batch,
            card=one.job.card_id,
            person=one.job.person_id,
            version=one.job.version_id,
            texts=one.job.texts,
            photo_digest=one.job.photo_digest,
            front_digest=one.front_digest,
            back_digest=one.back_digest,
        )
    return batch


def jobs_again(scope: Scope, batch_id: int) -> list[Job]:
    """The cards of a batch as they were printed. Inside ``db.read``."""
    batch, reader = scope.get(FaceBatch, batch_id), Reader()
    prints = FacePrint.select().where(FacePrint.batch == batch.id).order_by(FacePrint.id)
    return [reader.again(one) for one in prints]


def job_again(scope: Scope, print_id: int) -> Job:
    """One card as it was printed. Inside ``db.read``.

    :raises NotFoundError: no such print, or outside the scope.
    """
    printed = FacePrint.get_or_none(FacePrint.id == print_id)
    scope.get(FaceBatch, printed.batch_id if printed is not None else 0)
    return Reader().again(printed)


def encoded(job: Job) -> list[Encoded]:
    """The sides of a card, drawn and compressed. Beside the event loop, several cards at a time."""
    return [Encoded.of(job.draw(side)) for side in job.face.sides]


def cards_pdf(cards: list[list[Encoded]], made_at: datetime) -> bytes:
    """Every side on a page of its own. Beside the event loop."""
    return pdf.cards((side for card in cards for side in card), made_at)


def sheet_pdf(cards: list[list[Encoded]], made_at: datetime) -> bytes:
    """A4 sheets. Beside the event loop."""
    return pdf.sheets(((front, rest[0] if rest else None) for front, *rest in cards), made_at)


def erase(person_id: int) -> int:
    """Forget what cards said about a person; the number of prints. For an erasure, inside ``db.write``."""
    prints = FacePrint.update(texts={}, photo_digest="").where(FacePrint.person == person_id)
    return int(prints.execute())
