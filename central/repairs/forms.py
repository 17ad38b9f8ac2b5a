"""The forms of fault tickets."""

from __future__ import annotations

from typing import Final

import msgspec

from central.repairs.rules import DUE_H_MAX, SEVERITY_TEXT
from central.web.fields import ChoiceField, HiddenField, NoteField, NumberField, TextField
from central.web.forms import Form
from central.web.i18n import lazy

NOTE_CHARS_MAX: Final = 500


class ReportForm(msgspec.Struct, kw_only=True):
    """A fault; ``alarm`` names what it was opened from."""

    alarm: str | None
    device: str | None
    door: str | None
    place: str | None
    what: str
    severity: str


class StepForm(msgspec.Struct, kw_only=True):
    """One step of a ticket."""

    assigned_to: str | None
    note: str | None


class MaintainForm(msgspec.Struct, kw_only=True):
    """Work that no fault has caused."""

    device: str | None
    door: str | None
    note: str


class DueForm(msgspec.Struct, kw_only=True):
    """Hours until a repair is due."""

    urgent: int
    normal: int
    minor: int


REPORT: Final = Form(
    ReportForm,
    HiddenField("alarm", "", is_required=False),
    ChoiceField("door", lazy("Door"), is_required=False),
    ChoiceField("device", lazy("Device"), is_required=False),
    TextField("place", lazy("Place"), is_required=False, hint=lazy("Where it is, if it is neither.")),
    ChoiceField("severity", lazy("Severity"), choices=SEVERITY_TEXT, as_radio=True),
    NoteField("what", lazy("Fault"), length_max=NOTE_CHARS_MAX),
)
STEP: Final = Form(
    StepForm,
    TextField("assigned_to", lazy("Repaired by whom"), is_required=False, length_max=60),
    NoteField("note", lazy("What was done, or why"), is_required=False, length_max=NOTE_CHARS_MAX),
)
MAINTAIN: Final = Form(
    MaintainForm,
    ChoiceField("door", lazy("Door"), is_required=False),
    ChoiceField("device", lazy("Device"), is_required=False),
    NoteField("note", lazy("What was done about it"), length_max=NOTE_CHARS_MAX),
)
DUE_FORM: Final = Form(
    DueForm,
    *(
        NumberField(name, text, least=1, most=DUE_H_MAX, unit=lazy("hours"))
        for name, text in SEVERITY_TEXT.items()
    ),
)
