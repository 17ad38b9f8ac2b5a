"""Which release this is. ``BUILT_AT_MS`` is raised with the version: no moment before it is believed by a node's clock."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
BUILT_AT_MS: Final = 1_793_491_200_000
"""2026-11-01 00:00 UTC, milliseconds since 1970."""
