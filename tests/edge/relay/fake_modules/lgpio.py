"""Stands first on a child process's path: ``import lgpio`` finds the fake chip, whose pins outlive the process."""

import os
import sys
from pathlib import Path

from edge.relay import fake_lgpio

fake_lgpio.install(Path(os.environ["FAKE_LGPIO_STATE"]))
globals().update(vars(sys.modules["lgpio"]))
