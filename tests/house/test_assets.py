"""A page never asks for a file that is not there: it would answer 500."""

from __future__ import annotations

import re

from central.web.assets import assets
from tests.house.messages import ROOT

ASKED = re.compile(r"""asset\(\s*['"]([^'"]+)['"]\s*\)""")


def test_every_file_that_a_template_asks_for_is_there() -> None:
    """Planted break: link a style sheet that was taken away."""
    asked = {
        (name, str(path.relative_to(ROOT)))
        for path in (ROOT / "central").rglob("templates/**/*.html")
        for name in ASKED.findall(path.read_text(encoding="utf-8"))
    }
    assert asked
    assert not [(name, path) for name, path in asked if name not in assets()]
