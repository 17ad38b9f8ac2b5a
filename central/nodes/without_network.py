"""Devices that work without a network by their kind: that they are not connected is no news, and no alarm. Inside ``db``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

sources: Final[list[Callable[[], Collection[int]]]] = []
"""Each names devices by their ids; sub-systems add theirs."""


def devices() -> set[int]:
    """All of them."""
    return {number for source in sources for number in source()}
