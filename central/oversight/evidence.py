"""The file that answers a request of the police: door events and scans as CSV, with a signed list of checksums (U11).

A ZIP archive: ``events.csv``, ``scans.csv``, ``request.json`` (what was asked), ``manifest.json`` (the SHA-256 of each) and
``manifest.sig``, an Ed25519 signature (RFC 8032) over ``CONTEXT`` and the bytes of the manifest by the key of the centre,
whose public half is ``public_key.hex``. Nothing in it depends on the time of writing: the same records make the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.access.model import AccessEvent, AccessPoint, Door
from central.access.words import REASON_TEXT
from central.cards.model import Card
from central.holds.holding import rows_of
from central.holds.model import Hold
from central.people.model import Person
from central.rounds.model import PatrolScan
from central.web.columns import neutral
from central.web.formats import moment, yes_or_no
from central.web.i18n import _

CONTEXT: Final = b"onecard police export v1\n"
ROWS_MAX: Final = 200_000
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


def records(hold: Hold) -> dict[str, list[Sequence[Any]]]:
    """What the hold covers, by file, headings first; inside ``db.read``."""
    events = (
        AccessEvent.select(
            AccessEvent.at,
            Door.label,
            AccessPoint.label,
            Card.card_no,
            Person.number,
            Person.name,
            AccessEvent.source,
            AccessEvent.granted,
            AccessEvent.reason,
        )
        .left_outer_join(Door, on=(AccessEvent.door == Door.id))
        .switch(AccessEvent)
        .left_outer_join(AccessPoint, on=(AccessEvent.point == AccessPoint.id))
        .switch(AccessEvent)
        .left_outer_join(Card, on=(AccessEvent.card == Card.id))
        .switch(AccessEvent)
        .left_outer_join(Person, on=(AccessEvent.person == Person.id))
        .where(rows_of(AccessEvent, hold))
        .order_by(AccessEvent.at, AccessEvent.id)
    )
    scans = (
        PatrolScan.select(
            PatrolScan.at, PatrolScan.checkpoint, AccessPoint.label, Card.card_no, Person.number, Person.name
        )
        .left_outer_join(AccessPoint, on=(PatrolScan.point == AccessPoint.id))
        .switch(PatrolScan)
        .left_outer_join(Card, on=(PatrolScan.card == Card.id))
        .switch(PatrolScan)
        .left_outer_join(Person, on=(PatrolScan.person == Person.id))
        .where(rows_of(PatrolScan, hold))
        .order_by(PatrolScan.at, PatrolScan.id)
    )
    whose = (_("Card number"), _("Person number"), _("Name"))
    return {
        "events.csv": [
            (_("Time"), _("Door"), _("Reader"), *whose, _("Source"), _("Granted"), _("Reason")),
            *(
                (
                    moment(at),
                    door,
                    point,
                    card,
                    number,
                    name,
                    source,
                    yes_or_no(granted),
                    str(REASON_TEXT[reason]),
                )
                for at, door, point, card, number, name, source, granted, reason in events.limit(
                    ROWS_MAX
                ).tuples()
            ),
        ],
        "scans.csv": [
            (_("Time"), _("Checkpoint"), _("Reader"), *whose),
            *((moment(at), *rest) for at, *rest in scans.limit(ROWS_MAX).tuples()),
        ],
    }


def archive(
    key: Ed25519PrivateKey, about: Mapping[str, Any], files: Mapping[str, list[Sequence[Any]]]
) -> bytes:
    """The file itself. Pure."""
    contents = {name: _csv(rows) for name, rows in files.items()}
    contents["request.json"] = _json(about)
    manifest = _json({name: hashlib.sha256(raw).hexdigest() for name, raw in contents.items()})
    contents |= {
        "manifest.json": manifest,
        "manifest.sig": key.sign(CONTEXT + manifest),
        "public_key.hex": key.public_key().public_bytes_raw().hex().encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, raw in contents.items():
            out.writestr(zipfile.ZipInfo(name, _ZIP_TIME), raw, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _csv(rows: list[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([neutral("" if cell is None else str(cell)) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode()
