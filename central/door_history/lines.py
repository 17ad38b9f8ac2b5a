"""門的歷史: a line of a door's history, and its kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from central.web.cursors import ROW_KEY, SORT_KEY
from central.web.i18n import LazyText, lazy

KIND_TEXT: Final[dict[str, LazyText]] = {
    "card": lazy("Card"),
    "exit": lazy("Exit button"),
    "remote": lazy("Remote open"),
    "alarm": lazy("Alarms"),
    "offline": lazy("Device offline"),
    "rule": lazy("Door rule changed"),
    "settings": lazy("Settings changed"),
    "clock": lazy("Clock corrected"),
    "device": lazy("Device started or replaced"),
    "program": lazy("Program version"),
    "lost": lazy("Records lost"),
    "repair": lazy("Repairs and maintenance"),
}
"""What the filter offers, and what stands in a line."""


@dataclass(frozen=True)
class HistoryLine:
    """Something that concerned a door, when it was, and where more of it stands.

    :param state: group and name in the vocabulary. :param who: the operator. :param until: of a span, its end.
    """

    key: int
    at: datetime
    kind: str
    what: str
    href: str | None = None
    state: tuple[str, str] | None = None
    card_no: str = ""
    card_id: int | None = None
    person_name: str = ""
    person_id: int | None = None
    who: str = ""
    note: str = ""
    until: datetime | None = None
    is_sure: bool = True

    def __getattr__(self, name: str) -> Any:
        """The place in the list, as every row of one has it."""
        if name in (SORT_KEY, ROW_KEY):
            return self.at if name == SORT_KEY else self.key
        raise AttributeError(name)
