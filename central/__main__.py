"""``onecard-central`` and ``python -m central``."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """The command; its exit code. The garbage collector rests while modules are loaded: they stay for the life of the process."""
    gc.disable()
    from central import cli

    gc.freeze()
    gc.enable()
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
