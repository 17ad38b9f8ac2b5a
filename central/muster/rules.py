"""Words and states of a muster. Pure."""

from __future__ import annotations

from typing import Final

from central.web.i18n import LazyText, lazy

KIND_TEXT: Final[dict[str, LazyText]] = {"drill": lazy("Drill"), "fire": lazy("In earnest")}
STATE_TEXT: Final[dict[str, LazyText]] = {
    "missing": lazy("Not seen yet"),
    "out": lazy("Came out by card"),
    "safe": lazy("Safe"),
}
"""Names in the vocabulary's group "muster", in the order in which somebody must look."""


def state_of(is_safe: bool, has_come_out: bool) -> str:
    """Somebody who was seen is safe; a card that came out says less: it may be in another hand."""
    return "safe" if is_safe else "out" if has_come_out else "missing"
