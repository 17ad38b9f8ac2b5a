"""What `make test` does once for each kind, and `make soak` (properties) for each one."""

from __future__ import annotations

import os
from typing import Final

THOROUGH: Final = os.environ.get("HYPOTHESIS_PROFILE") == "drawn"
"""True in `make soak`, which runs every file that names it."""
