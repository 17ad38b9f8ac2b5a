"""What the kinds of plates are called."""

from __future__ import annotations

from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.rules.plates import PlateKind

KIND_TEXT: Final[dict[str, LazyText]] = {
    PlateKind.MAINLAND.value: lazy("Mainland"),
    PlateKind.NEW_ENERGY.value: lazy("New energy (green, 8 signs)"),
    PlateKind.CROSS_BORDER.value: lazy("Cross-border (粤Z)"),
    PlateKind.HONG_KONG.value: lazy("Hong Kong"),
    PlateKind.MACAU.value: lazy("Macau"),
    PlateKind.OTHER.value: lazy("Other plate"),
}
assert set(KIND_TEXT) == {kind.value for kind in PlateKind}
