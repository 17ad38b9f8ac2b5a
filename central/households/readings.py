"""Meter readings of a unit: at a change of owner or tenant, and to put a wrong one right. Runs inside ``db``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from central.cards.acts import By
from central.errors import InvalidInputError
from central.households.joining import Changed
from central.households.model import METER_TEXT, HandOver, MeterReading, Unit
from central.web.i18n import _


@dataclass(frozen=True)
class Read:
    """What somebody read on a day, by value of ``Meter``, in hundredths of the meter's unit."""

    meters: dict[str, int]
    read_on: date
    reader: str = ""
    note: str = ""
    """Allows less than was read before."""


def write(by: By, unit: Unit, read: Read, hand_over: HandOver | None = None) -> list[Changed]:
    """Enter readings.

    :raises InvalidInputError: a meter shows less than before, and nothing says why.
    """
    return [_one(by, unit, read, meter, value, hand_over) for meter, value in read.meters.items()]


def last_of(unit_id: int, meter: str) -> MeterReading | None:
    """The newest reading of a meter, by the day on which it was read."""
    query = MeterReading.select().where((MeterReading.unit == unit_id) & (MeterReading.meter == meter))
    found: MeterReading | None = query.order_by(MeterReading.read_on.desc(), MeterReading.id.desc()).first()
    return found


def text(hundredths: int) -> str:
    """``123.45``."""
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def reading_label(row: MeterReading) -> str:
    """Which meter showed what, in the present language."""
    return f"{METER_TEXT[row.meter]} {text(row.hundredths)}"


def _one(by: By, unit: Unit, read: Read, meter: str, hundredths: int, hand_over: HandOver | None) -> Changed:
    last = last_of(unit.id, meter)
    if last is not None and not read.note.strip() and _contradicts(last, hundredths, read.read_on):
        raise InvalidInputError(
            _(
                "%(meter)s showed %(last)s on %(day)s. If the reading is right, say why: another meter, or a mistake before.",
                meter=METER_TEXT[meter],
                last=text(last.hundredths),
                day=last.read_on.isoformat(),
            )
        )
    row = MeterReading.create(
        unit=unit,
        hand_over=hand_over,
        meter=meter,
        hundredths=hundredths,
        read_on=read.read_on,
        reader=read.reader.strip(),
        note=read.note.strip(),
        operator_name=by.operator_name,
        at=by.at,
    )
    shown = text(hundredths)
    after = {"meter": meter, "reading": shown, "day": read.read_on.isoformat(), "reader": row.reader}
    return Changed("people.meter", "meter_reading", row.id, reading_label(row), None, after)


def _contradicts(last: MeterReading, hundredths: int, read_on: date) -> bool:
    if read_on < last.read_on:
        return bool(hundredths > last.hundredths)
    return bool(hundredths < last.hundredths)
