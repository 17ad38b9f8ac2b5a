"""Issue a certificate from the records, and check one that somebody brings. Inside ``db``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central.cards.delivery import delivery_of
from central.cards.model import Card, CardLoss
from central.cards.rules import LossStatus, restriction_of
from central.errors import ConflictError
from central.people.rules import mask_name
from central.reports import certificate
from central.reports.certificate import DoorLine, Record, Statement
from central.reports.model import LossCertificate
from central.sites.scope import Scope

_CERTIFIABLE = [LossStatus.OPEN.value, LossStatus.REPLACED.value]


def certifiable_loss(card: Card) -> CardLoss | None:
    """The newest loss report of the card, while the card is dead because of it."""
    if restriction_of(card.state) is None:
        return None
    return (
        CardLoss.select()
        .where(
            (CardLoss.card == card.id)
            & (CardLoss.issue_no == card.issue_no)
            & CardLoss.status.in_(_CERTIFIABLE)
        )
        .order_by(CardLoss.id.desc())
        .first()
    )


def issue_certificate(
    key: Ed25519PrivateKey, card: Card, organisation: str, operator_name: str, zone: str, now: datetime
) -> LossCertificate:
    """Write down and sign what is known now. Inside ``db.write``.

    :param organisation: name of the using organisation, as on printed pages.
    :raises ConflictError: the card is not lost, or works again.
    """
    loss = certifiable_loss(card)
    if loss is None:
        raise ConflictError("Only a card that is reported lost can be certified.")
    earlier = LossCertificate.select().where(LossCertificate.card == card.id).count()
    number = f"{card.id:06d}-{earlier + 1:02d}"
    lines = tuple(
        DoorLine(
            door,
            device.device_label,
            device.acknowledged_at if device.is_durable else None,
            device.refuses,
            device.is_online,
            device.since,
        )
        for device in delivery_of(card).devices
        for door in device.doors
    )
    record = Record(
        number=number,
        organisation=organisation,
        estate=card.site.name,
        card_no=card.card_no,
        issue_no=card.issue_no,
        holder=mask_name(card.person.name) if card.person is not None else card.holder_unit,
        stolen=loss.stolen,
        reported_at=loss.reported_at,
        reporter=mask_name(loss.reporter),
        channel=loss.channel,
        taken_by=loss.operator_name,
        issued_at=now,
        issued_by=operator_name,
        zone=zone,
        doors=lines,
    )
    text = certificate.encode_record(record)
    made: LossCertificate = LossCertificate.create(
        number=number,
        site=card.site_id,
        organisation=card.organisation_id,
        card=card,
        loss=loss,
        issued_at=now,
        record=text,
        seal=certificate.seal(key, record, text),
    )
    return made


@dataclass(frozen=True)
class Checked:
    """What is known of a certificate that somebody brought."""

    statement: Statement
    record: Record | None
    """The whole record; None when this database does not hold it, or the operator may not see it."""


def check(key: Ed25519PublicKey, text: str, scope: Scope) -> Checked:
    """Check the text of a QR code. Inside ``db.read``.

    :raises InvalidInputError: it is no certificate of this centre, or was changed.
    """
    statement = certificate.open_seal(key, text)
    query = scope.filter(LossCertificate.select().where(LossCertificate.number == statement.number))
    kept = query.first()
    is_same = kept is not None and certificate.digest(kept.record) == statement.record
    return Checked(statement, certificate.decode_record(kept.record) if is_same else None)
