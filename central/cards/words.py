"""The words for what is done to cards."""

from __future__ import annotations

from typing import Final

from central.cards.rules import Act
from central.web.i18n import LazyText, lazy

ACT_TEXT: Final[dict[Act, LazyText]] = {
    Act.ISSUE: lazy("Issue"),
    Act.REWRITE: lazy("Rewrite"),
    Act.EXTEND: lazy("Extend"),
    Act.REPORT_LOST: lazy("Report lost"),
    Act.REPORT_STOLEN: lazy("Report stolen"),
    Act.LIFT: lazy("Lift the loss report"),
    Act.SUSPEND: lazy("Suspend"),
    Act.RESUME: lazy("Resume"),
    Act.RETURN: lazy("Return"),
    Act.REPLACE: lazy("Replace after loss"),
    Act.SWAP: lazy("Swap a damaged card"),
    Act.CANCEL: lazy("Cancel the card"),
    Act.RESTOCK: lazy("Back into stock"),
    Act.DESTROY: lazy("Destroy"),
}
assert ACT_TEXT.keys() == set(Act)

CHANNEL_TEXT: Final[dict[str, LazyText]] = {
    "desk": lazy("At the desk"),
    "phone": lazy("By telephone"),
    "other": lazy("Otherwise"),
}
"""How a loss was reported."""
