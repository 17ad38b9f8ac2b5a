"""Papers as slips: what stands on one of them from top to bottom."""

from __future__ import annotations

from central.forms.kinds import WHOLE_NAME, Kind, Paper
from central.forms.model import PaperPrint
from central.forms.print_pages import reprint_text
from central.forms.slip import Line, Pair, Part, Rule, Slip
from central.web.formats import moment
from central.web.i18n import _


def slip_of(kind: Kind, paper: Paper, notes: list[str], printed: PaperPrint, organisation: str) -> Slip:
    """The slip of one printing, in the present language. What the paper does not say has no line."""
    head: list[Part] = [
        Line(organisation, centred=True, bold=True),
        Line(str(kind.title), big=True, centred=True),
    ]
    if printed.number > 1:
        head.append(Line(reprint_text(printed), centred=True, bold=True))
    body = [
        Pair(str(title), paper.texts[name])
        for name, title in kind.fields.items()
        if paper.texts[name] and name != WHOLE_NAME
    ]
    foot: list[Part] = [
        Rule(),
        Pair(_("Printed at"), moment(printed.printed_at)),
        Pair(_("Printed by"), printed.operator_name),
        Line(""),
        Line(_("Signature") + ": " + "_" * 16),
    ]
    return Slip((*head, Rule(), *body, Rule(), *(Line(note) for note in notes), *foot))
