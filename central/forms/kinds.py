"""The kinds of papers that can be printed (U9): what each is called, what it says, where that is read.

A sub-system that has a paper calls :func:`register` when it is loaded and puts ``print_pages.route(kind)`` among its
routes; templates, preview, test page, offsets and the print log then work for that paper as for every other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from central.sites.scope import Scope
from central.web.i18n import LazyText, Text, lazy

REPRINT: Final = "reprint"
WHOLE_NAME: Final = "holder_name"
"""For forms, which a holder takes home; slips lie about, and have the masked name."""
FIXED: Final = ("text1", "text2", "text3", "text4")
COMMON: Final[dict[str, LazyText]] = {
    "organisation": lazy("Organisation"),
    "printed_at": lazy("Printed at"),
    "printed_by": lazy("Printed by"),
    REPRINT: lazy("Mark of a reprint"),
    "text1": lazy("Fixed text 1"),
    "text2": lazy("Fixed text 2"),
    "text3": lazy("Fixed text 3"),
    "text4": lazy("Fixed text 4"),
}
"""What every paper may have, behind what its own kind has."""


@dataclass(frozen=True)
class Paper:
    """What one paper says, in the present language: a text for each field of its kind."""

    site_id: int
    organisation_id: int
    about: str
    """What it is about, for the print log: a card number, a unit; never a name."""
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """A kind of paper. ``read`` runs inside ``db``: the paper of the record with this id.

    It raises NotFoundError when there is none, or when it lies outside the scope.
    """

    code: str
    """Stored."""
    title: LazyText
    fields: Mapping[str, LazyText]
    sample: Mapping[str, Text]
    """What the preview shows."""
    read: Callable[[Scope, int], Paper]
    titles: Mapping[str, LazyText] = field(init=False)
    """Everything that a box may be, in the order of the editor."""

    def __post_init__(self) -> None:
        assert not set(self.fields) & set(COMMON), self.code
        assert set(self.sample) == set(self.fields), self.code
        object.__setattr__(self, "titles", {**self.fields, **COMMON})


KINDS: Final[dict[str, Kind]] = {}


def register(kind: Kind) -> Kind:
    """Enter a kind of paper; once for each code."""
    assert kind.code not in KINDS, kind.code
    KINDS[kind.code] = kind
    return kind
