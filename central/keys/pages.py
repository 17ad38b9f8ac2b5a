"""Everything that the card keys bring to the centre, in one place for ``central.parts``."""

from __future__ import annotations

from central.keys import watch

install = watch.install
